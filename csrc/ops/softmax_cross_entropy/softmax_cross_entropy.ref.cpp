#include "ops/softmax_cross_entropy/softmax_cross_entropy.h"

#include <cmath>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

template <bool kGrad>
void cross_entropy(const Call& call) noexcept {
  if (!check_labels(call)) return;
  const View& logits = call.in[0];
  const int64_t rows = logits.shape[0], n = logits.shape[1];
  with_float(logits.dtype, [&](auto t) {
    using T = decltype(t);
    T* out = call.out[0].as<T>();
    for (int64_t r = 0; r < rows; ++r) {
      const T* x = logits.as<const T>() + r * n;
      const int64_t label = label_at(call.in[1], r);
      if (is_ignored(label, call.ints[0])) {
        for (int64_t i = 0; i < (kGrad ? n : 1); ++i) out[(kGrad ? r * n : r) + i].set(0);
        continue;
      }
      double top = x[0].get(), sum = 0;
      for (int64_t i = 1; i < n; ++i) top = x[i].get() > top || std::isnan(x[i].get()) ? x[i].get() : top;
      for (int64_t i = 0; i < n; ++i) sum += std::exp(x[i].get() - top);
      if constexpr (kGrad) {
        const double g = call.in[2].as<const T>()[r].get();
        for (int64_t i = 0; i < n; ++i) out[r * n + i].set(g * (std::exp(x[i].get() - top) / sum - (i == label)));
      } else {
        out[r].set(std::log(sum) - (x[label].get() - top));
      }
    }
  });
}

}  // namespace

extern const Kernel kernel_softmax_cross_entropy, kernel_softmax_cross_entropy_grad;
constinit const Kernel kernel_softmax_cross_entropy = {cross_entropy<false>, nullptr, nullptr};
constinit const Kernel kernel_softmax_cross_entropy_grad = {cross_entropy<true>, nullptr, nullptr};

}  // namespace ckeras::reference
