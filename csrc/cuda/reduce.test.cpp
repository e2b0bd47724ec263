// Reductions of every dtype and pattern of dimensions against the CPU's references, over several chunks, with NaN.
#include <cmath>

#include "cuda/testing/device.h"

using namespace ckeras;
using namespace ckeras::testing;
using cuda::testing::check_op;

namespace {

void check_fold(const char* op, const Array& x, const std::vector<int64_t>& flags) {
  Shape shape;
  int64_t terms = 1;
  for (int d = 0; d < x.view.rank; ++d) {
    flags[static_cast<size_t>(d)] ? terms *= x.view.shape[d] : (shape.push_back(x.view.shape[d]), 0);
  }
  const bool compares = std::string(op) == "reduce_max" || std::string(op) == "reduce_min";
  if (compares && x.view.size() == 0) return;
  const bool exact = compares || !is_float(x.view.dtype);
  const double relative = exact ? 0 : epsilon(x.view.dtype) + 0x1p-50 * static_cast<double>(terms);
  check_op(op, {&x}, {{x.view.dtype, shape}}, {flags, {}}, {relative, exact ? 0 : 0x1p-40});
}

// Powers of two: products stay in range.
Array factors(DType dtype, const Shape& shape) {
  Array a = sample(dtype, shape, 3);
  if (!is_float(dtype)) return a;
  for (int64_t i = 0; i < a.view.size(); ++i) a.set(i, (i % 3 == 0 ? 2 : i % 3 == 1 ? 0.5 : -1));
  return a;
}

void check_shape(DType dtype, const Shape& shape, const std::vector<int64_t>& flags) {
  const Array x = sample(dtype, shape, 7);
  if (dtype != DType::Bool) {
    check_fold("reduce_sum", x, flags);
    check_fold("reduce_prod", factors(dtype, shape), flags);
  } else {
    check_fold("reduce_any", x, flags);
    check_fold("reduce_all", x, flags);
  }
  check_fold("reduce_max", x, flags);
  check_fold("reduce_min", x, flags);
}

}  // namespace

int main() {
  CHECK_DEVICE();
  for (int d = 0; d < kDTypes; ++d) {
    const DType dtype = static_cast<DType>(d);
    for (int64_t n : {0, 1, 31, 255, 256, 257, 1021}) {
      check_shape(dtype, {n}, {1});
      check_shape(dtype, {3, n}, {0, 1});
      check_shape(dtype, {n, 3}, {1, 0});
    }
    check_shape(dtype, {3, 5, 2, 7}, {1, 0, 1, 0});
    check_shape(dtype, {3, 5, 2, 7}, {0, 1, 0, 1});
    check_shape(dtype, {1, 5, 1}, {1, 0, 1});  // a copy
    check_shape(dtype, {0, 5}, {0, 1});
    check_shape(dtype, {}, {});
  }
  for (DType dtype : {DType::F32, DType::BF16, DType::I8}) {
    check_shape(dtype, {2 * 16384 + 3}, {1});  // chunks of a row
    check_shape(dtype, {1030, 3}, {1, 0});     // of columns
    check_shape(dtype, {2, 513, 5}, {1, 1, 0});
  }
  for (DType dtype : kFloats) {
    Array x = sample(dtype, {2, 300}, 9);
    x.set(250, NAN);
    check_fold("reduce_max", x, {0, 1});
    check_fold("reduce_min", x, {1, 0});
    check_fold("reduce_sum", x, {0, 1});
  }
  return CHECK_RESULT();
}
