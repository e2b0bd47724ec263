// Reductions against their references: rows and columns around lanes and chunks, many dimensions, every dtype,
// specials.
#include <algorithm>
#include <cstring>

#include "ops/reduce/reduce.h"
#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

Shape kept(const Shape& shape, const std::vector<int64_t>& flags) {
  Shape out;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (!flags[d]) out.push_back(shape[d]);
  }
  return out;
}

// Powers of two and signs: a product of them is exact in every order.
Array factors(DType dtype, const Shape& shape) {
  Array a = sample(dtype, shape, 3);
  std::mt19937 draw(4);
  for (int64_t i = 0; i < a.view.size(); ++i) {
    const uint32_t r = draw() % 32;
    a.set(i, (r < 2 ? 2.0 : r < 4 ? 0.5 : 1.0) * (r % 3 == 0 ? -1 : 1));
  }
  return a;
}

void check_dtype(DType dtype, const Shape& shape, const std::vector<int64_t>& flags) {
  const std::vector<Out> out = {{dtype, kept(shape, flags)}};
  const Array x = sample(dtype, shape, 1);
  if (dtype == DType::Bool) {
    check_kernel("reduce_any", {&x}, out, {flags, {}}, {});
    check_kernel("reduce_all", {&x}, out, {flags, {}}, {});
    return;
  }
  check_kernel("reduce_sum", {&x}, out, {flags, {}}, {});
  check_kernel("reduce_max", {&x}, out, {flags, {}}, {});
  check_kernel("reduce_min", {&x}, out, {flags, {}}, {});
  const Array y = is_float(dtype) ? factors(dtype, shape) : x;
  check_kernel("reduce_prod", {&y}, out, {flags, {}}, {});
}

// Sums that do round, and have one order.
void check_rounding(DType dtype, const Shape& shape, const std::vector<int64_t>& flags) {
  const Array x = random_array(dtype, shape, 7);
  const Shape out = kept(shape, flags);
  int64_t results = 1;
  for (int64_t n : out) results *= n;
  const double terms = static_cast<double>(x.view.size()) / static_cast<double>(results);
  // The reference adds in float64 one by one: in float64 the error is its own.
  const double absolute = dtype == DType::F64 ? 0x1p-52 * terms : 0x1p-23 * (terms / 8 + 1);
  check_kernel("reduce_sum", {&x}, {{dtype, out}}, {flags, {}}, {epsilon(dtype), absolute});
}

void check_specials(DType dtype, const Shape& shape, const std::vector<int64_t>& flags) {
  for (double special : {double{NAN}, double{INFINITY}, -double{INFINITY}, -0.0}) {
    Array x = sample(dtype, shape, 2);
    for (int64_t i = 5; i < x.view.size(); i += 37) x.set(i, special);
    for (const char* op : {"reduce_sum", "reduce_max", "reduce_min"}) {
      check_kernel(op, {&x}, {{dtype, kept(shape, flags)}}, {flags, {}}, {});
    }
  }
}

// Sums over a middle dimension have the order of reduce.h, here one number after the other.
void check_order(int64_t n, int64_t inner) {
  constexpr int64_t kOuter = 3;
  const Array x = random_array(DType::F32, {kOuter, n, inner}, 8);
  std::vector<float> expected;
  for (int64_t place = 0; place < kOuter * inner; ++place) {
    const float* at = x.view.as<const float>() + place / inner * n * inner + place % inner;
    double total = 0;
    for (int64_t first = 0; first < n; first += kRowChunk) {
      const int64_t last = std::min(n, first + kRowChunk);
      float chunk = 0;
      int64_t i = first;
      for (; i + 4 <= last; i += 4) {
        const float two = at[i * inner] + at[(i + 1) * inner];
        chunk += two + (at[(i + 2) * inner] + at[(i + 3) * inner]);
      }
      for (; i < last; ++i) chunk += at[i * inner];
      total += static_cast<double>(chunk);
    }
    expected.push_back(static_cast<float>(total));
  }
  for (int threads : {1, 3}) {
    cpu::set_num_threads(threads);
    for (cpu::Isa isa : cpu::supported_isas()) {
      if (isa == cpu::Isa::Reference) continue;
      const Outcome got = run(isa, "reduce_sum", {&x}, {{DType::F32, {kOuter, inner}}}, {{0, 1, 0}, {}});
      CHECK(std::memcmp(got.out[0].bytes.data(), expected.data(), expected.size() * sizeof(float)) == 0);
    }
  }
}

}  // namespace

int main() {
  for (int64_t n : {5, 15, 23, 259, 1031}) {
    for (int64_t inner : {2, 16, 33, 64, 83, 300}) check_order(n, inner);
  }
  for (DType dtype : kFloats) {
    for (int64_t n : kLengths) {
      check_dtype(dtype, {n}, {1});
      check_dtype(dtype, {3, n}, {0, 1});
    }
    for (int64_t n : {1, 3, 4, 5, 255, 256, 257, 515}) {
      for (int64_t inner : {0, 1, 2, 15, 16, 17, 67}) check_dtype(dtype, {n, inner}, {1, 0});
    }
    check_dtype(dtype, {5, 513}, {1, 0});
    check_rounding(dtype, {20011}, {1});
    check_rounding(dtype, {3, 9001}, {0, 1});
    check_rounding(dtype, {1031, 37}, {1, 0});
    check_rounding(dtype, {7, 300, 33}, {1, 0, 1});
    check_specials(dtype, {4, 131}, {0, 1});
    check_specials(dtype, {131, 19}, {1, 0});
  }
  for (DType dtype : kIntegers) {
    for (int64_t n : {0, 1, 17, 131, 4097}) check_dtype(dtype, {n, 3}, {1, 0});
    check_dtype(dtype, {9, 131}, {0, 1});
  }
  const std::vector<std::pair<Shape, std::vector<int64_t>>> cases = {
      {{}, {}},
      {{1, 1}, {1, 0}},
      {{4, 4}, {0, 0}},
      {{0, 5}, {0, 1}},
      {{3, 1, 5}, {1, 0, 1}},
      {{2, 3, 4, 5, 6, 7}, {1, 0, 1, 0, 1, 0}},
      {{2, 3, 4, 5, 6, 7}, {0, 1, 0, 1, 0, 1}},
      {{2, 3, 1, 5, 6, 7}, {1, 1, 0, 0, 1, 1}},
      {{2, 300, 3, 17}, {1, 0, 1, 0}},
  };
  for (const auto& [shape, flags] : cases) {
    for (DType dtype : {DType::F32, DType::F64, DType::BF16, DType::I32, DType::U8, DType::Bool}) {
      check_dtype(dtype, shape, flags);
    }
  }
  return CHECK_RESULT();
}
