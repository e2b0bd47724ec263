// Arithmetic of sizes. Only for .isa.cpp files.
#pragma once
#include <cstdint>

#include "base/inline.h"

namespace ckeras::CKERAS_ISA {

CKERAS_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
CKERAS_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
CKERAS_INLINE int64_t at_least_one(int64_t n) { return n < 1 ? 1 : n; }
CKERAS_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
CKERAS_INLINE int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// body(i, count) for the vectors of n elements; the whole ones know at compile time that they are.
template <int64_t kLanes, class Body>
CKERAS_INLINE void for_lanes(int64_t n, const Body& body) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, kLanes);
  if (i < n) body(i, n - i);
}

}  // namespace ckeras::CKERAS_ISA
