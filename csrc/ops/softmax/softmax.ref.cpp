#include "ops/softmax/softmax.h"

#include <cmath>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

template <bool kLog>
void softmax(const Call& call) noexcept {
  const View& x = call.in[0];
  const int64_t n = x.shape[x.rank - 1], rows = n ? x.size() / n : 0;
  with_float(x.dtype, [&](auto t) {
    const auto* from = x.as<const decltype(t)>();
    auto* to = call.out[0].as<decltype(t)>();
    for (int64_t r = 0; r < rows; ++r, from += n, to += n) {
      double top = from[0].get(), sum = 0;
      for (int64_t i = 1; i < n; ++i) top = from[i].get() > top || std::isnan(from[i].get()) ? from[i].get() : top;
      for (int64_t i = 0; i < n; ++i) sum += std::exp(from[i].get() - top);
      for (int64_t i = 0; i < n; ++i) {
        const double x = from[i].get() - top;
        to[i].set(kLog ? x - std::log(sum) : std::exp(x) / sum);
      }
    }
  });
}

}  // namespace

extern const Kernel kernel_softmax, kernel_log_softmax;
constinit const Kernel kernel_softmax = {softmax<false>, nullptr, nullptr};
constinit const Kernel kernel_log_softmax = {softmax<true>, nullptr, nullptr};

}  // namespace ckeras::reference
