// Pools, their gradients and max_pool_pick against their references: one to three dimensions, ties, NaN, overlapping
// and empty windows, few channels.
#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

// Per spatial dimension.
struct Axis {
  int64_t size, window, stride, low, high;
};

struct Case {
  int64_t n, c;
  std::vector<Axis> axes;
};

// Few different values, so windows have ties; some NaN and infinities.
Array image(DType dtype, const std::vector<int64_t>& shape, bool specials) {
  Array x = random_array(dtype, shape, 5);
  for (int64_t i = 0; i < x.view.size(); ++i) {
    x.set(i, std::round(x.at(i) * 3));
    if (specials && i % 7 == 3) x.set(i, NAN);
    if (specials && i % 5 == 1) x.set(i, -INFINITY);
    if (specials && i % 11 == 2) x.set(i, INFINITY);
  }
  return x;
}

void check_case(const Case& t, DType dtype, bool specials) {
  std::vector<int64_t> x_shape = {t.n}, y_shape = {t.n}, ints;
  int64_t window = 1;
  for (const Axis& a : t.axes) {
    x_shape.push_back(a.size);
    y_shape.push_back((a.size + a.low + a.high - a.window) / a.stride + 1);
    ints.push_back(a.window);
    window *= a.window;
  }
  x_shape.push_back(t.c);
  y_shape.push_back(t.c);
  for (const Axis& a : t.axes) ints.push_back(a.stride);
  for (const Axis& a : t.axes) {
    ints.push_back(a.low);
    ints.push_back(a.high);
  }
  const Array x = image(dtype, x_shape, specials);
  const Array dy = random_array(dtype, y_shape, 1), v = random_array(dtype, x_shape, 2);
  std::string what = name_of(dtype);
  for (int64_t value : x_shape) what += ' ' + std::to_string(value);
  for (int64_t value : ints) what += ' ' + std::to_string(value);
  check_op("max_pool " + what, "max_pool", {&x}, dtype, y_shape, ints, 0);
  const std::vector<Out> outs = {{dtype, y_shape}, {window <= 256 ? DType::U8 : DType::I32, y_shape}};
  check_kernel("max_pool_places", {&x}, outs, {ints, {}}, {});
  const Array places = run(cpu::Isa::Reference, "max_pool_places", {&x}, outs, {ints, {}}).out[1];
  check_op("max_pool_grad " + what, "max_pool_grad", {&dy, &places}, dtype, x_shape, ints, window);
  check_op("max_pool_pick " + what, "max_pool_pick", {&v, &places}, dtype, y_shape, ints, 0);
  check_op("avg_pool " + what, "avg_pool", {&x}, dtype, y_shape, ints, 4 * window);
  check_op("avg_pool_grad " + what, "avg_pool_grad", {&dy}, dtype, x_shape, ints, window);
}

}  // namespace

int main() {
  // n, channels; size, window, stride, low, high of each dimension
  const Case cases[] = {
      {2, 32, {{8, 2, 2, 0, 0}, {8, 2, 2, 0, 0}}},                   // as most models
      {3, 1, {{7, 2, 2, 0, 0}, {9, 2, 2, 0, 0}}},                    // one channel
      {2, 3, {{7, 3, 2, 1, 1}, {9, 3, 2, 1, 1}}},                    // overlapping, padded
      {2, 17, {{9, 3, 1, 1, 1}, {6, 2, 1, 0, 1}}},                   // overlapping, odd channels
      {2, 131, {{6, 2, 2, 0, 0}, {6, 3, 3, 0, 0}}},                  // several stretches of channels
      {2, 33, {{7, 2, 2, 1, 0}, {9, 3, 3, 2, 1}}},                   // disjoint, padded
      {2, 20, {{4, 2, 2, 3, 3}, {4, 2, 2, 2, 2}}},                   // windows wholly in the padding
      {1, 5, {{40, 3, 1, 1, 1}, {40, 3, 1, 1, 1}}},                  // more than one piece
      {5, 3, {{9, 2, 2, 0, 1}, {8, 2, 2, 1, 0}}},                    // many images, few channels
      {4, 17, {{9, 3, 2, 1, 1}, {11, 3, 2, 0, 1}}},                  // many, overlapping, odd channels
      {4, 16, {{4, 3, 1, 4, 3}, {7, 3, 2, 1, 1}, {6, 3, 2, 0, 0}}},  // many, three dimensions, some in the padding
      {4, 5, {{5, 2, 2, 3, 3}, {4, 2, 2, 4, 4}}},                    // many, windows wholly in the padding
      {4, 3, {{9, 4, 2, 1, 1}, {8, 2, 1, 0, 1}}},                    // many, windows that are not square
      {1, 5, {{12, 7, 1, 3, 3}, {13, 6, 1, 2, 3}}},                  // elements of more than 32 windows
      {1, 5, {{16, 13, 2, 6, 6}, {17, 13, 2, 6, 6}}},                // the same, apart
      {0, 8, {{4, 2, 2, 0, 0}, {4, 2, 2, 0, 0}}},                    // no images
      {2, 0, {{4, 2, 2, 0, 0}, {4, 2, 2, 0, 0}}},                    // no channels
      {2, 19, {{9, 3, 2, 1, 1}}},                                    // one dimension
      {3, 1, {{12, 4, 4, 0, 0}}},                                    // one dimension, one channel
      {2, 5, {{5, 2, 2, 0, 1}, {6, 3, 1, 1, 1}, {7, 3, 2, 1, 1}}},   // three dimensions
      {1, 33, {{4, 2, 2, 2, 2}, {4, 2, 2, 0, 0}, {4, 2, 2, 0, 0}}},  // three, windows wholly in the padding
      {2, 21, {{40, 23, 9, 5, 5}, {20, 12, 7, 3, 3}}},               // more than 256 places
      {2, 18, {{40, 17, 17, 0, 0}, {35, 16, 16, 0, 0}}},             // more, disjoint
      {1, 3, {{300, 260, 20, 0, 0}}},                                // more, few channels
      {1, 16, {{16, 16, 16, 0, 0}, {16, 16, 16, 0, 0}}},             // 256
  };
  for (const Case& t : cases)
    for (DType dtype : {DType::F32, DType::F64, DType::BF16, DType::F16})
      for (bool specials : {false, true}) check_case(t, dtype, specials);
  return CHECK_RESULT();
}
