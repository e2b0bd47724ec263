// gather: elements of x at indices along one axis. gather_grad: its transpose.
//
// gather
//   in   x, any dtype; indices int32 or int64, any shape
//   out  x.shape[:axis] + indices.shape + x.shape[axis + 1:]
//   ints axis, along: 1 when every element has an index of its own: indices, shaped as x but along the axis, are the
//        output's shape, and say where on its line along the axis each element of the output lies
// gather_grad (floats)
//   in   indices; g, shaped as gather's output
//   out  zeros of x's shape plus g at the indices, added in index order or, on a CPU for few rows and many indices, in
//        that order in each of up to 8 equal runs of the indices, whose sums are added in rising order; halves are
//        summed in float32
//   ints axis, along
//
// Negative indices count from the end. One outside [-n, n) is a fault: the first of them is reported and nothing is
// gathered.
#pragma once
#include "base/lines.h"
#include "runtime/kernel.h"

namespace ckeras {

struct GatherShape {
  int64_t outer, size, inner, count;  // x is [outer, size, inner], the other side [outer, count, inner]
  bool along;                         // so are the indices; else [count]
};

CKERAS_INLINE GatherShape gather_shape(const View& x, const View& indices, int64_t axis, bool along = false) {
  const Lines lines = lines_along(x, axis);
  return {lines.outer, lines.n, lines.inner, along ? indices.shape[axis] : indices.size(), along};
}

CKERAS_INLINE int64_t index_at(const View& indices, int64_t i) {
  return indices.dtype == DType::I64 ? indices.as<const int64_t>()[i] : indices.as<const int32_t>()[i];
}

// Whether `count` of them are inside [-n, n): both n + index and n - 1 - index are then not negative.
template <class I, class Unsigned>
CKERAS_INLINE bool all_inside(const I* indices, int64_t count, int64_t n) {
  constexpr int kSign = 8 * sizeof(I) - 1;
  Unsigned outside = 0;
  if (n >> (kSign - 1) == 0) {
    const auto size = static_cast<Unsigned>(n);
    for (int64_t i = 0; i < count; ++i) {
      const auto index = static_cast<Unsigned>(indices[i]);
      outside |= (size + index) | (size - 1 - index);
    }
    return outside >> kSign == 0;
  }
  for (int64_t i = 0; i < count; ++i) outside |= indices[i] < -n || indices[i] >= n;
  return outside == 0;
}
CKERAS_INLINE bool all_inside(const View& indices, int64_t begin, int64_t end, int64_t n) {
  return indices.dtype == DType::I64
             ? all_inside<int64_t, uint64_t>(indices.as<const int64_t>() + begin, end - begin, n)
             : all_inside<int32_t, uint32_t>(indices.as<const int32_t>() + begin, end - begin, n);
}

// True when all indices are inside [-n, n); otherwise the first that is not becomes the fault.
CKERAS_INLINE bool check_indices(const Call& call, const View& indices, int64_t n) {
  const int64_t count = indices.size();
  if (all_inside(indices, 0, count, n)) return true;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = index_at(indices, i);
    if (index < -n || index >= n) {
      *call.fault = {1, index, n};
      return false;
    }
  }
  return true;
}

}  // namespace ckeras
