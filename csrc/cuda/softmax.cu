// softmax, log_softmax, softmax_cross_entropy and its gradient: a block a row, a thread a line along other axes. Sums
// of exponentials are float64.
#include "ops/softmax/softmax.h"

#include "cuda/block.h"
#include "ops/softmax_cross_entropy/softmax_cross_entropy.h"

namespace ckeras::cuda {
namespace {

constexpr int kColumnThreads = 128;

// Of one row: its maximum, and the sum of exp(x - maximum).
template <class T>
struct Moments {
  T most;
  double sum;
};
template <class S>
__device__ Moments<typename S::T> row_moments(const typename S::Element* x, int64_t n) {
  using T = typename S::T;
  using V = typename S::V;
  T most = -TraitsOf<V>::kInf;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) most = MaxOf()(S::get(x[i]), most);
  most = fold_block(most, MaxOf());
  double sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
    sum += static_cast<double>(exp(V(S::get(x[i])) - V(most)).x);
  }
  return {most, fold_block(sum, SumOf())};
}

template <class S, bool kLog>
__global__ void __launch_bounds__(kRowThreads)
    softmax_kernel(const typename S::Element* x, typename S::Element* y, int64_t rows, int64_t n) {
  using T = typename S::T;
  using V = typename S::V;
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const Moments<T> m = row_moments<S>(x + row * n, n);
    const V sum = static_cast<T>(m.sum), shift = kLog ? log(sum) : V(0);
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
      const V centred = V(S::get(x[row * n + i])) - V(m.most);
      y[row * n + i] = S::put((kLog ? centred - shift : exp(centred) / sum).x);
    }
  }
}

// A thread a line, where lines lie side by side.
template <class S, bool kLog>
__global__ void __launch_bounds__(kColumnThreads)
    softmax_columns_kernel(const typename S::Element* x, typename S::Element* y, const Lines lines) {
  using T = typename S::T;
  using V = typename S::V;
  const int64_t n = lines.n, inner = lines.inner;
  for (int64_t line = first_element(); line < lines.outer * inner; line += all_threads()) {
    const int64_t first = line / inner * n * inner + line % inner, end = first + n * inner;
    T most = -TraitsOf<V>::kInf;
    for (int64_t at = first; at < end; at += inner) most = MaxOf()(S::get(x[at]), most);
    double total = 0;
    for (int64_t at = first; at < end; at += inner) total += static_cast<double>(exp(V(S::get(x[at])) - V(most)).x);
    const V sum = static_cast<T>(total), shift = kLog ? log(sum) : V(0);
    for (int64_t at = first; at < end; at += inner) {
      const V centred = V(S::get(x[at])) - V(most);
      y[at] = S::put((kLog ? centred - shift : exp(centred) / sum).x);
    }
  }
}

template <bool kLog>
Status run_softmax(const Call& call, Queue& queue) {
  const View& x = call.in[0];
  const Lines lines = lines_along(x, call.ints[0]);
  return with_floats(x.dtype, [&](auto s) {
    using S = decltype(s);
    using E = typename S::Element;
    if (x.size() == 0) return;
    if (lines.inner == 1) {
      launch(queue, {blocks_for(lines.outer, 1)}, {kRowThreads}, 0, softmax_kernel<S, kLog>, x.as<const E>(),
             call.out[0].as<E>(), lines.outer, lines.n);
    } else {
      launch(queue, {blocks_for(lines.outer * lines.inner, kColumnThreads)}, {kColumnThreads}, 0,
             softmax_columns_kernel<S, kLog>, x.as<const E>(), call.out[0].as<E>(), lines);
    }
  });
}

// ---- cross entropy

struct BadLabel {
  int64_t classes, ignored;
  template <class Index>
  CKERAS_MEMBER bool operator()(Index label) const {
    return (label < 0 || label >= classes) && !is_ignored(label, ignored);
  }
};

template <class S, class Index>
__global__ void __launch_bounds__(kRowThreads)
    cross_entropy_kernel(const typename S::Element* x, const Index* labels, typename S::Element* loss, int64_t rows,
                         int64_t n, int64_t ignored, const Fault* fault) {
  using T = typename S::T;
  using V = typename S::V;
  if (fault->code != 0) return;
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const Moments<T> m = row_moments<S>(x + row * n, n);
    if (threadIdx.x != 0) continue;
    const int64_t label = labels[row];
    V value(0);
    if (!is_ignored(label, ignored)) {
      value = log(V(static_cast<T>(m.sum))) - (V(S::get(x[row * n + label])) - V(m.most));
    }
    loss[row] = S::put(value.x);
  }
}

template <class S, class Index>
__global__ void __launch_bounds__(kRowThreads)
    cross_entropy_grad_kernel(const typename S::Element* x, const Index* labels, const typename S::Element* g,
                              typename S::Element* dx, int64_t rows, int64_t n, int64_t ignored, const Fault* fault) {
  using T = typename S::T;
  using V = typename S::V;
  if (fault->code != 0) return;
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const Moments<T> m = row_moments<S>(x + row * n, n);
    const int64_t label = labels[row];
    const bool counts = !is_ignored(label, ignored);
    const V sum = static_cast<T>(m.sum), scale = S::get(g[row]);
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
      const V p = exp(V(S::get(x[row * n + i])) - V(m.most)) / sum;
      dx[row * n + i] = S::put(counts ? (scale * (p - V(i == label ? 1 : 0))).x : T{0});
    }
  }
}

template <bool kGrad>
Status run_cross_entropy(const Call& call, Queue& queue) {
  const View &x = call.in[0], &labels = call.in[1];
  const int64_t rows = x.shape[0], n = x.shape[1], ignored = call.ints[0];
  const auto with_labels = [&](auto s, auto index) {
    using S = decltype(s);
    using E = typename S::Element;
    using Index = decltype(index);
    if (rows == 0) return;
    launch(queue, {1}, {1024}, 0, check_kernel<const Index*, BadLabel>, labels.as<const Index>(), rows, n,
           BadLabel{n, ignored}, call.fault);
    if constexpr (kGrad) {
      if (n == 0) return;
      launch(queue, {blocks_for(rows, 1)}, {kRowThreads}, 0, cross_entropy_grad_kernel<S, Index>, x.as<const E>(),
             labels.as<const Index>(), call.in[2].as<const E>(), call.out[0].as<E>(), rows, n, ignored, call.fault);
    } else {
      launch(queue, {blocks_for(rows, 1)}, {kRowThreads}, 0, cross_entropy_kernel<S, Index>, x.as<const E>(),
             labels.as<const Index>(), call.out[0].as<E>(), rows, n, ignored, call.fault);
    }
  };
  return with_floats(
      x.dtype, [&](auto s) { labels.dtype == DType::I64 ? with_labels(s, int64_t{}) : with_labels(s, int32_t{}); });
}

}  // namespace

extern const DeviceKernel kernel_softmax, kernel_log_softmax, kernel_softmax_cross_entropy,
    kernel_softmax_cross_entropy_grad;
const DeviceKernel kernel_softmax = {"softmax", run_softmax<false>, nullptr};
const DeviceKernel kernel_log_softmax = {"log_softmax", run_softmax<true>, nullptr};
const DeviceKernel kernel_softmax_cross_entropy = {"softmax_cross_entropy", run_cross_entropy<false>, nullptr,
                                                   kMayFault};
const DeviceKernel kernel_softmax_cross_entropy_grad = {"softmax_cross_entropy_grad", run_cross_entropy<true>, nullptr,
                                                        kMayFault};

}  // namespace ckeras::cuda
