// Loops over contiguous vectors, one order each (docs/determinism.md). Only for .isa.cpp files.
#pragma once
#include "cpu/vec.h"
#include "cpu/whole.h"

namespace ckeras::CKERAS_ISA {

// Four accumulators in turns, chains of fused multiply-adds, joined as (0 + 1) + (2 + 3), then the tree of reduce_add.
template <class T>
CKERAS_INLINE T dot(const T* x, const T* y, int64_t n) {
  using V = VecOf<T>;
  constexpr int64_t kLanes = V::kLanes;
  V sum[4] = {V(T{0}), V(T{0}), V(T{0}), V(T{0})};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    CKERAS_UNROLL
    for (int64_t j = 0; j < 4; ++j) sum[j] = fma(V::load(x + i + j * kLanes), V::load(y + i + j * kLanes), sum[j]);
  }
  for (int64_t j = 0; i < n; i += kLanes, ++j) sum[j] = fma(V::load(x + i, n - i), V::load(y + i, n - i), sum[j]);
  return reduce_add((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

// y += a x
template <class T>
CKERAS_INLINE void add_scaled(T* y, T a, const T* x, int64_t n) {
  using V = VecOf<T>;
  const V factor(a);
  for_lanes<V::kLanes>(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    fma(factor, V::load(x + i, count), V::load(y + i, count)).store(y + i, count);
  });
}

inline constexpr int64_t kNarrow = 8;  // rows that add_rows adds

// kRows rows of y, ldy apart, each plus kNarrow rows of x, ldx apart, times its factors: the bits of add_scaled for one
// row of x after the other.
template <int kRows, class T>
CKERAS_INLINE void add_rows(T* y, int64_t ldy, const VecOf<T> (&factors)[kRows][kNarrow], const T* x, int64_t ldx,
                            int64_t n) {
  using V = VecOf<T>;
  for_lanes<V::kLanes>(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    V sum[kRows];
    CKERAS_UNROLL
    for (int r = 0; r < kRows; ++r) sum[r] = V::load(y + r * ldy + i, count);
    CKERAS_UNROLL
    for (int j = 0; j < kNarrow; ++j) {
      const V more = V::load(x + j * ldx + i, count);
      CKERAS_UNROLL
      for (int r = 0; r < kRows; ++r) sum[r] = fma(factors[r][j], more, sum[r]);
    }
    CKERAS_UNROLL
    for (int r = 0; r < kRows; ++r) sum[r].store(y + r * ldy + i, count);
  });
}

template <class T>
CKERAS_INLINE void scale(T* x, T a, int64_t n) {
  using V = VecOf<T>;
  const V factor(a);
  for_lanes<V::kLanes>(n, [&](int64_t i, int64_t count)
                              __attribute__((always_inline)) { (V::load(x + i, count) * factor).store(x + i, count); });
}

template <class T>
CKERAS_INLINE void divide(T* x, T a, int64_t n) {
  using V = VecOf<T>;
  const V divisor(a);
  for_lanes<V::kLanes>(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    (V::load(x + i, count) / divisor).store(x + i, count);
  });
}

template <class T>
CKERAS_INLINE void swap_rows(T* x, T* y, int64_t n) {
  using V = VecOf<T>;
  for_lanes<V::kLanes>(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    const V a = V::load(x + i, count), b = V::load(y + i, count);
    a.store(y + i, count);
    b.store(x + i, count);
  });
}

template <class T>
CKERAS_INLINE void fill(T* x, T value, int64_t n) {
  for_lanes<VecOf<T>::kLanes>(
      n, [&](int64_t i, int64_t count) __attribute__((always_inline)) { VecOf<T>(value).store(x + i, count); });
}

// The largest absolute value, 0 of none; NaN wins.
template <class T>
CKERAS_INLINE T largest(const T* x, int64_t n) {
  using V = VecOf<T>;
  V found(T{0});
  for_lanes<V::kLanes>(n, [&](int64_t i, int64_t count)
                              __attribute__((always_inline)) { found = max(found, abs(V::load(x + i, count))); });
  return reduce_max(found);
}

// Where it is first.
template <class T>
CKERAS_INLINE int64_t place_of_largest(const T* x, int64_t n) {
  using V = VecOf<T>;
  const T value = largest(x, n);
  const bool nan = value != value;
  for (int64_t i = 0; i < n; i += V::kLanes) {
    const V v = abs(V::load(x + i, n - i));
    if (!(nan ? isnan(v) : v == V(value)).any()) continue;
    for (int64_t j = i; j < least(n, i + V::kLanes); ++j) {
      if (nan ? x[j] != x[j] : __builtin_fabs(x[j]) == value) return j;
    }
  }
  return 0;
}

// A power of two, 1 mostly, that brings numbers of up to `size`, the smallest that is no denormal too, away from
// overflow and underflow of their squares.
template <class T>
CKERAS_INLINE T safe_scale(T size) {
  constexpr T kHuge = sizeof(T) == 4 ? T(0x1p40) : T(0x1p400), kStep = sizeof(T) == 4 ? T(0x1p80) : T(0x1p600);
  if (size > kHuge) return 1 / kStep;
  return size > 0 && size < 1 / kHuge ? kStep : T{1};
}

}  // namespace ckeras::CKERAS_ISA
