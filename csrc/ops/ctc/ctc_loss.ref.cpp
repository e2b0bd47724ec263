#include <cmath>
#include <vector>

#include "gemm/reference.h"
#include "ops/ctc/ctc.h"

namespace ckeras::reference {
namespace {

using Rows = std::vector<std::vector<double>>;

double log_sum(double a, double b) {
  const double top = std::max(a, b);
  return std::isinf(top) ? top : top + std::log(std::exp(a - top) + std::exp(b - top));
}

// Sums over paths that go forward in time; `at` maps (time, state) to the mirrored ones for the sums of the rest.
template <class Emitted, class Skips>
Rows paths(int64_t times, int64_t states, const Emitted& emitted, const Skips& skips) {
  Rows rows(times, std::vector<double>(states, -INFINITY));
  for (int64_t t = 0; t < times; ++t) {
    for (int64_t s = 0; s < states; ++s) {
      double sum = -INFINITY;
      if (t == 0) {
        sum = s < 2 ? 0 : -INFINITY;
      } else {
        sum = rows[t - 1][s];
        if (s > 0) sum = log_sum(sum, rows[t - 1][s - 1]);
        if (s > 1 && skips(s)) sum = log_sum(sum, rows[t - 1][s - 2]);
      }
      rows[t][s] = sum + emitted(t, s);
    }
  }
  return rows;
}

template <class T>
void example(const Call& call, int64_t b) {
  const View& logp = call.in[0];
  const int64_t classes = logp.shape[2], most = call.in[1].shape[1];
  const T* p = logp.as<const T>() + b * logp.shape[1] * classes;
  const int32_t* labels = call.in[1].as<const int32_t>() + b * most;
  const int64_t n = call.in[2].as<const int32_t>()[b], times = call.in[3].as<const int32_t>()[b];
  const int64_t states = 2 * n + 1;
  const auto class_of = [&](int64_t s) { return s % 2 ? int64_t{labels[s / 2]} : call.ints[0]; };
  const auto emitted = [&](int64_t t, int64_t s) { return p[t * classes + class_of(s)].get(); };
  const auto skips = [&](int64_t s) { return s % 2 && s > 1 && labels[s / 2] != labels[s / 2 - 1]; };
  const auto last = [&](int64_t s) { return states - 1 - s; };
  const Rows alpha = paths(times, states, emitted, skips);
  const Rows beta = paths(
      times, states, [&](int64_t t, int64_t s) { return emitted(times - 1 - t, last(s)); },
      [&](int64_t s) { return skips(last(s) + 2); });
  double log_p = n ? -INFINITY : 0;
  if (times) log_p = log_sum(alpha[times - 1][states - 1], n ? alpha[times - 1][states - 2] : -INFINITY);
  call.out[0].as<T>()[b].set(-log_p);
  std::vector<double> grad(logp.shape[1] * classes);
  for (int64_t t = 0; t < times && !std::isinf(log_p); ++t) {
    for (int64_t s = 0; s < states; ++s) {
      const double both = alpha[t][s] + beta[times - 1 - t][last(s)];
      if (!std::isinf(both)) grad[t * classes + class_of(s)] -= std::exp(both - emitted(t, s) - log_p);
    }
  }
  for (size_t i = 0; i < grad.size(); ++i) call.out[1].as<T>()[b * logp.shape[1] * classes + i].set(grad[i]);
}

void ctc_loss(const Call& call) noexcept {
  if (!ctc_check(call)) return;
  with_float(call.in[0].dtype, [&](auto t) {
    for (int64_t b = 0; b < call.in[0].shape[0]; ++b) example<decltype(t)>(call, b);
  });
}

}  // namespace

extern const Kernel kernel_ctc_loss;
constinit const Kernel kernel_ctc_loss = {ctc_loss, nullptr, nullptr};

}  // namespace ckeras::reference
