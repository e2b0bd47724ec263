// softmax, cross entropy and layer norm against the CPU's references: rows around warps and blocks, special values,
// labels out of range.
#include <cmath>

#include "cuda/testing/device.h"
#include "ops/softmax_cross_entropy/softmax_cross_entropy.h"

using namespace ckeras;
using namespace ckeras::testing;
using cuda::testing::check_op;

namespace {

const Shape kRowLengths = {1, 31, 32, 33, 127, 128, 129, 257};

Array scaled(DType dtype, const Shape& shape, double scale) {
  Array x = random_array(dtype, shape, 11);
  for (int64_t i = 0; i < x.view.size(); ++i) x.set(i, x.at(i) * scale);
  return x;
}

void check_softmax(const Array& x, double largest, int64_t axis) {
  const DType dtype = x.view.dtype;
  const Shape shape(x.view.shape, x.view.shape + x.view.rank);
  const double rounding = dtype == DType::F64 ? 0x1p-52 : 0x1p-23;
  const double smallest = dtype == DType::F64 ? 0x1p-1022 : dtype == DType::F16 ? 0x1p-24 : 0x1p-126;
  const double relative = epsilon(dtype) + 16 * rounding;
  check_op("softmax", {&x}, {{dtype, shape}}, {{axis}, {}}, {relative + 2 * largest * rounding, 2 * smallest});
  check_op("log_softmax", {&x}, {{dtype, shape}}, {{axis}, {}}, {relative, 32 * rounding});
}

void check_softmax(const Array& x, double largest) { check_softmax(x, largest, x.view.rank - 1); }

Array labels_of(DType dtype, int64_t rows, int64_t classes) {
  Array labels(dtype, {rows});
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t label = (7 * i + 3) % classes;
    dtype == DType::I64 ? labels.view.as<int64_t>()[i] = label
                        : labels.view.as<int32_t>()[i] = static_cast<int32_t>(label);
  }
  return labels;
}

void check_cross_entropy(DType dtype, int64_t rows, int64_t classes, int64_t ignored) {
  const Array x = scaled(dtype, {rows, classes}, 4), g = random_array(dtype, {rows}, 5);
  const double rounding = 64 * (dtype == DType::F64 ? 0x1p-52 : 0x1p-23), relative = 2 * epsilon(dtype);
  for (DType index : {DType::I32, DType::I64}) {
    const Array labels = labels_of(index, rows, classes);
    check_op("softmax_cross_entropy", {&x, &labels}, {{dtype, {rows}}}, {{ignored}, {}}, {relative, rounding});
    check_op("softmax_cross_entropy_grad", {&x, &labels, &g}, {{dtype, {rows, classes}}}, {{ignored}, {}},
             {relative, rounding});
  }
}

void check_layer_norm(DType dtype, int64_t rows, int64_t n) {
  const DType wide = dtype == DType::F64 ? dtype : DType::F32;
  const Array x = random_array(dtype, {rows, n}, 1), dy = random_array(dtype, {rows, n}, 2),
              gamma = random_array(wide, {n}, 3), beta = random_array(wide, {n}, 4);
  const double rounding = epsilon(wide), last = dtype == wide ? 0 : epsilon(dtype);
  const Out row = {wide, {rows}}, whole = {dtype, {rows, n}}, column = {wide, {n}};
  for (int flags = 0; flags < 8; ++flags) {
    const bool rms = flags & 1, has_gamma = flags & 2, has_beta = flags & 4;
    const Attributes attributes = {{rms, has_gamma, has_beta}, {1e-3}};
    std::vector<const Array*> in = {&x};
    if (has_gamma) in.push_back(&gamma);
    if (has_beta) in.push_back(&beta);
    check_op("layer_norm", in, {whole, row, row}, attributes, {last + 16 * rounding, 16 * rounding});
    const Outcome forward = run(cpu::Isa::Reference, "layer_norm", in, {whole, row, row}, attributes);
    std::vector<const Array*> back = {&x, &dy, &forward.out[1], &forward.out[2]};
    std::vector<Out> outs = {whole};
    if (has_gamma) back.push_back(&gamma);
    if (has_gamma) outs.push_back(column);
    if (has_beta) outs.push_back(column);
    const double terms = 64 + 8 * std::sqrt(static_cast<double>(rows));
    check_op("layer_norm_grad", back, outs, attributes, {last + 16 * rounding, 32 * terms * rounding});
  }
}

}  // namespace

int main() {
  CHECK_DEVICE();
  for (DType dtype : kFloats) {
    for (int64_t n : kRowLengths) check_softmax(scaled(dtype, {3, n}, 4), 4);
    check_softmax(scaled(dtype, {0, 5}, 4), 4);
    check_softmax(scaled(dtype, {5, 0}, 4), 4);
    check_softmax(scaled(dtype, {2, 3, 19}, 4), 4);
    check_softmax(scaled(dtype, {5, 40}, 3e4), 3e4);
    check_softmax(scaled(dtype, {5, 40}, 4), 4, 0);
    check_softmax(scaled(dtype, {3, 9, 131}, 4), 4, 1);
    check_softmax(scaled(dtype, {3, 0, 2}, 4), 4, 1);
    for (double special : {double{NAN}, double{INFINITY}, -double{INFINITY}}) {
      Array x = scaled(dtype, {4, 35}, 4);
      for (int64_t i = 3; i < x.view.size(); i += 35) x.set(i, special);
      for (int64_t i = 0; i < 35; ++i) x.set(i, special);
      check_softmax(x, 4);
      check_softmax(x, 4, 0);
    }
    for (int64_t classes : {1, 10, 33, 131}) check_cross_entropy(dtype, 7, classes, kNoLabel);
    check_cross_entropy(dtype, 0, 3, 1);
  }
  check_cross_entropy(DType::F32, 1030, 3, 1);
  for (int64_t bad : {int64_t{-1}, int64_t{5}}) {  // the first is reported
    const Array x = scaled(DType::F32, {1500, 5}, 1);
    Array labels = labels_of(DType::I64, 1500, 5);
    labels.view.as<int64_t>()[1400] = 99;
    labels.view.as<int64_t>()[1100] = bad;
    check_op("softmax_cross_entropy", {&x, &labels}, {{DType::F32, {1500}}}, {{kNoLabel}, {}}, {});
  }
  for (DType dtype : kFloats) {
    for (int64_t n : {1, 31, 128, 131}) check_layer_norm(dtype, 3, n);
    check_layer_norm(dtype, 0, 5);
    check_layer_norm(dtype, 515, 3);  // several chunks of rows
  }
  return CHECK_RESULT();
}
