// What moves elements, and sorts them: the CPU's bytes, of every size of element, around tiles, cropped, repeated,
// turned around; running sums and extremes along every axis.
#include <cmath>

#include "cuda/testing/device.h"

using namespace ckeras;
using namespace ckeras::testing;
using cuda::testing::check_op;

namespace {

constexpr DType kSizes[] = {DType::Bool, DType::BF16, DType::I32, DType::F64};

void check_moves(DType dtype) {
  const auto check = [&](const char* op, const std::vector<const Array*>& in, const Shape& shape,
                         const std::vector<int64_t>& ints) { check_op(op, in, {{dtype, shape}}, {ints, {}}, {}); };
  const Array x = sample(dtype, {5, 34, 67}, 1), y = sample(dtype, {5, 2, 67}, 2), none = sample(dtype, {5, 0, 67}, 3),
              value = sample(dtype, {}, 4), row = sample(dtype, {34, 1}, 5), odd = sample(dtype, {3, 5}, 6);
  check("transpose", {&x}, {67, 34, 5}, {2, 1, 0});
  check("transpose", {&x}, {5, 67, 34}, {0, 2, 1});
  check("transpose", {&x}, {34, 5, 67}, {1, 0, 2});
  check("transpose", {&x}, {34, 67, 5}, {1, 2, 0});
  check("transpose", {&none}, {67, 0, 5}, {2, 1, 0});
  check("transpose", {&value}, {}, {});
  check("concatenate", {&x, &none, &y, &x}, {5, 70, 67}, {1});
  check("concatenate", {&odd, &odd}, {6, 5}, {0});
  check("slice", {&x}, {2, 34, 66}, {1, 0, 1, 2, 1, 1});
  check("slice", {&x}, {5, 12, 23}, {4, 33, 66, -1, -3, -3});
  check("slice", {&x}, {0, 34, 67}, {5, 0, 0, 1, 1, 1});
  check("pad", {&odd, &value}, {6, 12}, {1, 2, 2, 1, 0, 1});
  check("pad", {&x, &value}, {5, 31, 69}, {0, -2, 1, 0, -1, 1, 0, 0, 0});
  check("pad", {&odd, &value}, {3, 2}, {0, -1, 0, -2, 0, 0});
  check("pad", {&odd, &value}, {1, 5}, {-4, 0, 2, 0, 0, 0});  // all cropped
  for (int64_t mode : {0, 1, 2, 3}) {
    check("extend", {&odd}, {4, 5}, {1, 0, mode});
    check("extend", {&x}, {5, 110, 70}, {0, 70, 1, mode});
  }
  check("frames", {&x}, {5, 34, 9, 11}, {7});
  check("broadcast", {&row}, {3, 34, 66}, {});
  check("broadcast", {&value}, {3, 7}, {});
  check("broadcast", {&x}, {5, 34, 67}, {});
}

void check_indexing(DType dtype) {
  const Array x = sample(dtype, {7, 33}, 1), wide = sample(dtype, {3, 7, 6}, 2);
  for (DType index : {DType::I32, DType::I64}) {
    const auto indices = [&](const Shape& shape, const std::vector<int64_t>& values) {
      Array a(index, shape);
      for (int64_t i = 0; i < a.view.size(); ++i) {
        const int64_t v = values[static_cast<size_t>(i) % values.size()];
        index == DType::I64 ? a.view.as<int64_t>()[i] = v : a.view.as<int32_t>()[i] = static_cast<int32_t>(v);
      }
      return a;
    };
    const Array some = indices({2, 5}, {3, -1, 0, 6, -7, 3, 2}), none = indices({0}, {0}),
                bad = indices({9}, {0, 3, 7, -9});
    check_op("gather", {&x, &some}, {{dtype, {2, 5, 33}}}, {{0, 0}, {}}, {});
    check_op("gather", {&wide, &some}, {{dtype, {3, 2, 5, 6}}}, {{1, 0}, {}}, {});
    check_op("gather", {&x, &none}, {{dtype, {0, 33}}}, {{0, 0}, {}}, {});
    check_op("gather", {&x, &bad}, {{dtype, {9, 33}}}, {{0, 0}, {}}, {});
    const Array along = indices({3, 5, 6}, {3, -1, 0, 6, -7, 3, 2}), outside = indices({3, 2, 6}, {3, -1, 7});
    check_op("gather", {&wide, &along}, {{dtype, {3, 5, 6}}}, {{1, 1}, {}}, {});
    check_op("gather", {&wide, &outside}, {{dtype, {3, 2, 6}}}, {{1, 1}, {}}, {});
    const Array many = indices({1100}, {3, 3, -1, 0, 6, 3, -7, 3, 2}), updates = sample(dtype, {1100, 33}, 3);
    const int64_t modes = is_float(dtype) && size_of(dtype) > 2 ? 5 : dtype == DType::Bool || is_float(dtype) ? 1 : 5;
    for (int64_t mode = 0; mode < modes; ++mode) {
      check_op("scatter", {&x, &many, &updates}, {{dtype, {7, 33}}}, {{mode}, {}}, {});
    }
    const Array no_updates = sample(dtype, {0, 33}, 3), bad_updates = sample(dtype, {9, 33}, 3);
    check_op("scatter", {&x, &none, &no_updates}, {{dtype, {7, 33}}}, {{0}, {}}, {});
    check_op("scatter", {&x, &bad, &bad_updates}, {{dtype, {7, 33}}}, {{0}, {}}, {});
    const Array bins = indices({1100}, {3, 3, 1, 0, 6, 3, 0, 3, 2});
    check_op("bincount", {&bins}, {{DType::I32, {9}}}, {}, {});
    check_op("bincount", {&bins}, {{DType::I32, {6}}}, {}, {});
    if (index == DType::I32 && (dtype == DType::F32 || dtype == DType::F64)) {
      const Array weights = sample(dtype, {5, 2}, 9), places = indices({5, 2}, {6, 3, 0, 5, 1});
      check_op("resample", {&x, &weights, &places}, {{dtype, {5, 33}}}, {{0}, {}},
               {4 * epsilon(dtype), 4 * epsilon(dtype)});
      check_op("resample", {&wide, &weights, &places}, {{dtype, {3, 5, 6}}}, {{1}, {}},
               {4 * epsilon(dtype), 4 * epsilon(dtype)});
      check_op("resample", {&wide, &weights, &places}, {{dtype, {3, 7, 5}}}, {{2}, {}}, {});  // a place outside
    }
    if (!is_float(dtype)) continue;
    const Array g = sample(dtype, {2, 5, 33}, 4), gw = sample(dtype, {3, 2, 5, 6}, 5), gn = sample(dtype, {0, 33}, 6),
                gm = sample(dtype, {1100, 33}, 7), gb = sample(dtype, {9, 33}, 8);
    check_op("gather_grad", {&some, &g}, {{dtype, {7, 33}}}, {{0, 0}, {}}, {epsilon(dtype), 0});
    check_op("gather_grad", {&some, &gw}, {{dtype, {3, 7, 6}}}, {{1, 0}, {}}, {epsilon(dtype), 0});
    check_op("gather_grad", {&none, &gn}, {{dtype, {7, 33}}}, {{0, 0}, {}}, {});
    check_op("gather_grad", {&many, &gm}, {{dtype, {7, 33}}}, {{0, 0}, {}}, {epsilon(dtype), 0});
    check_op("gather_grad", {&bad, &gb}, {{dtype, {7, 33}}}, {{0, 0}, {}}, {});
    const Array ga = sample(dtype, {3, 5, 6}, 9);
    check_op("gather_grad", {&along, &ga}, {{dtype, {3, 7, 6}}}, {{1, 1}, {}}, {epsilon(dtype), 0});
  }
}

void check_sorting(DType dtype) {
  const Shape shapes[] = {{3, 1}, {2, 5, 33}, {3, 64}, {2, 65}, {1025}, {2, 2500}, {2, 0}, {0, 3}};
  for (const Shape& shape : shapes) {
    Array x = sample(dtype, shape, 7);
    const double special[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, -NAN};
    for (int64_t i = 0; is_float(dtype) && i < x.view.size(); i += 5) x.set(i, special[i % 6]);
    for (int64_t descending : {0, 1}) {
      for (int64_t k : {shape.back(), shape.back() / 3}) {
        Shape best = shape;
        best.back() = k;
        check_op("argsort", {&x}, {{DType::I32, best}}, {{descending}, {}}, {});
        check_op("sort", {&x}, {{dtype, best}}, {{descending}, {}}, {});
      }
      const Array sorted = sample(dtype, {37}, 5);
      check_op("searchsorted", {&sorted, &x}, {{DType::I32, shape}}, {{descending}, {}}, {});
    }
  }
}

void check_scans(DType dtype) {
  const Shape shapes[] = {{1}, {17}, {0}, {2300}, {3, 5}, {2, 7, 33}, {2, 0, 3}, {2, 300, 2}};
  for (const Shape& shape : shapes) {
    const Array x = sample(dtype, shape, 3), y = sample(dtype, shape, 4);
    for (int64_t axis = 0; axis < static_cast<int64_t>(shape.size()); ++axis) {
      Shape rest = shape;
      rest.erase(rest.begin() + axis);
      if (shape[static_cast<size_t>(axis)] > 0) {
        check_op("argmax", {&x}, {{DType::I32, rest}}, {{axis}, {}}, {});
        check_op("argmin", {&x}, {{DType::I32, rest}}, {{axis}, {}}, {});
      }
      if (dtype == DType::Bool) continue;
      const Tolerance tolerance = is_float(dtype) ? Tolerance{epsilon(dtype), epsilon(dtype)} : Tolerance{};
      for (int64_t reversed : {0, 1}) {
        const Attributes attributes = {{axis, reversed}, {}};
        check_op("cumulative_sum", {&x}, {{dtype, shape}}, attributes, tolerance);
        check_op("cumulative_prod", {&x}, {{dtype, shape}}, attributes, tolerance);
        if (is_float(dtype)) check_op("recurrence", {&x, &y}, {{dtype, shape}}, attributes, tolerance);
      }
    }
  }
  if (!is_float(dtype)) return;
  Array x = sample(dtype, {3, 300}, 9);
  x.set(250, NAN);
  x.set(270, NAN);
  for (int64_t axis : {0, 1}) {
    check_op("argmax", {&x}, {{DType::I32, {axis == 0 ? 300 : 3}}}, {{axis}, {}}, {});
    check_op("argmin", {&x}, {{DType::I32, {axis == 0 ? 300 : 3}}}, {{axis}, {}}, {});
  }
}

}  // namespace

int main() {
  CHECK_DEVICE();
  for (DType dtype : kSizes) check_moves(dtype);
  const Array bytes = sample(DType::U8, {3, 7, 4}, 1), words = sample(DType::U32, {3, 7}, 2);
  check_op("bitcast", {&bytes}, {{DType::U32, {3, 7}}}, {}, {});
  check_op("bitcast", {&words}, {{DType::U8, {3, 7, 4}}}, {}, {});
  for (DType dtype : {DType::Bool, DType::I8, DType::I64, DType::U32, DType::F16, DType::F32, DType::F64}) {
    check_indexing(dtype);
  }
  for (int d = 0; d < kDTypes; ++d) {
    check_sorting(static_cast<DType>(d));
    check_scans(static_cast<DType>(d));
  }
  return CHECK_RESULT();
}
