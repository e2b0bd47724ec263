// random_gamma random_binomial: numbers whose distribution each element says, by rejection, in float64.
//
//   random_gamma     in seed uint32[2], alpha float          out as alpha: the gamma distribution of scale 1
//   random_binomial  in seed, counts, probabilities, shaped and typed alike   out as counts
//
// Element i reads blocks of Philox with the counters (i mod 2^32, i / 2^32, k, 1), k = 0, 1, ...: the last word keeps
// them apart from those of philox.h. A block gives two numbers u = (u53 + 1/2) * 2^-53 of its words (0, 1) and (2, 3).
//
//   gamma     G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables", 2000. Attempt k reads the
//             blocks 2k (a normal number by Box-Muller, its cosine) and 2k + 1; below alpha = 1 that of alpha + 1 times
//             u ** (1 / alpha), u of block 2^31. NaN unless 0 < alpha < infinity.
//   binomial  of the rarer outcome. Below a mean of 10, inversion of the distribution function, u of block 0; from
//   there
//             W. Hoermann, "The generation of binomial random variates", 1993, algorithm BTRS, attempt k from block k.
//             NaN unless the count is finite and not negative and the probability in [0, 1]; counts are rounded down.
//
// Attempts end at kMaxAttempts, which honest parameters never reach, with the mean.
#pragma once
#include "ops/random/philox.h"
#include "runtime/kernel.h"

namespace ckeras {

inline constexpr uint32_t kMaxAttempts = 1000;

struct RejectionStream {
  uint32_t key0, key1;
  int64_t i;
  struct Pair {
    double a, b;
  };
  CKERAS_MEMBER Pair block(uint32_t k) const {
    uint32_t c[4] = {static_cast<uint32_t>(i), static_cast<uint32_t>(i >> 32), k, 1};
    philox_block(c, key0, key1);
    return {unit(c[0], c[1]), unit(c[2], c[3])};
  }

 private:
  static CKERAS_MEMBER double unit(uint32_t high, uint32_t low) {
    return (static_cast<double>((uint64_t{high} << 32 | low) >> 11) + 0.5) * 0x1p-53;
  }
};

// M: the caller's log, exp, sqrt, floor, and cos of 2 pi t.
template <class M>
CKERAS_INLINE double draw_gamma(const RejectionStream& s, double alpha) {
  if (!(alpha > 0 && alpha < 1e300)) return __builtin_nan("");
  const double d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3, c = 1 / M::sqrt(9 * d);
  double result = d;
  for (uint32_t k = 0; k < kMaxAttempts; ++k) {
    const auto normal = s.block(2 * k);
    const double x = M::sqrt(-2 * M::log(normal.a)) * M::cos_turn(normal.b), w = 1 + c * x;
    if (w <= 0) continue;
    const double v = w * w * w;
    if (M::log(s.block(2 * k + 1).a) < 0.5 * x * x + d - d * v + d * M::log(v)) {
      result = d * v;
      break;
    }
  }
  return alpha < 1 ? M::exp(M::log(result) + M::log(s.block(uint32_t{1} << 31).a) / alpha) : result;
}

// log(k!) less its first Stirling terms.
template <class M>
CKERAS_INLINE double stirling_tail(double k) {
  const double z = 1 / (k + 1), z2 = z * z;
  if (k < 10) {  // log(k!) - ((k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2)
    double factorial = 1;
    for (double i = 2; i <= k; ++i) factorial *= i;
    return M::log(factorial) - ((k + 0.5) * M::log(k + 1) - (k + 1) + 0.91893853320467274178);
  }
  return z * (1.0 / 12 - z2 * (1.0 / 360 - z2 * (1.0 / 1260 - z2 / 1680)));
}

template <class M>
CKERAS_INLINE double invert_binomial(double u, double n, double p) {
  const double ratio = p / (1 - p);
  double mass = M::exp(n * M::log(1 - p)), x = 0;
  while (u > mass && x < n && x < 200) {
    u -= mass;
    x += 1;
    mass *= (n + 1 - x) / x * ratio;
  }
  return x;
}

template <class M>
CKERAS_INLINE double reject_binomial(const RejectionStream& s, double n, double p) {
  const double spread = M::sqrt(n * p * (1 - p)), ratio = p / (1 - p);
  const double b = 1.15 + 2.53 * spread, a = -0.0873 + 0.0248 * b + 0.01 * p, c = n * p + 0.5;
  const double sure = 0.92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * spread, mode = M::floor((n + 1) * p);
  for (uint32_t i = 0; i < kMaxAttempts; ++i) {
    const auto pair = s.block(i);
    const double u = pair.a - 0.5, v = pair.b, us = 0.5 - (u < 0 ? -u : u);
    const double k = M::floor((2 * a / us + b) * u + c);
    if (us >= 0.07 && v <= sure) return k;
    if (k < 0 || k > n) continue;
    const double bound = (mode + 0.5) * M::log((mode + 1) / (ratio * (n - mode + 1))) +
                         (n + 1) * M::log((n - mode + 1) / (n - k + 1)) +
                         (k + 0.5) * M::log(ratio * (n - k + 1) / (k + 1)) + stirling_tail<M>(mode) +
                         stirling_tail<M>(n - mode) - stirling_tail<M>(k) - stirling_tail<M>(n - k);
    if (M::log(v * alpha / (a / (us * us) + b)) <= bound) return k;
  }
  return M::floor(n * p);
}

template <class M>
CKERAS_INLINE double draw_binomial(const RejectionStream& s, double count, double p) {
  if (!(count >= 0 && count < 1e300 && p >= 0 && p <= 1)) return __builtin_nan("");
  const double n = M::floor(count), rare = p > 0.5 ? 1 - p : p;
  const double k = n * rare < 10 ? invert_binomial<M>(s.block(0).a, n, rare) : reject_binomial<M>(s, n, rare);
  return p > 0.5 ? n - k : k;
}

}  // namespace ckeras
