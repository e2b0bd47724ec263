#include "cuda/tensor_core.h"

#include <type_traits>

#include "cuda/mma.h"

namespace ckeras::cuda {
namespace {

constexpr int kSide = 128, kDepth = 32, kThreads = 256, kStages = 3;
constexpr int kPad = 8;  // halves after a row of a panel: rows eight apart lie in different banks
constexpr int kWarpRows = 64, kWarpColumns = 32;
constexpr int kDown = kWarpRows / 16, kAcross = kWarpColumns / 8;
constexpr int kPanel = kSide * (kDepth + kPad);  // the longer of both ways that a panel lies
static_assert(kPanel >= kDepth * (kSide + kPad));
constexpr int64_t kBytes = int64_t{2} * kStages * 2 * kPanel;

// Rows x columns of an array with `step` halves a row, of which `high` and `wide` are there.
template <int kRows, int kColumns>
__device__ void load_panel(uint16_t* to, const uint16_t* from, int64_t step, int64_t high, int64_t wide) {
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kColumns / 8; i += kThreads) {
    const int r = i / (kColumns / 8), c = i % (kColumns / 8) * 8;
    const bool there = r < high && c < wide;
    copy_async(to + r * (kColumns + kPad) + c, there ? from + r * step + c : from, there);
  }
}

// Panels of the operands at depth k0: kSide x kDepth as memory has them.
template <class S, bool kTurnedX, bool kTurnedW>
__device__ void load_panels(const HalfProduct<S>& p, const uint16_t* x, const uint16_t* w, int64_t m0, int64_t n0,
                            int64_t k0, uint16_t* panels) {
  if constexpr (kTurnedX) {
    load_panel<kDepth, kSide>(panels, x + k0 * p.rows + m0, p.rows, p.depth - k0, p.rows - m0);
  } else {
    load_panel<kSide, kDepth>(panels, x + m0 * p.depth + k0, p.depth, p.rows - m0, p.depth - k0);
  }
  if constexpr (kTurnedW) {
    load_panel<kSide, kDepth>(panels + kPanel, w + n0 * p.depth + k0, p.depth, p.columns - n0, p.depth - k0);
  } else {
    load_panel<kDepth, kSide>(panels + kPanel, w + k0 * p.columns + n0, p.columns, p.depth - k0, p.columns - n0);
  }
}

// A call: copied for each of a thread's 64 sums, it took nvcc minutes.
template <class S>
CKERAS_CALLED void end_element(const HalfProduct<S>& p, float sum, int64_t column, int64_t element) {
  p.y[element] = p.finish(sum, column, element);
}

template <class S, bool kTurnedX, bool kTurnedW>
__global__ void __launch_bounds__(kThreads) tensor_core_kernel(const __grid_constant__ HalfProduct<S> p) {
  CKERAS_DYNAMIC_SHARED(uint16_t, panels);
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int warp_row = warp / (kSide / kWarpColumns) * kWarpRows;
  const int warp_column = warp % (kSide / kWarpColumns) * kWarpColumns;
  const int matrix = lane / 8, line = lane % 8;
  const int64_t down = ceil_div(p.rows, kSide), across = ceil_div(p.columns, kSide), pieces = ceil_div(p.depth, kDepth);
  for (int64_t tile = blockIdx.x; tile < down * across * p.batch; tile += gridDim.x) {
    const int64_t batch = tile / (down * across), m0 = tile / across % down * kSide, n0 = tile % across * kSide;
    const uint16_t *x = p.x + batch * p.rows * p.depth, *w = p.w + batch * p.depth * p.columns;
    const auto load = [&](int64_t piece) {
      if (piece < pieces) {
        load_panels<S, kTurnedX, kTurnedW>(p, x, w, m0, n0, piece * kDepth, panels + piece % kStages * 2 * kPanel);
      }
      end_group();  // also an empty one: the count of groups is that of pieces
    };
    float sum[kDown][kAcross][4] = {};
    for (int64_t piece = 0; piece < kStages - 1; ++piece) load(piece);
    for (int64_t piece = 0; piece < pieces; ++piece) {
      wait_for_groups<kStages - 2>();
      __syncthreads();  // everybody's part of this piece is there, and nobody reads the one before any more
      load(piece + kStages - 1);
      const uint16_t *left = panels + piece % kStages * 2 * kPanel, *right = left + kPanel;
      CKERAS_UNROLL
      for (int k = 0; k < kDepth; k += 16) {
        uint32_t a[kDown][4], b[kAcross][2];
        CKERAS_UNROLL
        for (int i = 0; i < kDown; ++i) {
          const int m = warp_row + 16 * i;
          if constexpr (kTurnedX) {
            load_matrices<true>(a[i], left + (k + matrix / 2 * 8 + line) * (kSide + kPad) + m + matrix % 2 * 8);
          } else {
            load_matrices<false>(a[i], left + (m + matrix % 2 * 8 + line) * (kDepth + kPad) + k + matrix / 2 * 8);
          }
        }
        CKERAS_UNROLL
        for (int j = 0; j < kAcross; j += 2) {
          const int n = warp_column + 8 * j;
          uint32_t both[4];
          if constexpr (kTurnedW) {
            load_matrices<false>(both, right + (n + matrix / 2 * 8 + line) * (kDepth + kPad) + k + matrix % 2 * 8);
          } else {
            load_matrices<true>(both, right + (k + matrix % 2 * 8 + line) * (kSide + kPad) + n + matrix / 2 * 8);
          }
          b[j][0] = both[0];
          b[j][1] = both[1];
          b[j + 1][0] = both[2];
          b[j + 1][1] = both[3];
        }
        CKERAS_UNROLL
        for (int i = 0; i < kDown; ++i) {
          CKERAS_UNROLL
          for (int j = 0; j < kAcross; ++j) multiply_add<S>(sum[i][j], a[i], b[j]);
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
        for (int e = 0; e < 4; ++e) {
          const int64_t m = m0 + warp_row + 16 * i + lane / 4 + 8 * (e / 2);
          const int64_t n = n0 + warp_column + 8 * j + 2 * (lane % 4) + e % 2;
          if (m >= p.rows || n >= p.columns) continue;
          const int64_t element = (batch * p.rows + m) * p.columns + n;
          end_element(p, sum[i][j][e], n, element);
        }
      }
    }
  }
}

}  // namespace

bool fits_tensor_cores(int64_t x_contiguous, int64_t w_contiguous, const void* x, const void* w) {
  const auto addresses = reinterpret_cast<uintptr_t>(x) | reinterpret_cast<uintptr_t>(w);
  return x_contiguous % 8 == 0 && w_contiguous % 8 == 0 && addresses % 16 == 0;
}

template <class S>
void launch_tensor_cores(Queue& queue, const HalfProduct<S>& p, bool turned_x, bool turned_w) {
  const int64_t tiles = ceil_div(p.rows, kSide) * ceil_div(p.columns, kSide) * p.batch;
  if (tiles == 0) return;
  const auto start = [&](auto x, auto w) {
    launch(queue, {blocks_for(tiles, 1)}, {kThreads}, kBytes,
           tensor_core_kernel<S, decltype(x)::value, decltype(w)::value>, p);
  };
  const auto with_w = [&](auto x) { turned_w ? start(x, std::true_type()) : start(x, std::false_type()); };
  turned_x ? with_w(std::true_type()) : with_w(std::false_type());
}
template void launch_tensor_cores(Queue&, const HalfProduct<Half<F16Bits>>&, bool, bool);
template void launch_tensor_cores(Queue&, const HalfProduct<Half<BF16Bits>>&, bool, bool);

}  // namespace ckeras::cuda
