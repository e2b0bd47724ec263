// Matrix products on tiles: C = end(A B) for whatever A and B are, a block a tile of kRows x kColumns. Only for .cu
// files.
//
// A problem P has: T, what computes; rows, columns, depth, batch; a(batch, m, k), b(batch, k, n) in T; kAcross: whether
// a's neighbours in memory have neighbouring m; end(batch, m, n, sum). Each element is one chain of fused multiply-adds
// in the order of k.
#pragma once
#include "cuda/asked.h"
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

// A call, so that the loops around it unroll, and the sums stay in registers.
template <class P>
CKERAS_CALLED void end_one(const P& p, int64_t batch, int64_t m, int64_t n, typename P::T sum) {
  p.end(batch, m, n, sum);
}

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
    CKERAS_UNROLL
    for (int i = 0; i < kEach; ++i) {
      CKERAS_UNROLL
      for (int j = 0; j < kEach; ++j) {
        const int64_t m = m0 + row * kEach + i, n = n0 + column + j * (kTile / kEach);
        if (m < p.rows && n < p.columns) end_one(p, batch, m, n, sum[i][j]);
      }
    }
  }
}

template <class P>
void launch_tiles(Queue& queue, const P& p) {
  const int64_t tiles = ceil_div(p.rows, kTile) * ceil_div(p.columns, kTile) * p.batch;
  if (tiles > 0) launch(queue, {blocks_for(tiles, 1)}, {kTileThreads}, 0, tile_kernel<P>, p);
}

// What ends a product or convolution (gemm/epilogue.h).
template <class S>
struct EndOf {
  const typename S::Element* bias;  // of column 0, or null
  Epilogue activation;
  const typename S::Element* residual = nullptr;  // one an element of the result, or null
  bool stepwise = false;                          // each step rounds to the element, as ops of their own would
  const typename S::Element *scale = nullptr, *shift = nullptr;  // of column 0, or both null
  bool early = false;                                            // the residual is added before the activation

  CKERAS_MEMBER typename S::Element operator()(typename S::T sum, int64_t column, int64_t element) const {
    using V = typename S::V;
    const auto rounded = [this](V x) { return stepwise ? V(S::get(S::put(x.x))) : x; };
    V v = sum;
    if (bias != nullptr) v = rounded(v) + V(S::get(bias[column]));
    if (scale != nullptr) v = rounded(rounded(v) * V(S::get(scale[column]))) + V(S::get(shift[column]));
    if (residual != nullptr && early) v = rounded(v) + V(S::get(residual[element]));
    switch (activation) {
      case Epilogue::Relu:
        v = max(v, V(0));
        break;
      case Epilogue::Relu6:
        v = min(max(v, V(0)), V(6));
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
    if (residual != nullptr && !early) v = rounded(v) + V(S::get(residual[element]));
    return S::put(v.x);
  }
};

// Where a product's results lie: element (batch, m, n) at these steps, ended.
template <class S>
struct ResultOf {
  typename S::Element* y;
  int64_t batch_step, row_step, bias_step;  // bias_step: columns of one batch to those of the next
  EndOf<S> finish;

  CKERAS_MEMBER int64_t place(int64_t batch, int64_t m, int64_t n) const {
    return batch * batch_step + m * row_step + n;
  }
  CKERAS_MEMBER void put(int64_t batch, int64_t m, int64_t n, typename S::T sum) const {
    const int64_t element = place(batch, m, n);
    y[element] = finish(sum, batch * bias_step + n, element);
  }
};

// Whether tensor cores take these elements: halves, and float32 rounded to TF32 where CKERAS_CUDA_TF32 is 1.
template <class S>
bool wants_cores() {
  if constexpr (S::kHalf) {
    return true;
  } else {
    return sizeof(typename S::T) == sizeof(float) && asked_for("CKERAS_CUDA_TF32", false);
  }
}

// Whether arrays lie where vectors of 16 bytes may be read.
inline bool on_vectors(const void* x, const void* w) {
  return (reinterpret_cast<uintptr_t>(x) | reinterpret_cast<uintptr_t>(w)) % 16 == 0;
}

// ---- long sums: slices of the depth are products of their own, added in rising order

// How many, by the shape alone: enough blocks for any device, and long ones.
inline int64_t slices_of(int64_t tiles, int64_t depth) {
  constexpr int64_t kBlocks = 256, kShortest = 512;
  return tiles == 0 ? 1 : at_least_one(least(ceil_div(kBlocks, tiles), depth / kShortest));
}

// The sums of the slices, [slices, batch, rows, columns].
template <class T>
struct Slices {
  T* sums;
  int64_t count, batch, rows, columns;

  CKERAS_MEMBER int64_t size() const { return batch * rows * columns; }
  int64_t bytes() const { return count > 1 ? count * size() * static_cast<int64_t>(sizeof(T)) : 0; }
  CKERAS_MEMBER T* at(int64_t slice, int64_t i, int64_t m, int64_t n) const {
    return sums + ((slice * batch + i) * rows + m) * columns + n;
  }
};

template <class T, class Result>
__global__ void __launch_bounds__(kTileThreads)
    add_slices_kernel(const Slices<T> slices, const __grid_constant__ Result to) {
  for (int64_t i = first_element(); i < slices.size(); i += all_threads()) {
    T sum = slices.sums[i];
    for (int64_t s = 1; s < slices.count; ++s) sum += slices.sums[s * slices.size() + i];
    to.put(i / slices.columns / slices.rows, i / slices.columns % slices.rows, i % slices.columns, sum);
  }
}
template <class T, class Result>
void add_slices(Queue& queue, const Slices<T>& slices, const Result& to) {
  if (slices.count > 1 && slices.size() > 0) {
    launch(queue, {blocks_for(slices.size(), kTileThreads)}, {kTileThreads}, 0, add_slices_kernel<T, Result>, slices,
           to);
  }
}

// Two results side by side. A call: copied for each of a thread's sums, it took nvcc minutes.
template <class P>
CKERAS_CALLED void end_pair(const P& p, int64_t slice, int64_t batch, int64_t m, int64_t n, float first, float second) {
  const bool both = n + 1 < p.slices.columns;
  if (p.slices.count > 1) {
    float* to = p.slices.at(slice, batch, m, n);
    to[0] = first;
    if (both) to[1] = second;
  } else {
    p.to.put(batch, m, n, first);
    if (both) p.to.put(batch, m, n + 1, second);
  }
}

}  // namespace ckeras::cuda
