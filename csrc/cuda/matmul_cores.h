// Matrix products on tensor cores: of halves, and on request of float32.
#pragma once
#include "cuda/tile.h"

namespace ckeras::cuda {

template <class E>
struct CoreMatmul {
  int64_t rows, columns, depth, batch;
  const E *x, *w;  // [batch, rows, depth] or turned, [batch, depth, columns] or turned
  bool turned_x, turned_w;

  // Whether rows of both are whole vectors of 16 bytes.
  bool fits() const {
    constexpr int64_t kVector = 16 / sizeof(E);
    return (turned_x ? rows : depth) % kVector == 0 && (turned_w ? depth : columns) % kVector == 0;
  }
  int64_t workspace() const;
};
using HalfMatmul = CoreMatmul<uint16_t>;

template <class S>
void matmul_cores(Queue& queue, const CoreMatmul<typename S::Element>& p, const ResultOf<S>& to, void* workspace);

// Halves by wgmma (matmul_hopper.cu), where CKERAS_CUDA_WGMMA is 1 and the device of compute capability 9.0: off until
// it has run on one.
bool wants_hopper(const HalfMatmul& p);
template <class S>
void matmul_hopper(Queue& queue, const HalfMatmul& p, const ResultOf<S>& to, const Slices<float>& slices);

}  // namespace ckeras::cuda
