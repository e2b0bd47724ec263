// Products on tensor cores (mma.sync): a block has 128 rows and 128 or 64 columns of the result, each of its eight
// warps a part 32 columns wide; panels of 64 bytes of the depth come three ahead (cp.async), wherever their vectors of
// 16 bytes lie. Each sum is one chain over its slice of the depth: the same bits from run to run. Elements are halves,
// or float32 that round to TF32 on the way from shared memory. Only for .cu files.
//
// An operand O has its own index i (a row of the left one, a column of the right one) and the depth k:
//   Element                what it holds
//   kDeep                  whether its vectors lie along k; else along i
//   Place place(batch, i)  what addresses of i have in common, kept in registers; any i
//   at(place, k)           the vector that begins there; null: zeros, also beyond the sizes
//   base                   any address of it
// or, where no vectors lie in one piece, instead of the last two
//   gather(place, k)       the elements of the vector that begins there, zeros for those beyond
#pragma once
#include "cuda/mma.h"
#include "cuda/tile.h"

namespace ckeras::cuda {

inline constexpr int kSide = 128, kWarps = 8, kStages = 3;
inline constexpr int kWarpColumns = 32;
template <class E>
inline constexpr int kVector = 16 / sizeof(E);  // elements that come at once
template <class E>
inline constexpr int kPanelDepth = 64 / sizeof(E);
template <class E>
inline constexpr int kCoreDepth = 32 / sizeof(E);  // of one mma

// Elements that come at once.
template <class E>
struct alignas(16) Vector {
  E of[kVector<E>];
};

// An array of `size` rows (or columns) by `depth`, with `step` elements from row to row.
template <class E, bool kIsDeep>
struct Matrix {
  using Element = E;
  static constexpr bool kDeep = kIsDeep;
  const E* base;
  int64_t batch_step, step, size, depth;

  using Place = const E*;
  CKERAS_MEMBER Place place(int64_t batch, int64_t i) const {
    return i < size ? base + batch * batch_step + i * (kDeep ? step : 1) : nullptr;
  }
  CKERAS_MEMBER const E* at(Place p, int64_t k) const {
    return p != nullptr && k < depth ? p + k * (kDeep ? 1 : step) : nullptr;
  }
};

inline Slices<float> core_slices(int64_t rows, int64_t columns, int64_t depth, int64_t batch, void* workspace) {
  const int64_t tiles = ceil_div(rows, kSide) * ceil_div(columns, kSide) * batch;
  return {static_cast<float*>(workspace), slices_of(tiles, depth), batch, rows, columns};
}

// Results are put by to.put(batch, row, column, sum), as by ResultOf.
template <class S, class LeftOperand, class RightOperand, class Result = ResultOf<S>>
struct CoreProduct {
  using Storage = S;
  using Left = LeftOperand;
  using Right = RightOperand;
  Left left;
  Right right;
  Result to;
  int64_t depth;
  Slices<float> slices;
};

// The part of an operand that a block needs at a time: kLong of its own index by kPanelDepth of the depth. Rows are
// padded so that what a warp reads at once lies in different banks.
template <class O, int kLong>
struct Panel {
  using E = typename O::Element;
  static constexpr int kDepth = kPanelDepth<E>;
  static constexpr int kRows = O::kDeep ? kLong : kDepth, kRow = O::kDeep ? kDepth : kLong;
  static constexpr int kStep = kRow + (O::kDeep ? kVector<E> : kPad), kSize = kRows * kStep;
  static constexpr int kVectors = kRow / kVector<E>, kApart = kWarps * kWarp / kVectors, kEach = kRows / kApart;
  static_assert(kRows % kApart == 0);

  typename O::Place places[O::kDeep ? kEach : 1];

  // This thread's first vector; its others lie kApart rows apart.
  static __device__ int row() { return static_cast<int>(threadIdx.x) / kVectors; }
  static __device__ int column() { return static_cast<int>(threadIdx.x) % kVectors * kVector<E>; }

  __device__ void start(const O& o, int64_t batch, int64_t i0) {
    if constexpr (O::kDeep) {
      CKERAS_UNROLL
      for (int e = 0; e < kEach; ++e) places[e] = o.place(batch, i0 + row() + e * kApart);
    } else {
      places[0] = o.place(batch, i0 + column());
    }
  }
  __device__ void load(const O& o, int64_t k0, E* to) const {
    CKERAS_UNROLL
    for (int e = 0; e < kEach; ++e) {
      const int r = row() + e * kApart;
      const typename O::Place& place = places[O::kDeep ? e : 0];
      const int64_t k = k0 + (O::kDeep ? column() : r);
      E* const there = to + r * kStep + column();
      if constexpr (requires { &O::gather; }) {
        *reinterpret_cast<Vector<E>*>(there) = o.gather(place, k);
      } else {
        const E* from = o.at(place, k);
        copy_async(there, from != nullptr ? from : o.base, from != nullptr);
      }
    }
  }
  template <bool kLeft>
  static __device__ void read(uint32_t (&r)[4], const E* from, int i, int k) {
    load_square<O::kDeep, kLeft>(r, from, kStep, i, k);
  }
};

template <class P, int kWide>
struct Stage {
  using Left = Panel<typename P::Left, kSide>;
  using Right = Panel<typename P::Right, kWide>;
  static constexpr int kSize = Left::kSize + Right::kSize;
  static constexpr int64_t kBytes = int64_t{kStages} * kSize * sizeof(typename P::Left::Element);
};

template <class P, int kWide>
__global__ void __launch_bounds__(kWarps* kWarp) core_product_kernel(const __grid_constant__ P p) {
  using Panels = Stage<P, kWide>;
  using Left = typename Panels::Left;
  using Right = typename Panels::Right;
  constexpr int kWarpsAcross = kWide / kWarpColumns, kWarpRows = kSide * kWarpsAcross / kWarps;
  constexpr int kDown = kWarpRows / 16, kAcross = kWarpColumns / 8;
  using E = typename P::Left::Element;
  CKERAS_DYNAMIC_SHARED(E, panels);
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int warp_row = warp / kWarpsAcross * kWarpRows, warp_column = warp % kWarpsAcross * kWarpColumns;
  const Slices<float>& s = p.slices;
  const int64_t down = ceil_div(s.rows, kSide), across = ceil_div(s.columns, kWide);
  const int64_t all_pieces = ceil_div(p.depth, kPanelDepth<E>), slice_pieces = ceil_div(all_pieces, s.count);
  for (int64_t tile = blockIdx.x; tile < down * across * s.batch * s.count; tile += gridDim.x) {
    const int64_t m0 = tile / across % down * kSide, n0 = tile % across * kWide;
    const int64_t batch = tile / (down * across) % s.batch, slice = tile / (down * across) / s.batch;
    const int64_t begin = slice * slice_pieces, pieces = least(slice_pieces, all_pieces - begin);
    Left left;
    Right right;
    left.start(p.left, batch, m0);
    right.start(p.right, batch, n0);
    const auto load = [&](int64_t piece) {
      if (piece < pieces) {
        E* to = panels + piece % kStages * Panels::kSize;
        left.load(p.left, (begin + piece) * kPanelDepth<E>, to);
        right.load(p.right, (begin + piece) * kPanelDepth<E>, to + Left::kSize);
      }
      end_group();  // also an empty one: the count of groups is that of pieces
    };
    float sum[kDown][kAcross][4] = {};
    for (int64_t piece = 0; piece < kStages - 1; ++piece) load(piece);
    for (int64_t piece = 0; piece < pieces; ++piece) {
      wait_for_groups<kStages - 2>();
      __syncthreads();  // everybody's part of this piece is there, and nobody reads the one before any more
      load(piece + kStages - 1);
      const E* from = panels + piece % kStages * Panels::kSize;
      CKERAS_UNROLL
      for (int k = 0; k < kPanelDepth<E>; k += kCoreDepth<E>) {
        uint32_t a[kDown][4], b[kAcross][2];
        CKERAS_UNROLL
        for (int i = 0; i < kDown; ++i) Left::template read<true>(a[i], from, warp_row + 16 * i, k);
        CKERAS_UNROLL
        for (int j = 0; j < kAcross; j += 2) {
          uint32_t both[4];
          Right::template read<false>(both, from + Left::kSize, warp_column + 8 * j, k);
          b[j][0] = both[0];
          b[j][1] = both[1];
          b[j + 1][0] = both[2];
          b[j + 1][1] = both[3];
        }
        CKERAS_UNROLL
        for (int i = 0; i < kDown; ++i) {
          CKERAS_UNROLL
          for (int j = 0; j < kAcross; ++j) multiply_add<typename P::Storage>(sum[i][j], a[i], b[j]);
        }
      }
    }
    wait_for_groups<0>();
    __syncthreads();  // the next tile
    CKERAS_UNROLL
    for (int i = 0; i < kDown; ++i) {
      CKERAS_UNROLL
      for (int j = 0; j < kAcross; ++j) {
        CKERAS_UNROLL
        for (int e = 0; e < 4; e += 2) {
          const int64_t m = m0 + warp_row + 16 * i + lane / 4 + 4 * e, n = n0 + warp_column + 8 * j + 2 * (lane % 4);
          if (m < s.rows && n < s.columns) end_pair(p, slice, batch, m, n, sum[i][j][e], sum[i][j][e + 1]);
        }
      }
    }
  }
}

template <int kWide, class P>
void launch_core_product(Queue& queue, const P& p) {
  const Slices<float>& s = p.slices;
  const int64_t tiles = ceil_div(s.rows, kSide) * ceil_div(s.columns, kWide) * s.batch * s.count;
  if (tiles == 0) return;
  launch(queue, {blocks_for(tiles, 1)}, {kWarps * kWarp}, Stage<P, kWide>::kBytes, core_product_kernel<P, kWide>, p);
  add_slices(queue, s, p.to);
}

}  // namespace ckeras::cuda
