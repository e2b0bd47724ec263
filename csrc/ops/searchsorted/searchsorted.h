// searchsorted: where values belong in a sorted vector.
//
//   in   sorted [n], n < 2^31; values, the same dtype, any
//   out  int32, shaped as values: how many of the sorted are less (side 0), or not greater (side 1)
//   ints side
//
// -0 equals 0; NaN counts as the greatest number. Of a vector that is not sorted some place is given.
#pragma once
#include "base/inline.h"
#include "runtime/kernel.h"

namespace ckeras {

// The first of n sorted keys that is not below `key`, or with `after` the first above it. All searches in n keys take
// the same steps, so that many go side by side.
template <class Key, class At>
CKERAS_INLINE int64_t place_of(const At& at, int64_t n, Key key, bool after) {
  int64_t first = 0;
  while (n > 0) {
    const int64_t half = (n + 1) / 2;
    const Key middle = at(first + half - 1);
    first += middle < key || (after && middle == key) ? half : 0;
    n -= half;
  }
  return first;
}

}  // namespace ckeras
