// Elements moved on a device. Only for .cu files.
#pragma once
#include "cuda/queue.h"
#include "ops/move/strided_copy.h"

namespace ckeras::cuda {

// As move::strided_copy, on a device's memory.
void copy_strided(Queue& queue, void* dst, const void* src, int64_t itemsize, const move::Dim* dims, int rank);

inline void copy_bytes(Queue& queue, void* dst, const void* src, int64_t bytes) {
  const move::Dim dim = {bytes, 1, 1};
  copy_strided(queue, dst, src, 1, &dim, 1);
}

}  // namespace ckeras::cuda
