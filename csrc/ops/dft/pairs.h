// Vectors of pairs taken apart, and vectors turned over. Only for .isa.cpp files.
#pragma once
#include "cpu/vec.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <class T, int N, int... I>
CKERAS_INLINE void split_raw(Raw<T, N> a, Raw<T, N> b, Reg<T, N>* even, Reg<T, N>* odd, Indices<I...>) {
  *even = Reg<T, N>::from(__builtin_shufflevector(a, b, (2 * I)...));
  *odd = Reg<T, N>::from(__builtin_shufflevector(a, b, (2 * I + 1)...));
}
// The first and the second numbers of as many pairs as there are lanes.
template <class T, int N>
CKERAS_INLINE void split_pairs(const T* p, Reg<T, N>* even, Reg<T, N>* odd) {
  split_raw(load_raw<T, N>(p), load_raw<T, N>(p + N), even, odd, IndicesTo<N>{});
}
template <class T, class H>
CKERAS_INLINE void split_pairs(const T* p, Pair<H>* even, Pair<H>* odd) {
  split_pairs(p, &even->lo, &odd->lo);
  split_pairs(p + 2 * H::kLanes, &even->hi, &odd->hi);
}

template <class T, int N, int... I>
CKERAS_INLINE Reg<T, N> reversed_raw(Raw<T, N> a, Indices<I...>) {
  return Reg<T, N>::from(__builtin_shufflevector(a, a, (N - 1 - I)...));
}
// The lanes from last to first.
template <class T, int N>
CKERAS_INLINE Reg<T, N> reversed(Reg<T, N> a) {
  return reversed_raw<T, N>(a.r, IndicesTo<N>{});
}
template <class H>
CKERAS_INLINE Pair<H> reversed(Pair<H> a) {
  return {reversed(a.hi), reversed(a.lo)};
}

// All lanes, or the first n of them where there are fewer.
template <class V>
CKERAS_INLINE V load_some(const typename V::Lane* p, int64_t n) {
  return n >= V::kLanes ? V::load(p) : V::load(p, n);
}
template <class V>
CKERAS_INLINE void store_some(typename V::Lane* p, V v, int64_t n) {
  if (n >= V::kLanes) return v.store(p);
  v.store(p, n);
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
