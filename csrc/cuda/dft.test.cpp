// Fourier transforms against the plain sum, both directions: rows in shared memory and in the workspace.
#include "ops/dft/dft.h"

#include "cuda/testing/device.h"

using namespace ckeras;
using namespace ckeras::testing;
using cuda::testing::check_op;

namespace {

void check_size(int64_t n, int64_t rows, DType dtype) {
  const Array re = random_array(dtype, {rows, n}, 3), im = random_array(dtype, {rows, n}, 4);
  const double rounding = dtype == DType::F64 ? 1e-13 : 1e-7;
  const Tolerance tolerance = {rounding, rounding * static_cast<double>(n)};
  for (int64_t sign : {-1, 1}) {
    check_op("dft", {&re, &im}, {{dtype, {rows, n}}, {dtype, {rows, n}}}, {{sign}, {}}, tolerance);
  }
  const Out half{dtype, {rows, n / 2 + 1}};
  check_op("real_dft", {&re}, {half, half}, {}, tolerance);
}

void check_windows(int64_t n, int64_t count, int64_t step, DType dtype) {
  const int64_t samples = (count - 1) * step + n + 1;
  const Array x = random_array(dtype, {2, samples}, 3), weights = random_array(dtype, {n}, 4);
  const double rounding = dtype == DType::F64 ? 1e-13 : 1e-7;
  const Out half{dtype, {2, count, n / 2 + 1}};
  check_op("short_time_dft", {&x, &weights}, {half, half}, {{step}, {}}, {rounding, rounding * static_cast<double>(n)});
}

}  // namespace

int main() {
  CHECK_DEVICE();
  for (int64_t n : {1, 2, 3, 4, 5, 8, 15, 16, 17, 97, 100, 128, 360, 512}) check_size(n, 3, DType::F32);
  for (int64_t n : {2, 7, 64, 1000, 1500}) check_size(n, 2, DType::F64);
  check_size(4096, 1, DType::F32);  // beyond shared memory
  check_size(2049, 2, DType::F64);
  for (int64_t n : {1, 6, 15, 512}) check_windows(n, 3, 5, DType::F32);
  check_windows(2100, 2, 700, DType::F64);
  const Array none(DType::F32, {0, 4}), empty(DType::F32, {3, 0});
  check_op("dft", {&none, &none}, {{DType::F32, {0, 4}}, {DType::F32, {0, 4}}}, {{1}, {}}, {});
  check_op("dft", {&empty, &empty}, {{DType::F32, {3, 0}}, {DType::F32, {3, 0}}}, {{1}, {}}, {});
  return CHECK_RESULT();
}
