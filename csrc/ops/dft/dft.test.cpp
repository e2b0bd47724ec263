// Fourier transforms of every size against the plain sum, both directions.
#include "ops/dft/dft.h"

#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

int main() {
  for (int64_t n : {1, 2, 3, 4, 5, 8, 12, 15, 16, 17, 31, 32, 64, 97, 100, 128, 255, 256, 360, 509, 512, 1000, 1024}) {
    for (int64_t rows : {1, 19}) {
      if (rows > 1 && n > 256) continue;
      for (DType dtype : {DType::F32, DType::F64}) {
        const Array re = random_array(dtype, {rows, n}, 3), im = random_array(dtype, {rows, n}, 4);
        const double rounding = dtype == DType::F64 ? 1e-13 : 1e-7;
        for (int64_t sign : {-1, 1}) {
          check_kernel("dft", {&re, &im}, {{dtype, {rows, n}}, {dtype, {rows, n}}}, {{sign}, {}},
                       {rounding, rounding * static_cast<double>(n)});
        }
      }
    }
  }
  const Array none(DType::F32, {0, 4}), empty(DType::F32, {3, 0});
  check_kernel("dft", {&none, &none}, {{DType::F32, {0, 4}}, {DType::F32, {0, 4}}}, {{1}, {}}, {});
  check_kernel("dft", {&empty, &empty}, {{DType::F32, {3, 0}}, {DType::F32, {3, 0}}}, {{1}, {}}, {});
  return CHECK_RESULT();
}
