// cumulative_sum cumulative_prod recurrence, carried in float64 or 64-bit integers. Lines side by side have a thread
// each; where they are long and few, a block scans each piece by piece (W. D. Hillis and G. L. Steele, 1986). A
// recurrence always has a thread a line: its pieces do not combine without leaving the range of numbers.
#include "ops/scan/scan.h"

#include "cuda/elements.h"

namespace ckeras::cuda {
namespace {

constexpr int kThreads = 256, kEach = 4;
constexpr int64_t kManyLines = 4096;

struct Scan : ScanLines {
  using ScanLines::ScanLines;
  // Element i of a line, in the order of the scan.
  CKERAS_MEMBER int64_t at(int64_t line, int64_t i) const {
    return (line / inner * n + (reversed ? n - 1 - i : i)) * inner + line % inner;
  }
};

template <class T, bool kProduct>
CKERAS_INLINE T joined(T a, T b) {
  return kProduct ? a * b : a + b;
}

template <class T, bool kProduct>
__global__ void __launch_bounds__(kThreads) thread_scan_kernel(const void* x, void* y, DType dtype, const Scan lines) {
  for (int64_t line = first_element(); line < lines.outer * lines.inner; line += all_threads()) {
    T carry = kProduct ? 1 : 0;
    for (int64_t i = 0; i < lines.n; ++i) {
      carry = joined<T, kProduct>(carry, element_as<T>(x, lines.at(line, i), dtype));
      put_element(y, lines.at(line, i), dtype, carry);
    }
  }
}

template <class T>
struct Totals {
  T of[2][kThreads];
};
template <class T, bool kProduct>
__global__ void __launch_bounds__(kThreads) block_scan_kernel(const void* x, void* y, DType dtype, const Scan lines) {
  CKERAS_SHARED(Totals<T>, totals);
  const int thread = static_cast<int>(threadIdx.x);
  constexpr T kNeutral = kProduct ? 1 : 0;
  for (int64_t line = blockIdx.x; line < lines.outer * lines.inner; line += gridDim.x) {
    T carry = kNeutral;
    for (int64_t begin = 0; begin < lines.n; begin += kThreads * kEach) {
      const int64_t first = begin + thread * kEach;
      T mine[kEach], sum = kNeutral;
      for (int j = 0; j < kEach; ++j) {
        if (first + j < lines.n) sum = joined<T, kProduct>(sum, element_as<T>(x, lines.at(line, first + j), dtype));
        mine[j] = sum;
      }
      int now = 0;
      totals.of[now][thread] = sum;
      __syncthreads();
      for (int step = 1; step < kThreads; step *= 2) {
        const T value = totals.of[now][thread];
        totals.of[1 - now][thread] = thread < step ? value : joined<T, kProduct>(totals.of[now][thread - step], value);
        now = 1 - now;
        __syncthreads();
      }
      const T before = thread == 0 ? carry : joined<T, kProduct>(carry, totals.of[now][thread - 1]);
      for (int j = 0; j < kEach; ++j) {
        if (first + j < lines.n) put_element(y, lines.at(line, first + j), dtype, joined<T, kProduct>(before, mine[j]));
      }
      carry = joined<T, kProduct>(carry, totals.of[now][kThreads - 1]);
      __syncthreads();  // the next piece
    }
  }
}

template <bool kProduct>
Status run_cumulative(const Call& call, Queue& queue) {
  const View &x = call.in[0], &y = call.out[0];
  const Scan lines(call);
  const int64_t count = lines.outer * lines.inner;
  if (y.size() == 0) return Status::Launched;
  const auto start = [&](auto t) {
    using T = decltype(t);
    if (count >= kManyLines || lines.n < kThreads) {
      launch(queue, {blocks_for(count, kThreads)}, {kThreads}, 0, thread_scan_kernel<T, kProduct>, x.data, y.data,
             x.dtype, lines);
    } else {
      launch(queue, {blocks_for(count, 1)}, {kThreads}, 0, block_scan_kernel<T, kProduct>, x.data, y.data, x.dtype,
             lines);
    }
  };
  x.dtype >= DType::F16 ? start(double{}) : start(uint64_t{});
  return Status::Launched;
}

__global__ void __launch_bounds__(kThreads)
    recurrence_kernel(const void* a, const void* b, void* y, DType dtype, const Scan lines) {
  for (int64_t line = first_element(); line < lines.outer * lines.inner; line += all_threads()) {
    double carry = 0;
    for (int64_t i = 0; i < lines.n; ++i) {
      const int64_t at = lines.at(line, i);
      const double more = element_as<double>(b, at, dtype);
      carry = i == 0 ? more : element_as<double>(a, at, dtype) * carry + more;
      put_element(y, at, dtype, carry);
    }
  }
}
Status run_recurrence(const Call& call, Queue& queue) {
  const View& y = call.out[0];
  const Scan lines(call);
  if (y.size() == 0) return Status::Launched;
  launch(queue, {blocks_for(lines.outer * lines.inner, kThreads)}, {kThreads}, 0, recurrence_kernel, call.in[0].data,
         call.in[1].data, y.data, y.dtype, lines);
  return Status::Launched;
}

}  // namespace

extern const DeviceKernel kernel_cumulative_sum, kernel_cumulative_prod, kernel_recurrence;
const DeviceKernel kernel_cumulative_sum = {"cumulative_sum", run_cumulative<false>, nullptr};
const DeviceKernel kernel_cumulative_prod = {"cumulative_prod", run_cumulative<true>, nullptr};
const DeviceKernel kernel_recurrence = {"recurrence", run_recurrence, nullptr};

}  // namespace ckeras::cuda
