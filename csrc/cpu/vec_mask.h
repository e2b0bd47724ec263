// Masks as vectors: all ones or all zeros in a lane. For every instruction set but AVX-512. Part of cpu/vec.h.
#pragma once
#include "cpu/vec_raw.h"

namespace ckeras::CKERAS_ISA {

template <int W, int N>
struct Mask {
  using Int = typename Bits<W>::Int;
  using R = Raw<Int, N>;
  static constexpr int kLanes = N;

  R r;

  static CKERAS_MEMBER Mask from_bytes(const uint8_t* p) {
    return {(R)(__builtin_convertvector(load_raw<uint8_t, N>(p), R) != 0)};
  }
  CKERAS_MEMBER void store_bytes(uint8_t* p) const { store_raw(p, __builtin_convertvector(r & 1, Raw<uint8_t, N>)); }
  CKERAS_MEMBER bool any() const {
    Int bits = 0;
    for (int i = 0; i < N; ++i) bits |= r[i];
    return bits != 0;
  }
  CKERAS_MEMBER bool all() const {
    Int bits = -1;
    for (int i = 0; i < N; ++i) bits &= r[i];
    return bits != 0;
  }

  friend CKERAS_MEMBER Mask operator&(Mask a, Mask b) { return {a.r & b.r}; }
  friend CKERAS_MEMBER Mask operator|(Mask a, Mask b) { return {a.r | b.r}; }
  friend CKERAS_MEMBER Mask operator^(Mask a, Mask b) { return {a.r ^ b.r}; }
  friend CKERAS_MEMBER Mask operator!(Mask a) { return {~a.r}; }
};

template <class V>
CKERAS_INLINE auto mask_of(V m) {
  constexpr int kWidth = sizeof(m[0]);
  using M = Mask<kWidth, sizeof(V) / kWidth>;
  return M{(typename M::R)m};
}
template <class V>
CKERAS_INLINE auto less_raw(V a, V b) {
  return mask_of(a < b);
}
template <class V>
CKERAS_INLINE auto less_equal_raw(V a, V b) {
  return mask_of(a <= b);
}
template <class V>
CKERAS_INLINE auto equal_raw(V a, V b) {
  return mask_of(a == b);
}
template <class M, class V>
CKERAS_INLINE V select_raw(M m, V a, V b) {
  return m.r ? a : b;
}

}  // namespace ckeras::CKERAS_ISA
