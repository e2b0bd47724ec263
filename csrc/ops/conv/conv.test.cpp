// conv and its gradients against their references: one to three dimensions, strides, dilations, paddings, groups, few
// and many channels, sizes of 0.
#include <algorithm>

#include "gemm/testing.h"
#include "ops/conv/conv.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

// Per spatial dimension.
struct Axis {
  int64_t size, window, stride, dilation, low, high;

  int64_t result() const {
    const int64_t room = size + low + high - (window - 1) * dilation - 1;
    return room < 0 ? 0 : room / stride + 1;
  }
};

struct Case {
  int64_t n, c, o, groups;
  std::vector<Axis> axes;
};

// Bias, scale and residual, the last only where the convolution takes one, and an activation.
struct Ends {
  bool bias, scale, residual;
  int64_t activation;
};
// All of them, as numbers rise.
Ends ends_of(int64_t turn) { return {turn % 3 != 0, turn / 3 % 2 != 0, turn / 2 % 2 != 0, turn % 5}; }

// special: one number of the image is NaN, and only results that it meets may be.
// layout: kXFirst and kYFirst of conv.h.
void check_case(const Case& t, DType dtype, Ends ends, int64_t layout, bool special = false) {
  std::vector<int64_t> x_shape = {t.n}, w_shape, y_shape = {t.n}, ints;
  int64_t taps = 1, results = t.n;
  // ops/conv/winograd.h, where it is used, may have up to four times the error.
  bool points = t.c >= 12 && t.o >= 12;
  ends.residual = ends.residual && t.groups == 1 && layout == 0;
  for (const Axis& a : t.axes) {
    ends.residual = ends.residual && a.window == 1 && a.stride == 1 && a.low == 0 && a.high == 0;
    points = points && a.stride == 1 && (a.dilation == 1 || (t.axes.size() == 3 && &a == t.axes.data()));
    x_shape.push_back(a.size);
    w_shape.push_back(a.window);
    y_shape.push_back(a.result());
    taps *= a.window;
    results *= a.result();
  }
  x_shape.push_back(t.c);
  w_shape.push_back(t.c / t.groups);
  w_shape.push_back(t.o);
  y_shape.push_back(t.o);
  if (layout & 1) std::rotate(x_shape.begin() + 1, x_shape.end() - 1, x_shape.end());
  if (layout & 2) std::rotate(y_shape.begin() + 1, y_shape.end() - 1, y_shape.end());
  for (const Axis& a : t.axes) ints.push_back(a.stride);
  for (const Axis& a : t.axes) ints.push_back(a.dilation);
  for (const Axis& a : t.axes) {
    ints.push_back(a.low);
    ints.push_back(a.high);
  }
  ints.push_back(t.groups);
  ints.push_back(ends.activation + (ends.scale ? kScaled : 0) + (ends.residual ? kAdded : 0));
  ints.push_back(layout);
  Array x = random_array(dtype, x_shape, 1);
  if (special) x.set(x.view.size() / 2, NAN);
  const Array w = random_array(dtype, w_shape, 2);
  const Array dy = random_array(dtype, y_shape, 3), add = random_array(dtype, {t.o}, 4),
              scale = random_array(dtype, {t.o}, 5), shift = random_array(dtype, {t.o}, 6);
  std::string what = name_of(dtype);
  for (int64_t value : x_shape) what += ' ' + std::to_string(value);
  for (int64_t value : w_shape) what += ' ' + std::to_string(value);
  for (int64_t value : ints) what += ' ' + std::to_string(value);
  std::vector<const Array*> in = {&x, &w};
  if (ends.bias) in.push_back(&add);
  if (ends.scale) in.insert(in.end(), {&scale, &shift});
  if (ends.residual) in.push_back(&dy);
  const int64_t error = points ? 4 : 1, largest = ends.scale ? 4 : 1;
  check_op("conv " + what, "conv", in, dtype, y_shape, ints, taps * t.c * error * largest);
  ints[ints.size() - 2] = 0;
  check_op("conv_grad_input " + what, "conv_grad_input", {&dy, &w}, dtype, x_shape, ints, taps * t.o * error);
  check_op("conv_grad_filter " + what, "conv_grad_filter", {&x, &dy}, dtype, w_shape, ints, results * error);
}

}  // namespace

int main() {
  // n, channels, filters, groups; size, window, stride, dilation, low, high of each dimension
  const Case cases[] = {
      {2, 1, 32, 1, {{8, 3, 1, 1, 1, 1}, {8, 3, 1, 1, 1, 1}}},     // digits
      {3, 3, 8, 1, {{7, 3, 1, 1, 0, 0}, {9, 3, 1, 1, 0, 0}}},      // valid
      {2, 3, 5, 1, {{9, 3, 2, 1, 1, 0}, {10, 2, 3, 1, 0, 1}}},     // strided, uneven padding
      {1, 17, 33, 1, {{11, 3, 2, 1, 1, 1}, {12, 3, 2, 1, 1, 1}}},  // strided, odd channels
      {2, 5, 7, 1, {{13, 3, 1, 2, 2, 2}, {11, 3, 1, 3, 3, 3}}},    // dilated
      {1, 4, 6, 1, {{17, 3, 2, 3, 2, 1}, {16, 4, 3, 2, 4, 2}}},    // strided and dilated
      {1, 3, 4, 1, {{14, 2, 4, 2, 0, 0}, {14, 2, 4, 2, 0, 0}}},    // pixels that no tap reaches
      {2, 50, 33, 1, {{13, 3, 2, 1, 1, 1}, {11, 3, 2, 1, 0, 1}}},  // strided, filters' taps one by one
      {1, 60, 195, 1, {{9, 2, 2, 1, 0, 0}, {70, 4, 2, 1, 1, 1}}},  // the same, packed
      {2, 52, 9, 1, {{14, 2, 3, 1, 0, 0}, {17, 2, 3, 1, 0, 1}}},   // few filters, pixels between the windows
      {2, 7, 9, 1, {{13, 3, 1, 5, 5, 5}, {9, 3, 1, 4, 4, 4}}},     // taps far apart
      {1, 9, 5, 1, {{10, 3, 1, 12, 12, 12}}},                      // all but one outside
      {1, 70, 20, 2, {{9, 3, 1, 4, 4, 4}, {5, 2, 1, 4, 2, 2}, {7, 3, 2, 4, 3, 3}}},  // three, strided, groups
      {1, 5, 3, 1, {{9, 2, 1, 6, 0, 9}, {4, 3, 1, 1, 1, 1}}},                        // none beyond one row
      {1, 300, 40, 1, {{5, 2, 2, 1, 0, 0}, {6, 3, 2, 1, 1, 1}}},                     // to and from many channels
      {1, 40, 300, 1, {{6, 3, 1, 4, 4, 4}, {5, 2, 2, 1, 0, 0}}},                     // and many filters
      {2, 300, 70, 1, {{6, 1, 1, 1, 0, 0}, {7, 1, 1, 1, 0, 0}}},    // 1x1, many channels to few filters
      {2, 40, 50, 1, {{6, 1, 1, 1, 0, 0}, {7, 1, 1, 1, 0, 0}}},     // 1x1
      {2, 40, 520, 2, {{6, 1, 1, 1, 0, 0}, {7, 1, 1, 1, 0, 0}}},    // the same, to many, groups
      {2, 20, 24, 1, {{7, 1, 2, 1, 0, 0}, {7, 1, 2, 1, 0, 0}}},     // 1x1 strided
      {1, 64, 64, 1, {{5, 3, 1, 1, 1, 1}, {5, 3, 1, 1, 1, 1}}},     // K of several blocks
      {1, 260, 9, 1, {{5, 3, 1, 1, 1, 1}, {4, 3, 1, 1, 1, 1}}},     // from many channels
      {1, 270, 40, 1, {{5, 3, 2, 1, 1, 1}, {4, 2, 1, 1, 0, 1}}},    // from many to more than few
      {1, 9, 260, 1, {{5, 3, 2, 1, 1, 1}, {4, 3, 1, 1, 1, 1}}},     // to many
      {1, 200, 8, 1, {{4, 3, 1, 1, 1, 1}, {70, 3, 1, 1, 1, 1}}},    // rows in several pieces
      {2, 12, 18, 3, {{8, 3, 1, 1, 1, 1}, {6, 3, 1, 1, 1, 1}}},     // groups
      {1, 8, 24, 8, {{8, 3, 2, 1, 1, 1}, {6, 3, 1, 1, 1, 1}}},      // depth multiplier
      {2, 24, 24, 8, {{100, 3, 1, 1, 1, 1}, {90, 3, 1, 1, 1, 1}}},  // groups of few channels, image by image (spread.h)
      {3, 21, 14, 7, {{9, 3, 2, 1, 1, 0}, {11, 4, 3, 2, 2, 1}}},    // the same, strided and dilated
      {2, 34, 17, 17, {{3, 1, 1, 1, 0, 0}, {7, 3, 1, 1, 1, 1}, {9, 5, 1, 1, 2, 2}}},  // the same, planes
      {2, 40, 40, 5, {{9, 5, 1, 1, 2, 2}, {12, 5, 1, 1, 2, 2}}},   // groups two at a time, and one that is left
      {1, 32, 28, 4, {{13, 3, 2, 1, 1, 1}, {17, 4, 1, 2, 3, 2}}},  // the same, odd results, strided and dilated
      {2, 66, 30, 6, {{21, 6, 1, 1, 3, 2}, {5, 5, 1, 1, 2, 2}}},   // the same, several blocks
      {1, 36, 48, 6, {{3, 2, 1, 1, 1, 0}, {9, 3, 1, 1, 1, 1}, {10, 3, 3, 1, 0, 1}}},  // the same, planes
      {2, 32, 32, 8, {{9, 3, 1, 1, 1, 1}, {17, 3, 1, 1, 1, 1}}},                      // groups of four (grouped.h)
      {3, 16, 16, 4, {{5, 3, 1, 1, 1, 0}, {8, 3, 1, 1, 0, 1}}},                       // the same, uneven padding
      {2, 64, 64, 8, {{6, 3, 1, 1, 0, 0}, {31, 3, 1, 1, 0, 0}}},                      // groups of eight, valid
      {4, 32, 32, 4, {{33, 3, 1, 1, 1, 1}, {28, 3, 1, 1, 1, 1}}},  // the same, filter gradient in parts
      {2, 48, 48, 6, {{3, 1, 1, 1, 0, 0}, {1, 3, 1, 1, 1, 1}, {14, 3, 1, 1, 1, 1}}},  // planes of one row
      {2, 32, 32, 8, {{9, 3, 2, 1, 1, 1}, {31, 3, 2, 1, 1, 1}}},                      // strided
      {2, 48, 48, 6, {{8, 3, 2, 1, 0, 1}, {18, 3, 2, 1, 0, 1}}},                      // the same, uneven padding
      {3, 16, 16, 4, {{12, 3, 1, 1, 1, 1}, {16, 3, 2, 1, 1, 0}}},                     // strided along one dimension
      {2, 48, 48, 3, {{9, 3, 2, 1, 1, 1}, {17, 3, 2, 1, 1, 1}}},                      // groups of sixteen, strided
      {2, 32, 32, 2, {{8, 3, 2, 1, 0, 1}, {30, 3, 2, 1, 0, 1}}},                      // the same, uneven padding
      {2, 32, 32, 8, {{6, 3, 1, 1, 1, 1}, {9, 3, 1, 1, 0, 1}}},                       // uneven along the rows alone
      {2, 32, 32, 4, {{6, 3, 1, 1, 1, 1}, {9, 3, 1, 1, 1, 0}}},                       // the same
      {2, 37, 37, 37, {{9, 3, 1, 1, 1, 1}, {8, 3, 1, 1, 1, 1}}},                      // depthwise
      {1, 130, 130, 130, {{9, 3, 2, 1, 1, 0}, {8, 2, 2, 2, 1, 0}}},                   // depthwise, strided
      {2, 37, 37, 37, {{9, 5, 1, 1, 2, 2}, {8, 5, 1, 1, 2, 2}}},                      // depthwise, wider windows
      {1, 33, 33, 33, {{20, 7, 1, 1, 3, 3}, {23, 7, 1, 1, 3, 3}}},                    // the same
      {2, 20, 20, 20, {{15, 3, 2, 1, 0, 1}, {17, 3, 2, 1, 0, 1}}},                    // depthwise, strided
      {1, 18, 18, 18, {{16, 5, 2, 1, 1, 2}, {33, 5, 2, 1, 1, 2}}},                    // the same
      {2, 16, 16, 16, {{19, 3, 1, 2, 2, 2}, {22, 5, 1, 3, 6, 6}}},                    // depthwise, dilated
      {1, 19, 19, 19, {{14, 3, 2, 2, 1, 2}, {21, 4, 3, 2, 3, 3}}},                    // depthwise, both
      {2, 3, 3, 3, {{9, 3, 1, 1, 1, 1}, {30, 3, 1, 1, 1, 1}}},                        // depthwise, few channels
      {1, 32, 32, 32, {{66000, 3, 1, 1, 1, 1}}},                    // depthwise, results past the caches
      {1, 16, 128, 1, {{26000, 1, 1, 1, 0, 0}}},                    // 1x1, the same
      {1, 2, 3, 1, {{4, 6, 1, 1, 3, 2}, {4, 5, 1, 1, 2, 2}}},       // filter larger than the image
      {8, 2, 3, 1, {{24, 3, 1, 1, 1, 1}, {24, 3, 1, 1, 1, 1}}},     // filter gradient in parts
      {6, 20, 20, 20, {{30, 3, 1, 1, 1, 1}, {30, 3, 1, 1, 1, 1}}},  // the same, depthwise
      {4, 16, 16, 1, {{14, 3, 1, 1, 1, 1}, {13, 3, 1, 1, 1, 1}}},   // by points (winograd.h)
      {3, 20, 37, 1, {{17, 3, 1, 1, 0, 0}, {19, 3, 1, 1, 2, 0}}},   // the same, other channels and padding
      {2, 32, 48, 2, {{16, 3, 1, 1, 1, 1}, {18, 3, 1, 1, 1, 1}}},   // groups
      {2, 260, 17, 1, {{16, 3, 1, 1, 1, 1}, {16, 3, 1, 1, 1, 1}}},  // several blocks
      {5, 12, 70, 1, {{30, 3, 1, 1, 1, 1}, {28, 3, 1, 1, 1, 1}}},   // several chains of tiles
      {2, 16, 16, 1, {{3, 1, 1, 1, 0, 0}, {8, 3, 1, 1, 1, 1}, {12, 3, 1, 1, 1, 1}}},    // planes
      {1, 16, 18, 1, {{19, 3, 1, 1, 1, 1}, {9, 3, 1, 1, 1, 1}, {6, 3, 1, 1, 1, 1}}},    // windows of planes
      {2, 24, 36, 2, {{5, 3, 1, 2, 3, 4}, {7, 3, 1, 1, 0, 1}, {8, 3, 1, 1, 1, 1}}},     // the same, dilated, groups
      {1, 12, 37, 1, {{3, 2, 1, 1, 4, 4}, {8, 3, 1, 1, 1, 1}, {9, 3, 1, 1, 0, 0}}},     // wholly in the padding
      {1, 260, 12, 1, {{3, 2, 1, 1, 1, 0}, {13, 3, 1, 1, 1, 1}, {13, 3, 1, 1, 1, 1}}},  // several blocks
      {2, 7, 41, 1, {{13, 5, 1, 1, 2, 2}, {13, 5, 1, 1, 2, 2}}},                        // three vectors of filters
      {2, 20, 70, 1, {{9, 2, 1, 1, 0, 1}, {8, 5, 1, 2, 4, 4}}},                         // five
      {3, 70, 20, 2, {{9, 3, 1, 2, 0, 0}, {8, 3, 1, 2, 0, 0}}},     // few, turned over, in place up to the last image
      {5, 12, 17, 1, {{1, 1, 1, 1, 0, 0}, {1, 1, 1, 1, 0, 0}}},     // the same, vectors beyond the next images
      {3, 2, 1, 1, {{3, 2, 1, 1, 0, 0}, {3, 2, 1, 1, 0, 0}}},       // the same, half a vector of rows of taps
      {2, 13, 25, 1, {{11, 5, 1, 1, 2, 2}, {9, 5, 2, 1, 2, 2}}},    // the same, whole ones
      {1, 5, 80, 1, {{3, 2, 1, 1, 4, 4}, {9, 3, 1, 2, 2, 2}}},      // rows of results wholly in the padding
      {2, 24, 144, 1, {{20, 1, 1, 1, 0, 0}, {21, 1, 1, 1, 0, 0}}},  // 1x1, few rows of dw
      {0, 3, 4, 1, {{6, 3, 1, 1, 0, 0}, {6, 3, 1, 1, 0, 0}}},       // no images
      {2, 0, 4, 1, {{6, 3, 1, 1, 0, 0}, {6, 3, 1, 1, 0, 0}}},       // no channels
      {2, 3, 0, 1, {{6, 3, 1, 1, 0, 0}, {6, 3, 1, 1, 0, 0}}},       // no filters
      {2, 3, 4, 1, {{2, 3, 1, 1, 0, 0}, {6, 3, 1, 1, 0, 0}}},       // no results
      {2, 24, 3, 1, {{7, 3, 1, 1, 1, 1}, {8, 3, 1, 1, 1, 1}}},      // to few channels
      {2, 2, 33, 1, {{7, 3, 2, 1, 1, 1}, {8, 2, 3, 1, 0, 1}}},      // from few channels, strided
      {1, 40, 2, 2, {{7, 3, 1, 2, 2, 2}, {6, 1, 1, 1, 0, 0}}},      // to few channels of each group
      {1, 30, 9, 3, {{7, 3, 1, 1, 1, 1}, {9, 4, 2, 1, 1, 1}}},      // from so few that it goes in tiles
      {2, 20, 4, 1, {{7, 3, 1, 1, 1, 1}, {13, 3, 1, 2, 2, 2}}},     // the same, one group
      {1, 24, 1, 1, {{3, 3, 1, 1, 1, 1}, {2300, 5, 1, 1, 3, 2}}},   // to few channels (shares.h), parts of rows
      {1, 32, 2, 1, {{70, 3, 1, 1, 1, 0}, {61, 3, 1, 2, 2, 2}}},    // the same, bands of rows
      {2, 3, 24, 1, {{21, 5, 2, 3, 5, 6}, {36, 4, 3, 1, 0, 2}}},    // from few, other strides
      {2, 9, 1, 1, {{11, 4, 2, 1, 1, 2}}},                          // one dimension, to one channel
      {2, 9, 1, 1, {{40, 4, 2, 1, 1, 2}}},                          // the same, many pixels side by side
      {1, 17, 2, 1, {{7, 3, 2, 1, 1, 1}, {27, 3, 3, 1, 1, 1}}},     // to few channels, strided
      {2, 3, 24, 1, {{7, 3, 1, 1, 4, 4}, {9, 3, 1, 1, 4, 6}}},      // from few, padding beyond the windows
      {2, 5, 9, 1, {{17, 3, 1, 2, 4, 0}}},                          // one dimension, causal and dilated
      {3, 4, 6, 2, {{18, 4, 3, 1, 1, 2}}},                          // one dimension, strided, groups
      {2, 7, 7, 7, {{19, 5, 2, 1, 2, 2}}},                          // one dimension, depthwise
      {2, 3, 5, 1, {{5, 3, 1, 1, 1, 1}, {6, 2, 1, 1, 0, 1}, {7, 3, 1, 1, 1, 1}}},     // three dimensions
      {1, 17, 9, 1, {{6, 2, 2, 1, 0, 1}, {7, 3, 3, 2, 2, 2}, {8, 3, 2, 1, 1, 1}}},    // three, strided and dilated
      {2, 6, 4, 2, {{4, 3, 1, 1, 1, 1}, {5, 3, 2, 1, 1, 0}, {4, 1, 1, 1, 0, 0}}},     // three, groups
      {1, 19, 19, 19, {{4, 2, 2, 1, 0, 0}, {5, 3, 1, 2, 2, 2}, {6, 3, 2, 1, 1, 1}}},  // three, depthwise
      {2, 3, 3, 3, {{4, 2, 1, 1, 1, 0}, {5, 3, 1, 1, 1, 1}, {7, 4, 1, 1, 1, 2}}},     // the same, few channels
      {2, 8, 16, 1, {{3, 1, 1, 1, 0, 0}, {3, 1, 1, 1, 0, 0}, {4, 1, 1, 1, 0, 0}}},    // three, single pixels
  };
  int64_t turn = 0;
  for (const Case& t : cases)
    for (DType dtype : {DType::F32, DType::F64, DType::BF16, DType::F16}) {
      // Layouts, and emulators, meet each path in float32, and in one of the others by turns.
      const bool chosen = turn % 4 == 0 || turn % 4 == turn / 4 % 3 + 1;
      if (chosen || !kEmulated) check_case(t, dtype, ends_of(turn), 0);
      if (chosen) check_case(t, dtype, ends_of(turn + 1), turn / 4 % 3 + 1);
      ++turn;
    }
  // Channels first, by products along pixels (planar.h).
  const Case firsts[] = {
      {5, 20, 11, 1, {{3, 1, 1, 1, 0, 0}, {4, 1, 1, 1, 0, 0}}},     // images together, and one that is left
      {2, 300, 19, 1, {{11, 1, 1, 1, 0, 0}, {19, 1, 1, 1, 0, 0}}},  // blocks of K
      {1, 6, 1040, 1, {{7, 1, 1, 1, 0, 0}, {45, 1, 1, 1, 0, 0}}},   // strips of results, parts of rows
      {2, 18, 30, 3, {{9, 1, 1, 1, 0, 0}, {9, 1, 1, 1, 0, 0}}},     // groups
      {3, 16, 24, 8, {{15, 1, 1, 1, 0, 0}, {19, 1, 1, 1, 0, 0}}},   // of few channels
      {7, 36, 40, 1, {{30, 1, 1, 1, 0, 0}, {21, 1, 1, 1, 0, 0}}},   // filters' gradient in parts
      {2, 1, 32, 1, {{28, 3, 1, 1, 1, 1}, {28, 3, 1, 1, 1, 1}}},    // windows, rows of whole lines
      {3, 3, 33, 1, {{37, 7, 2, 1, 2, 3}, {41, 7, 2, 1, 3, 3}}},    // strided
      {2, 6, 66, 2, {{23, 4, 3, 1, 2, 0}, {25, 2, 3, 2, 0, 3}}},    // strided and dilated, groups
      {2, 4, 37, 1, {{8, 9, 1, 1, 4, 4}, {9, 9, 1, 1, 4, 4}}},      // windows and blocks of K
      {5, 2, 32, 1, {{5, 2, 1, 1, 1, 0}, {4, 3, 1, 1, 0, 1}}},      // images together
      {1, 2, 33, 1, {{3000, 5, 1, 1, 4, 0}}},                       // one dimension, parts of rows
      {3, 2, 66, 2, {{40, 3, 2, 1, 1, 1}, {35, 2, 1, 2, 0, 1}}},    // filters' gradient by dots (dots.h), groups
      {2, 1, 33, 1, {{5, 2, 1, 1, 0, 1}, {9, 2, 1, 1, 1, 0}, {11, 3, 1, 1, 1, 1}}},  // the same, three
      {2, 4, 35, 1, {{4, 3, 1, 1, 1, 1}, {5, 2, 1, 1, 1, 0}, {6, 3, 1, 1, 1, 1}}},   // three
      {3, 24, 2, 1, {{5, 3, 1, 1, 1, 1}, {7, 3, 1, 1, 1, 1}}},  // to few (shares.h), vectors beyond the last image
      {2, 48, 4, 2, {{3, 2, 1, 1, 1, 0}, {5, 3, 1, 1, 1, 1}, {9, 3, 1, 1, 1, 1}}},  // the same, groups, three
      {1, 2, 32, 1, {{4, 3, 1, 1, 5, 4}, {6, 3, 1, 1, 7, 5}}},                      // padding beyond the windows
      {1, 200, 8, 1, {{4, 3, 1, 1, 1, 1}, {70, 3, 1, 1, 1, 1}}},    // parts of rows in the gradient of filters
      {1, 1, 49, 1, {{255, 1, 1, 1, 0, 0}, {261, 1, 1, 1, 0, 0}}},  // past the caches
  };
  for (const Case& t : firsts) {
    check_case(t, DType::F32, ends_of(turn), 3);
    check_case(t, turn % 2 == 0 ? DType::F64 : DType::BF16, ends_of(turn + 4), 3);
    ++turn;
  }
  const Case ways[] = {
      {1, 20, 20, 20, {{9, 3, 1, 1, 1, 1}, {11, 3, 1, 1, 1, 1}}},  // depthwise
      {1, 5, 5, 5, {{9, 3, 1, 1, 1, 1}, {11, 4, 1, 1, 1, 1}}},     // depthwise, few channels
      {1, 24, 2, 1, {{9, 3, 1, 1, 1, 1}, {11, 3, 1, 1, 1, 1}}},    // to few channels
      {1, 5, 33, 1, {{9, 3, 1, 1, 1, 1}, {11, 3, 1, 1, 1, 1}}},    // from few
      {1, 130, 70, 1, {{9, 2, 2, 1, 1, 0}, {11, 2, 2, 1, 1, 0}}},  // packed
  };
  for (const Case& t : ways)
    for (int64_t activation : {0, 1}) {
      check_case(t, DType::F32, {true, activation == 0, false, activation}, activation * 3, true);
    }
  // Single pixels with all that may follow, by each way that takes it.
  const Case single[] = {
      {2, 40, 50, 1, {{6, 1, 1, 1, 0, 0}, {7, 1, 1, 1, 0, 0}}},    // in tiles
      {1, 300, 40, 1, {{9, 1, 1, 1, 0, 0}, {11, 1, 1, 1, 0, 0}}},  // blocks of K
      {1, 24, 300, 1, {{9, 1, 1, 1, 0, 0}, {11, 1, 1, 1, 0, 0}}},  // to many
      {2, 9, 20, 1, {{5, 1, 1, 1, 0, 0}, {37, 1, 1, 1, 0, 0}}},    // few steps, rows of results
      {2, 40, 3, 1, {{5, 1, 1, 1, 0, 0}, {7, 1, 1, 1, 0, 0}}},     // to few
      {3, 33, 7, 1, {{4, 1, 1, 1, 0, 0}}},                         // half a vector
  };
  for (const Case& t : single) {
    for (int64_t activation : {0, 1, 3, 4}) {
      if (kEmulated && activation % 2 != 0) continue;
      check_case(t, activation == 3 ? DType::F64 : DType::F32, {activation != 0, activation != 1, true, activation}, 0);
    }
  }
  check_case({1, 3, 256, 1, {{13000, 1, 1, 1, 0, 0}}}, DType::F32, {true, true, true, 1}, 0);  // past the caches
  return CHECK_RESULT();
}
