#include "ops/softmax/softmax.h"

#include <cmath>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

template <bool kLog>
void softmax(const Call& call) noexcept {
  const View& x = call.in[0];
  const Lines lines = lines_along(x, call.ints[0]);
  const int64_t n = lines.n, inner = lines.inner;
  with_float(x.dtype, [&](auto t) {
    for (int64_t line = 0; line < lines.outer * inner; ++line) {
      const int64_t first = line / inner * n * inner + line % inner;
      const auto* from = x.as<const decltype(t)>() + first;
      auto* to = call.out[0].as<decltype(t)>() + first;
      const auto at = [=](int64_t i) { return static_cast<double>(from[i * inner].get()); };
      double top = n == 0 ? 0 : at(0), sum = 0;
      for (int64_t i = 1; i < n; ++i) top = at(i) > top || std::isnan(at(i)) ? at(i) : top;
      for (int64_t i = 0; i < n; ++i) sum += std::exp(at(i) - top);
      for (int64_t i = 0; i < n; ++i) {
        const double low = at(i) - top;
        to[i * inner].set(kLog ? low - std::log(sum) : std::exp(low) / sum);
      }
    }
  });
}

}  // namespace

extern const Kernel kernel_softmax, kernel_log_softmax;
constinit const Kernel kernel_softmax = {softmax<false>, nullptr, nullptr};
constinit const Kernel kernel_log_softmax = {softmax<true>, nullptr, nullptr};

}  // namespace ckeras::reference
