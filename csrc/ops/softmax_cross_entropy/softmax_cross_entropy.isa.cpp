#include "ops/softmax_cross_entropy/softmax_cross_entropy.h"

#include "cpu/parallel.h"
#include "ops/softmax/rows.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <class S>
void loss_row(const typename S::Element* x, int64_t n, int64_t label, typename S::Element* loss) {
  using V = typename S::V;
  const auto row = sum_row<S>(x, n, [](int64_t, int64_t, V) __attribute__((always_inline)) {});
  *loss = S::put(log_of<V>(row.sum) - (S::get(x[label]) - row.top));
}

template <class S>
void grad_row(const typename S::Element* x, int64_t n, int64_t label, typename S::T g, typename S::Element* dx) {
  using V = typename S::V;
  using T = typename S::T;
  const auto keep = [dx](int64_t i, int64_t count, V e) __attribute__((always_inline)) {
    if constexpr (!S::kHalf) S::store(dx + i, e, count);
  };
  const auto row = sum_row<S>(x, n, keep);
  const V top(row.top), scale = V(1) / V(row.sum), factor(g);
  for (int64_t i = 0; i < n; i += V::kLanes) {
    V e;
    if constexpr (S::kHalf) {
      e = exp(S::load(x + i, n - i) - top);
    } else {
      e = S::load(dx + i, n - i);
    }
    // The label's lane counts from 0 here, so that it is exact in T.
    const bool here = label >= i && label < i + V::kLanes;
    const V hit = here ? select(V::iota(0) == V(static_cast<T>(label - i)), V(1), V(0)) : V(0);
    S::store(dx + i, factor * (e * scale - hit), n - i);
  }
}

template <bool kGrad>
void run(const Call& call) noexcept {
  if (!check_labels(call)) return;
  const View& logits = call.in[0];
  const int64_t rows = logits.shape[0], n = logits.shape[1];
  with_storage(logits.dtype, [&](auto s) {
    using S = decltype(s);
    using E = typename S::Element;
    parallel_for(rows, at_least_one(kRowPiece / at_least_one(n)), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const E* x = logits.as<const E>() + r * n;
        E* out = call.out[0].as<E>() + (kGrad ? r * n : r);
        const int64_t label = label_at(call.in[1], r);
        if (is_ignored(label, call.ints[0])) {
          for (int64_t i = 0; i < (kGrad ? n : 1); ++i) out[i] = 0;
        } else if constexpr (kGrad) {
          grad_row<S>(x, n, label, S::get(call.in[2].as<const E>()[r]), out);
        } else {
          loss_row<S>(x, n, label, out);
        }
      }
    });
  });
}

}  // namespace

extern const Kernel kernel_softmax_cross_entropy, kernel_softmax_cross_entropy_grad;
constinit const Kernel kernel_softmax_cross_entropy = {run<false>, nullptr, nullptr};
constinit const Kernel kernel_softmax_cross_entropy_grad = {run<true>, nullptr, nullptr};

}  // namespace ckeras::CKERAS_ISA
