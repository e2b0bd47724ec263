// Fourier transforms of every size against the plain sum, both directions; one row and several at a time.
#include "ops/dft/dft.h"

#include <algorithm>
#include <cmath>

#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

// Rows of a size that goes one by one have the bits of each alone, whatever their number.
void check_many_long_rows(int64_t n) {
  constexpr int64_t kRows = 18;
  const Array x = random_array(DType::F32, {kRows, n}, 6);
  for (cpu::Isa isa : cpu::supported_isas()) {
    if (isa == cpu::Isa::Reference) continue;
    const Shape half = {kRows, n / 2 + 1};
    const Outcome all = run(isa, "real_dft", {&x}, {{DType::F32, half}, {DType::F32, half}}, {});
    for (int64_t row : {int64_t{0}, int64_t{15}, kRows - 2, kRows - 1}) {
      Array one(DType::F32, {n});
      std::memcpy(one.bytes.data(), &x.bytes[row * n * 4], n * 4);
      const Outcome alone = run(isa, "real_dft", {&one}, {{DType::F32, {n / 2 + 1}}, {DType::F32, {n / 2 + 1}}}, {});
      for (size_t part : {0, 1}) {
        const std::vector<char>& bytes = alone.out[part].bytes;
        CHECK(std::memcmp(&all.out[part].bytes[row * bytes.size()], bytes.data(), bytes.size()) == 0);
      }
    }
  }
}

// Windows have the bits of the transforms of the products.
void check_windows(int64_t n, int64_t count, int64_t step, DType dtype) {
  constexpr int64_t kSignals = 3;
  const int64_t samples = (count - 1) * step + n + 2;
  const Array x = random_array(dtype, {kSignals, samples}, 9), weights = random_array(dtype, {n}, 10);
  const Out half{dtype, {kSignals, count, n / 2 + 1}};
  const double rounding = dtype == DType::F64 ? 1e-13 : 1e-7;
  const Tolerance tolerance = {rounding, rounding * static_cast<double>(n)};
  check_kernel("short_time_dft", {&x, &weights}, {half, half}, {{step}, {}}, tolerance);
  Array frames(dtype, {kSignals, count, n});
  for (int64_t i = 0; i < kSignals * count * n; ++i) {
    const int64_t row = i / n, at = row / count * samples + row % count * step + i % n;
    const double product = x.at(at) * weights.at(i % n);
    frames.set(i, dtype == DType::F32 ? static_cast<double>(static_cast<float>(product)) : product);
  }
  for (cpu::Isa isa : cpu::supported_isas()) {
    if (isa == cpu::Isa::Reference) continue;
    const Outcome got = run(isa, "short_time_dft", {&x, &weights}, {half, half}, {{step}, {}});
    const Outcome want = run(isa, "real_dft", {&frames}, {half, half}, {});
    for (size_t part : {0, 1}) CHECK(got.out[part].bytes == want.out[part].bytes);
  }
}

// A row that is read and written in several pieces comes back from its transform.
void check_long_row() {
  constexpr int64_t n = 20000;
  for (DType dtype : {DType::F32, DType::F64}) {
    const Array re = random_array(dtype, {n}, 7), im = random_array(dtype, {n}, 8);
    const std::vector<Out> out = {{dtype, {n}}, {dtype, {n}}};
    for (cpu::Isa isa : cpu::supported_isas()) {
      if (isa == cpu::Isa::Reference) continue;
      const Outcome there = run(isa, "dft", {&re, &im}, out, {{-1}, {}});
      const Outcome back = run(isa, "dft", {&there.out[0], &there.out[1]}, out, {{1}, {}});
      double worst = 0;
      for (int64_t i = 0; i < n; ++i) {
        worst = std::max(worst, std::abs(back.out[0].at(i) / n - re.at(i)));
        worst = std::max(worst, std::abs(back.out[1].at(i) / n - im.at(i)));
      }
      CHECK_NEAR(worst, 0, dtype == DType::F32 ? 1e-5 : 1e-13);
    }
  }
}

}  // namespace

int main() {
  for (int64_t n : {1,   2,   3,   4,   5,   7,   8,   12,  14,  15,  16,  17,  31,  32,  49,  64,   97,   100,
                    128, 225, 240, 255, 256, 343, 360, 500, 509, 512, 686, 700, 768, 777, 896, 1000, 1024, 2048}) {
    for (int64_t rows : {1, 2, 19, 600}) {
      if (rows > 2 && n > (rows > 100 ? 5 : 256)) continue;
      if (rows == 2 && (n < 256 || n > 777)) continue;
      if (kEmulated && n > 360) continue;  // the plain sums take a minute there; longer rows follow without them
      for (DType dtype : {DType::F32, DType::F64}) {
        const Array re = random_array(dtype, {rows, n}, 3), im = random_array(dtype, {rows, n}, 4);
        const double rounding = dtype == DType::F64 ? 1e-13 : 1e-7;
        for (int64_t sign : {-1, 1}) {
          check_kernel("dft", {&re, &im}, {{dtype, {rows, n}}, {dtype, {rows, n}}}, {{sign}, {}},
                       {rounding, rounding * static_cast<double>(n)});
        }
        const Out half{dtype, {rows, n / 2 + 1}};
        check_kernel("real_dft", {&re}, {half, half}, {}, {rounding, rounding * static_cast<double>(n)});
      }
    }
  }
  const Array none(DType::F32, {0, 4}), empty(DType::F32, {3, 0});
  check_kernel("dft", {&none, &none}, {{DType::F32, {0, 4}}, {DType::F32, {0, 4}}}, {{1}, {}}, {});
  check_kernel("dft", {&empty, &empty}, {{DType::F32, {3, 0}}, {DType::F32, {3, 0}}}, {{1}, {}}, {});
  const Array no_rows(DType::F64, {0, 5});
  check_kernel("real_dft", {&no_rows}, {{DType::F64, {0, 3}}, {DType::F64, {0, 3}}}, {}, {});
  // A number that is none stays in its row.
  for (int64_t n : {12, 15}) {
    Array spoiled = random_array(DType::F32, {9, n}, 5);
    spoiled.set(3 * n + 1, NAN);
    const Out half{DType::F32, {9, n / 2 + 1}};
    for (cpu::Isa isa : cpu::supported_isas()) {
      const Outcome got = run(isa, "real_dft", {&spoiled}, {half, half}, {});
      for (int64_t i = 0; i < 9 * (n / 2 + 1); ++i) CHECK(std::isnan(got.out[0].at(i)) == (i / (n / 2 + 1) == 3));
    }
  }
  for (DType dtype : {DType::F32, DType::F64}) {
    for (int64_t n : {1, 2, 7, 34, 97, 400, 512, 1022}) {
      check_windows(n, 1, 1, dtype);
      check_windows(n, 9, n / 2 + 1, dtype);
    }
    check_windows(2050, 2, 3000, dtype);
  }
  for (int64_t n : {512, 1400, 2048, 8209}) check_many_long_rows(n);
  check_long_row();
  return CHECK_RESULT();
}
