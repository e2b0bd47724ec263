// What every kernel source includes: CUDA's language, or its emulation on the host, and launches. Only for .cu files.
#pragma once
#if defined(__CUDACC__)
#include <cuda_runtime.h>
#define CKERAS_CALLED __device__ __noinline__  // a call in the kernel, not a copy
#define CKERAS_SHARED(Type, name) __shared__ Type name
#define CKERAS_DYNAMIC_SHARED(Type, name)                         \
  extern __shared__ __align__(16) unsigned char ckeras_dynamic[]; \
  Type* const name = reinterpret_cast<Type*>(ckeras_dynamic)
#else
#include "cuda/testing/emulate.h"
#define CKERAS_CALLED __attribute__((noinline))
#endif

#include <cstdint>

#include "cpu/vmath.h"
#include "cpu/whole.h"
#include "cuda/queue.h"
#include "ops/storage.h"

namespace ckeras::cuda {

inline constexpr int kWarp = 32;
inline constexpr unsigned kWholeWarp = 0xffffffffu;
inline constexpr int64_t kMaxBlocksX = 0x7fffffff, kMaxBlocksYZ = 65535;

#if defined(__CUDACC__)
using Grid = dim3;
#else
using Grid = emulate::Grid;
#endif

// kernel(args...) on grid x block threads, unless something failed before. By the call that answers for this launch:
// the runtime's "last error" may be that of an event asked about too early, or of an allocation that was tried again.
template <class... Params, class... Args>
void launch(Queue& queue, Grid grid, Grid block, int64_t dynamic_bytes, void (*kernel)(Params...), Args... args) {
  if (queue.error != 0) return;
#if defined(__CUDACC__)
  if (dynamic_bytes > 48 * 1024) {
    queue.error = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                       cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(dynamic_bytes));
    if (queue.error != 0) return;
  }
  const auto start = [&](Params... exact) {
    void* each[] = {static_cast<void*>(&exact)...};
    return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, block, each,
                            static_cast<size_t>(dynamic_bytes), static_cast<cudaStream_t>(queue.stream));
  };
  queue.error = start(static_cast<Params>(args)...);
#else
  emulate::launch(queue.stream, grid, block, dynamic_bytes, [=] { kernel(static_cast<Params>(args)...); });
#endif
}

// Blocks for a loop over n elements, `each` a block, that strides by the whole grid: enough to fill any device; few
// where kernels are emulated, so that tests see them come round. It decides nothing about results.
inline unsigned blocks_for(int64_t n, int64_t each) {
#if defined(__CUDACC__)
  constexpr int64_t kMost = 8192;
#else
  constexpr int64_t kMost = 3;
#endif
  const int64_t blocks = ceil_div(n, each);
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks > kMost ? kMost : blocks);
}

// The elements of such a loop: for (int64_t i = first_element(); i < n; i += all_threads()).
__device__ __forceinline__ int64_t first_element() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ __forceinline__ int64_t all_threads() { return int64_t{gridDim.x} * blockDim.x; }

// f(storage) for a float dtype, on the host.
template <class F>
Status with_floats(DType dtype, const F& f) {
  switch (dtype) {
    case DType::F32:
      return f(Plain<float>{}), Status::Launched;
    case DType::F64:
      return f(Plain<double>{}), Status::Launched;
    case DType::F16:
      return f(Half<F16Bits>{}), Status::Launched;
    case DType::BF16:
      return f(Half<BF16Bits>{}), Status::Launched;
    default:
      return Status::NoDtype;
  }
}

// f(T{}) for float32 and float64, on the host.
template <class F>
Status with_reals(DType dtype, const F& f) {
  if (dtype == DType::F32) return f(float{}), Status::Launched;
  if (dtype == DType::F64) return f(double{}), Status::Launched;
  return Status::NoDtype;
}

}  // namespace ckeras::cuda
