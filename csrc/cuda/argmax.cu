// argmax and argmin: a block a line, or a thread where lines lie side by side.
#include "ops/argmax/argmax.h"

#include "cuda/block.h"
#include "cuda/elements.h"

namespace ckeras::cuda {
namespace {

// Whether `a`, which comes later, takes the place of b: NaN does, of what is none.
template <bool kMax, class T>
CKERAS_INLINE bool beats(T a, T b) {
  return b == b && (a != a || (kMax ? a > b : a < b));
}

struct Line {
  int64_t begin, step;
};
CKERAS_INLINE Line line_of(int64_t i, int64_t n, int64_t inner) { return {i / inner * n * inner + i % inner, inner}; }

template <class T, bool kMax>
__global__ void __launch_bounds__(256)
    thread_arg_kernel(const void* x, DType dtype, int32_t* y, int64_t results, int64_t n, int64_t inner) {
  for (int64_t i = first_element(); i < results; i += all_threads()) {
    const Line line = line_of(i, n, inner);
    T best = element_as<T>(x, line.begin, dtype);
    int64_t where = 0;
    for (int64_t j = 1; j < n; ++j) {
      const T value = element_as<T>(x, line.begin + j * line.step, dtype);
      if (!beats<kMax>(value, best)) continue;
      best = value;
      where = j;
    }
    y[i] = static_cast<int32_t>(where);
  }
}

template <class T, bool kMax>
__global__ void __launch_bounds__(kRowThreads)
    block_arg_kernel(const void* x, DType dtype, int32_t* y, int64_t results, int64_t n, int64_t inner) {
  for (int64_t i = blockIdx.x; i < results; i += gridDim.x) {
    const Line line = line_of(i, n, inner);
    int64_t where = threadIdx.x < n ? int64_t{threadIdx.x} : int64_t{0};  // each thread has a value of the line
    T best = element_as<T>(x, line.begin + where * line.step, dtype);
    for (int64_t j = where + blockDim.x; j < n; j += blockDim.x) {
      const T value = element_as<T>(x, line.begin + j * line.step, dtype);
      if (!beats<kMax>(value, best)) continue;
      best = value;
      where = j;
    }
    T all;
    if constexpr (kMax) {
      all = fold_block(best, MaxOf());
    } else {
      all = fold_block(best, MinOf());
    }
    const bool mine = best == all || (best != best && all != all);
    where = fold_block(mine ? where : n, MinOf());
    if (threadIdx.x == 0) y[i] = static_cast<int32_t>(where);
  }
}

template <bool kMax>
Status run(const Call& call, Queue& queue) {
  const View& x = call.in[0];
  const int64_t results = call.out[0].size(), n = x.shape[call.ints[0]];
  int64_t inner = 1;
  for (int64_t d = call.ints[0] + 1; d < x.rank; ++d) inner *= x.shape[d];
  if (results == 0) return Status::Launched;
  with_wide(x.dtype, [&](auto t) {
    using T = decltype(t);
    if (inner >= kWarp || n < kWarp) {
      launch(queue, {blocks_for(results, 256)}, {256}, 0, thread_arg_kernel<T, kMax>, x.data, x.dtype,
             call.out[0].as<int32_t>(), results, n, inner);
    } else {
      launch(queue, {blocks_for(results, 1)}, {kRowThreads}, 0, block_arg_kernel<T, kMax>, x.data, x.dtype,
             call.out[0].as<int32_t>(), results, n, inner);
    }
  });
  return Status::Launched;
}

}  // namespace

extern const DeviceKernel kernel_argmax, kernel_argmin;
const DeviceKernel kernel_argmax = {"argmax", run<true>, nullptr};
const DeviceKernel kernel_argmin = {"argmin", run<false>, nullptr};

}  // namespace ckeras::cuda
