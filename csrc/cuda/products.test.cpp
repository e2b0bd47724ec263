// matmul and convolutions against the CPU's references: sizes around tiles, none, transposed operands, epilogues,
// strides, dilations, padding, groups, one to three dimensions.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "cuda/testing/device.h"
#include "ops/conv/conv.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

bool tf32 = false;  // whether float32 are rounded to TF32 where whole vectors of them are multiplied

void check(const char* op, const std::vector<const Array*>& in, const Shape& shape, const std::vector<int64_t>& ints,
           int64_t terms, double slack = 0) {
  const DType dtype = in[0]->view.dtype;
  const double rounding = dtype == DType::F64 ? 0x1p-52 : 0x1p-23;
  if (tf32) slack += 0x1p-9 * std::sqrt(static_cast<double>(terms));
  cuda::testing::check_op(op, in, {{dtype, shape}}, {ints, {}},
                          {4 * epsilon(dtype), rounding * (8 + static_cast<double>(terms)) + slack});
}

void check_matmul(DType dtype, int64_t batch, int64_t m, int64_t n, int64_t k, bool ta, bool tb, bool has_bias,
                  int64_t activation) {
  const auto shape = [&](int64_t a, int64_t b) { return batch > 0 ? Shape{batch, a, b} : Shape{a, b}; };
  const Array a = random_array(dtype, ta ? shape(k, m) : shape(m, k), 1),
              b = random_array(dtype, tb ? shape(n, k) : shape(k, n), 2), bias = random_array(dtype, {n}, 3),
              residual = random_array(dtype, shape(m, n), 4);
  std::vector<const Array*> in = {&a, &b};
  if (has_bias) in.push_back(&bias);
  if (ta) in.push_back(&residual);
  // Halves round before each step of the ending: the sum, whose size is about sqrt(k), and what is added to it.
  const double size = 1 + std::sqrt(static_cast<double>(k));
  check("matmul", in, shape(m, n), {ta, tb, activation, ta}, k, epsilon(dtype) * size);
}

struct Window {
  Shape image, window, strides, dilations, pads;
};

// Scaled and shifted where `ending` has kScaled, and with a residual where it has kAdded.
void check_conv(DType dtype, const Window& w, int64_t n, int64_t c, int64_t o, int64_t groups, bool has_bias,
                int64_t ending, int64_t layout = 0) {
  const size_t d = w.image.size();
  Shape x_shape = {n}, w_shape, y_shape = {n};
  for (size_t i = 0; i < d; ++i) {
    x_shape.push_back(w.image[i]);
    w_shape.push_back(w.window[i]);
    const int64_t reach = (w.window[i] - 1) * w.dilations[i] + 1;
    y_shape.push_back((w.image[i] + w.pads[2 * i] + w.pads[2 * i + 1] - reach) / w.strides[i] + 1);
  }
  x_shape.push_back(c);
  w_shape.insert(w_shape.end(), {c / groups, o});
  y_shape.push_back(o);
  if (layout & 1) std::rotate(x_shape.begin() + 1, x_shape.end() - 1, x_shape.end());
  if (layout & 2) std::rotate(y_shape.begin() + 1, y_shape.end() - 1, y_shape.end());
  std::vector<int64_t> ints = w.strides;
  ints.insert(ints.end(), w.dilations.begin(), w.dilations.end());
  ints.insert(ints.end(), w.pads.begin(), w.pads.end());
  ints.insert(ints.end(), {groups, ending, layout});
  const Array x = random_array(dtype, x_shape, 1), filters = random_array(dtype, w_shape, 2),
              bias = random_array(dtype, {o}, 3), dy = random_array(dtype, y_shape, 4),
              scale = random_array(dtype, {o}, 5), shift = random_array(dtype, {o}, 6);
  std::vector<const Array*> in = {&x, &filters};
  if (has_bias) in.push_back(&bias);
  if (ending & kScaled) in.insert(in.end(), {&scale, &shift});
  if (ending & kAdded) in.push_back(&dy);
  const int64_t taps = filters.view.size() / std::max<int64_t>(1, o);
  check("conv", in, y_shape, ints, (ending & kScaled) != 0 ? 16 * taps : taps);
  ints[ints.size() - 2] = 0;
  check("conv_grad_input", {&dy, &filters}, x_shape, ints, taps * o);
  check("conv_grad_filter", {&x, &dy}, w_shape, ints, dy.view.size());
}

void ask_for_tf32(bool yes) {
  yes ? setenv("CKERAS_CUDA_TF32", "1", 1) : unsetenv("CKERAS_CUDA_TF32");
  tf32 = yes;
}

// The nearest number of ten bits, ties away from zero: not what the units themselves would make of it, nor float32.
void check_rounding() {
  Array a(DType::F32, {8, 8}), b(DType::F32, {8, 8});
  const float values[] = {1 + 0x1.4p-11f, -1 - 0x1p-11f, 3 + 0x1p-12f, 0};
  for (int i = 0; i < 64; ++i) {
    a.view.as<float>()[i] = values[i / 8 % 4];
    b.view.as<float>()[i] = 1;
  }
  const auto first = [&](int row) {
    return cuda::testing::run_op("matmul", {&a, &b}, {{DType::F32, {8, 8}}}, {{0, 0, 0, 0}, {}}).out[0].at(8 * row);
  };
  const double rounded[] = {8 * (1 + 0x1p-10), -8 * (1 + 0x1p-10), 24, 0};
  for (int row = 0; row < 4; ++row) {
    CHECK_EQ(first(row), 8.0 * static_cast<double>(values[row]));
    ask_for_tf32(true);
    CHECK_EQ(first(row), rounded[row]);
    ask_for_tf32(false);
  }
}

}  // namespace

int main() {
  CHECK_DEVICE();
  for (DType dtype : kFloats) {
    for (int transposes = 0; transposes < 4; ++transposes) {
      const bool ta = transposes & 1, tb = transposes & 2;
      check_matmul(dtype, 0, 67, 65, 33, ta, tb, true, transposes);
      check_matmul(dtype, 3, 5, 7, 17, ta, tb, false, 0);
    }
  }
  for (DType dtype : {DType::F16, DType::BF16}) {  // whole vectors: tensor cores
    for (int transposes = 0; transposes < 4; ++transposes) {
      const bool ta = transposes & 1, tb = transposes & 2;
      check_matmul(dtype, 0, 136, 152, 104, ta, tb, true, transposes);
      check_matmul(dtype, 3, 8, 24, 16, ta, tb, false, 0);
      check_matmul(dtype, 0, 8, 8, 8, ta, tb, true, 0);
    }
    check_matmul(dtype, 0, 5, 264, 40, false, false, true, 1);
    check_matmul(dtype, 0, 130, 7, 72, false, true, true, 0);
    check_matmul(dtype, 2, 16, 24, 1160, dtype == DType::F16, false, true, 2);  // slices of the depth
    check_matmul(dtype, 0, 16, 8, 0, false, false, true, 0);
    check_matmul(dtype, 0, 0, 8, 8, false, false, false, 0);
  }
  for (int64_t size : {0, 1, 16, 63, 64}) {
    check_matmul(DType::F32, 0, size, 65, 7, false, false, true, 1);
    check_matmul(DType::F32, 0, 3, size, 7, false, false, false, 2);
    check_matmul(DType::F32, 0, 3, 5, size, false, false, true, 3);
  }
  const Window windows[] = {
      {{7, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {{8, 7}, {3, 2}, {2, 3}, {1, 1}, {0, 1, 1, 0}},
      {{9, 9}, {2, 3}, {1, 1}, {3, 2}, {2, 0, 1, 3}},
      {{5, 6}, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
      {{19}, {5}, {2}, {1}, {2, 2}},
      {{4, 5, 3}, {2, 3, 2}, {1, 2, 1}, {1, 1, 1}, {0, 1, 1, 1, 0, 0}},
      // pixels that meet few taps or none, strides and dilations with and without a common divisor, too many phases
      {{5, 7}, {1, 2}, {2, 3}, {1, 1}, {0, 0, 1, 2}},
      {{12, 13}, {3, 2}, {4, 3}, {2, 2}, {5, 1, 0, 2}},
      {{67, 2}, {2, 1}, {65, 1}, {1, 1}, {0, 0, 0, 0}},
      {{13}, {3}, {3}, {2}, {1, 2}},  // a first tap beyond a stride
  };
  for (DType dtype : kFloats) check_conv(dtype, windows[0], 2, 3, 5, 1, true, 1);
  for (int64_t layout : {1, 2, 3}) {  // channels first
    for (DType dtype : kFloats) check_conv(dtype, windows[1], 2, 8, 16, 1, true, 1, layout);
    check_conv(DType::F32, windows[4], 2, 4, 6, 2, true, 1 + kScaled, layout);
    check_conv(DType::F32, windows[5], 2, 4, 6, 1, true, 1, layout);
  }
  for (DType dtype : {DType::F32, DType::F64}) check_conv(dtype, windows[3], 2, 8, 24, 1, true, 1 + kScaled + kAdded);
  for (const Window& w : windows) {
    check_conv(DType::F32, w, 2, 4, 6, 1, false, 4 + kScaled);
    check_conv(DType::F32, w, 1, 4, 6, 2, true, 3);
    check_conv(DType::F32, w, 1, 3, 6, 3, true, 2);  // depthwise
  }
  for (DType dtype : {DType::F16, DType::BF16}) {  // whole vectors: tensor cores
    for (const Window& w : windows) check_conv(dtype, w, 2, 8, 24, 1, true, 1);
    for (const Window& w : windows) check_conv(dtype, w, 2, 3, 16, 1, true, 1);  // few channels
    check_conv(dtype, windows[1], 2, 10, 16, 2, false, 0);
    check_conv(dtype, windows[3], 1, 1, 8, 1, false, 0);
    check_conv(dtype, windows[0], 2, 32, 16, 2, true, 3);
    check_conv(dtype, windows[1], 3, 40, 72, 1, false, 0);
    check_conv(dtype, windows[0], 0, 8, 8, 1, true, 0);
  }
  check_conv(DType::BF16, {{25, 26}, {1, 2}, {1, 1}, {1, 1}, {0, 0, 0, 0}}, 2, 8, 136, 1, false, 0);  // slices
  check_conv(DType::BF16, {{6}, {3}, {2}, {1}, {1, 1}}, 1, 8, 512, 1, false, 0);  // of one phase alone
  check_conv(DType::F32, {{25, 26}, {1, 2}, {1, 1}, {1, 1}, {0, 0, 0, 0}}, 2, 4, 6, 2, false, 0);
  check_conv(DType::F32, windows[0], 0, 3, 5, 1, true, 1);
  check_conv(DType::F32, windows[0], 2, 2, 0, 1, false, 0);
  check_rounding();
  ask_for_tf32(true);
  for (int transposes = 0; transposes < 4; ++transposes) {
    const bool ta = transposes & 1, tb = transposes & 2;
    check_matmul(DType::F32, 0, 132, 148, 100, ta, tb, true, transposes);
    check_matmul(DType::F32, 3, 4, 12, 20, ta, tb, false, 0);
  }
  check_matmul(DType::F32, 2, 16, 24, 1160, true, false, true, 2);  // slices of the depth
  check_matmul(DType::F32, 0, 5, 7, 3, false, false, true, 0);      // no whole vectors
  for (const Window& w : windows) check_conv(DType::F32, w, 2, 4, 12, 1, true, 1 + kScaled);
  check_conv(DType::F32, windows[3], 2, 8, 24, 1, false, 4 + kAdded);
  check_conv(DType::F32, windows[1], 2, 16, 72, 2, false, 0);
  check_conv(DType::F32, windows[0], 2, 3, 12, 1, false, 0);  // no whole vectors of channels
  ask_for_tf32(false);
  return CHECK_RESULT();
}
