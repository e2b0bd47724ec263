// Matrix products on tiles: C = end(A B) for whatever A and B are, a block a tile of kRows x kColumns. Only for .cu
// files.
//
// A problem P has: T, what computes; rows, columns, depth, batch; a(batch, m, k), b(batch, k, n) in T; kAcross: whether
// a's neighbours in memory have neighbouring m; end(batch, m, n, sum). Each element is one chain of fused multiply-adds
// in the order of k.
#pragma once
#include "cuda/device.h"
#include "gemm/activation.h"

namespace ckeras::cuda {

inline constexpr int kTile = 64;  // rows and columns of a block
inline constexpr int kTileDepth = 16;
inline constexpr int kTileThreads = 256;
inline constexpr int kEach = 4;  // rows and columns of a thread

template <class T>
struct Panels {
  T a[kTileDepth][kTile + 1];
  T b[kTileDepth][kTile];
};

template <class P>
__global__ void __launch_bounds__(kTileThreads) tile_kernel(const __grid_constant__ P p) {
  using T = typename P::T;
  CKERAS_SHARED(Panels<T>, panels);
  const int64_t down = ceil_div(p.rows, kTile), across = ceil_div(p.columns, kTile);
  const int thread = static_cast<int>(threadIdx.x), row = thread / (kTile / kEach), column = thread % (kTile / kEach);
  for (int64_t tile = blockIdx.x; tile < down * across * p.batch; tile += gridDim.x) {
    const int64_t batch = tile / (down * across);
    const int64_t m0 = tile / across % down * kTile, n0 = tile % across * kTile;
    T sum[kEach][kEach] = {};
    for (int64_t k0 = 0; k0 < p.depth; k0 += kTileDepth) {
      for (int i = thread; i < kTile * kTileDepth; i += kTileThreads) {
        const int m = P::kAcross ? i % kTile : i / kTileDepth, k = P::kAcross ? i / kTile : i % kTileDepth;
        panels.a[k][m] = m0 + m < p.rows && k0 + k < p.depth ? p.a(batch, m0 + m, k0 + k) : T{0};
      }
      for (int i = thread; i < kTile * kTileDepth; i += kTileThreads) {
        const int n = i % kTile, k = i / kTile;
        panels.b[k][n] = n0 + n < p.columns && k0 + k < p.depth ? p.b(batch, k0 + k, n0 + n) : T{0};
      }
      __syncthreads();
      CKERAS_UNROLL
      for (int k = 0; k < kTileDepth; ++k) {
        T a[kEach], b[kEach];
        CKERAS_UNROLL
        for (int i = 0; i < kEach; ++i) a[i] = panels.a[k][row * kEach + i];
        CKERAS_UNROLL
        for (int j = 0; j < kEach; ++j) b[j] = panels.b[k][column + j * (kTile / kEach)];
        CKERAS_UNROLL
        for (int i = 0; i < kEach; ++i) {
          CKERAS_UNROLL
          for (int j = 0; j < kEach; ++j) sum[i][j] = lane_fma(a[i], b[j], sum[i][j]);
        }
      }
      __syncthreads();  // the next panels
    }
    for (int i = 0; i < kEach; ++i) {
      for (int j = 0; j < kEach; ++j) {
        const int64_t m = m0 + row * kEach + i, n = n0 + column + j * (kTile / kEach);
        if (m < p.rows && n < p.columns) p.end(batch, m, n, sum[i][j]);
      }
    }
  }
}

template <class P>
void launch_tiles(Queue& queue, const P& p) {
  const int64_t tiles = ceil_div(p.rows, kTile) * ceil_div(p.columns, kTile) * p.batch;
  if (tiles > 0) launch(queue, {blocks_for(tiles, 1)}, {kTileThreads}, 0, tile_kernel<P>, p);
}

// What ends a product: bias, activation and residual.
template <class S>
struct EndOf {
  const typename S::Element* bias;  // of column 0, or null
  Epilogue activation;
  const typename S::Element* residual = nullptr;  // one an element of the result, or null
  bool stepwise = false;                          // each step rounds to the element, as ops of their own would

  CKERAS_MEMBER typename S::Element operator()(typename S::T sum, int64_t column, int64_t element) const {
    using V = typename S::V;
    const auto rounded = [this](V x) { return stepwise ? V(S::get(S::put(x.x))) : x; };
    V v = sum;
    if (bias != nullptr) v = rounded(v) + V(S::get(bias[column]));
    switch (activation) {
      case Epilogue::Relu:
        v = max(v, V(0));
        break;
      case Epilogue::Sigmoid:
        v = sigmoid(rounded(v));
        break;
      case Epilogue::Tanh:
        v = tanh(rounded(v));
        break;
      case Epilogue::None:
        break;
    }
    if (residual != nullptr) v = rounded(v) + V(S::get(residual[element]));
    return S::put(v.x);
  }
};

}  // namespace ckeras::cuda
