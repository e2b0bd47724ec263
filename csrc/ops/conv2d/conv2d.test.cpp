// conv2d and its gradients against their references: strides, dilations, paddings, groups, few and many channels, sizes
// of 0.
#include "gemm/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

struct Case {
  int64_t n, h, w, c, kh, kw, o, sh, sw, dh, dw, top, bottom, left, right, groups;
};

int64_t result_size(int64_t size, int64_t pads, int64_t filter, int64_t stride, int64_t dilation) {
  const int64_t room = size + pads - (filter - 1) * dilation - 1;
  return room < 0 ? 0 : room / stride + 1;
}

void check_case(const Case& t, DType dtype, bool bias, int64_t activation) {
  const int64_t oh = result_size(t.h, t.top + t.bottom, t.kh, t.sh, t.dh);
  const int64_t ow = result_size(t.w, t.left + t.right, t.kw, t.sw, t.dw);
  const std::vector<int64_t> x_shape = {t.n, t.h, t.w, t.c}, w_shape = {t.kh, t.kw, t.c / t.groups, t.o};
  const std::vector<int64_t> y_shape = {t.n, oh, ow, t.o};
  const Array x = random_array(dtype, x_shape, 1), w = random_array(dtype, w_shape, 2);
  const Array dy = random_array(dtype, y_shape, 3), add = random_array(dtype, {t.o}, 4);
  std::vector<int64_t> ints = {t.sh, t.sw, t.dh, t.dw, t.top, t.bottom, t.left, t.right, t.groups, activation};
  std::string what = name_of(dtype);
  for (int64_t value : {t.n, t.h, t.w, t.c, t.kh, t.kw, t.o}) what += ' ' + std::to_string(value);
  for (int64_t value : ints) what += ' ' + std::to_string(value);
  std::vector<const Array*> in = {&x, &w};
  if (bias) in.push_back(&add);
  check_op("conv2d " + what, "conv2d", in, dtype, y_shape, ints, t.kh * t.kw * t.c);
  ints[9] = 0;
  check_op("conv2d_grad_input " + what, "conv2d_grad_input", {&dy, &w}, dtype, x_shape, ints, t.kh * t.kw * t.o);
  check_op("conv2d_grad_filter " + what, "conv2d_grad_filter", {&x, &dy}, dtype, w_shape, ints, t.n * oh * ow);
}

}  // namespace

int main() {
  const Case cases[] = {
      // n  h   w   c  kh kw  o  sh sw dh dw  t  b  l  r  g
      {2, 8, 8, 1, 3, 3, 32, 1, 1, 1, 1, 1, 1, 1, 1, 1},       // digits
      {3, 7, 9, 3, 3, 3, 8, 1, 1, 1, 1, 0, 0, 0, 0, 1},        // valid
      {2, 9, 10, 3, 3, 2, 5, 2, 3, 1, 1, 1, 0, 0, 1, 1},       // strided, uneven padding
      {1, 11, 12, 17, 3, 3, 33, 2, 2, 1, 1, 1, 1, 1, 1, 1},    // strided, odd channels
      {2, 13, 11, 5, 3, 3, 7, 1, 1, 2, 3, 2, 2, 3, 3, 1},      // dilated
      {1, 17, 16, 4, 3, 4, 6, 2, 3, 3, 2, 2, 1, 4, 2, 1},      // strided and dilated
      {1, 14, 14, 3, 2, 2, 4, 4, 4, 2, 2, 0, 0, 0, 0, 1},      // pixels that no tap reaches
      {2, 6, 7, 40, 1, 1, 50, 1, 1, 1, 1, 0, 0, 0, 0, 1},      // 1x1
      {2, 7, 7, 20, 1, 1, 24, 2, 2, 1, 1, 0, 0, 0, 0, 1},      // 1x1 strided
      {1, 5, 5, 64, 3, 3, 64, 1, 1, 1, 1, 1, 1, 1, 1, 1},      // K of several blocks
      {2, 8, 6, 12, 3, 3, 18, 1, 1, 1, 1, 1, 1, 1, 1, 3},      // groups
      {1, 8, 6, 8, 3, 3, 24, 2, 1, 1, 1, 1, 1, 1, 1, 8},       // depth multiplier
      {2, 9, 8, 37, 3, 3, 37, 1, 1, 1, 1, 1, 1, 1, 1, 37},     // depthwise
      {1, 9, 8, 130, 3, 2, 130, 2, 2, 1, 2, 1, 0, 1, 0, 130},  // depthwise, strided
      {1, 4, 4, 2, 6, 5, 3, 1, 1, 1, 1, 3, 2, 2, 2, 1},        // filter larger than the image
      {8, 24, 24, 2, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},      // filter gradient in parts
      {6, 30, 30, 20, 3, 3, 20, 1, 1, 1, 1, 1, 1, 1, 1, 20},   // the same, depthwise
      {0, 6, 6, 3, 3, 3, 4, 1, 1, 1, 1, 0, 0, 0, 0, 1},        // no images
      {2, 6, 6, 0, 3, 3, 4, 1, 1, 1, 1, 0, 0, 0, 0, 1},        // no channels
      {2, 6, 6, 3, 3, 3, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1},        // no filters
      {2, 2, 6, 3, 3, 3, 4, 1, 1, 1, 1, 0, 0, 0, 0, 1},        // no results
  };
  int64_t turn = 0;
  for (const Case& t : cases)
    for (DType dtype : {DType::F32, DType::F64, DType::BF16, DType::F16}) {
      check_case(t, dtype, turn % 3 != 0, turn % 4);
      ++turn;
    }
  return CHECK_RESULT();
}
