// Permutations against a plain loop, of elements of every size: dimensions around squares and blocks, short ones beside
// long ones, and pairs that move as one element, whole and at odd addresses.
#include "ops/move/strided_copy.h"

#include <numeric>

#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

void check_permutation(DType dtype, const Shape& shape, const std::vector<int64_t>& order) {
  const Array x = sample(dtype, shape, 11);
  const size_t rank = shape.size(), bytes = static_cast<size_t>(size_of(dtype));
  Shape turned, steps(rank);
  for (int64_t d : order) turned.push_back(shape[static_cast<size_t>(d)]);
  int64_t size = 1;
  for (size_t d = rank; d-- > 0; size *= shape[d]) steps[d] = size;
  for (int threads : {1, 3}) {
    cpu::set_num_threads(threads);
    const Outcome got = run(cpu::Isa::Reference, "transpose", {&x}, {{dtype, turned}}, {order, {}});
    bool same = true;
    for (int64_t i = 0; i < size; ++i) {
      int64_t rest = i, from = 0;
      for (size_t d = rank; d-- > 0; rest /= turned[d]) from += rest % turned[d] * steps[static_cast<size_t>(order[d])];
      same &= std::memcmp(&got.out[0].bytes[static_cast<size_t>(i) * bytes],
                          &x.bytes[static_cast<size_t>(from) * bytes], bytes) == 0;
    }
    if (!same) std::cerr << describe("transpose", {&x}, {order, {}}) << '\n';
    CHECK(same);
  }
}

// Turned over from and to addresses that are whole for single elements alone.
void check_addresses() {
  std::vector<uint32_t> from(2 + 40 * 6), to(2 + 40 * 6);
  std::iota(from.begin(), from.end(), 7u);
  const move::Dim dims[] = {{3, 80, 2}, {40, 2, 6}, {2, 1, 1}};
  for (size_t shift : {0, 1}) {
    move::strided_copy(to.data() + shift, from.data() + 1 - shift, 4, dims, 3);
    bool same = true;
    for (size_t i = 0; i < 240; ++i) {
      same &= to[shift + i] == from[1 - shift + i / 80 * 2 + i / 2 % 40 * 6 + i % 2];
    }
    CHECK(same);
  }
}

// Runs of equal elements, from elements side by side and `step` apart.
template <class T>
void check_repeats(int64_t times, int64_t step) {
  constexpr int64_t kRows = 3, kCount = 21;
  std::vector<T> from(static_cast<size_t>(kRows * kCount * step)), to(static_cast<size_t>(kRows * kCount * times) + 1);
  std::iota(from.begin(), from.end(), T{1});
  const move::Dim dims[] = {{kRows, kCount * times, kCount * step}, {kCount, times, step}, {times, 1, 0}};
  move::strided_copy(to.data(), from.data(), sizeof(T), dims, 3);
  bool same = to.back() == 0;
  for (int64_t i = 0; i < kRows * kCount * times; ++i) {
    same &= to[static_cast<size_t>(i)] == from[static_cast<size_t>(i / times * step)];
  }
  CHECK(same);
}

}  // namespace

int main() {
  for (int64_t times : {2, 3, 4, 5, 6, 7, 8, 9, 11, 17, 40, 150}) {
    for (int64_t step : {1, 3}) {
      check_repeats<uint8_t>(times, step);
      check_repeats<uint16_t>(times, step);
      check_repeats<float>(times, step);
      check_repeats<double>(times, step);
    }
  }
  for (DType dtype : {DType::U8, DType::F16, DType::F32, DType::F64}) {
    for (int64_t n : {1, 2, 3, 5, 16, 17, 33, 64, 65, 129}) {
      for (int64_t m : {1, 2, 7, 16, 31, 64, 70, 600}) check_permutation(dtype, {n, m}, {1, 0});
      check_permutation(dtype, {3, n, 5, 2}, {0, 2, 1, 3});
      check_permutation(dtype, {2, n, 9, 4}, {2, 3, 0, 1});
      check_permutation(dtype, {n, 4, 3, 2}, {3, 2, 1, 0});
      check_permutation(dtype, {n, 21, 3}, {1, 0, 2});
    }
    check_permutation(dtype, {2, 3, 4, 5, 2, 3}, {5, 3, 1, 0, 2, 4});
    check_permutation(dtype, {3, 40000}, {1, 0});
    check_permutation(dtype, {1100, 1027}, {1, 0});
    check_permutation(dtype, {1100, 1040}, {1, 0});
    check_permutation(dtype, {0, 3}, {1, 0});
  }
  check_permutation(DType::F32, {2064, 1051}, {1, 0});  // past the caches, by whole lines
  check_addresses();
  return CHECK_RESULT();
}
