// From the words of Philox to numbers, as philox.h defines them; for vectors and for CUDA's threads. Only for .isa.cpp
// files and kernels.
#pragma once
#include "cpu/vmath.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {
namespace {

CKERAS_INLINE V16 unit(I16 word) { return to_float(shift_right_logical(word, 8)) * V16(0x1p-24f); }

// The nearest float to each unsigned word.
CKERAS_INLINE V16 to_float_unsigned(I16 word) {
  return fma(to_float(shift_right_logical(word, 16)), V16(65536.0f), to_float(word & I16(0xffff)));
}

// One turn is 1: cos(2 pi t) and sin(2 pi t) times r, for 0 <= t < 1.
template <class V>
CKERAS_INLINE void polar(V r, V t, V* x, V* y) {
  const V n = round(t * V(4));  // quarters: 0 ... 4
  const V angle = (t * V(4) - n) * V(static_cast<typename V::Lane>(1.57079632679489661923));
  const V z = angle * angle;
  const V s = sin_near(angle, z), c = cos_near(z);
  const auto odd = (n == V(1)) | (n == V(3));
  const V cosine = select(odd, s, c), sine = select(odd, c, s);
  *x = r * select((n == V(1)) | (n == V(2)), -cosine, cosine);
  *y = r * select((n == V(2)) | (n == V(3)), -sine, sine);
}

// sqrt(2) * erfinv(erf(sqrt(2)) * t), |t| < 1: erfinv(x) / x is a polynomial in w = -log(1 - x^2) <= 2.4202.
CKERAS_INLINE V16 erfinv_ratio_near(V16 w) {
  return polynomial(w, {0.886226926f, 0.232013661f, 0.0115494049f, -0.00233539538f, -0.000127327148f, 4.55874568e-5f,
                        2.92254776e-6f, -1.50433036e-6f, 1.18960813e-7f});
}
CKERAS_INLINE V8 erfinv_ratio_near(V8 w) {
  return polynomial(
      w, {0.88622692545275801, 0.2320136665346549, 0.011549342038254512, -0.0023351016413539951, -0.0001280432963756857,
          4.6611450971304688e-5, 2.0199541088100894e-6, -1.0124752408746376e-6, -3.7424518521281856e-8,
          2.2948175739715658e-8, 6.1760299130834985e-10, -4.3478797475757193e-10, -5.8930793890467634e-11,
          2.6624148475634859e-11, -2.7644511185895267e-12, 4.2761682075083292e-14, 6.8282106280616914e-15});
}
template <class V>
CKERAS_INLINE V truncated(V t) {
  using T = typename V::Lane;
  const V x = t * V(static_cast<T>(0.9544997361036415856));
  const V z = x * erfinv_ratio_near(-log((V(1) - x) * (V(1) + x))) * V(static_cast<T>(1.4142135623730950488));
  return max(min(z, V(2)), V(-2));
}

CKERAS_INLINE uint16_t bits_of_element(uint16_t x) { return x; }
CKERAS_INLINE uint32_t bits_of_element(float x) { return __builtin_bit_cast(uint32_t, x); }
CKERAS_INLINE uint64_t bits_of_element(double x) { return __builtin_bit_cast(uint64_t, x); }

// The greatest number of the storage that is below high; below 0, the least that the kernels do not flush to 0.
template <class S>
CKERAS_INLINE typename S::T below(double high) {
  using T = typename S::T;
  auto element = S::put(static_cast<T>(high));
  if (static_cast<double>(S::get(element)) < high) return S::get(element);
  if (S::get(element) == 0) return -S::kSmallest;
  const auto bits = bits_of_element(element);
  const auto before = static_cast<decltype(bits_of_element(element))>(S::get(element) > 0 ? bits - 1 : bits + 1);
  return S::get(__builtin_bit_cast(typename S::Element, before));
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
