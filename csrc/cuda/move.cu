// transpose concatenate slice pad frames broadcast bitcast: strided copies of elements as wide as the steps and
// addresses allow. Where the destination's neighbours are not the source's, tiles of 32 x 32 pass through shared
// memory.
#include "cuda/move.h"

#include "cuda/elements.h"
#include "ops/bitcast/bitcast.h"
#include "ops/broadcast/broadcast.h"
#include "ops/concatenate/concatenate.h"
#include "ops/extend/extend.h"
#include "ops/frames/frames.h"
#include "ops/pad/pad.h"
#include "ops/slice/slice.h"
#include "ops/transpose/transpose.h"

namespace ckeras::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kSide = 32;  // of a tile

struct Offsets {
  int64_t dst = 0, src = 0;
};
CKERAS_INLINE Offsets offsets_of(const move::Dim* dims, int rank, int64_t i) {
  Offsets at;
  for (int d = rank - 1; d >= 0; --d) {
    const int64_t index = i % dims[d].n;
    i /= dims[d].n;
    at.dst += index * dims[d].dst;
    at.src += index * dims[d].src;
  }
  return at;
}

template <class U>
__global__ void __launch_bounds__(kThreads)
    copy_kernel(const __grid_constant__ move::Plan plan, U* to, const U* from, int64_t total) {
  for (int64_t i = first_element(); i < total; i += all_threads()) {
    const Offsets at = offsets_of(plan.dims, plan.rank, i);
    to[at.dst] = from[at.src];
  }
}

// Of the plan the last dimension but one is contiguous in the source and the last one in the destination.
template <class U>
struct Tile {
  U lines[kSide][kSide + 1];
};
template <class U>
__global__ void __launch_bounds__(kThreads)
    transpose_kernel(const __grid_constant__ move::Plan plan, U* to, const U* from, int64_t tiles) {
  CKERAS_SHARED(Tile<U>, tile);
  const move::Dim across = plan.dims[plan.rank - 2], inner = plan.dims[plan.rank - 1];
  const int64_t wide = ceil_div(across.n, kSide), high = ceil_div(inner.n, kSide);
  const int lane = static_cast<int>(threadIdx.x) % kSide, first = static_cast<int>(threadIdx.x) / kSide;
  for (int64_t i = blockIdx.x; i < tiles; i += gridDim.x) {
    const Offsets at = offsets_of(plan.dims, plan.rank - 2, i / (wide * high));
    const int64_t a = i % wide * kSide, b = i / wide % high * kSide;
    for (int line = first; line < kSide; line += kThreads / kSide) {
      if (a + lane < across.n && b + line < inner.n) {
        tile.lines[line][lane] = from[at.src + (a + lane) * across.src + (b + line) * inner.src];
      }
    }
    __syncthreads();
    for (int line = first; line < kSide; line += kThreads / kSide) {
      if (a + line < across.n && b + lane < inner.n) {
        to[at.dst + (a + line) * across.dst + (b + lane) * inner.dst] = tile.lines[lane][line];
      }
    }
    __syncthreads();  // the next tile
  }
}

// Pairs of elements as one, where every step and both addresses allow it.
bool pair_up(move::Plan* plan, int64_t itemsize, const void* dst, const void* src) {
  move::Dim& inner = plan->dims[plan->rank - 1];
  const auto addresses = reinterpret_cast<uintptr_t>(dst) | reinterpret_cast<uintptr_t>(src);
  if (itemsize == 8 || addresses % static_cast<uintptr_t>(2 * itemsize) != 0) return false;
  if (inner.dst != 1 || inner.src != 1 || inner.n % 2 != 0) return false;
  for (int d = 0; d < plan->rank - 1; ++d) {
    if (plan->dims[d].dst % 2 != 0 || plan->dims[d].src % 2 != 0) return false;
  }
  for (int d = 0; d < plan->rank - 1; ++d) {
    plan->dims[d].dst /= 2;
    plan->dims[d].src /= 2;
  }
  inner.n /= 2;
  return true;
}

// Puts the dimension that is contiguous in the source before the last, if there is one and it is another.
bool turns(move::Plan* plan) {
  const move::Dim inner = plan->dims[plan->rank - 1];
  if (inner.dst != 1 || inner.src == 1 || inner.src == 0 || inner.n < 8) return false;
  for (int d = 0; d < plan->rank - 1; ++d) {
    if (plan->dims[d].src != 1 || plan->dims[d].n < 8) continue;
    const move::Dim across = plan->dims[d];
    for (int e = d; e < plan->rank - 2; ++e) plan->dims[e] = plan->dims[e + 1];
    plan->dims[plan->rank - 2] = across;
    return true;
  }
  return false;
}

void copy_input(const Call& call, Queue& queue, int which, const move::Copy& copy) {
  const View &x = call.in[which], &y = call.out[0];
  const int64_t itemsize = size_of(y.dtype);
  copy_strided(queue, y.as<char>() + copy.dst * itemsize, x.as<const char>() + copy.src * itemsize, itemsize, copy.dims,
               copy.rank);
}

Status run_transpose(const Call& call, Queue& queue) {
  return copy_input(call, queue, 0, move::transpose_copy(call)), Status::Launched;
}
Status run_slice(const Call& call, Queue& queue) {
  return copy_input(call, queue, 0, move::slice_copy(call)), Status::Launched;
}
Status run_broadcast(const Call& call, Queue& queue) {
  return copy_input(call, queue, 0, move::broadcast_copy(call)), Status::Launched;
}
Status run_concatenate(const Call& call, Queue& queue) {
  move::concatenate_copies(call, [&](int i, const move::Copy& copy) { copy_input(call, queue, i, copy); });
  return Status::Launched;
}
Status run_pad(const Call& call, Queue& queue) {
  const View& y = call.out[0];
  const move::Dim all = {y.size(), 1, 0};
  copy_strided(queue, y.data, call.in[1].data, size_of(y.dtype), &all, 1);
  return copy_input(call, queue, 0, move::pad_copy(call)), Status::Launched;
}
Status run_frames(const Call& call, Queue& queue) {
  return copy_input(call, queue, 0, move::frames_copy(call)), Status::Launched;
}

struct Extended {
  int64_t n[kMaxRank], low[kMaxRank], total[kMaxRank], mode;
  int rank;
};
template <class U>
__global__ void __launch_bounds__(kThreads)
    extend_kernel(const __grid_constant__ Extended e, U* to, const U* from, int64_t size) {
  for (int64_t i = first_element(); i < size; i += all_threads()) {
    int64_t rest = i, at = 0, step = 1;
    for (int d = e.rank - 1; d >= 0; --d) {
      at += extended_place(rest % e.total[d] - e.low[d], e.n[d], e.mode) * step;
      rest /= e.total[d];
      step *= e.n[d];
    }
    to[i] = from[at];
  }
}
Status run_extend(const Call& call, Queue& queue) {
  const View &x = call.in[0], &y = call.out[0];
  if (y.size() == 0) return Status::Launched;
  Extended e = {};
  e.rank = x.rank;
  e.mode = call.ints[x.rank];
  for (int d = 0; d < x.rank; ++d) {
    e.n[d] = x.shape[d];
    e.low[d] = call.ints[d];
    e.total[d] = y.shape[d];
  }
  with_size(size_of(x.dtype), [&](auto u) {
    using U = decltype(u);
    launch(queue, {blocks_for(y.size(), kThreads)}, {kThreads}, 0, extend_kernel<U>, e, y.as<U>(), x.as<const U>(),
           y.size());
  });
  return Status::Launched;
}
Status run_bitcast(const Call& call, Queue& queue) {
  return copy_bytes(queue, call.out[0].data, call.in[0].data, call.out[0].nbytes()), Status::Launched;
}

}  // namespace

void copy_strided(Queue& queue, void* dst, const void* src, int64_t itemsize, const move::Dim* dims, int rank) {
  move::Plan plan;
  if (!move::simplify(dims, rank, &plan)) return;
  while (pair_up(&plan, itemsize, dst, src)) itemsize *= 2;
  const bool in_tiles = turns(&plan);
  int64_t total = 1, tiles = 1;
  for (int d = 0; d < plan.rank; ++d) {
    total *= plan.dims[d].n;
    tiles *= d < plan.rank - 2 ? plan.dims[d].n : ceil_div(plan.dims[d].n, kSide);
  }
  with_size(itemsize, [&](auto u) {
    using U = decltype(u);
    if (in_tiles) {
      launch(queue, {blocks_for(tiles, 1)}, {kThreads}, 0, transpose_kernel<U>, plan, static_cast<U*>(dst),
             static_cast<const U*>(src), tiles);
    } else {
      launch(queue, {blocks_for(total, kThreads)}, {kThreads}, 0, copy_kernel<U>, plan, static_cast<U*>(dst),
             static_cast<const U*>(src), total);
    }
  });
}

extern const DeviceKernel kernel_transpose, kernel_slice, kernel_broadcast, kernel_concatenate, kernel_pad,
    kernel_extend, kernel_frames, kernel_bitcast;
const DeviceKernel kernel_transpose = {"transpose", run_transpose, nullptr};
const DeviceKernel kernel_slice = {"slice", run_slice, nullptr};
const DeviceKernel kernel_broadcast = {"broadcast", run_broadcast, nullptr};
const DeviceKernel kernel_concatenate = {"concatenate", run_concatenate, nullptr};
const DeviceKernel kernel_pad = {"pad", run_pad, nullptr};
const DeviceKernel kernel_extend = {"extend", run_extend, nullptr};
const DeviceKernel kernel_frames = {"frames", run_frames, nullptr};
const DeviceKernel kernel_bitcast = {"bitcast", run_bitcast, nullptr};

}  // namespace ckeras::cuda
