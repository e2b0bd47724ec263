// Running sums, products and recurrences against their references: every dtype, axis, direction, and odd sizes.
#include "ops/scan/scan.h"

#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

int main() {
  const Shape shapes[] = {{1}, {17}, {0}, {1025}, {3, 5}, {2, 7, 33}, {2, 0, 3}, {5, 1, 64}, {70, 3, 2}};
  for (const Shape& shape : shapes) {
    for (int64_t axis = 0; axis < static_cast<int64_t>(shape.size()); ++axis) {
      for (int64_t reversed : {0, 1}) {
        const Attributes attributes = {{axis, reversed}, {}};
        for (DType dtype : kFloats) {
          const Array x = sample(dtype, shape, 3), y = sample(dtype, shape, 4);
          const Tolerance tolerance = {epsilon(dtype), epsilon(dtype)};
          check_kernel("cumulative_sum", {&x}, {{dtype, shape}}, attributes, tolerance);
          check_kernel("cumulative_prod", {&x}, {{dtype, shape}}, attributes, tolerance);
          check_kernel("recurrence", {&x, &y}, {{dtype, shape}}, attributes, tolerance);
        }
        for (DType dtype : kIntegers) {
          const Array x = sample(dtype, shape, 5);
          check_kernel("cumulative_sum", {&x}, {{dtype, shape}}, attributes, {});
          check_kernel("cumulative_prod", {&x}, {{dtype, shape}}, attributes, {});
        }
      }
    }
  }
  return CHECK_RESULT();
}
