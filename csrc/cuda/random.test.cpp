// Random numbers: the CPU's bits, of the best instruction set here, around the sizes of groups and blocks.
#include <cmath>

#include "cuda/testing/device.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

void check_bits(const char* op, const std::vector<const Array*>& in, const Out& out, const Attributes& attributes) {
  const Outcome got = cuda::testing::run_op(op, in, {out}, attributes);
  const Outcome expected = run(cpu::supported_isas().back(), op, in, {out}, attributes);
  const int64_t i = first_other_bits(got.out[0], expected.out[0]);
  if (i >= 0) std::cerr << describe(op, in, attributes) << ": element " << i << " has other bits than on the CPU\n";
  CHECK(i < 0);
}

}  // namespace

int main() {
  CHECK_DEVICE();
  if (cpu::supported_isas().back() == cpu::Isa::Baseline) return cuda::testing::kSkipped;  // other bits: no fma
  Array seed(DType::U32, {2});
  seed.view.as<uint32_t>()[0] = 0x89abcdef;
  seed.view.as<uint32_t>()[1] = 0x01234567;
  for (int64_t n : {0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 130, 2048, 2051, 9001}) {
    check_bits("random_bits", {&seed}, {DType::U32, {n}}, {});
    for (DType dtype : kFloats) {
      const Out out = {dtype, {n}};
      check_bits("random_uniform", {&seed}, out, {{}, {-1.5, 2.5}});
      check_bits("random_uniform", {&seed}, out, {{}, {2.5, 2.5}});
      check_bits("random_normal", {&seed}, out, {{}, {0.5, 2}});
      check_bits("random_truncated_normal", {&seed}, out, {{}, {0.5, 2}});
      Array x = sample(dtype, {n}, 9);
      for (int64_t i = 3; i < n; i += 50) x.set(i, i % 100 == 3 ? NAN : INFINITY);
      for (double rate : {0.0, 0.3, 0.999}) check_bits("dropout", {&x, &seed}, out, {{}, {rate}});
    }
  }
  return CHECK_RESULT();
}
