// layer_norm and its gradient: a block a row, sums in float64. The sums over rows: threads side by side take columns,
// chunks of kChunkRows rows are joined in rising order. S is how x, y, dy and dx are stored.
#include "ops/layer_norm/layer_norm.h"

#include "cuda/block.h"

namespace ckeras::cuda {
namespace {

constexpr int64_t kChunkRows = 512;
constexpr int kColumnThreads = 128;

template <class S, class T = typename S::T>
__global__ void __launch_bounds__(kRowThreads)
    norm_kernel(const typename S::Element* x, const T* gamma, const T* beta, typename S::Element* y, T* means, T* rstds,
                int64_t rows, int64_t n, bool rms, double epsilon) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const auto from = [&](int64_t i) { return static_cast<double>(S::get(x[row * n + i])); };
    double mean = 0;
    if (!rms) {
      for (int64_t i = threadIdx.x; i < n; i += blockDim.x) mean += from(i);
      mean = fold_block(mean, SumOf()) / static_cast<double>(n);
    }
    double square = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
      const double c = from(i) - mean;
      square = lane_fma(c, c, square);
    }
    square = fold_block(square, SumOf()) / static_cast<double>(n);
    const double rstd = 1 / lane_sqrt(square + epsilon);
    if (threadIdx.x == 0) {
      means[row] = static_cast<T>(mean);
      rstds[row] = static_cast<T>(rstd);
    }
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
      T h = static_cast<T>((from(i) - mean) * rstd);
      if (gamma != nullptr) h *= gamma[i];
      if (beta != nullptr) h += beta[i];
      y[row * n + i] = S::put(h);
    }
  }
}

template <class S, class T = typename S::T>
__global__ void __launch_bounds__(kRowThreads)
    norm_grad_kernel(const typename S::Element* x, const typename S::Element* dy, const T* means, const T* rstds,
                     const T* gamma, typename S::Element* dx, int64_t rows, int64_t n, bool rms) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const double mean = static_cast<double>(means[row]), rstd = static_cast<double>(rstds[row]);
    const auto h = [&](int64_t i) { return (static_cast<double>(S::get(x[row * n + i])) - mean) * rstd; };
    const auto g = [&](int64_t i) {
      return static_cast<double>(S::get(dy[row * n + i])) * (gamma != nullptr ? static_cast<double>(gamma[i]) : 1.0);
    };
    double g_mean = 0, gh_mean = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
      if (!rms) g_mean += g(i);
      gh_mean = lane_fma(g(i), h(i), gh_mean);
    }
    g_mean = fold_block(g_mean, SumOf()) / static_cast<double>(n);
    gh_mean = fold_block(gh_mean, SumOf()) / static_cast<double>(n);
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
      dx[row * n + i] = S::put(static_cast<T>(rstd * (g(i) - g_mean - h(i) * gh_mean)));
    }
  }
}

// parts: [chunks, 2, n], the sums of dy h and of dy over the rows of each chunk.
template <class S, class T = typename S::T>
__global__ void __launch_bounds__(kColumnThreads)
    norm_columns_kernel(const typename S::Element* x, const typename S::Element* dy, const T* means, const T* rstds,
                        double* parts, int64_t rows, int64_t n, int64_t chunks) {
  for (int64_t chunk = blockIdx.y; chunk < chunks; chunk += gridDim.y) {
    const int64_t begin = chunk * kChunkRows, end = least(begin + kChunkRows, rows);
    for (int64_t i = first_element(); i < n; i += all_threads()) {
      double dgamma = 0, dbeta = 0;
      for (int64_t row = begin; row < end; ++row) {
        const double d = static_cast<double>(S::get(dy[row * n + i]));
        const double centred = static_cast<double>(S::get(x[row * n + i])) - static_cast<double>(means[row]);
        const double h = centred * static_cast<double>(rstds[row]);
        dgamma = lane_fma(d, h, dgamma);
        dbeta += d;
      }
      parts[2 * chunk * n + i] = dgamma;
      parts[(2 * chunk + 1) * n + i] = dbeta;
    }
  }
}
template <class T>
__global__ void __launch_bounds__(kColumnThreads)
    norm_join_kernel(const double* parts, T* dgamma, T* dbeta, int64_t n, int64_t chunks) {
  for (int64_t i = first_element(); i < n; i += all_threads()) {
    double sums[2] = {0, 0};
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      for (int j = 0; j < 2; ++j) sums[j] += parts[(2 * chunk + j) * n + i];
    }
    if (dgamma != nullptr) dgamma[i] = static_cast<T>(sums[0]);
    if (dbeta != nullptr) dbeta[i] = static_cast<T>(sums[1]);
  }
}

Status run_norm(const Call& call, Queue& queue) {
  const bool rms = call.ints[0], has_gamma = call.ints[1], has_beta = call.ints[2];
  const int64_t rows = call.in[0].shape[0], n = call.in[0].shape[1];
  return with_floats(call.in[0].dtype, [&](auto s) {
    using S = decltype(s);
    using E = typename S::Element;
    using T = typename S::T;
    if (rows == 0) return;
    launch(queue, {blocks_for(rows, 1)}, {kRowThreads}, 0, norm_kernel<S>, call.in[0].as<const E>(),
           has_gamma ? call.in[1].as<const T>() : nullptr, has_beta ? call.in[1 + has_gamma].as<const T>() : nullptr,
           call.out[0].as<E>(), call.out[1].as<T>(), call.out[2].as<T>(), rows, n, rms, call.floats[0]);
  });
}

int64_t chunks_of(int64_t rows) { return ceil_div(rows, kChunkRows); }

int64_t norm_grad_workspace(const Call& call) noexcept {
  if (!call.ints[1] && !call.ints[2]) return 0;
  return 2 * chunks_of(call.in[0].shape[0]) * call.in[0].shape[1] * int64_t{8};
}

Status run_norm_grad(const Call& call, Queue& queue) {
  const bool rms = call.ints[0], has_gamma = call.ints[1], has_beta = call.ints[2];
  const int64_t rows = call.in[0].shape[0], n = call.in[0].shape[1], chunks = chunks_of(rows);
  return with_floats(call.in[0].dtype, [&](auto s) {
    using S = decltype(s);
    using E = typename S::Element;
    using T = typename S::T;
    const E *x = call.in[0].as<const E>(), *dy = call.in[1].as<const E>();
    const T *means = call.in[2].as<const T>(), *rstds = call.in[3].as<const T>();
    if (rows > 0) {
      launch(queue, {blocks_for(rows, 1)}, {kRowThreads}, 0, norm_grad_kernel<S>, x, dy, means, rstds,
             has_gamma ? call.in[4].as<const T>() : nullptr, call.out[0].as<E>(), rows, n, rms);
    }
    if (!has_gamma && !has_beta) return;
    double* parts = static_cast<double*>(call.workspace);
    const unsigned columns = blocks_for(n, kColumnThreads);
    if (rows > 0) {
      launch(queue, {columns, static_cast<unsigned>(least(chunks, kMaxBlocksYZ))}, {kColumnThreads}, 0,
             norm_columns_kernel<S>, x, dy, means, rstds, parts, rows, n, chunks);
    }
    launch(queue, {columns}, {kColumnThreads}, 0, norm_join_kernel<T>, parts, has_gamma ? call.out[1].as<T>() : nullptr,
           has_beta ? call.out[1 + has_gamma].as<T>() : nullptr, n, chunks);
  });
}

}  // namespace

extern const DeviceKernel kernel_layer_norm, kernel_layer_norm_grad;
const DeviceKernel kernel_layer_norm = {"layer_norm", run_norm, nullptr};
const DeviceKernel kernel_layer_norm_grad = {"layer_norm_grad", run_norm_grad, norm_grad_workspace};

}  // namespace ckeras::cuda
