// One elementwise function each, written once and templated on the value: a plain number of any dtype, a SIMD vector,
// and a CUDA thread's number. NumPy's semantics; integers wrap, and what would trap (division by zero) gives 0.
//
// A functor of kSignless = true does the same to the bits of signed and unsigned integers, which then share one kernel.
// Bool values are uint8_t, 0 or 1.
#pragma once
#include <cstdint>

#include "base/inline.h"

#if defined(__CUDACC__)
#define CKERAS_FUNCTOR __host__ __device__ __forceinline__
#else
#include "cpu/vec.h"
#include "cpu/vmath.h"
#define CKERAS_FUNCTOR CKERAS_MEMBER
#endif

namespace ckeras::CKERAS_ISA {

// ---- plain integers as values: the same names as vectors have

template <class T>
inline constexpr bool kIsInteger = false;
template <>
inline constexpr bool kIsInteger<int8_t> = true;
template <>
inline constexpr bool kIsInteger<int16_t> = true;
template <>
inline constexpr bool kIsInteger<int32_t> = true;
template <>
inline constexpr bool kIsInteger<int64_t> = true;
template <>
inline constexpr bool kIsInteger<uint8_t> = true;
template <>
inline constexpr bool kIsInteger<uint16_t> = true;
template <>
inline constexpr bool kIsInteger<uint32_t> = true;
template <>
inline constexpr bool kIsInteger<uint64_t> = true;

template <class T>
inline constexpr bool kIsSigned = static_cast<T>(-1) < static_cast<T>(0);

// Unsigned, and so wide that the product of two 16-bit numbers does not overflow a promoted int.
template <class T>
CKERAS_INLINE auto wrapping(T a) {
  if constexpr (sizeof(T) == 8) {
    return static_cast<uint64_t>(a);
  } else {
    return static_cast<uint32_t>(a);
  }
}
// ---- arithmetic

struct Add {
  static constexpr bool kSignless = true;
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T b) const {
    if constexpr (kIsInteger<T>)
      return static_cast<T>(wrapping(a) + wrapping(b));
    else
      return a + b;
  }
};
struct Subtract {
  static constexpr bool kSignless = true;
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T b) const {
    if constexpr (kIsInteger<T>)
      return static_cast<T>(wrapping(a) - wrapping(b));
    else
      return a - b;
  }
};
struct Multiply {
  static constexpr bool kSignless = true;
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T b) const {
    if constexpr (kIsInteger<T>)
      return static_cast<T>(wrapping(a) * wrapping(b));
    else
      return a * b;
  }
};
struct Negative {
  static constexpr bool kSignless = true;
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    if constexpr (kIsInteger<T>)
      return static_cast<T>(0 - wrapping(a));
    else
      return -a;
  }
};
struct Square {
  static constexpr bool kSignless = true;
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return Multiply()(a, a);
  }
};
struct Absolute {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    if constexpr (kIsInteger<T>)
      return a < 0 ? Negative()(a) : a;
    else
      return abs(a);
  }
};
struct Sign {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    if constexpr (kIsInteger<T>)
      return static_cast<T>((a > 0) - (a < 0));
    else
      return select(a > T(0), T(1), select(a < T(0), T(-1), a));  // NaN and zeros are their own sign
  }
};
struct Maximum {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T b) const {
    if constexpr (kIsInteger<T>)
      return a > b ? a : b;
    else
      return max(a, b);
  }
};
struct Minimum {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T b) const {
    if constexpr (kIsInteger<T>)
      return a < b ? a : b;
    else
      return min(a, b);
  }
};
struct Divide {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T b) const {
    return a / b;
  }
};

// The exact remainder of |a| / |b|, by subtracting multiples that a fused multiply-add forms without error. Each turn
// takes off as many bits of the quotient as a number has.
template <class V>
CKERAS_INLINE V remainder_of_magnitudes(V a, V b) {
  using F = TraitsOf<V>;
  const V far = power_of_two(V(F::kBias));
  V r = abs(a);
  const V d = abs(b);
  for (int turn = 0; turn < 64 && (r >= d).any(); ++turn) {
    const V step = select(r > d * far, d * far, d);  // a ratio that would overflow is taken in two
    // A quotient never too large, and short by three bits, so that what is left is exact.
    const V quotient = trunc(r / step * V(F::kBelowOne));
    const V short_quotient = max(as_float(as_int(quotient) & typename V::AsInt(~7)), V(1));
    r = select(r >= d, fnma(short_quotient, step, r), r);
  }
  return select(isnan(b), b, r);
}
// The sign of the divisor; a zero remainder has it too.
struct Mod {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T b) const {
    if constexpr (kIsInteger<T>) {
      if (b == 0) return 0;
      if (kIsSigned<T> && b == static_cast<T>(-1)) return 0;
      const T r = static_cast<T>(a % b);
      return r != 0 && (r < 0) != (b < 0) ? static_cast<T>(r + b) : r;
    } else {
      const T r = copysign(remainder_of_magnitudes(a, b), a);
      const T shifted = select((r < T(0)) ^ (b < T(0)), r + b, r);
      return select(r == T(0), copysign(T(0), b), shifted);
    }
  }
};
struct FloorDivide {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T b) const {
    if constexpr (kIsInteger<T>) {
      if (b == 0) return 0;
      if (kIsSigned<T> && b == static_cast<T>(-1)) return Negative()(a);
      const T q = static_cast<T>(a / b);
      return (a % b != 0) && (a < 0) != (b < 0) ? static_cast<T>(q - 1) : q;
    } else {
      const T q = (a - Mod()(a, b)) / b;  // a whole number, but for its rounding
      const T whole = floor(q);
      const T nearest = select(q - whole > T(0.5f), whole + T(1), whole);
      const T value = select(q == T(0), copysign(T(0), a / b), nearest);
      const T beyond = select((a != T(0)) & ((a < T(0)) ^ (b < T(0))), T(-1), a / b);  // b is infinite
      const T infinity = T(TraitsOf<T>::kInf);
      return select(b == T(0), a / b, select((abs(b) == infinity) & (abs(a) < infinity), beyond, value));
    }
  }
};
struct Power {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T b) const {
    return pow(a, b);
  }
};
// A negative exponent gives the whole part: 0, but for a base of 1 or -1.
struct PowerInt {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T b) const {
    if (kIsSigned<T> && b < 0) {
      if (a == 1) return 1;
      return a == static_cast<T>(-1) ? static_cast<T>(b % 2 == 0 ? 1 : -1) : static_cast<T>(0);
    }
    T power = 1;
    for (; b != 0; b = static_cast<T>(b >> 1)) {
      if (b & 1) power = Multiply()(power, a);
      a = Multiply()(a, a);
    }
    return power;
  }
};
// The greatest common divisor, not negative but for that of the least number and 0 or itself.
struct Gcd {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T b) const {
    while (b != 0) {
      const T rest = kIsSigned<T> && b == static_cast<T>(-1) ? static_cast<T>(0) : static_cast<T>(a % b);
      a = b;
      b = rest;
    }
    return kIsSigned<T> && a < 0 ? Negative()(a) : a;
  }
};
struct Sqrt {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return sqrt(a);
  }
};
struct Rsqrt {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return T(1) / sqrt(a);
  }
};
struct Reciprocal {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return T(1) / a;
  }
};
struct Floor {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return floor(a);
  }
};
struct Ceil {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return ceil(a);
  }
};
struct Round {  // half to even
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return round(a);
  }
};
struct Trunc {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return trunc(a);
  }
};

// ---- transcendental

struct Exp {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return exp(a);
  }
};
struct Expm1 {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return expm1(a);
  }
};
struct Exp2 {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return exp2(a);
  }
};
struct Log {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return log(a);
  }
};
struct Log1p {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return log1p(a);
  }
};
struct Sin {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return sin(a);
  }
};
struct Cos {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return cos(a);
  }
};
struct Tan {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return tan(a);
  }
};
struct Arctan {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return atan(a);
  }
};
struct Arcsin {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return asin(a);
  }
};
struct Arccos {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return acos(a);
  }
};
struct Tanh {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return tanh(a);
  }
};
struct Sigmoid {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return sigmoid(a);
  }
};
struct Softplus {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return softplus(a);
  }
};
struct Gelu {  // the error adds an ULP of a to that of the result: 1 + erf cancels where a is below 0
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return T(0.5f) * a * (T(1) + erf(a * T(0.7071067811865476)));
  }
};
struct GeluTanh {  // 1 + tanh(u) is 2 sigmoid(2 u), which does not cancel; 2 u = 2 sqrt(2 / pi) (a + 0.044715 a^3)
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return a * sigmoid(a * fma(a * a, T(0.07135481627260025), T(1.5957691216057308)));
  }
};
struct LeakyRelu {  // b is the slope below 0
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T b) const {
    return select(a > T(0), a, a * b);
  }
};
struct HardSigmoid {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return min(max(a + T(3), T(0)), T(6)) * T(1.0 / 6);
  }
};
struct HardSilu {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return a * HardSigmoid()(a);
  }
};
struct Erf {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return erf(a);
  }
};
struct Erfinv {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return erfinv(a);
  }
};
struct Arctan2 {
  template <class T>
  CKERAS_FUNCTOR T operator()(T y, T x) const {
    return atan2(y, x);
  }
};

// ---- comparison, logic, selection

struct Equal {
  static constexpr bool kSignless = true;
  template <class T>
  CKERAS_FUNCTOR auto operator()(T a, T b) const {
    return a == b;
  }
};
struct NotEqual {
  static constexpr bool kSignless = true;
  template <class T>
  CKERAS_FUNCTOR auto operator()(T a, T b) const {
    return a != b;
  }
};
struct Less {
  template <class T>
  CKERAS_FUNCTOR auto operator()(T a, T b) const {
    return a < b;
  }
};
struct LessEqual {
  template <class T>
  CKERAS_FUNCTOR auto operator()(T a, T b) const {
    return a <= b;
  }
};
struct Greater {
  template <class T>
  CKERAS_FUNCTOR auto operator()(T a, T b) const {
    return a > b;
  }
};
struct GreaterEqual {
  template <class T>
  CKERAS_FUNCTOR auto operator()(T a, T b) const {
    return a >= b;
  }
};
struct And {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T b) const {
    return static_cast<T>(a & b);
  }
};
struct Or {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T b) const {
    return static_cast<T>(a | b);
  }
};
struct Xor {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T b) const {
    return static_cast<T>(a ^ b);
  }
};
struct BitNot {
  static constexpr bool kSignless = true;
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return static_cast<T>(~a);
  }
};
// A shift by the width or more, or by a negative number, leaves nothing but, to the right, the sign.
struct LeftShift {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T n) const {
    constexpr int kBits = 8 * static_cast<int>(sizeof(T));
    return n < 0 || n >= kBits ? static_cast<T>(0) : static_cast<T>(wrapping(a) << n);
  }
};
struct RightShift {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a, T n) const {
    constexpr int kBits = 8 * static_cast<int>(sizeof(T));
    return n < 0 || n >= kBits ? static_cast<T>(a < 0 ? -1 : 0) : static_cast<T>(a >> n);
  }
};
struct LogicalNot {
  template <class T>
  CKERAS_FUNCTOR T operator()(T a) const {
    return static_cast<T>(a ^ 1);
  }
};
struct IsNan {
  template <class T>
  CKERAS_FUNCTOR auto operator()(T a) const {
    return a != a;
  }
};
struct IsInf {
  template <class T>
  CKERAS_FUNCTOR auto operator()(T a) const {
    return abs(a) == T(__builtin_inff());
  }
};
struct IsFinite {
  template <class T>
  CKERAS_FUNCTOR auto operator()(T a) const {
    return abs(a) < T(__builtin_inff());
  }
};
struct Select {  // the condition as a mask or a bool
  template <class M, class T>
  CKERAS_FUNCTOR T operator()(M condition, T a, T b) const {
    if constexpr (kIsInteger<T>)
      return condition ? a : b;
    else
      return select(condition, a, b);
  }
};

}  // namespace ckeras::CKERAS_ISA
