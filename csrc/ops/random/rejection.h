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

// M: the caller's log, exp, sqrt, floor, cos of 2 pi t, select(mask, a, b) and any(mask) of V, which is double or
// vectors of it: an attempt is written once for both.
struct OneLane {
  static CKERAS_MEMBER double select(bool mask, double a, double b) { return mask ? a : b; }
  static CKERAS_MEMBER bool any(bool mask) { return mask; }
};

// One attempt at a gamma number of alpha = d + 1/3 from the numbers of its blocks, and whether it is taken.
template <class M, class V>
CKERAS_INLINE auto try_gamma(V d, V radius, V turn, V u, V* number) {
  const V c = V(1) / M::sqrt(V(9) * d);
  const V x = M::sqrt(V(-2) * M::log(radius)) * M::cos_turn(turn), w = V(1) + c * x, v = w * w * w;
  *number = d * v;
  return (w > V(0)) & (M::log(u) < V(0.5) * x * x + d - d * v + d * M::log(v));
}

template <class M>
CKERAS_INLINE double draw_gamma(const RejectionStream& s, double alpha) {
  if (!(alpha > 0 && alpha < 1e300)) return __builtin_nan("");
  const double d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3;
  double result = d;
  for (uint32_t k = 0; k < kMaxAttempts; ++k) {
    const auto normal = s.block(2 * k);
    double number;
    if (try_gamma<M, double>(d, normal.a, normal.b, s.block(2 * k + 1).a, &number)) {
      result = number;
      break;
    }
  }
  return alpha < 1 ? M::exp(M::log(result) + M::log(s.block(uint32_t{1} << 31).a) / alpha) : result;
}

// log(k!) less its first Stirling terms.
template <class M, class V>
CKERAS_INLINE V stirling_tail(V k) {
  const V z = V(1) / (k + V(1)), z2 = z * z;
  V tail = z * (V(1.0 / 12) - z2 * (V(1.0 / 360) - z2 * (V(1.0 / 1260) - z2 / V(1680))));
  const auto few = k < V(10);
  if (M::any(few)) {  // log(k!) - ((k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2)
    V factorial(1);
    for (int i = 2; i < 10; ++i) factorial = M::select(k >= V(i), factorial * V(i), factorial);
    const V terms = (k + V(0.5)) * M::log(k + V(1)) - (k + V(1)) + V(0.91893853320467274178);
    tail = M::select(few, M::log(factorial) - terms, tail);
  }
  return tail;
}

template <class M, class V>
CKERAS_INLINE V invert_binomial(V u, V n, V p) {
  const V ratio = p / (V(1) - p);
  V mass = M::exp(n * M::log(V(1) - p)), x(0);
  auto above = (u > mass) & (x < n);
  for (int i = 1; i <= 200 && M::any(above); ++i) {
    u = M::select(above, u - mass, u);
    x = M::select(above, V(i), x);
    mass = M::select(above, mass * ((n + V(1) - x) / x * ratio), mass);
    above = above & (u > mass) & (x < n);
  }
  return x;
}

// BTRS of n and p; u in (-1/2, 1/2) and v in (0, 1) are an attempt's numbers.
template <class M, class V>
struct BinomialHat {
  V n, p, ratio, a, b, c, sure, alpha;

  CKERAS_MEMBER BinomialHat(V n, V p) : n(n), p(p), ratio(p / (V(1) - p)) {
    const V spread = M::sqrt(n * p * (V(1) - p));
    b = V(1.15) + V(2.53) * spread;
    a = V(-0.0873) + V(0.0248) * b + V(0.01) * p;
    c = n * p + V(0.5);
    sure = V(0.92) - V(4.2) / b;
    alpha = (V(2.83) + V(5.1) / b) * spread;
  }

  static CKERAS_MEMBER V edge(V u) { return V(0.5) - M::select(u < V(0), -u, u); }
  CKERAS_MEMBER V number(V u) const { return M::floor((V(2) * a / edge(u) + b) * u + c); }
  // Taken without the distribution; and not at all.
  CKERAS_MEMBER auto surely(V u, V v) const { return (edge(u) >= V(0.07)) & (v <= sure); }
  CKERAS_MEMBER auto outside(V k) const { return (k < V(0)) | (k > n); }
  CKERAS_MEMBER auto taken(V u, V v, V k) const {
    const V mode = M::floor((n + V(1)) * p), us = edge(u), one(1), half(0.5);
    const V bound = (mode + half) * M::log((mode + one) / (ratio * (n - mode + one))) +
                    (n + one) * M::log((n - mode + one) / (n - k + one)) +
                    (k + half) * M::log(ratio * (n - k + one) / (k + one)) + stirling_tail<M>(mode) +
                    stirling_tail<M>(n - mode) - stirling_tail<M>(k) - stirling_tail<M>(n - k);
    return M::log(v * alpha / (a / (us * us) + b)) <= bound;
  }
};

template <class M>
CKERAS_INLINE double reject_binomial(const RejectionStream& s, double n, double p) {
  const BinomialHat<M, double> hat(n, p);
  for (uint32_t i = 0; i < kMaxAttempts; ++i) {
    const auto pair = s.block(i);
    const double u = pair.a - 0.5, k = hat.number(u);
    if (hat.surely(u, pair.b)) return k;
    if (!hat.outside(k) && hat.taken(u, pair.b, k)) return k;
  }
  return M::floor(n * p);
}

inline constexpr double kInvertedMean = 10;  // below it a binomial number is found by inversion

template <class M>
CKERAS_INLINE double draw_binomial(const RejectionStream& s, double count, double p) {
  if (!(count >= 0 && count < 1e300 && p >= 0 && p <= 1)) return __builtin_nan("");
  const double n = M::floor(count), rare = p > 0.5 ? 1 - p : p;
  const double k =
      n * rare < kInvertedMean ? invert_binomial<M>(s.block(0).a, n, rare) : reject_binomial<M>(s, n, rare);
  return p > 0.5 ? n - k : k;
}

}  // namespace ckeras
