#include "ops/layer_norm/layer_norm.h"

#include <cmath>
#include <vector>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

// What moments and weights are stored in where rows are T.
template <class T>
struct Computing {
  using Type = Real<float>;
};
template <>
struct Computing<Real<double>> {
  using Type = Real<double>;
};

template <class T>
double at(const View& view, int64_t i) {
  return view.as<const T>()[i].get();
}

void layer_norm(const Call& call) noexcept {
  const bool rms = call.ints[0], has_gamma = call.ints[1], has_beta = call.ints[2];
  const int64_t rows = call.in[0].shape[0], n = call.in[0].shape[1];
  with_float(call.in[0].dtype, [&](auto t) {
    using T = decltype(t);
    using W = typename Computing<T>::Type;
    for (int64_t r = 0; r < rows; ++r) {
      double mean = 0, square = 0;
      for (int64_t i = 0; i < n && !rms; ++i) mean += at<T>(call.in[0], r * n + i) / static_cast<double>(n);
      for (int64_t i = 0; i < n; ++i) {
        const double c = at<T>(call.in[0], r * n + i) - mean;
        square += c * c / static_cast<double>(n);
      }
      const double rstd = 1 / std::sqrt(square + call.floats[0]);
      call.out[1].as<W>()[r].set(mean);
      call.out[2].as<W>()[r].set(rstd);
      for (int64_t i = 0; i < n; ++i) {
        double y = (at<T>(call.in[0], r * n + i) - mean) * rstd;
        if (has_gamma) y *= at<W>(call.in[1], i);
        if (has_beta) y += at<W>(call.in[1 + has_gamma], i);
        call.out[0].as<T>()[r * n + i].set(y);
      }
    }
  });
}

void layer_norm_grad(const Call& call) noexcept {
  const bool rms = call.ints[0], has_gamma = call.ints[1], has_beta = call.ints[2];
  const int64_t rows = call.in[0].shape[0], n = call.in[0].shape[1];
  with_float(call.in[0].dtype, [&](auto t) {
    using T = decltype(t);
    using W = typename Computing<T>::Type;
    std::vector<double> dgamma(n), dbeta(n);
    for (int64_t r = 0; r < rows; ++r) {
      const double mean = at<W>(call.in[2], r), rstd = at<W>(call.in[3], r);
      double g_mean = 0, gh_mean = 0;
      const auto h = [&](int64_t i) { return (at<T>(call.in[0], r * n + i) - mean) * rstd; };
      const auto g = [&](int64_t i) { return at<T>(call.in[1], r * n + i) * (has_gamma ? at<W>(call.in[4], i) : 1.0); };
      for (int64_t i = 0; i < n; ++i) {
        g_mean += rms ? 0 : g(i) / static_cast<double>(n);
        gh_mean += g(i) * h(i) / static_cast<double>(n);
        dgamma[i] += at<T>(call.in[1], r * n + i) * h(i);
        dbeta[i] += at<T>(call.in[1], r * n + i);
      }
      for (int64_t i = 0; i < n; ++i) call.out[0].as<T>()[r * n + i].set(rstd * (g(i) - g_mean - h(i) * gh_mean));
    }
    for (int64_t i = 0; i < n; ++i) {
      if (has_gamma) call.out[1].as<W>()[i].set(dgamma[i]);
      if (has_beta) call.out[1 + has_gamma].as<W>()[i].set(dbeta[i]);
    }
  });
}

}  // namespace

extern const Kernel kernel_layer_norm, kernel_layer_norm_grad;
constinit const Kernel kernel_layer_norm = {layer_norm, nullptr, nullptr};
constinit const Kernel kernel_layer_norm_grad = {layer_norm_grad, nullptr, nullptr};

}  // namespace ckeras::reference
