#include "ops/softmax/softmax.h"

#include "cpu/parallel.h"
#include "ops/softmax/rows.h"

namespace ckeras::CKERAS_ISA {
namespace {

#define CKERAS_LAMBDA __attribute__((always_inline))

// The exponentials lie in the output until the sum is known; in halves they would be rounded twice, so they are
// computed again.
template <class S>
void softmax_rows(const typename S::Element* x, typename S::Element* y, int64_t rows, int64_t n) {
  using V = typename S::V;
  RowSums<S> sums;
  sums.read(x, rows, n, [=](int64_t r, int64_t i, int64_t k, V e) CKERAS_LAMBDA {
    if constexpr (!S::kHalf) S::store(y + r * n + i, e, k);
  });
  typename S::T scales[kMostRows];
  sums.each(rows, scales, [](V sum) CKERAS_LAMBDA { return V(1) / sum; });
  for (int64_t r = 0; r < rows; ++r) {
    const auto* from = x + r * n;
    auto* to = y + r * n;
    const V scale(scales[r]), top(sums.top[r]);
    for_lanes<V::kLanes>(n, [=](int64_t i, int64_t k) CKERAS_LAMBDA {
      V e;
      if constexpr (S::kHalf) {
        e = exp_falling(S::load(from + i, k) - top);
      } else {
        e = S::load(to + i, k);
      }
      S::store(to + i, e * scale, k);
    });
  }
}

template <class S>
void log_softmax_rows(const typename S::Element* x, typename S::Element* y, int64_t rows, int64_t n) {
  using V = typename S::V;
  RowSums<S> sums;
  sums.read(x, rows, n, [](int64_t, int64_t, int64_t, V) CKERAS_LAMBDA {});
  typename S::T logs[kMostRows];
  sums.each(rows, logs, [](V sum) CKERAS_LAMBDA { return log(sum); });
  for (int64_t r = 0; r < rows; ++r) {
    const auto* from = x + r * n;
    auto* to = y + r * n;
    const V top(sums.top[r]), log_sum(logs[r]);
    for_lanes<V::kLanes>(
        n, [=](int64_t i, int64_t k) CKERAS_LAMBDA { S::store(to + i, S::load(from + i, k) - top - log_sum, k); });
  }
}

template <bool kLog>
void run(const Call& call) noexcept {
  const View& x = call.in[0];
  const int64_t n = x.shape[x.rank - 1], rows = n ? x.size() / n : 0;
  with_storage(x.dtype, [&](auto s) {
    using S = decltype(s);
    const auto* from = x.as<const typename S::Element>();
    auto* to = call.out[0].as<typename S::Element>();
    for_row_groups(rows, n, [=](int64_t r, int64_t count) {
      if constexpr (kLog) {
        log_softmax_rows<S>(from + r * n, to + r * n, count, n);
      } else {
        softmax_rows<S>(from + r * n, to + r * n, count, n);
      }
    });
  });
}

#undef CKERAS_LAMBDA

}  // namespace

extern const Kernel kernel_softmax, kernel_log_softmax;
constinit const Kernel kernel_softmax = {run<false>, nullptr, nullptr};
constinit const Kernel kernel_log_softmax = {run<true>, nullptr, nullptr};

}  // namespace ckeras::CKERAS_ISA
