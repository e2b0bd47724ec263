// Gamma and binomial numbers against the reference, their moments, and parameters that have no distribution.
#include "ops/random/rejection.h"

#include <cmath>

#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

Array seed_of(uint32_t a, uint32_t b) {
  Array seed(DType::U32, {2});
  seed.view.as<uint32_t>()[0] = a;
  seed.view.as<uint32_t>()[1] = b;
  return seed;
}

Array cycle(DType dtype, int64_t n, const std::vector<double>& values) {
  Array a(dtype, {n});
  for (int64_t i = 0; i < n; ++i) a.set(i, values[i % values.size()]);
  return a;
}

struct Moments {
  double mean = 0, variance = 0;
};
Moments moments(const Array& a) {
  Moments m;
  const auto n = static_cast<double>(a.view.size());
  for (int64_t i = 0; i < a.view.size(); ++i) m.mean += a.at(i) / n;
  for (int64_t i = 0; i < a.view.size(); ++i) m.variance += (a.at(i) - m.mean) * (a.at(i) - m.mean) / n;
  return m;
}

void check_moments(const Array& got, double mean, double variance) {
  const Moments m = moments(got);
  const double error = std::sqrt(variance / static_cast<double>(got.view.size()));
  CHECK(std::abs(m.mean - mean) < 4 * error + 1e-9);
  CHECK(std::abs(m.variance - variance) < 0.1 * variance + 1e-9);
}

}  // namespace

int main() {
  const int64_t n = 20000;
  const Array seed = seed_of(11, 4);
  for (DType dtype : kFloats) {
    const Tolerance tolerance = {2 * epsilon(dtype), 1e-12};
    const Array alpha = cycle(dtype, 300, {0.1, 0.5, 1, 2.5, 40, 1000, -1, 0, NAN});
    check_kernel("random_gamma", {&seed, &alpha}, {{dtype, {300}}}, {}, tolerance);
    const Array counts = cycle(dtype, 300, {0, 1, 5, 30, 1000, 7.5, -1, 12}),
                p = cycle(dtype, 300, {0.5, 0.01, 0.9, 0, 1, 1.5, 0.3});
    check_kernel("random_binomial", {&seed, &counts, &p}, {{dtype, {300}}}, {}, tolerance);
  }
  for (cpu::Isa isa : cpu::supported_isas()) {
    for (double a : {0.3, 1.0, 7.0}) {
      const Array alpha = cycle(DType::F64, n, {a});
      check_moments(run(isa, "random_gamma", {&seed, &alpha}, {{DType::F64, {n}}}, {}).out[0], a, a);
    }
    for (double count : {3.0, 25.0, 400.0}) {
      for (double q : {0.05, 0.4, 0.97}) {
        const Array counts = cycle(DType::F64, n, {count}), p = cycle(DType::F64, n, {q});
        const Outcome got = run(isa, "random_binomial", {&seed, &counts, &p}, {{DType::F64, {n}}}, {});
        check_moments(got.out[0], count * q, count * q * (1 - q));
        for (int64_t i = 0; i < 1000; ++i) {
          const double k = got.out[0].at(i);
          CHECK(k >= 0 && k <= count && k == std::floor(k));
        }
      }
    }
    // A number is its element's and its parameters', whatever waits beside it for another attempt.
    const std::vector<double> values = {0.2, 900, 1.5, -2, 30};
    const Array mixed = cycle(DType::F64, 1003, values);
    const Outcome all = run(isa, "random_gamma", {&seed, &mixed}, {{DType::F64, {1003}}}, {});
    for (int64_t v : {0, 1, 2, 4}) {
      const Array same = cycle(DType::F64, 1003, {values[v]});
      const Outcome one = run(isa, "random_gamma", {&seed, &same}, {{DType::F64, {1003}}}, {});
      for (int64_t i = v; i < 1003; i += 5) CHECK(all.out[0].at(i) == one.out[0].at(i));
    }
    const Array alpha = cycle(DType::F32, 3, {-1, 0, NAN});
    const Outcome got = run(isa, "random_gamma", {&seed, &alpha}, {{DType::F32, {3}}}, {});
    for (int64_t i = 0; i < 3; ++i) CHECK(std::isnan(got.out[0].at(i)));
  }
  return CHECK_RESULT();
}
