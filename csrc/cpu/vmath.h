// Mathematics on V16 (float32) and V8 (float64): our own polynomials with explicit fused multiply-adds and no libm, so
// AVX2, AVX-512 and NEON give the same bits. Only for .isa.cpp files.
//
// Each function says its greatest error in ULP, float32 / float64, over all finite inputs unless a range is given;
// csrc/cpu/vmath.test.cpp enforces these numbers. Without a fused multiply-add (baseline) they are at most twice that.
// Denormal inputs and results count as zero. NaN gives NaN; infinities and zeros are as in C, with their signs. The
// polynomials are interpolations in Chebyshev points, found with 50 digits.
#pragma once
#include <cstdint>

#include "cpu/reduce_large.h"
#include "cpu/vec.h"

namespace ckeras::CKERAS_ISA {

// c[0] + c[1] x + ... by Horner's rule.
template <class V, int N>
CKERAS_INLINE V polynomial(V x, const typename V::Lane (&c)[N]) {
  V p = c[N - 1];
  CKERAS_UNROLL
  for (int i = N - 2; i >= 0; --i) p = fma(p, x, V(c[i]));
  return p;
}

// What differs between the two precisions.
template <class T>
struct FloatTraits;
template <>
struct FloatTraits<float> {
  using Int = int32_t;
  static constexpr int kMantissa = 23;
  static constexpr Int kBias = 127;
  static constexpr float kLn2High = 0x1.62e4p-1f, kLn2Low = 0x1.7f7d1cp-20f;  // High has zeros at its end
  static constexpr float kInf = __builtin_inff(), kNan = __builtin_nanf("");
  static constexpr float kSmallest = 0x1p-126f, kBelowOne = 0x1.fffffcp-1f;
  static constexpr Int kSqrtHalf = 0x3f3504f3;
  static constexpr float kExpLeast = -104, kExpMost = 89;          // beyond them e^x is 0 and infinite
  static constexpr float kExp2Least = -151, kExp2Most = 129;       // the same of 2^x
  static constexpr float kNormalLeast = -87, kNormalMost = 88.3f;  // 2^n is normal between them, e^-most is not
  static constexpr float kQuarterPi = 0x1.921fb6p-1f, kQuarterPiLow = -0x1.777a5cp-26f;
};
template <>
struct FloatTraits<double> {
  using Int = int64_t;
  static constexpr int kMantissa = 52;
  static constexpr Int kBias = 1023;
  static constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 0x1.a39ef35793c76p-33;
  static constexpr double kInf = __builtin_inf(), kNan = __builtin_nan("");
  static constexpr double kSmallest = 0x1p-1022, kBelowOne = 0x1.ffffffffffffep-1;
  static constexpr Int kSqrtHalf = 0x3fe6a09e667f3bcd;
  static constexpr double kExpLeast = -750, kExpMost = 710;
  static constexpr double kExp2Least = -1076, kExp2Most = 1025;
  static constexpr double kNormalLeast = -708, kNormalMost = 709;
  static constexpr double kQuarterPi = 0x1.921fb54442d18p-1, kQuarterPiLow = 0x1.1a62633145c07p-55;
};
template <class V>
using TraitsOf = FloatTraits<typename V::Lane>;

// 2^n for a whole n in the range of normal exponents.
template <class V>
CKERAS_INLINE V power_of_two(V n) {
  using F = TraitsOf<V>;
  return as_float((to_int(n) + typename V::AsInt(F::kBias)) << F::kMantissa);
}
// x * 2^n, where 2^n alone may be out of range; n whole.
template <class V>
CKERAS_INLINE V scale(V x, V n) {
#if defined(CKERAS_ISA_AVX512)
  return V::from(scale_raw(x.r, n.r));
#else
  const V half = floor(n * V(0.5f));
  return x * power_of_two(half) * power_of_two(n - half);
#endif
}

// ---- exponentials

// (e^r - 1 - r) / r^2 for |r| <= ln(2)/2.
CKERAS_INLINE V16 exp_tail(V16 r) {
  return polynomial(r, {5.e-01f, 1.6666667e-01f, 4.1666467e-02f, 8.3333105e-03f, 1.393365e-03f, 1.9890991e-04f});
}
template <class V>
CKERAS_INLINE V exp_tail_double(V r) {
  return polynomial(r, {5.e-01, 1.666666666666667e-01, 4.166666666666667e-02, 8.333333333326136e-03,
                        1.3888888888883748e-03, 1.9841269874820627e-04, 2.4801587325547743e-05, 2.7557255400206422e-06,
                        2.75572736431103e-07, 2.5105217004720745e-08, 2.0914686968086876e-09});
}
CKERAS_INLINE V8 exp_tail(V8 r) { return exp_tail_double(r); }

// x = n ln(2) + high + low, |high| <= ln(2)/2 and a little, n whole.
template <class V>
struct ExpParts {
  V n, high, low;
};
template <class V>
CKERAS_INLINE ExpParts<V> split_exp(V x) {
  using F = TraitsOf<V>;
  const V n = round(x * V(static_cast<typename V::Lane>(1.4426950408889634)));
  const V near = fnma(n, V(F::kLn2High), x);
  const V high = fnma(n, V(F::kLn2Low), near);
  return {n, high, fnma(n, V(F::kLn2Low), near - high)};
}
// (e^r - 1) / r for |r| <= ln(2)/2.
CKERAS_INLINE V16 exp_slope(V16 r) {
  return polynomial(r, {1.f, 5.e-01f, 1.6666576e-01f, 4.1666556e-02f, 8.363179e-03f, 1.3926184e-03f});
}
CKERAS_INLINE V8 exp_slope(V8 r) { return fma(r, exp_tail(r), V8(1)); }
// e^x for x between FloatTraits' limits.
CKERAS_INLINE V16 exp_between(V16 x) {
  using F = FloatTraits<float>;
  const V16 n = round(x * V16(1.4426950408889634f));
  const V16 r = fnma(n, V16(F::kLn2Low), fnma(n, V16(F::kLn2High), x));
  return scale(fma(exp_slope(r), r, V16(1)), n);
}
CKERAS_INLINE V8 exp_between(V8 x) {
  const ExpParts<V8> s = split_exp(x);
  return scale(fma(s.high * s.high, exp_tail(s.high), s.low) + s.high + V8(1), s.n);
}
// Max 1 / 1 ULP.
template <class V>
CKERAS_INLINE V exp(V x) {
  using F = TraitsOf<V>;
  return exp_between(smaller(V(F::kExpMost), larger(V(F::kExpLeast), x)));
}
// The same for x <= 0 or NaN.
template <class V>
CKERAS_INLINE V exp_falling(V x) {
  return exp_between(larger(V(TraitsOf<V>::kExpLeast), x));
}

template <class V>
CKERAS_INLINE V expm1_between(V x, typename V::Lane least, typename V::Lane most) {
  const ExpParts<V> s = split_exp(smaller(V(most), larger(V(least), x)));
  const V p = fma(s.high * s.high, exp_tail(s.high), s.low) + s.high;
  const V half = power_of_two(s.n - V(1));  // half of 2^n: the largest n has no power of two of its own
  const V shifted = fma(p, half, half - V(0.5f)) * V(2);
  return copysign(select(s.n == V(0), p, shifted), x);
}
// Max 2 / 2 ULP.
CKERAS_INLINE V16 expm1(V16 x) { return expm1_between(x, -40.0f, 89.0f); }
CKERAS_INLINE V8 expm1(V8 x) { return expm1_between(x, -80.0, 710.0); }

// 2^x. Max 1 / 2 ULP.
template <class V>
CKERAS_INLINE V exp2(V x) {
  using F = TraitsOf<V>;
  const V least = V(F::kExp2Least), bounded = smaller(V(F::kExp2Most), larger(least, x));
  const V n = round(bounded), r = (bounded - n) * V(static_cast<typename V::Lane>(0.6931471805599453));
  return scale(fma(exp_slope(r), r, V(1)), n);
}

// 1 + e^x, rounded once after e^x = 2^n + 2^n p, for x between FloatTraits' limits of normal powers.
CKERAS_INLINE V16 exp_and_one(V16 x) {
  using F = FloatTraits<float>;
  const V16 whole(0x1.8p23f + F::kBias);  // leaves n + kBias in the lowest bits of a sum
  const V16 sum = fma(x, V16(1.4426950408889634f), whole);
  const V16 n = sum - whole, power = as_float(as_int(sum) << F::kMantissa);
  const V16 r = fnma(n, V16(F::kLn2Low), fnma(n, V16(F::kLn2High), x));
  return fma(exp_slope(r) * r, power, power + V16(1));
}
CKERAS_INLINE V8 exp_and_one(V8 x) {
  const ExpParts<V8> s = split_exp(x);
  const V8 power = power_of_two(s.n);
  return fma(fma(s.high * s.high, exp_tail(s.high), s.low) + s.high, power, power + V8(1));
}

// 1 / (1 + e^-x). Max 2.5 / 3 ULP.
template <class V>
CKERAS_INLINE V sigmoid(V x) {
  using F = TraitsOf<V>;
  const V y = V(1) / exp_and_one(smaller(V(F::kNormalMost), larger(V(F::kNormalLeast), -x)));
#if defined(CKERAS_ISA_CUDA)
  return select(x < V(-F::kNormalMost), V(0), y);  // where denormals are not flushed
#else
  return y;
#endif
}

// Max 1.5 / 3 ULP. From tanh x = 1/2 on 1 - 2 / (1 + e^2|x|), before it a polynomial.
CKERAS_INLINE V16 tanh(V16 x) {
  const V16 a = smaller(V16(20), abs(x)), square = a * a;
  const V16 tail =
      polynomial(square, {-3.3333332e-01f, 1.33331137e-01f, -5.3909429e-02f, 2.1309389e-02f, -6.6102278e-03f});
  return copysign(select(a < V16(0.55f), fma(a * square, tail, a), V16(1) - V16(2) / exp_and_one(a + a)), x);
}
// r = u / (u + 1), u = (e^2|x| - 1) / 2, which does not cancel. What u + 1 lost in rounding is taken off again, times
// 1 / (u + 1) = 1 - r or, since it counts for small r alone, a little less.
CKERAS_INLINE V8 tanh(V8 x) {
  const V8 a = smaller(V8(20), abs(x));  // there it is 1
  const ExpParts<V8> s = split_exp(a + a);
  const V8 p = fma(s.high * s.high, exp_tail(s.high), s.low) + s.high;
  const V8 half = power_of_two(s.n - V8(1));
  const V8 u = fma(p, half, half - V8(0.5));
  const V8 below = u + V8(1);
  const V8 r = u / below, lost = u - (below - V8(1));
  return copysign(fnma(r * lost, larger(fnma(r, V8(1.125), V8(1)), V8(0)), r), x);
}

// ---- logarithms

// (log(1 + f) - f + f^2/2) / f^3 for sqrt(1/2) <= 1 + f <= sqrt(2).
CKERAS_INLINE V16 log_tail(V16 f) {
  return polynomial(f, {3.333333e-01f, -2.4999997e-01f, 2.0000716e-01f, -1.6667803e-01f, 1.4249058e-01f,
                        -1.2425687e-01f, 1.168542e-01f, -1.1479734e-01f, 6.971612e-02f});
}
// x = 2^k m, sqrt(1/2) <= m < sqrt(2), for x normal and positive.
template <class V>
struct LogParts {
  V k, m;
};
template <class V>
CKERAS_INLINE LogParts<V> split_log(V x) {
  using F = TraitsOf<V>;
  using I = typename V::AsInt;
  const I bits = as_int(x);
  const I k = (bits - I(F::kSqrtHalf)) >> F::kMantissa;
  return {to_float(k), as_float(bits - (k << F::kMantissa))};
}
// k ln(2) + log(1 + f) + c, c small.
CKERAS_INLINE V16 log_sum(V16 k, V16 f, V16 c) {
  using F = FloatTraits<float>;
  const V16 square = f * f;
  const V16 tail = fma(square * f, log_tail(f), fma(k, V16(F::kLn2Low), c));
  return fma(k, V16(F::kLn2High), fma(square, V16(-0.5f), tail) + f);
}
template <class V>
CKERAS_INLINE V atanh_tail(V z) {  // (log((1 + s) / (1 - s)) - 2 s) / s^3, z = s^2
  return polynomial(z,
                    {6.666666666666666e-01, 4.000000000000088e-01, 2.857142857080323e-01, 2.222222239180047e-01,
                     1.8181795630884753e-01, 1.5386240205813478e-01, 1.3268759668560612e-01, 1.3086767009948175e-01});
}
CKERAS_INLINE V8 log_sum(V8 k, V8 f, V8 c) {
  using F = FloatTraits<double>;
  const V8 s = f / (f + V8(2));
  const V8 z = s * s;
  const V8 half_square = V8(0.5) * f * f;
  const V8 tail = fma(s, fma(z, atanh_tail(z), half_square), fma(k, V8(F::kLn2Low), c));
  return fma(k, V8(F::kLn2High), f - (half_square - tail));
}
template <class V>
CKERAS_INLINE V log_specials(V x, V value) {
  using F = TraitsOf<V>;
  value = select(x < V(F::kInf), value, x);  // infinity and NaN
  value = select(abs(x) < V(F::kSmallest), V(-F::kInf), value);
  return select(x <= V(-F::kSmallest), V(F::kNan), value);
}
// Max 1 / 1 ULP.
template <class V>
CKERAS_INLINE V log(V x) {
  const LogParts<V> s = split_log(x);
  return log_specials(x, log_sum(s.k, s.m - V(1), V(0)));
}
// Max 2 / 2 ULP.
template <class V>
CKERAS_INLINE V log1p(V x) {
  const V u = x + V(1);
  const LogParts<V> s = split_log(u);
  const V lost = select(u >= V(2), V(1) - (u - x), x - (u - V(1)));
  const auto near_one = s.k == V(0);
  const V value = log_sum(s.k, select(near_one, x, s.m - V(1)), select(near_one, V(0), lost / u));
  return copysign(log_specials(u, value), x);
}
// log(1 + e^x). Max 2 / 2 ULP.
template <class V>
CKERAS_INLINE V softplus(V x) {
  return max(x, V(0)) + log1p(exp_falling(-abs(x)));
}

// ---- sine and cosine

// x = n pi/2 + r, |r| <= pi/4 and a little; pi/2 in three parts. Up to kSplitLimit, which needs exact products.
template <class V>
struct Quadrant {
  V n, r;
};
template <class V>
inline constexpr typename V::Lane kSplitLimit = !kFusedMultiplyAdd              ? 2
                                                : sizeof(typename V::Lane) == 4 ? 0x1p17
                                                                                : 0x1p30;
CKERAS_INLINE Quadrant<V16> quadrant(V16 x) {
  const V16 n = round(x * V16(0x1.45f306p-1f));
  V16 r = fnma(n, V16(0x1.921fb6p+0f), x);
  r = fnma(n, V16(-0x1.777a5cp-25f), r);
  return {n, fnma(n, V16(-0x1.ee59dap-50f), r)};
}
CKERAS_INLINE Quadrant<V8> quadrant(V8 x) {
  const V8 n = round(x * V8(0x1.45f306dc9c883p-1));
  V8 r = fnma(n, V8(0x1.921fb54442d18p+0), x);
  r = fnma(n, V8(0x1.1a62633145c07p-54), r);
  return {n, fnma(n, V8(-0x1.f1976b7ed8fbcp-110), r)};
}
CKERAS_INLINE V16 sin_near(V16 r, V16 z) {
  return fma(r * z, polynomial(z, {-1.6666667e-01f, 8.333332e-03f, -1.9840083e-04f, 2.7249314e-06f}), r);
}
CKERAS_INLINE V16 cos_near(V16 z) {
  return fma(z * z, polynomial(z, {4.1666668e-02f, -1.3888888e-03f, 2.4800596e-05f, -2.7300447e-07f}),
             fma(z, V16(-0.5f), V16(1)));
}
CKERAS_INLINE V8 sin_near(V8 r, V8 z) {
  return fma(
      r * z,
      polynomial(z, {-1.6666666666666666e-01, 8.333333333333331e-03, -1.9841269841265017e-04, 2.755731921930192e-06,
                     -2.5052106219521895e-08, 1.6058529572267877e-10, -7.586576588171073e-13}),
      r);
}
CKERAS_INLINE V8 cos_near(V8 z) {
  return fma(
      z * z,
      polynomial(z, {4.1666666666666664e-02, -1.3888888888888887e-03, 2.4801587301584618e-05, -2.7557319221382114e-07,
                     2.087675578389404e-09, -1.1470459749675607e-11, 4.745804889760674e-14}),
      fma(z, V8(-0.5), V8(1)));
}
// The same for all x. Lanes beyond kSplitLimit are reduced one by one.
template <class V>
CKERAS_INLINE Quadrant<V> any_quadrant(V x) {
  Quadrant<V> q = quadrant(x);
  if ((abs(x) > V(kSplitLimit<V>)).any()) {
    typename V::Lane lanes[V::kLanes], n[V::kLanes], r[V::kLanes];
    x.store(lanes);
    q.n.store(n);
    q.r.store(r);
    reduce_large_lanes(lanes, kSplitLimit<V>, n, r);
    q = {V::load(n), V::load(r)};
  }
  return q;
}
// sin(x + quarters * pi/2).
template <class V>
CKERAS_INLINE V sin_shifted(V x, V quarters) {
  const Quadrant<V> q = any_quadrant(x);
  const V turn = q.n + quarters;
  const V part = turn - V(4) * floor(turn * V(0.25f));  // 0, 1, 2, 3
  const V z = q.r * q.r;
  const V value = select((part == V(1)) | (part == V(3)), cos_near(z), sin_near(q.r, z));
  return select(part >= V(2), -value, value);
}
// Max 2 / 2 ULP. NaN at infinity.
template <class V>
CKERAS_INLINE V sin(V x) {
  return select(x == V(0), x, sin_shifted(x, V(0)));
}
template <class V>
CKERAS_INLINE V cos(V x) {
  return sin_shifted(x, V(1));
}

// Max 4 / 4 ULP. NaN at infinity.
template <class V>
CKERAS_INLINE V tan(V x) {
  const Quadrant<V> q = any_quadrant(x);
  const V z = q.r * q.r, sine = sin_near(q.r, z), cosine = cos_near(z), half = q.n * V(0.5f);
  const auto odd = floor(half) != half;
  return select(x == V(0), x, select(odd, -cosine, sine) / select(odd, sine, cosine));
}

// ---- the error function

// x + x p. Unfused, the product with a small x could be denormal: there it is formed 16 times as large.
template <class V>
CKERAS_INLINE V grown(V x, V p) {
  if constexpr (kFusedMultiplyAdd) return fma(x, p, x);
  x = x * V(16);
  return fma(x, p, x) * V(0.0625f);
}
CKERAS_INLINE V16 erf_small(V16 x) {  // |x| <= 1
  return grown(x, polynomial(x * x, {1.2837917e-01f, -3.7612626e-01f, 1.1283594e-01f, -2.6854211e-02f, 5.1890872e-03f,
                                     -8.0168643e-04f, 7.875875e-05f}));
}
CKERAS_INLINE V8 erf_small(V8 x) {
  return grown(x, polynomial(x * x, {1.2837916709551257e-01, -3.7612638903183754e-01, 1.128379167095512e-01,
                                     -2.686617064512984e-02, 5.2239776254232985e-03, -8.54832702193483e-04,
                                     1.2055332902888736e-04, -1.4925647567519332e-05, 1.6462045441468418e-06,
                                     -1.6364642158167616e-07, 1.4792401209404813e-08, -1.216456005728345e-09,
                                     8.709045129053106e-11, -4.230945824295338e-12}));
}
CKERAS_INLINE V16 erfc_large(V16 a) {  // a >= 1; 0 from 4 on, as seen from 1: exp of a polynomial
  a = min(a, V16(4));
  return exp(polynomial(a, {3.2013806e-04f, -1.1302334e+00f, -6.3182604e-01f, -1.10080086e-01f, 2.6421135e-02f,
                            -4.759596e-03f, 5.9680565e-04f, -4.605804e-05f, 1.6371514e-06f}));
}
CKERAS_INLINE V8 erfc_large(V8 a) {  // a >= 1; 0 from 6 on: exp(-a^2) times a polynomial in (a - 2) / (a + 2)
  a = min(a, V8(6));
  return exp(-a * a) *
         polynomial((a - V8(2)) / (a + V8(2)),
                    {2.5539567631050575e-01, -4.271858474139584e-01, 2.4165819424246646e-01, -7.897858101573213e-02,
                     3.732892404327764e-03, 6.997461739200444e-03, -8.471432509203844e-04, -9.81977026567889e-04,
                     4.355560219515472e-05, 1.7436116545392264e-04, 2.7525480361206068e-05, -2.7579864674305787e-05,
                     -1.396807230177146e-05, 1.392621183618803e-06, 3.789215643758464e-06, 1.1780775215625583e-06,
                     -5.322696855655786e-07, -4.215301054238321e-07});
}
// Max 2 / 2 ULP.
template <class V>
CKERAS_INLINE V erf(V x) {
  const V a = abs(x);
  return copysign(select(a < V(1), erf_small(x), V(1) - erfc_large(a)), x);
}

// erfinv(x) / x from w = -log(1 - x^2).
CKERAS_INLINE V16 erfinv_ratio(V16 w) {
  const V16 root = sqrt(w) - V16(3);
  const V16 near = polynomial(
      w - V16(2.5f), {1.5014093e+00f, 2.466403e-01f, -4.17732e-03f, -1.2527485e-03f, 2.1825773e-04f, -4.959692e-06f,
                      -3.4234142e-06f, 4.654174e-07f, 1.5984305e-08f, -8.73901e-09f, 4.6719323e-10f});
  const V16 far =
      polynomial(root, {2.8329768e+00f, 1.0016752e+00f, 9.445313e-03f, -7.643699e-03f, 5.6877565e-03f, -3.5619393e-03f,
                        1.4736247e-03f, -1.3075618e-04f, -2.7232815e-04f, 1.6812477e-04f, -3.4383218e-05f});
  return select(w < V16(5), near, far);
}
CKERAS_INLINE V8 erfinv_ratio(V8 w) {
  const V8 root = sqrt(w);
  const V8 near =
      polynomial(w - V8(3.125),
                 {1.6536545626831027e+00,  2.4015818242558834e-01,  -6.033670871426851e-03,  -7.407025341546431e-04,
                  1.8673420801981186e-04,  -1.3882523393957483e-05, -1.3654691758785656e-06, 4.23478816822246e-07,
                  -2.907039127564132e-08,  -4.1126604371632185e-09, 1.051223377050429e-09,   -5.414303283919504e-11,
                  -1.2978805369932565e-11, 2.6305268312595183e-12,  -8.07192593899004e-14,   -4.0020031087558496e-14,
                  6.521333511502239e-15,   -3.94018812230432e-17,   -1.2215637192404172e-16, 1.5510787009902526e-17,
                  6.075050702072414e-19,   -3.4734793888538036e-19, 1.999259988861535e-20,   3.194015548136271e-21,
                  -3.5932028927020693e-22});
  const V8 middle =
      polynomial(root - V8(3.25),
                 {3.0838856104922208e+00,  1.0052589676941655e+00,  5.370914553555033e-03,  -3.7512085082247342e-03,
                  2.49144209795696e-03,    -1.6882755354488555e-03, 9.532893415794137e-04,  -3.550378137852452e-04,
                  2.4031512865758357e-05,  6.828711739251955e-05,   -4.732068066544697e-05, 1.2465028224217455e-05,
                  2.93257845538535e-06,    -3.985705945648173e-06,  1.4815977874022539e-06, -2.761716223816241e-08,
                  -2.4549818963339823e-07, 1.3158663683192966e-07,  -2.091453334773126e-08, -1.5305397964152548e-08,
                  7.680200479077053e-09});
  const V8 far = polynomial(
      root - V8(5), {4.849906401408584e+00, 1.0103004648645448e+00,  -1.387193183802327e-04, -2.1503011980329156e-04,
                     7.599527809894209e-05, -1.968177112463216e-05,  4.526052504540241e-06,  -9.930260580756307e-07,
                     2.290529295597557e-07, -6.757032620612123e-08,  2.901831210315561e-08,  -1.5219730664402744e-08,
                     7.822040738410886e-09, -3.5249190822797105e-09, 1.3153638724589922e-09, -3.891029733765931e-10,
                     6.991455005497132e-11, 1.8836261943446357e-11,  -2.046902696093523e-11, 5.0294638316832236e-12});
  return select(w < V8(6.25), near, select(w < V8(16), middle, far));
}
// Max 4 / 3 ULP for |x| < 1; infinite at 1 and -1, NaN beyond.
template <class V>
CKERAS_INLINE V erfinv(V x) {
  using F = TraitsOf<V>;
  const V value = x * erfinv_ratio(-log((V(1) - x) * (V(1) + x)));
  const V a = abs(x);
  return select(a < V(1), value, select(a == V(1), copysign(V(F::kInf), x), V(F::kNan)));
}

// ---- the angle

// (atan(x) / x - 1) / x^2 for |x| <= tan(pi / 8), z = x^2.
CKERAS_INLINE V16 atan_tail(V16 z) {
  return polynomial(z, {-3.33333318e-01f, 1.99995403e-01f, -1.42639498e-01f, 1.07436683e-01f, -6.45171887e-02f});
}
CKERAS_INLINE V8 atan_tail(V8 z) {
  return polynomial(z, {-3.333333333333333e-01, 1.9999999999995517e-01, -1.4285714284665681e-01, 1.1111111015187019e-01,
                        -9.090904575306489e-02, 7.692183125376892e-02, -6.664510525508937e-02, 5.858140904866328e-02,
                        -5.0854078345894843e-02, 3.9230447784793095e-02, -1.9175404711104934e-02});
}
// The angle of (x, y) for x and y of no sign: in [0, pi / 2].
template <class V>
CKERAS_INLINE V first_quadrant_angle(V y, V x) {
  using F = TraitsOf<V>;
  const V longer = max(x, y), shorter = min(x, y);
  const V t = select(shorter == V(F::kInf), V(1), select(longer == V(0), V(0), shorter / longer));
  const auto steep = t > V(0.41421356f);
  const V r = select(steep, (t - V(1)) / (t + V(1)), t);
  const V z = r * r;
  const V low = select(steep, V(F::kQuarterPiLow), V(0));
  const V angle = select(steep, V(F::kQuarterPi), V(0)) + (r + fma(r * z, atan_tail(z), low));
  return select(y > x, (V(2 * F::kQuarterPi) - angle) + V(2 * F::kQuarterPiLow), angle);
}
// Max 3 / 3 ULP: the angle of (x, y) in [-pi, pi].
template <class V>
CKERAS_INLINE V atan2(V y, V x) {
  using F = TraitsOf<V>;
  const V angle = first_quadrant_angle(abs(y), abs(x));
  const V behind = (V(4 * F::kQuarterPi) - angle) + V(4 * F::kQuarterPiLow);
  return copysign(select(copysign(V(1), x) < V(0), behind, angle), y);
}

// Max 2 / 2 ULP: the angle in [-pi / 2, pi / 2].
template <class V>
CKERAS_INLINE V atan(V x) {
  using F = TraitsOf<V>;
  const V a = abs(x);
  const auto some = a > V(0.41421356f), steep = a > V(2.4142137f);
  const V r = select(steep, V(-1), select(some, a - V(1), a)) / select(steep, a, select(some, a + V(1), V(1)));
  const V turned = select(steep, V(2), select(some, V(1), V(0))), z = r * r;
  const V low = turned * V(F::kQuarterPiLow);
  return copysign(turned * V(F::kQuarterPi) + (r + fma(r * z, atan_tail(z), low)), x);
}

// (asin(s) / s - 1) / z for z = s^2 up to 1/4.
CKERAS_INLINE V16 asin_tail(V16 z) {
  return polynomial(z, {1.66666731e-01f, 7.49885514e-02f, 4.50013801e-02f, 2.65545417e-02f, 3.80850248e-02f});
}
CKERAS_INLINE V8 asin_tail(V8 z) {
  return polynomial(z, {1.6666666666666669e-01, 7.499999999998433e-02, 4.464285714635543e-02, 3.0381944138531247e-02,
                        2.237217294214989e-02, 1.7352392720869973e-02, 1.3971212973552933e-02, 1.1479177415184906e-02,
                        1.032281435018578e-02, 5.457506718640358e-03, 1.740087944269402e-02, -1.4851887071247204e-02,
                        2.8757851367421566e-02});
}
// asin(s): s is |x| up to 1/2; beyond, asin(|x|) = pi / 2 - 2 asin(s).
template <class V>
struct HalfAngle {
  decltype(V(0) > V(0)) near;
  V angle;

  CKERAS_MEMBER explicit HalfAngle(V x) : near(abs(x) <= V(0.5f)) {
    const V a = abs(x), z = select(near, a * a, fnma(a, V(0.5f), V(0.5f))), s = select(near, a, sqrt(z));
    angle = fma(s * z, asin_tail(z), s);
  }
};
// Max 2 / 2 ULP: the angle in [-pi / 2, pi / 2]; NaN beyond 1.
template <class V>
CKERAS_INLINE V asin(V x) {
  using F = TraitsOf<V>;
  const HalfAngle<V> half(x);
  const V far = (V(2 * F::kQuarterPi) - V(2) * half.angle) + V(2 * F::kQuarterPiLow);
  return copysign(select(half.near, half.angle, far), x);
}
// Max 2 / 2 ULP: the angle in [0, pi]; NaN beyond 1.
template <class V>
CKERAS_INLINE V acos(V x) {
  using F = TraitsOf<V>;
  const HalfAngle<V> half(x);
  const V near = (V(2 * F::kQuarterPi) - copysign(half.angle, x)) + V(2 * F::kQuarterPiLow), twice = V(2) * half.angle;
  const V behind = (V(4 * F::kQuarterPi) - twice) + V(4 * F::kQuarterPiLow);
  return select(half.near, near, select(x < V(0), behind, twice));
}

// ---- powers

// |x|^y from its magnitude, the sign and the special values of C's pow.
template <class V>
CKERAS_INLINE V pow_specials(V x, V y, V magnitude) {
  using F = TraitsOf<V>;
  const V half = y * V(0.5f);
  const auto whole = floor(y) == y;
  const auto odd = whole & (floor(half) != half);
  V value = select((x < V(0)) & !whole & (x > V(-F::kInf)), V(F::kNan), magnitude);
  value = select(odd, copysign(value, x), value);
  value = select((abs(x) == V(1)) & (abs(y) == V(F::kInf)), V(1), value);
  value = select(isnan(x) | isnan(y), x + y, value);
  return select((x == V(1)) | (y == V(0)), V(1), value);
}
// x^y for x positive and normal as a float32, at some 45 bits.
CKERAS_INLINE W16 pow_in_double(W16 x, W16 y) {
  const LogParts<W16> p = split_log(x);
  const W16 f = p.m - W16(1);
  const W16 s = f / (f + W16(2));
  const W16 z = s * s;
  const W16 logarithm = fma(p.k, W16(0.6931471805599453), fma(s * z, atanh_tail(z), s + s));
  const W16 t = min(max(y * logarithm, W16(-110)), W16(90));
  const W16 n = round(t * W16(1.4426950408889634));
  const W16 r = fnma(n, W16(0.6931471805599453), t);
  return fma(r * r, exp_tail_double(r), r + W16(1)) * power_of_two(n);
}
// The powers of zero and infinity.
template <class V>
CKERAS_INLINE V pow_limits(V a, V y, V magnitude) {
  using F = TraitsOf<V>;
  const auto zero = a < V(F::kSmallest);
  const auto infinite = a == V(F::kInf);
  const V at_limit = select(!((y < V(0)) ^ zero), V(F::kInf), V(0));
  return select(zero | infinite, at_limit, magnitude);
}
// Max 1 / 2 ULP.
CKERAS_INLINE V16 pow(V16 x, V16 y) {
  const V16 a = abs(x);
  const V16 magnitude = to_single(pow_in_double(to_double(a), to_double(y)));
  return pow_specials(x, y, pow_limits(a, y, magnitude));
}

// High + low, together some 106 bits.
struct TwoDoubles {
  V8 high, low;
};
CKERAS_INLINE TwoDoubles add_smaller(V8 a, V8 b) {  // |a| >= |b|, or a = 0
  const V8 sum = a + b;
  return {sum, b - (sum - a)};
}
CKERAS_INLINE TwoDoubles product(V8 a, V8 b) {
  const V8 high = a * b;
  if constexpr (kFusedMultiplyAdd) return {high, fma(a, b, -high)};
  // Dekker (1971): halves of 26 bits, whose products are exact.
  const V8 far_a = a * V8(0x1.000002p+27), far_b = b * V8(0x1.000002p+27);
  const V8 a1 = far_a - (far_a - a), b1 = far_b - (far_b - b);
  const V8 a2 = a - a1, b2 = b - b1;
  return {high, a2 * b2 - (((high - a1 * b1) - a2 * b1) - a1 * b2)};
}
CKERAS_INLINE TwoDoubles product(TwoDoubles a, TwoDoubles b) {
  const TwoDoubles p = product(a.high, b.high);
  return {p.high, p.low + fma(a.high, b.low, a.low * b.high)};
}
CKERAS_INLINE TwoDoubles log_in_two(V8 x) {
  using F = FloatTraits<double>;
  const LogParts<V8> p = split_log(x);
  const V8 f = p.m - V8(1);
  const TwoDoubles below = add_smaller(V8(2), f);
  const V8 ratio = f / below.high;
  const TwoDoubles back = product(ratio, below.high);
  const TwoDoubles s = {ratio, (((f - back.high) - back.low) - ratio * below.low) / below.high};
  const TwoDoubles z = product(s, s);
  const V8 beyond = z.high * polynomial(z.high, {3.999999999999999e-01, 2.8571428571435364e-01, 2.2222222219857288e-01,
                                                 1.81818185938676e-01, 1.538457511576662e-01, 1.333563938635947e-01,
                                                 1.1688107586595922e-01, 1.188214271262732e-01});
  TwoDoubles c = add_smaller(V8(0x1.5555555555555p-1), beyond);
  c.low = c.low + V8(0x1.5555555555555p-55);
  const TwoDoubles cube = product(product(s, z), c);
  const TwoDoubles a = add_smaller(p.k * V8(F::kLn2High), s.high + s.high);
  const TwoDoubles b = add_smaller(a.high, cube.high);
  return add_smaller(b.high, a.low + b.low + (fma(p.k, V8(F::kLn2Low), cube.low) + (s.low + s.low)));
}
CKERAS_INLINE V8 pow(V8 x, V8 y) {
  const V8 a = abs(x);
  const TwoDoubles l = log_in_two(a);
  TwoDoubles t = product(l.high, y);
  const V8 bounded = min(max(t.high, V8(-750)), V8(710));
  const V8 rest = select(bounded == t.high, fma(l.low, y, t.low), V8(0));
  const ExpParts<V8> s = split_exp(bounded);
  const V8 p = fma(s.high * s.high, exp_tail(s.high), s.low) + s.high + V8(1);
  return pow_specials(x, y, pow_limits(a, y, scale(fma(p, rest, p), s.n)));
}

}  // namespace ckeras::CKERAS_ISA
