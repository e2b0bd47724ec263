// Matrix products of halves on tensor cores.
#pragma once
#include "cuda/tile.h"

namespace ckeras::cuda {

struct HalfMatmul {
  int64_t rows, columns, depth, batch;
  const uint16_t *x, *w;  // [batch, rows, depth] or turned, [batch, depth, columns] or turned
  bool turned_x, turned_w;

  // Whether rows of both are whole vectors of eight.
  bool fits() const { return (turned_x ? rows : depth) % 8 == 0 && (turned_w ? depth : columns) % 8 == 0; }
};

int64_t matmul_halves_workspace(const HalfMatmul& p);

template <class S>
void matmul_halves(Queue& queue, const HalfMatmul& p, const ResultOf<S>& to, void* workspace);

// The same by wgmma (matmul_hopper.cu), where CKERAS_CUDA_WGMMA is 1 and the device of compute capability 9.0: off
// until it has run on one.
bool wants_hopper(const HalfMatmul& p);
template <class S>
void matmul_hopper(Queue& queue, const HalfMatmul& p, const ResultOf<S>& to, const Slices<float>& slices);

}  // namespace ckeras::cuda
