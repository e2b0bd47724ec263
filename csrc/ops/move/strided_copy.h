// The one way elements move: transpose, slice, pad, broadcast and concatenate are strided copies, which their headers
// describe. For portable kernels, compiled once, and the host's side of a device's.
#pragma once
#include <cstdint>

#include "runtime/kernel.h"

namespace ckeras::move {

// One dimension: its size, and how far the destination and the source step, in elements. Steps of the source may be
// negative or 0 (repeat), those of the destination are positive.
struct Dim {
  int64_t n, dst, src;
};

// From the input's element `src` to the output's element `dst` on.
struct Copy {
  Dim dims[kMaxRank];
  int rank = 0;
  int64_t dst = 0, src = 0;
};
inline constexpr Copy kNoCopy = {{{0, 1, 1}}, 1};

struct Plan {
  Dim dims[kMaxRank];  // outermost first; none of size 1
  int rank;
};

// Sizes of 1 dropped, neighbours that step as one dimension merged. False: nothing to copy.
inline bool simplify(const Dim* dims, int rank, Plan* plan) {
  plan->rank = 0;
  for (int d = 0; d < rank; ++d) {
    if (dims[d].n == 0) return false;
    if (dims[d].n == 1) continue;
    Dim* last = plan->rank ? &plan->dims[plan->rank - 1] : nullptr;
    if (last && last->dst == dims[d].n * dims[d].dst && last->src == dims[d].n * dims[d].src) {
      *last = {last->n * dims[d].n, dims[d].dst, dims[d].src};
    } else {
      plan->dims[plan->rank++] = dims[d];
    }
  }
  if (plan->rank == 0) plan->dims[plan->rank++] = {1, 1, 1};
  return true;
}

// dst[sum i_d * dst_d] = src[sum i_d * src_d] for all indices, elements of `itemsize` bytes (1, 2, 4 or 8). Distinct
// destinations, no overlap with the source. In parallel, cut by the shape. rank <= kMaxRank.
void strided_copy(void* dst, const void* src, int64_t itemsize, const Dim* dims, int rank) noexcept;

// The copy of a call, from its input `which` to its output.
void copy_input(const Call& call, int which, const Copy& copy) noexcept;

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
