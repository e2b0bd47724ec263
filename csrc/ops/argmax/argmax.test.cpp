// argmax and argmin against their references: ties, NaN, infinities, every dtype, every axis.
#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

void check_axis(const Array& x, int64_t axis) {
  Shape out;
  for (int64_t d = 0; d < x.view.rank; ++d) {
    if (d != axis) out.push_back(x.view.shape[d]);
  }
  for (const char* op : {"argmax", "argmin"}) check_kernel(op, {&x}, {{DType::I32, out}}, {{axis}, {}}, {});
}

void check_shape(DType dtype, const Shape& shape, int64_t axis) {
  check_axis(sample(dtype, shape, 1), axis);
  if (!is_float(dtype)) return;
  for (double special : {double{NAN}, double{INFINITY}, -double{INFINITY}}) {
    Array x = sample(dtype, shape, 2);
    for (int64_t i = 3; i < x.view.size(); i += 29) x.set(i, special);
    check_axis(x, axis);
    for (int64_t i = 0; i < x.view.size(); ++i) x.set(i, special);
    check_axis(x, axis);
  }
}

}  // namespace

int main() {
  for (DType dtype : kFloats) {
    for (int64_t n : kLengths) {
      if (n > 0) check_shape(dtype, {3, n}, 1);
    }
    for (int64_t inner : {1, 15, 16, 17, 255, 257}) check_shape(dtype, {31, inner}, 0);
    for (int64_t axis = 0; axis < 6; ++axis) check_shape(dtype, {2, 3, 1, 5, 4, 3}, axis);
  }
  for (DType dtype : kIntegers) {
    check_shape(dtype, {5, 131}, 1);
    check_shape(dtype, {131, 17}, 0);
  }
  check_shape(DType::Bool, {5, 37}, 1);
  check_shape(DType::F32, {0, 7}, 1);
  check_shape(DType::F32, {7, 0}, 0);
  check_shape(DType::F32, {1}, 0);
  return CHECK_RESULT();
}
