// gather and gather_grad: repeated, negative and bad indices, every axis, enough rows that several threads share a sum.
#include "ops/gather/gather.h"

#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

Array indices_of(DType dtype, const Shape& shape, int64_t size) {
  Array a(dtype, shape);
  std::mt19937 draw(3);
  with_integer(dtype, [&](auto t) {
    for (int64_t i = 0; i < a.view.size(); ++i) {
      a.view.as<decltype(t)>()[i] = static_cast<decltype(t)>(static_cast<int64_t>(draw() % (2 * size)) - size);
    }
  });
  return a;
}

Shape gathered(const Shape& shape, const Shape& indices, int64_t axis) {
  Shape out(shape.begin(), shape.begin() + axis);
  out.insert(out.end(), indices.begin(), indices.end());
  out.insert(out.end(), shape.begin() + axis + 1, shape.end());
  return out;
}

void check_grad(DType dtype, DType index_dtype, const Shape& shape, const Shape& index_shape, int64_t axis) {
  const Array indices = indices_of(index_dtype, index_shape, shape[axis]);
  const Array g = sample(dtype, gathered(shape, index_shape, axis), 1);
  check_kernel("gather_grad", {&indices, &g}, {{dtype, shape}}, {{axis, 0}, {}}, {});
}

// gather has one implementation: its definition, written out.
void check_gather(DType dtype, DType index_dtype, const Shape& shape, const Shape& index_shape, int64_t axis) {
  const Array x = sample(dtype, shape, 1), indices = indices_of(index_dtype, index_shape, shape[axis]);
  int64_t outer = 1, inner = size_of(dtype);
  for (int64_t d = 0; d < axis; ++d) outer *= shape[d];
  for (size_t d = axis + 1; d < shape.size(); ++d) inner *= shape[d];
  std::vector<char> expected;
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t j = 0; j < indices.view.size(); ++j) {
      int64_t index = 0;
      with_integer(index_dtype, [&](auto t) { index = indices.view.as<decltype(t)>()[j]; });
      if (index < 0) index += shape[axis];
      const char* from = x.bytes.data() + (o * shape[axis] + index) * inner;
      expected.insert(expected.end(), from, from + inner);
    }
  }
  for (int threads : {1, 3}) {
    cpu::set_num_threads(threads);
    const std::vector<Out> out = {{dtype, gathered(shape, index_shape, axis)}};
    CHECK(run(cpu::supported_isas().front(), "gather", {&x, &indices}, out, {{axis, 0}, {}}).out[0].bytes == expected);
  }
}

// Indices of every element, `count` along the axis.
void check_along(DType dtype, DType index_dtype, const Shape& shape, int64_t count, size_t axis) {
  Shape other = shape;
  other[axis] = count;
  const Array x = sample(dtype, shape, 1), indices = indices_of(index_dtype, other, shape[axis]);
  int64_t inner = 1;
  for (size_t d = axis + 1; d < shape.size(); ++d) inner *= shape[d];
  const auto size = static_cast<int64_t>(size_of(dtype));
  std::vector<char> expected;
  for (int64_t at = 0; at < indices.view.size(); ++at) {
    int64_t index = 0;
    with_integer(index_dtype, [&](auto t) { index = indices.view.as<decltype(t)>()[at]; });
    if (index < 0) index += shape[axis];
    const char* from = x.bytes.data() + ((at / inner / count * shape[axis] + index) * inner + at % inner) * size;
    expected.insert(expected.end(), from, from + size);
  }
  const std::vector<int64_t> ints = {static_cast<int64_t>(axis), 1};
  for (int threads : {1, 3}) {
    cpu::set_num_threads(threads);
    const Outcome got = run(cpu::supported_isas().front(), "gather", {&x, &indices}, {{dtype, other}}, {ints, {}});
    CHECK(got.out[0].bytes == expected);
  }
  if (!is_float(dtype)) return;
  const Array g = sample(dtype, other, 2);
  check_kernel("gather_grad", {&indices, &g}, {{dtype, shape}}, {ints, {}}, {});
}

// One bad index among many that are not, wherever threads part them.
void check_faults() {
  constexpr int64_t kCount = (1 << 17) + 3, kSize = 5;
  const Array x = sample(DType::U8, {kSize}, 1);
  for (DType dtype : {DType::I32, DType::I64}) {
    for (int64_t place : {int64_t{0}, int64_t{(1 << 16) - 1}, int64_t{1 << 16}, kCount - 1}) {
      for (int64_t bad : {kSize, -kSize - 1, int64_t{INT32_MAX}, int64_t{INT32_MIN}}) {
        Array indices = indices_of(dtype, {kCount}, kSize);
        with_integer(dtype, [&](auto t) {
          using I = decltype(t);
          indices.view.as<I>()[place] = static_cast<I>(bad);
        });
        const Outcome got = run(cpu::Isa::Reference, "gather", {&x, &indices}, {{DType::U8, {kCount}}}, {{0, 0}, {}});
        CHECK_EQ(got.fault.code, 1);
        CHECK_EQ(got.fault.value, bad);
      }
    }
  }
}

// Sizes for which an int32 cannot count as far as size + index.
void check_large_sizes() {
  for (int64_t n : {int64_t{1} << 30, (int64_t{1} << 30) + 5, int64_t{INT32_MAX}, int64_t{1} << 40}) {
    const int64_t last = std::min<int64_t>(n - 1, INT32_MAX), first = std::max<int64_t>(-n, INT32_MIN);
    for (int64_t index : {int64_t{0}, int64_t{-1}, last, first, n, -n - 1}) {
      const auto narrow = static_cast<int32_t>(index);
      CHECK_EQ((all_inside<int64_t, uint64_t>(&index, 1, n)), index >= -n && index < n);
      if (narrow == index) CHECK_EQ((all_inside<int32_t, uint32_t>(&narrow, 1, n)), index >= -n && index < n);
    }
  }
}

// Many indices of one row: eight runs of them have sums of their own, so ones are lost beside 2^24 in its run alone.
void check_parts() {
  constexpr int64_t kCount = 1 << 15, kColumns = 16;
  const Array indices(DType::I32, {kCount});  // zeros
  Array g(DType::F32, {kCount, kColumns});
  for (int64_t i = 0; i < kCount * kColumns; ++i) g.view.as<float>()[i] = i < kColumns ? 16777216.0f : 1.0f;
  for (int threads : {1, 2, 3}) {
    cpu::set_num_threads(threads);
    for (cpu::Isa isa : cpu::supported_isas()) {
      if (isa == cpu::Isa::Reference) continue;
      const Outcome got = run(isa, "gather_grad", {&indices, &g}, {{DType::F32, {1, kColumns}}}, {{0, 0}, {}});
      for (int64_t i = 0; i < kColumns; ++i) {
        CHECK_EQ(got.out[0].view.as<const float>()[i], 16777216.0f + 7.0f * (kCount / 8));
      }
    }
  }
}

}  // namespace

int main() {
  check_faults();
  check_large_sizes();
  check_parts();
  check_gather(DType::F64, DType::I32, {501}, {(1 << 20) + 518}, 0);  // results past the caches
  for (DType index : {DType::I32, DType::I64}) {
    for (DType dtype : kFloats) {
      check_grad(dtype, index, {7}, {20}, 0);
      check_grad(dtype, index, {3}, {0}, 0);
      check_grad(dtype, index, {7, 5}, {4, 5}, 0);
      check_grad(dtype, index, {5, 7, 300}, {9}, 1);
      check_grad(dtype, index, {4, 1, 17}, {}, 1);
      check_grad(dtype, index, {3, 2, 2, 3, 2, 11}, {13}, 5);
      check_grad(dtype, index, {200, 64}, {1500}, 0);  // several ranges of rows
      check_grad(dtype, index, {6000, 3}, {30000}, 0);
      check_grad(dtype, index, {50, 64}, {1500}, 0);  // several parts of the indices
      check_grad(dtype, index, {501, 3}, {30000}, 0);
      check_grad(dtype, index, {11, 41}, {9001}, 0);
    }
    for (DType dtype : {DType::Bool, DType::U16, DType::I32, DType::F64}) {
      check_gather(dtype, index, {7}, {20}, 0);
      check_gather(dtype, index, {7, 5}, {4, 5}, 0);
      check_gather(dtype, index, {5, 7, 300}, {9}, 1);
      check_gather(dtype, index, {5, 7}, {}, 1);
      check_gather(dtype, index, {5, 7}, {0}, 1);
      check_gather(dtype, index, {60, 7}, {20}, 1);  // the same few of each row
      check_gather(dtype, index, {3, 6000, 5}, {3}, 2);
      check_gather(dtype, index, {501, 3}, {30000}, 0);
    }
  }
  for (DType index : {DType::I32, DType::I64}) {
    for (DType dtype : {DType::U8, DType::BF16, DType::F32, DType::F64}) {
      check_along(dtype, index, {7}, 20, 0);
      check_along(dtype, index, {7, 5}, 3, 0);
      check_along(dtype, index, {7, 5}, 30, 1);
      check_along(dtype, index, {3, 4, 5}, 0, 1);
      check_along(dtype, index, {3, 4, 300}, 9, 1);
      check_along(dtype, index, {100, 90}, 1000, 1);
      check_along(dtype, index, {50, 3}, 30000, 0);
    }
  }
  const Array x = sample(DType::F32, {4, 3}, 1), g = sample(DType::F32, {3, 3}, 2);
  for (int32_t bad : {4, -5}) {
    Array indices(DType::I32, {3});
    const int32_t values[] = {-4, bad, 100};
    std::memcpy(indices.bytes.data(), values, sizeof values);
    check_kernel("gather_grad", {&indices, &g}, {{DType::F32, {4, 3}}}, {{0, 0}, {}}, {});
    for (cpu::Isa isa : cpu::supported_isas()) {
      for (const Outcome& got : {run(isa, "gather", {&x, &indices}, {{DType::F32, {3, 3}}}, {{0, 0}, {}}),
                                 run(isa, "gather_grad", {&indices, &g}, {{DType::F32, {4, 3}}}, {{0, 0}, {}})}) {
        CHECK_EQ(got.fault.code, 1);
        CHECK_EQ(got.fault.value, bad);
        CHECK_EQ(got.fault.limit, 4);
      }
    }
  }
  return CHECK_RESULT();
}
