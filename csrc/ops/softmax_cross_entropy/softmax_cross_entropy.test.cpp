// Cross-entropy and its gradient against their references; ignored labels and labels out of range.
#include "ops/softmax_cross_entropy/softmax_cross_entropy.h"

#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

Array labels_of(DType dtype, const Shape& values) {
  Array a(dtype, {static_cast<int64_t>(values.size())});
  with_integer(dtype, [&](auto t) {
    for (size_t i = 0; i < values.size(); ++i) a.view.as<decltype(t)>()[i] = static_cast<decltype(t)>(values[i]);
  });
  return a;
}

void check_losses(DType dtype, DType label_dtype, int64_t classes, const Shape& values, int64_t ignored) {
  const int64_t rows = static_cast<int64_t>(values.size());
  Array logits = random_array(dtype, {rows, classes}, 5);
  for (int64_t i = 0; i < logits.view.size(); ++i) logits.set(i, logits.at(i) * 6);
  const Array labels = labels_of(label_dtype, values), g = random_array(dtype, {rows}, 6);
  const double rounding = dtype == DType::F64 ? 0x1p-52 : 0x1p-23;
  const Tolerance tolerance = {epsilon(dtype) + 8 * rounding, 32 * rounding};
  const Attributes attributes = {{ignored}, {}};
  check_kernel("softmax_cross_entropy", {&logits, &labels}, {{dtype, {rows}}}, attributes, tolerance);
  check_kernel("softmax_cross_entropy_grad", {&logits, &labels, &g}, {{dtype, {rows, classes}}}, attributes, tolerance);
}

Shape labels(int64_t rows, int64_t classes) {
  Shape values(rows);
  for (int64_t r = 0; r < rows; ++r) values[r] = r == 0 ? classes - 1 : r * 7 % classes;
  return values;
}

}  // namespace

int main() {
  for (DType dtype : kFloats) {
    for (DType label : {DType::I32, DType::I64}) {
      for (int64_t classes : {1, 2, 10, 15, 16, 17, 33, 64, 131, 4097}) {
        check_losses(dtype, label, classes, labels(4, classes), kNoLabel);
      }
      check_losses(dtype, label, 10, labels(503, 10), kNoLabel);
      check_losses(dtype, label, 10, {}, kNoLabel);
      check_losses(dtype, label, 10, {3, -1, 9, -1}, -1);
      check_losses(dtype, label, 10, {3, 4, 9, 4}, 4);
      // Faults: the first bad label, and outputs that nobody wrote.
      check_losses(dtype, label, 10, {3, 10, -5}, kNoLabel);
      check_losses(dtype, label, 10, {3, -2, 10}, -1);
      check_losses(dtype, label, 10, {kNoLabel, 3}, kNoLabel);
    }
  }
  Array logits = random_array(DType::F32, {2, 3}, 1);
  const Array bad = labels_of(DType::I32, {0, 3});
  for (cpu::Isa isa : cpu::supported_isas()) {
    const Outcome got = run(isa, "softmax_cross_entropy", {&logits, &bad}, {{DType::F32, {2}}}, {{kNoLabel}, {}});
    CHECK_EQ(got.fault.code, 1);
    CHECK_EQ(got.fault.value, 3);
    CHECK_EQ(got.fault.limit, 3);
  }
  return CHECK_RESULT();
}
