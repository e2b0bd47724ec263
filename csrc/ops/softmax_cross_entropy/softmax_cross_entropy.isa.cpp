#include "ops/softmax_cross_entropy/softmax_cross_entropy.h"

#include "cpu/parallel.h"
#include "ops/softmax/rows.h"

namespace ckeras::CKERAS_ISA {
namespace {

#define CKERAS_LAMBDA __attribute__((always_inline))

// Of what the call has for every row: its label, whether it counts, and the logits.
template <class S>
struct Rows {
  using E = typename S::Element;
  using T = typename S::T;
  using V = typename S::V;

  const Call& call;
  int64_t n;
  CKERAS_MEMBER explicit Rows(const Call& c) : call(c), n(c.in[0].shape[1]) {}
  CKERAS_MEMBER const E* logits(int64_t r) const { return call.in[0].as<const E>() + r * n; }
  CKERAS_MEMBER E* out() const { return call.out[0].as<E>(); }
  CKERAS_MEMBER int64_t label(int64_t r) const { return label_at(call.in[1], r); }

  void losses(int64_t first, int64_t rows) const {
    RowSums<S> sums;
    sums.read(logits(first), rows, n, [](int64_t, int64_t, int64_t, V) CKERAS_LAMBDA {});
    T logs[kMostRows];
    sums.each(rows, logs, [](V sum) CKERAS_LAMBDA { return log(sum); });
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t at = label(first + r);
      out()[first + r] =
          is_ignored(at, call.ints[0]) ? E(0) : S::put(logs[r] - (S::get(logits(first + r)[at]) - sums.top[r]));
    }
  }

  void gradients(int64_t first, int64_t rows) const {
    E* const dx = out() + first * n;
    RowSums<S> sums;
    sums.read(logits(first), rows, n, [this, dx](int64_t r, int64_t i, int64_t k, V e) CKERAS_LAMBDA {
      if constexpr (!S::kHalf) S::store(dx + r * n + i, e, k);
    });
    T scales[kMostRows];
    sums.each(rows, scales, [](V sum) CKERAS_LAMBDA { return V(1) / sum; });
    for (int64_t r = 0; r < rows; ++r) gradient(first + r, sums.top[r], scales[r]);
  }

 private:
  void gradient(int64_t r, T greatest, T share) const {
    const E* x = logits(r);
    E* dx = out() + r * n;
    const int64_t at = label(r);
    if (is_ignored(at, call.ints[0])) {
      for (int64_t i = 0; i < n; ++i) dx[i] = 0;
      return;
    }
    const V top(greatest), scale(share), factor(S::get(call.in[2].as<const E>()[r]));
    for_lanes<V::kLanes>(n, [=](int64_t i, int64_t k) CKERAS_LAMBDA {
      V e;
      if constexpr (S::kHalf) {
        e = exp_falling(S::load(x + i, k) - top);
      } else {
        e = S::load(dx + i, k);
      }
      // The label's lane counts from 0 here, so that it is exact in T.
      const bool here = at >= i && at < i + V::kLanes;
      const V hit = here ? select(V::iota(0) == V(static_cast<T>(at - i)), V(1), V(0)) : V(0);
      S::store(dx + i, factor * (e * scale - hit), k);
    });
  }
};

#undef CKERAS_LAMBDA

template <bool kGrad>
void run(const Call& call) noexcept {
  if (!check_labels(call)) return;
  with_storage(call.in[0].dtype, [&](auto s) {
    const Rows<decltype(s)> all(call);
    for_row_groups(call.in[0].shape[0], all.n, [&](int64_t first, int64_t rows) {
      if constexpr (kGrad) {
        all.gradients(first, rows);
      } else {
        all.losses(first, rows);
      }
    });
  });
}

}  // namespace

extern const Kernel kernel_softmax_cross_entropy, kernel_softmax_cross_entropy_grad;
constinit const Kernel kernel_softmax_cross_entropy = {run<false>, nullptr, nullptr};
constinit const Kernel kernel_softmax_cross_entropy_grad = {run<true>, nullptr, nullptr};

}  // namespace ckeras::CKERAS_ISA
