// softmax and log_softmax against their references: rows around lanes and chunks, other axes around tiles and chunks,
// large logits, infinities and NaN.
#include <algorithm>

#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

void check_along(const Array& x, int64_t axis) {
  const DType dtype = x.view.dtype;
  const Shape shape(x.view.shape, x.view.shape + x.view.rank);
  const double rounding = dtype == DType::F64 ? 0x1p-52 : 0x1p-23;
  const double smallest = dtype == DType::F64 ? 0x1p-1022 : dtype == DType::F16 ? 0x1p-24 : 0x1p-126;
  double largest = 0;  // x - max is rounded: an error relative to the exponential
  for (int64_t i = 0; i < x.view.size(); ++i) {
    if (std::isfinite(x.at(i))) largest = std::max(largest, std::abs(x.at(i)));
  }
  const double relative = epsilon(dtype) + 16 * rounding;
  check_kernel("softmax", {&x}, {{dtype, shape}}, {{axis}, {}}, {relative + 2 * largest * rounding, 2 * smallest});
  check_kernel("log_softmax", {&x}, {{dtype, shape}}, {{axis}, {}}, {relative, 32 * rounding});
}

void check_rows(const Array& x) { check_along(x, x.view.rank - 1); }

Array scaled(DType dtype, const Shape& shape, double scale) {
  Array x = random_array(dtype, shape, 11);
  for (int64_t i = 0; i < x.view.size(); ++i) x.set(i, x.at(i) * scale);
  return x;
}

}  // namespace

int main() {
  for (DType dtype : kFloats) {
    for (int64_t n : kLengths) check_rows(scaled(dtype, {3, n}, 4));
    check_rows(scaled(dtype, {0, 5}, 4));
    check_rows(scaled(dtype, {17}, 4));
    check_rows(scaled(dtype, {2, 3, 2, 2, 1, 19}, 4));
    check_rows(scaled(dtype, {501, 10}, 4));  // more than one piece
    check_rows(scaled(dtype, {5, 40}, 3e4));  // would overflow without the maximum
    check_rows(scaled(dtype, {5, 40}, 100));  // tails that vanish
    for (double special : {double{NAN}, double{INFINITY}, -double{INFINITY}}) {
      Array x = scaled(dtype, {4, 35}, 4);
      for (int64_t i = 3; i < x.view.size(); i += 35) x.set(i, special);
      for (int64_t i = 0; i < 35; ++i) x.set(i, special);
      check_rows(x);
      check_along(x, 0);
    }
    // [shape], axis: tiles and ends of them; groups of few lines; several chunks of rows, whole and cut.
    const struct {
      Shape shape;
      int64_t axis;
    } columns[] = {{{11, 1055}, 0}, {{3, 4, 65}, 1},   {{2, 37, 5, 3}, 2}, {{301, 6, 2}, 1},
                   {{2, 0, 3}, 1},  {{0, 2, 3}, 1},    {{2, 300, 70}, 1},  {{600, 9}, 0},
                   {{515, 131}, 0}, {{70, 131, 3}, 1}, {{1, 1, 5}, 1}};
    for (const auto& c : columns) check_along(scaled(dtype, c.shape, 4), c.axis);
  }
  return CHECK_RESULT();
}
