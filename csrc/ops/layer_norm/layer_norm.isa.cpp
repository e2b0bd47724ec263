#include "ops/layer_norm/layer_norm.h"

#include "cpu/ordered_sum.h"
#include "cpu/parallel.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPiece = 1 << 14;     // elements that a piece of parallel work handles, about
constexpr int64_t kTogether = 1 << 12;  // elements of the rows that are taken together: they stay in the L1 cache
constexpr int64_t kMostRows = 16;       // of those rows; neighbours wait for one another less than the steps of one row
constexpr int64_t kAdded = 4;           // rows that are added to dgamma and dbeta at once

#define CKERAS_LAMBDA __attribute__((always_inline))

// f(i, n) as ChunkFold reads it.
template <class V, class F>
struct Each {
  const F& f;
  int64_t first;
  CKERAS_MEMBER V operator()(int64_t i) const { return f(first + i, V::kLanes); }
  CKERAS_MEMBER V operator()(int64_t i, int64_t n) const { return f(first + i, n); }
};

// The sum over a row of what f(i, n) gives: a vector of elements from i on, of which n count.
template <class T, class F>
CKERAS_INLINE T sum_over(int64_t n, const F& f) {
  using V = VecOf<T>;
  double total = 0;
  for (int64_t i = 0; i < n; i += kSumChunk) {
    ChunkFold<SumFold<T>, T> chunk;
    chunk.add(least(kSumChunk, n - i), Each<V, F>{f, i});
    if (n <= kSumChunk) return chunk.result();
    total += static_cast<double>(chunk.result());
  }
  return static_cast<T>(total);
}

// Two of them: f(i, n) gives both.
template <class V>
struct Two {
  V first, second;
};
template <class T, class F>
CKERAS_INLINE void sum_both(int64_t n, const F& f, T* first, T* second) {
  double a = 0, b = 0;
  for (int64_t i = 0; i < n; i += kSumChunk) {
    ChunkFold<SumFold<T>, T> x, y;
    add_both(x, y, least(kSumChunk, n - i), [&f, i](int64_t j, int64_t k) CKERAS_LAMBDA { return f(i + j, k); });
    if (n <= kSumChunk) {
      *first = x.result();
      *second = y.result();
      return;
    }
    a += static_cast<double>(x.result());
    b += static_cast<double>(y.result());
  }
  *first = static_cast<T>(a);
  *second = static_cast<T>(b);
}

template <bool kValue>
struct Flag {
  static constexpr bool kOn = kValue;
};
// f(Flag) of what is known at run time.
template <class F>
CKERAS_INLINE void with_flag(bool on, const F& f) {
  on ? f(Flag<true>{}) : f(Flag<false>{});
}

// In all below, S is the storage of rows; moments, weights and their gradients are stored as they are computed, by P.
template <class S, bool kGamma, bool kBeta>
void normalise(const typename S::Element* x, typename S::Element* y, const typename S::T* gamma,
               const typename S::T* beta, typename S::T mean, typename S::T rstd, int64_t n) {
  using V = typename S::V;
  using P = Plain<typename S::T>;
  const V middle(mean), factor(rstd);
  for_lanes<V::kLanes>(n, [=](int64_t i, int64_t k) CKERAS_LAMBDA {
    V v = (S::load(x + i, k) - middle) * factor;
    if constexpr (kGamma) v = v * P::load(gamma + i, k);
    if constexpr (kBeta) v = v + P::load(beta + i, k);
    S::store(y + i, v, k);
  });
}

// Each step for a few rows before the next step.
template <class S>
void run_forward(const Call& call) {
  using E = typename S::Element;
  using T = typename S::T;
  using V = typename S::V;
  using P = Plain<T>;
  const int64_t rows = call.in[0].shape[0], n = call.in[0].shape[1];
  const bool rms = call.ints[0] != 0;
  const T* gamma = call.ints[1] != 0 ? call.in[1].as<const T>() : nullptr;
  const T* beta = call.ints[2] != 0 ? call.in[call.ints[1] != 0 ? 2 : 1].as<const T>() : nullptr;
  const E* all = call.in[0].as<const E>();
  E* out = call.out[0].as<E>();
  T *means = call.out[1].as<T>(), *rstds = call.out[2].as<T>();
  const T share = T(1) / static_cast<T>(n), epsilon = static_cast<T>(call.floats[0]);
  const int64_t together = least(kMostRows, at_least_one(kTogether / n));
  parallel_for(rows, round_up(at_least_one(kPiece / n), together), [=](int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += together) {
      const int64_t last = least(first + together, end);
      for (int64_t r = first; r < last; ++r) {
        const E* x = all + r * n;
        means[r] =
            rms ? T(0) : share * sum_over<T>(n, [=](int64_t i, int64_t k) CKERAS_LAMBDA { return S::load(x + i, k); });
      }
      for (int64_t r = first; r < last; ++r) {
        const E* x = all + r * n;
        const V middle(means[r]);
        rstds[r] = sum_over<T>(n, [=](int64_t i, int64_t k) CKERAS_LAMBDA {
          const V c = S::load(x + i, k) - middle;
          return c * c;
        });
      }
      for_lanes<V::kLanes>(last - first, [=](int64_t i, int64_t k) CKERAS_LAMBDA {
        const V variance = fma(P::load(rstds + first + i, k), V(share), V(epsilon));
        P::store(rstds + first + i, V(1) / sqrt(variance), k);
      });
      with_flag(gamma != nullptr, [=](auto g) CKERAS_LAMBDA {
        with_flag(beta != nullptr, [=](auto b) CKERAS_LAMBDA {
          for (int64_t r = first; r < last; ++r) {
            normalise<S, decltype(g)::kOn, decltype(b)::kOn>(all + r * n, out + r * n, gamma, beta, means[r], rstds[r],
                                                             n);
          }
        });
      });
    }
  });
}

// What the gradient needs of its arguments.
template <class S>
struct Backward {
  using E = typename S::Element;
  using T = typename S::T;
  using V = typename S::V;
  using P = Plain<T>;

  const E *x, *dy;
  const T *means, *rstds, *gamma;  // gamma may be null
  E* dx;
  int64_t n;
  bool rms;

  // dx of rows first ... first + kRows - 1, which are also added to dgamma and dbeta, in order. g_mean and gh_mean are
  // the rows' means of g and g h.
  template <int kRows, bool kGamma, bool kBeta>
  void add(int64_t first, const T* g_mean, const T* gh_mean, T* gammas, T* betas) const {
    const int64_t at = first * n;
    for_lanes<V::kLanes>(n, [=, this](int64_t i, int64_t k) CKERAS_LAMBDA {
      V scale, dgamma, dbeta;
      if constexpr (kGamma) {
        scale = P::load(gamma + i, k);
        dgamma = P::load(gammas + i, k);
      }
      if constexpr (kBeta) dbeta = P::load(betas + i, k);
      CKERAS_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const int64_t place = at + r * n + i;
        const V d = S::load(dy + place, k), factor(rstds[first + r]);
        const V hat = (S::load(x + place, k) - V(means[first + r])) * factor;
        V g = d;
        if constexpr (kGamma) g = d * scale;
        S::store(dx + place, factor * (g - V(g_mean[r]) - hat * V(gh_mean[r])), k);
        if constexpr (kGamma) dgamma = fma(d, hat, dgamma);
        if constexpr (kBeta) dbeta = dbeta + d;
      }
      if constexpr (kGamma) P::store(gammas + i, dgamma, k);
      if constexpr (kBeta) P::store(betas + i, dbeta, k);
    });
  }

  template <bool kGamma>
  void sums(int64_t r, T* g_sum, T* gh_sum) const {
    const E *row = x + r * n, *upstream = dy + r * n;
    const V middle(means[r]), factor(rstds[r]);
    sum_both<T>(
        n,
        [=, this](int64_t i, int64_t k) CKERAS_LAMBDA {
          V g = S::load(upstream + i, k);
          if constexpr (kGamma) g = g * P::load(gamma + i, k);
          return Two<V>{g, g * ((S::load(row + i, k) - middle) * factor)};
        },
        g_sum, gh_sum);
  }

  template <bool kGamma, bool kBeta>
  void chunk(int64_t first, int64_t last, T* gammas, T* betas) const {
    const auto clear = [n = n](T* p) CKERAS_LAMBDA {
      for_lanes<V::kLanes>(n, [=](int64_t i, int64_t k) CKERAS_LAMBDA { P::store(p + i, V(0), k); });
    };
    if constexpr (kGamma) clear(gammas);
    if constexpr (kBeta) clear(betas);
    const T share = T(1) / static_cast<T>(n);
    for (int64_t r = first; r < last; r += kAdded) {
      const int64_t count = least(kAdded, last - r);
      T g_mean[kAdded], gh_mean[kAdded];
      for (int64_t j = 0; j < count; ++j) {
        T g, gh;
        sums<kGamma>(r + j, &g, &gh);
        g_mean[j] = rms ? T(0) : share * g;
        gh_mean[j] = share * gh;
      }
      if (count == kAdded) {
        add<kAdded, kGamma, kBeta>(r, g_mean, gh_mean, gammas, betas);
      } else {
        for (int64_t j = 0; j < count; ++j) {
          add<1, kGamma, kBeta>(r + j, g_mean + j, gh_mean + j, gammas, betas);
        }
      }
    }
  }
};

CKERAS_INLINE W16 wide(V16 v) { return to_double(v); }
CKERAS_INLINE V8 wide(V8 v) { return v; }
CKERAS_INLINE V16 narrow(W16 v) { return to_single(v); }
CKERAS_INLINE V8 narrow(V8 v) { return v; }

// Row sums of one chunk of rows for dgamma and dbeta lie in the workspace: [chunk][gamma, beta][C].
template <class S>
void run_backward(const Call& call) {
  using E = typename S::Element;
  using T = typename S::T;
  const int64_t rows = call.in[0].shape[0], n = call.in[0].shape[1];
  const int64_t chunks = (rows + kNormRows - 1) / kNormRows;
  const bool wants_gamma = call.ints[1] != 0, wants_beta = call.ints[2] != 0;
  const Backward<S> back = {call.in[0].as<const E>(),
                            call.in[1].as<const E>(),
                            call.in[2].as<const T>(),
                            call.in[3].as<const T>(),
                            wants_gamma ? call.in[4].as<const T>() : nullptr,
                            call.out[0].as<E>(),
                            n,
                            call.ints[0] != 0};
  T* partial = static_cast<T*>(call.workspace);
  with_flag(wants_gamma, [&](auto g) {
    with_flag(wants_beta, [&](auto b) {
      parallel_for(chunks, at_least_one(kPiece / (n * kNormRows)), [&](int64_t first, int64_t last) {
        for (int64_t chunk = first; chunk < last; ++chunk) {
          T* gammas = partial + chunk * 2 * n;
          back.template chunk<decltype(g)::kOn, decltype(b)::kOn>(
              chunk * kNormRows, least(rows, (chunk + 1) * kNormRows), gammas, gammas + n);
        }
      });
    });
  });
  const auto join = [=](const T* from, T* to) CKERAS_LAMBDA {
    using V = VecOf<T>;
    parallel_for(n, round_up(at_least_one(kPiece / at_least_one(chunks)), V::kLanes), [=](int64_t begin, int64_t end) {
      for_lanes<V::kLanes>(end - begin, [=](int64_t i, int64_t k) CKERAS_LAMBDA {
        auto total = wide(V(0));
        for (int64_t chunk = 0; chunk < chunks; ++chunk) {
          total = total + wide(Plain<T>::load(from + chunk * 2 * n + begin + i, k));
        }
        Plain<T>::store(to + begin + i, narrow(total), k);
      });
    });
  };
  if (wants_gamma) join(partial, call.out[1].as<T>());
  if (wants_beta) join(partial + n, call.out[wants_gamma ? 2 : 1].as<T>());
}

#undef CKERAS_LAMBDA

void forward(const Call& call) noexcept {
  with_storage(call.in[0].dtype, [&](auto s) { run_forward<decltype(s)>(call); });
}
void backward(const Call& call) noexcept {
  with_storage(call.in[0].dtype, [&](auto s) { run_backward<decltype(s)>(call); });
}
int64_t workspace(const Call& call) noexcept {
  const int64_t chunks = (call.in[0].shape[0] + kNormRows - 1) / kNormRows;
  return chunks * 2 * call.in[0].shape[1] * (call.in[0].dtype == DType::F64 ? 8 : 4);
}

}  // namespace

extern const Kernel kernel_layer_norm, kernel_layer_norm_grad;
constinit const Kernel kernel_layer_norm = {forward, nullptr, nullptr};
constinit const Kernel kernel_layer_norm_grad = {backward, workspace, nullptr};

}  // namespace ckeras::CKERAS_ISA
