#include "ops/softmax/softmax.h"

#include "cpu/parallel.h"
#include "ops/softmax/rows.h"

namespace ckeras::CKERAS_ISA {
namespace {

// The exponentials lie in the output until the sum is known; in halves they would be rounded twice, so they are
// computed again.
template <class S>
void softmax_row(const typename S::Element* x, typename S::Element* y, int64_t n) {
  using V = typename S::V;
  const auto keep = [y](int64_t i, int64_t count, V e) __attribute__((always_inline)) {
    if constexpr (!S::kHalf) S::store(y + i, e, count);
  };
  const auto row = sum_row<S>(x, n, keep);
  const V scale = V(1) / V(row.sum), top(row.top);
  for (int64_t i = 0; i < n; i += V::kLanes) {
    V e;
    if constexpr (S::kHalf) {
      e = exp(S::load(x + i, n - i) - top);
    } else {
      e = S::load(y + i, n - i);
    }
    S::store(y + i, e * scale, n - i);
  }
}

template <class S>
void log_softmax_row(const typename S::Element* x, typename S::Element* y, int64_t n) {
  using V = typename S::V;
  const auto row = sum_row<S>(x, n, [](int64_t, int64_t, V) __attribute__((always_inline)) {});
  const V top(row.top), log_sum(log_of<V>(row.sum));
  for (int64_t i = 0; i < n; i += V::kLanes) S::store(y + i, S::load(x + i, n - i) - top - log_sum, n - i);
}

template <bool kLog>
void run(const Call& call) noexcept {
  const View& x = call.in[0];
  const int64_t n = x.shape[x.rank - 1], rows = n ? x.size() / n : 0;
  with_storage(x.dtype, [&](auto s) {
    using S = decltype(s);
    const auto* from = x.as<const typename S::Element>();
    auto* to = call.out[0].as<typename S::Element>();
    parallel_for(rows, at_least_one(kRowPiece / at_least_one(n)), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        if constexpr (kLog) {
          log_softmax_row<S>(from + r * n, to + r * n, n);
        } else {
          softmax_row<S>(from + r * n, to + r * n, n);
        }
      }
    });
  });
}

}  // namespace

extern const Kernel kernel_softmax, kernel_log_softmax;
constinit const Kernel kernel_softmax = {run<false>, nullptr, nullptr};
constinit const Kernel kernel_log_softmax = {run<true>, nullptr, nullptr};

}  // namespace ckeras::CKERAS_ISA
