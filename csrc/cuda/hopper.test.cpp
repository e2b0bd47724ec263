// Products of halves by wgmma, on request and on sm_90 alone: a test of its own, which may hang without taking another
// along.
#include <cmath>
#include <cstdlib>

#include "cuda/testing/device.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

void check_product(DType dtype, int64_t batch, int64_t m, int64_t n, int64_t k, bool ta, bool tb, int64_t activation) {
  const auto shape = [&](int64_t a, int64_t b) { return batch > 0 ? Shape{batch, a, b} : Shape{a, b}; };
  const Array a = random_array(dtype, ta ? shape(k, m) : shape(m, k), 1),
              b = random_array(dtype, tb ? shape(n, k) : shape(k, n), 2), bias = random_array(dtype, {n}, 3),
              residual = random_array(dtype, shape(m, n), 4);
  std::vector<const Array*> in = {&a, &b, &bias};
  if (ta) in.push_back(&residual);
  const double size = 1 + std::sqrt(static_cast<double>(k));
  cuda::testing::check_op("matmul", in, {{dtype, shape(m, n)}}, {{ta, tb, activation, ta}, {}},
                          {4 * epsilon(dtype), 0x1p-23 * (8 + static_cast<double>(k)) + epsilon(dtype) * size});
}

}  // namespace

int main() {
  CHECK_DEVICE();
  setenv("CKERAS_CUDA_WGMMA", "1", 1);
  check_product(DType::BF16, 0, 64, 64, 64, false, true, 0);  // one panel, both along the depth
  for (DType dtype : {DType::F16, DType::BF16}) {
    for (int transposes = 0; transposes < 4; ++transposes) {
      check_product(dtype, 0, 136, 152, 72, transposes & 1, transposes & 2, transposes);
    }
    check_product(dtype, 2, 72, 8, 424, dtype == DType::F16, true, 0);  // more panels than stages
  }
  check_product(DType::BF16, 0, 8, 8, 1160, false, false, 0);  // slices
  return CHECK_RESULT();
}
