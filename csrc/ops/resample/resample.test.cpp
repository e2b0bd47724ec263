// resample against its reference: one tap and several, elements of one number and of more than a vector, a place
// outside.
#include "ops/resample/resample.h"

#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

int main() {
  for (DType dtype : {DType::F32, DType::F64}) {
    for (int64_t inner : {1, 3, 15, 16, 17, 600}) {
      for (int64_t taps : {1, 2, 5}) {
        const Array x = sample(dtype, {3, 7, inner}, 1), weights = sample(dtype, {11, taps}, 2);
        Array places(DType::I32, {11, taps});
        for (int64_t i = 0; i < 11 * taps; ++i) places.view.as<int32_t>()[i] = static_cast<int32_t>(i * 5 % 7);
        check_kernel("resample", {&x, &weights, &places}, {{dtype, {3, 11, inner}}}, {{1}, {}}, {});
        places.view.as<int32_t>()[8] = 7;
        check_kernel("resample", {&x, &weights, &places}, {{dtype, {3, 11, inner}}}, {{1}, {}}, {INFINITY, INFINITY});
      }
    }
  }
  const Array x = sample(DType::F32, {5, 1, 1}, 3), weights = sample(DType::F32, {9, 2}, 4);
  Array places(DType::I32, {9, 2});
  std::fill(places.bytes.begin(), places.bytes.end(), '\0');
  check_kernel("resample", {&x, &weights, &places}, {{DType::F32, {5, 9, 1}}}, {{1}, {}}, {});  // of one element
  return CHECK_RESULT();
}
