// One register of N lanes, and two halves of a wider value: the same functions on both. Part of cpu/vec.h.
#pragma once
#include "cpu/vec_raw.h"

namespace ckeras::CKERAS_ISA {

template <class T, int N>
struct Reg {
  using Lane = T;
  using R = Raw<T, N>;
  using M = Mask<sizeof(T), N>;
  using AsInt = Reg<IntOf<T>, N>;
  using RI = Raw<IntOf<T>, N>;
  using RU = Raw<UintOf<T>, N>;
  static constexpr int kLanes = N;

  R r;

  Reg() = default;
  CKERAS_MEMBER Reg(T x) : r(x - R{}) {}  // a splat, implicit; x - 0 and not x + 0: it keeps -0.0
  static CKERAS_MEMBER Reg from(R raw) {
    Reg v;
    v.r = raw;
    return v;
  }
  static CKERAS_MEMBER Reg load(const T* p) { return from(load_raw<T, N>(p)); }
  static CKERAS_MEMBER Reg load(const T* p, int64_t n) { return from(load_first<T, N>(p, n)); }
  CKERAS_MEMBER void store(T* p) const { store_raw(p, r); }
  CKERAS_MEMBER void store(T* p, int64_t n) const { store_first(p, r, n); }
  static CKERAS_MEMBER Reg iota(T first = 0) { return from(iota_raw(first, IndicesTo<N>{})); }

  // Unsigned underneath: integers wrap.
  friend CKERAS_MEMBER Reg operator+(Reg a, Reg b) {
    if constexpr (kIsFloat<T>) return from(a.r + b.r);
    return from((R)((RU)a.r + (RU)b.r));
  }
  friend CKERAS_MEMBER Reg operator-(Reg a, Reg b) {
    if constexpr (kIsFloat<T>) return from(a.r - b.r);
    return from((R)((RU)a.r - (RU)b.r));
  }
  friend CKERAS_MEMBER Reg operator*(Reg a, Reg b) {
    if constexpr (kIsFloat<T>) return from(a.r * b.r);
    return from((R)((RU)a.r * (RU)b.r));
  }
  friend CKERAS_MEMBER Reg operator/(Reg a, Reg b) { return from(a.r / b.r); }
  friend CKERAS_MEMBER Reg operator-(Reg a) {
    if constexpr (kIsFloat<T>) return from(-a.r);
    return from((R)(-(RU)a.r));
  }

  friend CKERAS_MEMBER M operator<(Reg a, Reg b) { return less_raw(a.r, b.r); }
  friend CKERAS_MEMBER M operator>(Reg a, Reg b) { return less_raw(b.r, a.r); }
  friend CKERAS_MEMBER M operator<=(Reg a, Reg b) { return less_equal_raw(a.r, b.r); }
  friend CKERAS_MEMBER M operator>=(Reg a, Reg b) { return less_equal_raw(b.r, a.r); }
  friend CKERAS_MEMBER M operator==(Reg a, Reg b) { return equal_raw(a.r, b.r); }
  friend CKERAS_MEMBER M operator!=(Reg a, Reg b) { return !equal_raw(a.r, b.r); }
  friend CKERAS_MEMBER Reg select(M m, Reg a, Reg b) { return from(select_raw(m, a.r, b.r)); }

  // ---- integers
  friend CKERAS_MEMBER Reg operator&(Reg a, Reg b) { return from(a.r & b.r); }
  friend CKERAS_MEMBER Reg operator|(Reg a, Reg b) { return from(a.r | b.r); }
  friend CKERAS_MEMBER Reg operator^(Reg a, Reg b) { return from(a.r ^ b.r); }
  friend CKERAS_MEMBER Reg operator~(Reg a) { return from(~a.r); }
  friend CKERAS_MEMBER Reg operator<<(Reg a, int n) { return from((R)((RU)a.r << n)); }
  friend CKERAS_MEMBER Reg operator>>(Reg a, int n) { return from(a.r >> n); }
  friend CKERAS_MEMBER Reg shift_right_logical(Reg a, int n) { return from((R)((RU)a.r >> n)); }
  // 32-bit lanes in pairs: the product of the even lanes of a and b, unsigned, in two lanes, low half first; the odd
  // lanes in place of the even ones, the odd ones then undefined; the even lanes of a and, as odd ones, those of b.
  friend CKERAS_MEMBER Reg mul_even(Reg a, Reg b) { return from((R)mul_even_raw((Twos)a.r, (Twos)b.r)); }
  friend CKERAS_MEMBER Reg odd_lanes(Reg a) { return from((R)((Twos)a.r >> 32)); }
  friend CKERAS_MEMBER Reg pair_lanes(Reg a, Reg b) { return from((R)(((Twos)a.r & 0xffffffff) | ((Twos)b.r << 32))); }

  // ---- floats
  friend CKERAS_MEMBER Reg fma(Reg a, Reg b, Reg c) { return from(fma_raw(a.r, b.r, c.r)); }
  friend CKERAS_MEMBER Reg fnma(Reg a, Reg b, Reg c) { return from(fnma_raw(a.r, b.r, c.r)); }
  // NaN wins; of two equal zeros, the second.
  friend CKERAS_MEMBER Reg max(Reg a, Reg b) {
    if constexpr (kIsFloat<T>) return from(select_raw(equal_raw(a.r, a.r), max_raw(a.r, b.r), a.r));
    return select(a > b, a, b);
  }
  friend CKERAS_MEMBER Reg min(Reg a, Reg b) {
    if constexpr (kIsFloat<T>) return from(select_raw(equal_raw(a.r, a.r), min_raw(a.r, b.r), a.r));
    return select(a < b, a, b);
  }
  // One instruction each: the second where they are equal or one is NaN.
  friend CKERAS_MEMBER Reg larger(Reg a, Reg b) { return from(max_raw(a.r, b.r)); }
  friend CKERAS_MEMBER Reg smaller(Reg a, Reg b) { return from(min_raw(a.r, b.r)); }
  friend CKERAS_MEMBER Reg sqrt(Reg a) { return from(sqrt_raw(a.r)); }
  friend CKERAS_MEMBER Reg floor(Reg a) { return from(floor_raw(a.r)); }
  friend CKERAS_MEMBER Reg ceil(Reg a) { return from(ceil_raw(a.r)); }
  friend CKERAS_MEMBER Reg round(Reg a) { return from(round_raw(a.r)); }
  friend CKERAS_MEMBER Reg trunc(Reg a) { return from(trunc_raw(a.r)); }
  friend CKERAS_MEMBER Reg abs(Reg a) {
    if constexpr (kIsFloat<T>) return from((R)((RI)a.r & ~kSignBit));
    return select(a < Reg(0), -a, a);
  }
  friend CKERAS_MEMBER Reg copysign(Reg a, Reg b) { return from((R)(((RI)a.r & ~kSignBit) | ((RI)b.r & kSignBit))); }
  friend CKERAS_MEMBER M isnan(Reg a) { return !equal_raw(a.r, a.r); }
  friend CKERAS_MEMBER AsInt as_int(Reg a) { return AsInt::from((RI)a.r); }

  template <int H>
  CKERAS_MEMBER Reg rotate() const {
    return from(rotate_raw<H, N>(r, IndicesTo<N>{}));
  }

 private:
  using Twos = Raw<uint64_t, N* static_cast<int>(sizeof(T)) / 8>;
  static constexpr IntOf<T> kSignBit = static_cast<IntOf<T>>(UintOf<T>{1} << (sizeof(T) * 8 - 1));
  template <int... I>
  static CKERAS_MEMBER R iota_raw(T first, Indices<I...>) {
    return R{static_cast<T>(I)...} + first;
  }
};

template <class H>
struct PairMask {
  static constexpr int kLanes = 2 * H::kLanes;

  H lo, hi;

  static CKERAS_MEMBER PairMask from_bytes(const uint8_t* p) {
    return {H::from_bytes(p), H::from_bytes(p + H::kLanes)};
  }
  CKERAS_MEMBER void store_bytes(uint8_t* p) const {
    lo.store_bytes(p);
    hi.store_bytes(p + H::kLanes);
  }
  CKERAS_MEMBER bool any() const { return (lo | hi).any(); }
  CKERAS_MEMBER bool all() const { return (lo & hi).all(); }

  friend CKERAS_MEMBER PairMask operator&(PairMask a, PairMask b) { return {a.lo & b.lo, a.hi & b.hi}; }
  friend CKERAS_MEMBER PairMask operator|(PairMask a, PairMask b) { return {a.lo | b.lo, a.hi | b.hi}; }
  friend CKERAS_MEMBER PairMask operator^(PairMask a, PairMask b) { return {a.lo ^ b.lo, a.hi ^ b.hi}; }
  friend CKERAS_MEMBER PairMask operator!(PairMask a) { return {!a.lo, !a.hi}; }
};

// lo holds the first half of the lanes.
template <class H>
struct Pair {
  using Lane = typename H::Lane;
  using M = PairMask<typename H::M>;
  using AsInt = Pair<typename H::AsInt>;
  static constexpr int kLanes = 2 * H::kLanes;

  H lo, hi;

  Pair() = default;
  CKERAS_MEMBER Pair(Lane x) : lo(x), hi(x) {}
  CKERAS_MEMBER Pair(H a, H b) : lo(a), hi(b) {}
  static CKERAS_MEMBER Pair load(const Lane* p) { return {H::load(p), H::load(p + H::kLanes)}; }
  static CKERAS_MEMBER Pair load(const Lane* p, int64_t n) {
    return {H::load(p, n), H::load(p + H::kLanes, n - H::kLanes)};
  }
  CKERAS_MEMBER void store(Lane* p) const {
    lo.store(p);
    hi.store(p + H::kLanes);
  }
  CKERAS_MEMBER void store(Lane* p, int64_t n) const {
    lo.store(p, n);
    hi.store(p + H::kLanes, n - H::kLanes);
  }
  static CKERAS_MEMBER Pair iota(Lane first = 0) {
    return {H::iota(first), H::iota(static_cast<Lane>(first + H::kLanes))};
  }

  friend CKERAS_MEMBER Pair operator+(Pair a, Pair b) { return {a.lo + b.lo, a.hi + b.hi}; }
  friend CKERAS_MEMBER Pair operator-(Pair a, Pair b) { return {a.lo - b.lo, a.hi - b.hi}; }
  friend CKERAS_MEMBER Pair operator*(Pair a, Pair b) { return {a.lo * b.lo, a.hi * b.hi}; }
  friend CKERAS_MEMBER Pair operator/(Pair a, Pair b) { return {a.lo / b.lo, a.hi / b.hi}; }
  friend CKERAS_MEMBER Pair operator-(Pair a) { return {-a.lo, -a.hi}; }

  friend CKERAS_MEMBER M operator<(Pair a, Pair b) { return {a.lo < b.lo, a.hi < b.hi}; }
  friend CKERAS_MEMBER M operator>(Pair a, Pair b) { return {a.lo > b.lo, a.hi > b.hi}; }
  friend CKERAS_MEMBER M operator<=(Pair a, Pair b) { return {a.lo <= b.lo, a.hi <= b.hi}; }
  friend CKERAS_MEMBER M operator>=(Pair a, Pair b) { return {a.lo >= b.lo, a.hi >= b.hi}; }
  friend CKERAS_MEMBER M operator==(Pair a, Pair b) { return {a.lo == b.lo, a.hi == b.hi}; }
  friend CKERAS_MEMBER M operator!=(Pair a, Pair b) { return {a.lo != b.lo, a.hi != b.hi}; }
  friend CKERAS_MEMBER Pair select(M m, Pair a, Pair b) { return {select(m.lo, a.lo, b.lo), select(m.hi, a.hi, b.hi)}; }

  friend CKERAS_MEMBER Pair operator&(Pair a, Pair b) { return {a.lo & b.lo, a.hi & b.hi}; }
  friend CKERAS_MEMBER Pair operator|(Pair a, Pair b) { return {a.lo | b.lo, a.hi | b.hi}; }
  friend CKERAS_MEMBER Pair operator^(Pair a, Pair b) { return {a.lo ^ b.lo, a.hi ^ b.hi}; }
  friend CKERAS_MEMBER Pair operator~(Pair a) { return {~a.lo, ~a.hi}; }
  friend CKERAS_MEMBER Pair operator<<(Pair a, int n) { return {a.lo << n, a.hi << n}; }
  friend CKERAS_MEMBER Pair operator>>(Pair a, int n) { return {a.lo >> n, a.hi >> n}; }
  friend CKERAS_MEMBER Pair shift_right_logical(Pair a, int n) {
    return {shift_right_logical(a.lo, n), shift_right_logical(a.hi, n)};
  }
  friend CKERAS_MEMBER Pair mul_even(Pair a, Pair b) { return {mul_even(a.lo, b.lo), mul_even(a.hi, b.hi)}; }
  friend CKERAS_MEMBER Pair odd_lanes(Pair a) { return {odd_lanes(a.lo), odd_lanes(a.hi)}; }
  friend CKERAS_MEMBER Pair pair_lanes(Pair a, Pair b) { return {pair_lanes(a.lo, b.lo), pair_lanes(a.hi, b.hi)}; }

  friend CKERAS_MEMBER Pair fma(Pair a, Pair b, Pair c) { return {fma(a.lo, b.lo, c.lo), fma(a.hi, b.hi, c.hi)}; }
  friend CKERAS_MEMBER Pair fnma(Pair a, Pair b, Pair c) { return {fnma(a.lo, b.lo, c.lo), fnma(a.hi, b.hi, c.hi)}; }
  friend CKERAS_MEMBER Pair max(Pair a, Pair b) { return {max(a.lo, b.lo), max(a.hi, b.hi)}; }
  friend CKERAS_MEMBER Pair min(Pair a, Pair b) { return {min(a.lo, b.lo), min(a.hi, b.hi)}; }
  friend CKERAS_MEMBER Pair larger(Pair a, Pair b) { return {larger(a.lo, b.lo), larger(a.hi, b.hi)}; }
  friend CKERAS_MEMBER Pair smaller(Pair a, Pair b) { return {smaller(a.lo, b.lo), smaller(a.hi, b.hi)}; }
  friend CKERAS_MEMBER Pair copysign(Pair a, Pair b) { return {copysign(a.lo, b.lo), copysign(a.hi, b.hi)}; }
  friend CKERAS_MEMBER Pair sqrt(Pair a) { return {sqrt(a.lo), sqrt(a.hi)}; }
  friend CKERAS_MEMBER Pair floor(Pair a) { return {floor(a.lo), floor(a.hi)}; }
  friend CKERAS_MEMBER Pair ceil(Pair a) { return {ceil(a.lo), ceil(a.hi)}; }
  friend CKERAS_MEMBER Pair round(Pair a) { return {round(a.lo), round(a.hi)}; }
  friend CKERAS_MEMBER Pair trunc(Pair a) { return {trunc(a.lo), trunc(a.hi)}; }
  friend CKERAS_MEMBER Pair abs(Pair a) { return {abs(a.lo), abs(a.hi)}; }
  friend CKERAS_MEMBER M isnan(Pair a) { return {isnan(a.lo), isnan(a.hi)}; }
  friend CKERAS_MEMBER AsInt as_int(Pair a) { return {as_int(a.lo), as_int(a.hi)}; }
};

}  // namespace ckeras::CKERAS_ISA
