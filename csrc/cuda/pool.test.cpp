// Pools, their gradients and max_pool_pick against their references: one to three dimensions, ties, NaN, overlapping
// and empty windows.
#include <cmath>

#include "cuda/testing/device.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

struct Axis {
  int64_t size, window, stride, low, high;
};
struct Case {
  int64_t n, c;
  std::vector<Axis> axes;
};

// Few different values, so windows have ties; some NaN and infinities.
Array image(DType dtype, const Shape& shape, bool specials) {
  Array x = random_array(dtype, shape, 5);
  for (int64_t i = 0; i < x.view.size(); ++i) {
    x.set(i, std::round(x.at(i) * 3));
    if (specials && i % 7 == 3) x.set(i, NAN);
    if (specials && i % 5 == 1) x.set(i, -INFINITY);
  }
  return x;
}

void check_case(const Case& t, DType dtype, bool specials) {
  Shape x_shape = {t.n}, y_shape = {t.n};
  Attributes attributes;
  double window = 1;
  for (const Axis& a : t.axes) {
    x_shape.push_back(a.size);
    y_shape.push_back((a.size + a.low + a.high - a.window) / a.stride + 1);
    attributes.ints.push_back(a.window);
    window *= static_cast<double>(a.window);
  }
  x_shape.push_back(t.c);
  y_shape.push_back(t.c);
  for (const Axis& a : t.axes) attributes.ints.push_back(a.stride);
  for (const Axis& a : t.axes) attributes.ints.insert(attributes.ints.end(), {a.low, a.high});
  const Array x = image(dtype, x_shape, specials), dy = random_array(dtype, y_shape, 1),
              v = random_array(dtype, x_shape, 2);
  const double rounding = dtype == DType::F64 ? 0x1p-52 : 0x1p-23;
  const auto check = [&](const char* op, const std::vector<const Array*>& in, const Shape& shape, double terms) {
    cuda::testing::check_op(op, in, {{dtype, shape}}, attributes,
                            {terms > 0 ? epsilon(dtype) : 0, terms > 0 ? rounding * (8 + terms) : 0});
  };
  check("max_pool", {&x}, y_shape, 0);
  const std::vector<Out> outs = {{dtype, y_shape}, {window <= 256 ? DType::U8 : DType::I32, y_shape}};
  cuda::testing::check_op("max_pool_places", {&x}, outs, attributes, {});
  const Array places = run(cpu::Isa::Reference, "max_pool_places", {&x}, outs, attributes).out[1];
  check("max_pool_pick", {&v, &places}, y_shape, 0);
  check("max_pool_grad", {&dy, &places}, x_shape, window);
  check("avg_pool", {&x}, y_shape, 4 * window);
  check("avg_pool_grad", {&dy}, x_shape, window);
}

}  // namespace

int main() {
  CHECK_DEVICE();
  const Case cases[] = {
      {2, 17, {{8, 2, 2, 0, 0}, {8, 2, 2, 0, 0}}},
      {3, 1, {{7, 2, 2, 0, 0}, {9, 2, 2, 0, 0}}},
      {2, 3, {{7, 3, 2, 1, 1}, {9, 3, 2, 1, 1}}},                   // overlapping, padded
      {2, 5, {{4, 2, 2, 3, 3}, {4, 2, 2, 2, 2}}},                   // windows wholly in the padding
      {0, 8, {{4, 2, 2, 0, 0}, {4, 2, 2, 0, 0}}},                   // no images
      {2, 0, {{4, 2, 2, 0, 0}, {4, 2, 2, 0, 0}}},                   // no channels
      {2, 5, {{3, 1, 4, 0, 0}}},                                    // places in no window
      {2, 19, {{9, 3, 2, 1, 1}}},                                   // one dimension
      {2, 5, {{5, 2, 2, 0, 1}, {6, 3, 1, 1, 1}, {7, 3, 2, 1, 1}}},  // three dimensions
      {1, 3, {{4, 2, 2, 2, 2}, {4, 2, 2, 0, 0}, {4, 2, 2, 0, 0}}},
      {1, 3, {{20, 17, 3, 2, 2}, {18, 16, 2, 0, 0}}},  // more than 256 places
  };
  for (const Case& t : cases) {
    for (DType dtype : kFloats) {
      for (bool specials : {false, true}) check_case(t, dtype, specials);
    }
  }
  return CHECK_RESULT();
}
