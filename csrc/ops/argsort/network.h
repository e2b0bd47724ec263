// Short rows, many at a time: a row becomes a column, and the comparisons of a network (K. E. Batcher, "Sorting
// networks and their applications", 1968) are made in all columns at once.
#pragma once
#include <cstdint>

#include "base/inline.h"
#include "cpu/whole.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int64_t kColumns = 64;  // at a time

template <class T>
CKERAS_INLINE void order_columns(T* low, T* high) {
  for (int64_t c = 0; c < kColumns; ++c) {
    const T a = low[c], b = high[c];
    low[c] = b < a ? b : a;
    high[c] = b < a ? a : b;
  }
}

// x[n][kColumns]: the merging of sorted runs of `run` numbers by odds and evens, for n that may be no power of two.
template <class T>
void sort_columns(T* x, int64_t n) noexcept {
  for (int64_t run = 1; run < n; run *= 2) {
    for (int64_t apart = run; apart > 0; apart /= 2) {
      for (int64_t begin = apart % run; begin + apart < n; begin += 2 * apart) {
        for (int64_t i = begin; i < begin + apart && i + apart < n; ++i) {
          if (i / (2 * run) != (i + apart) / (2 * run)) continue;  // of two runs that are not merged now
          order_columns(x + i * kColumns, x + (i + apart) * kColumns);
        }
      }
    }
  }
}

}  // namespace ckeras::CKERAS_ISA
