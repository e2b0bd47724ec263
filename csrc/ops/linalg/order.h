// What eigenvalues and singular values share at their beginning and end. Only for .isa.cpp files.
#pragma once
#include "cpu/parallel.h"
#include "ops/linalg/product.h"
#include "ops/linalg/vectors.h"

namespace ckeras::CKERAS_ISA {

// to = (x + x^T) / 2, without overflow, for x [n, n]; rows of `to` are `ld` apart, and zero after n.
template <class T>
CKERAS_INLINE void mean_with_turned(const T* x, int64_t n, T* to, int64_t ld) {
  using V = VecOf<T>;
  turn(x, n, n, n, to, ld);
  const V half(T(0.5));
  for (int64_t i = 0; i < n; ++i) {
    T* const row = to + i * ld;
    const T* const other = x + i * n;
    for_lanes<V::kLanes>(n, [&](int64_t j, int64_t left) __attribute__((always_inline)) {
      (V::load(row + j, left) * half + V::load(other + j, left) * half).store(row + j, left);
    });
    fill(row + n, T{0}, ld - n);
  }
}

template <class T>
CKERAS_INLINE bool finite(T x) {
  return x - x == 0;
}

// The power of two that brings `size` to [1, 2), as far as it is itself a number; 1 for zero.
template <class T>
CKERAS_INLINE T unit_scale(T size) {
  constexpr int kFraction = sizeof(T) == 4 ? 23 : 52;
  constexpr IntOf<T> kBias = sizeof(T) == 4 ? 127 : 1023;
  IntOf<T> bits;
  __builtin_memcpy(&bits, &size, sizeof size);
  const IntOf<T> field = bits >> kFraction;
  if (field == 0) return 1;
  bits = (field >= 2 * kBias ? 1 : 2 * kBias - field) << kFraction;
  __builtin_memcpy(&size, &bits, sizeof size);
  return size;
}

// order: the places of d's numbers, rising or falling; of equals the first before.
CKERAS_INLINE void sort_places(const double* d, int64_t n, int64_t* order, bool falling) {
  const auto before = [&](int64_t a, int64_t b) __attribute__((always_inline)) {
    return d[a] != d[b] ? (falling ? d[a] > d[b] : d[a] < d[b]) : a < b;
  };
  for (int64_t i = 0; i < n; ++i) order[i] = i;
  const auto sink = [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    for (int64_t child; (child = 2 * i + 1) < count; i = child) {
      if (child + 1 < count && before(order[child], order[child + 1])) ++child;
      if (!before(order[i], order[child])) return;
      const int64_t kept = order[i];
      order[i] = order[child];
      order[child] = kept;
    }
  };
  for (int64_t i = n / 2 - 1; i >= 0; --i) sink(i, n);
  for (int64_t last = n - 1; last > 0; --last) {
    const int64_t kept = order[0];
    order[0] = order[last];
    order[last] = kept;
    sink(0, last);
  }
}

// Whether the element of largest size, the first of equals, is below zero: such vectors change their sign.
template <class T>
CKERAS_INLINE bool largest_is_negative(const T* x, int64_t n) {
  return n > 0 && x[place_of_largest(x, n)] < 0;
}

template <class T>
CKERAS_INLINE void put_column(const T* x, int64_t n, bool negated, T* to, int64_t ld) {
  for (int64_t i = 0; i < n; ++i) to[i * ld] = negated ? -x[i] : x[i];
}

// Column i of to [n, ld_to] becomes row order[i] of x [count, n], its sign as the conventions have it, and
// also(i, order[i], whether it was changed) is called. room [count, ld].
template <class T, class Also>
CKERAS_INLINE void put_columns(const T* x, int64_t ld, const int64_t* order, int64_t count, int64_t n, T* room, T* to,
                               int64_t ld_to, const Also& also) {
  constexpr int64_t kPiece = int64_t{1} << 15, kStrip = 64;
  parallel_for(count, most(1, kPiece / most(n, 1)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* const row = x + order[i] * ld;
      const bool negated = largest_is_negative(row, n);
      put_column(row, n, negated, room + i * ld, 1);
      also(i, order[i], negated);
    }
  });
  const int64_t strips = ceil_div(count, kStrip);
  parallel_for(strips, most(1, kPiece / (kStrip * most(n, 1))), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * kStrip; i < least(count, end * kStrip); i += kStrip) {
      turn(room + i * ld, ld, least(kStrip, count - i), n, to + i, ld_to);
    }
  });
}

}  // namespace ckeras::CKERAS_ISA
