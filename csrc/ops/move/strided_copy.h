// The one way elements move: transpose, slice, pad, broadcast and concatenate are strided copies.
// For portable kernels, compiled once.
#pragma once
#include <cstdint>

#include "base/view.h"

namespace ckeras::move {

// One dimension: its size, and how far the destination and the source step, in elements. Steps of the source may be
// negative or 0 (repeat), those of the destination are positive.
struct Dim {
  int64_t n, dst, src;
};

// dst[sum i_d * dst_d] = src[sum i_d * src_d] for all indices, elements of `itemsize` bytes (1, 2, 4 or 8). Distinct
// destinations, no overlap with the source. In parallel, cut by the shape. rank <= kMaxRank.
void strided_copy(void* dst, const void* src, int64_t itemsize, const Dim* dims, int rank) noexcept;

// n copies of the element at `value`.
void fill(void* dst, const void* value, int64_t itemsize, int64_t n) noexcept;

// strides[d] = elements between neighbours along d of a contiguous array.
inline void strides_of(const View& view, int64_t* strides) {
  int64_t step = 1;
  for (int d = view.rank - 1; d >= 0; --d) {
    strides[d] = step;
    step *= view.shape[d];
  }
}

}  // namespace ckeras::move
