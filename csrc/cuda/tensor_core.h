// Products of halves on tensor cores: a block has 128 x 128 results, its eight warps 64 x 32 each; panels of 32 of the
// depth come three ahead (cp.async). Each result is one chain over the depth: the same bits from run to run.
#pragma once
#include "cuda/tile.h"

namespace ckeras::cuda {

template <class S>
struct HalfProduct {
  int64_t rows, columns, depth, batch;
  const uint16_t *x, *w;  // [batch, rows, depth] or turned, [batch, depth, columns] or turned
  uint16_t* y;
  EndOf<S> finish;
};

// Whether the tensor cores' kernel takes it: whole vectors of eight along what is contiguous.
bool fits_tensor_cores(int64_t x_contiguous, int64_t w_contiguous, const void* x, const void* w);

template <class S>
void launch_tensor_cores(Queue& queue, const HalfProduct<S>& p, bool turned_x, bool turned_w);

}  // namespace ckeras::cuda
