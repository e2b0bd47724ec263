// What the threads of one block do together. Blocks are one-dimensional, of a multiple of 32 threads. Only for .cu
// files.
#pragma once
#include "cuda/device.h"

namespace ckeras::cuda {

inline constexpr int kRowThreads = 128;  // of kernels that give each row a block

struct SumOf {
  template <class T>
  CKERAS_MEMBER T operator()(T a, T b) const {
    return a + b;
  }
};
struct MaxOf {  // NaN wins
  template <class T>
  CKERAS_MEMBER T operator()(T a, T b) const {
    return a != a || a > b ? a : b;
  }
};
struct MinOf {
  template <class T>
  CKERAS_MEMBER T operator()(T a, T b) const {
    return a != a || a < b ? a : b;
  }
};

template <class T>
struct OneAWarp {
  T of[32];
};

// The fold of one value a thread, for all threads: a tree over the lanes of each warp, then the warps in order. Every
// thread of the block comes here.
template <class T, class F>
__device__ T fold_block(T value, const F& fold) {
  CKERAS_SHARED(OneAWarp<T>, warps);
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) value = fold(value, __shfl_xor_sync(kWholeWarp, value, lanes));
  if (threadIdx.x % kWarp == 0) warps.of[threadIdx.x / kWarp] = value;
  __syncthreads();
  T all = warps.of[0];
  for (unsigned w = 1; w < blockDim.x / kWarp; ++w) all = fold(all, warps.of[w]);
  __syncthreads();  // the next fold writes here
  return all;
}

// The first of `count` values that is bad(value) becomes the fault, with `limit`. One block.
template <class Values, class Bad>
__global__ void __launch_bounds__(1024)
    check_kernel(const Values values, int64_t count, int64_t limit, Bad bad, Fault* fault) {
  int64_t first = count;
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    if (bad(values[i])) {
      first = i;
      break;
    }
  }
  first = fold_block(first, MinOf());
  if (threadIdx.x == 0 && first < count && fault->code == 0) {
    fault->code = 1;
    fault->value = values[first];
    fault->limit = limit;
  }
}

}  // namespace ckeras::cuda
