#include "ops/layer_norm/layer_norm.h"

#include "cpu/ordered_sum.h"
#include "cpu/parallel.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPiece = 1 << 14;  // elements that a piece of parallel work handles, about

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

template <class V>
CKERAS_INLINE V some(const typename V::Lane* p, int64_t i, int64_t n) {
  return n >= V::kLanes ? V::load(p + i) : V::load(p + i, n);
}
template <class V>
CKERAS_INLINE void put(typename V::Lane* p, int64_t i, V v, int64_t n) {
  n >= V::kLanes ? v.store(p + i) : v.store(p + i, n);
}
template <class T>
CKERAS_INLINE T first_lane(VecOf<T> v) {
  T lanes[VecOf<T>::kLanes];
  v.store(lanes);
  return lanes[0];
}

#define CKERAS_LAMBDA __attribute__((always_inline))

template <class T>
void run_forward(const Call& call) {
  using V = VecOf<T>;
  const int64_t rows = call.in[0].shape[0], n = call.in[0].shape[1];
  const bool rms = call.ints[0] != 0;
  const T* gamma = call.ints[1] != 0 ? call.in[1].as<const T>() : nullptr;
  const T* beta = call.ints[2] != 0 ? call.in[call.ints[1] != 0 ? 2 : 1].as<const T>() : nullptr;
  const T* all = call.in[0].as<const T>();
  T *out = call.out[0].as<T>(), *means = call.out[1].as<T>(), *rstds = call.out[2].as<T>();
  const T share = T(1) / static_cast<T>(n), epsilon = static_cast<T>(call.floats[0]);
  parallel_for(rows, at_least_one(kPiece / n), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const T* x = all + r * n;
      T* y = out + r * n;
      const T mean =
          rms ? T(0) : share * sum_over<T>(n, [=](int64_t i, int64_t k) CKERAS_LAMBDA { return some<V>(x, i, k); });
      const V middle(mean);
      const T square = sum_over<T>(n, [=](int64_t i, int64_t k) CKERAS_LAMBDA {
        const V c = some<V>(x, i, k) - middle;
        return c * c;
      });
      const V factor = V(1) / sqrt(V(fma(square, share, epsilon)));
      means[r] = mean;
      rstds[r] = first_lane<T>(factor);
      for (int64_t i = 0; i < n; i += V::kLanes) {
        V v = (some<V>(x, i, n - i) - middle) * factor;
        if (gamma != nullptr) v = v * some<V>(gamma, i, n - i);
        if (beta != nullptr) v = v + some<V>(beta, i, n - i);
        put<V>(y, i, v, n - i);
      }
    }
  });
}

// Row sums of one chunk of rows for dgamma and dbeta lie in the workspace: [chunk][gamma, beta][C].
template <class T>
void run_backward(const Call& call) {
  using V = VecOf<T>;
  const int64_t rows = call.in[0].shape[0], n = call.in[0].shape[1];
  const int64_t chunks = (rows + kNormRows - 1) / kNormRows;
  const bool rms = call.ints[0] != 0, wants_gamma = call.ints[1] != 0, wants_beta = call.ints[2] != 0;
  const T *xs = call.in[0].as<const T>(), *dys = call.in[1].as<const T>();
  const T *means = call.in[2].as<const T>(), *rstds = call.in[3].as<const T>();
  const T* gamma = wants_gamma ? call.in[4].as<const T>() : nullptr;
  T *out = call.out[0].as<T>(), *partial = static_cast<T*>(call.workspace);
  const T share = T(1) / static_cast<T>(n);
  parallel_for(chunks, at_least_one(kPiece / (n * kNormRows)), [=](int64_t first, int64_t last) {
    for (int64_t chunk = first; chunk < last; ++chunk) {
      T *gammas = partial + chunk * 2 * n, *betas = gammas + n;
      for (int64_t i = 0; i < n && wants_gamma; i += V::kLanes) put<V>(gammas, i, V(0), n - i);
      for (int64_t i = 0; i < n && wants_beta; i += V::kLanes) put<V>(betas, i, V(0), n - i);
      for (int64_t r = chunk * kNormRows; r < least(rows, (chunk + 1) * kNormRows); ++r) {
        const T *x = xs + r * n, *dy = dys + r * n;
        T* dx = out + r * n;
        const V middle(means[r]), factor(rstds[r]);
        const auto g = [=](int64_t i, int64_t k) CKERAS_LAMBDA {
          const V d = some<V>(dy, i, k);
          return gamma != nullptr ? d * some<V>(gamma, i, k) : d;
        };
        const auto h = [=](int64_t i, int64_t k) CKERAS_LAMBDA { return (some<V>(x, i, k) - middle) * factor; };
        const V g_mean(rms ? T(0) : share * sum_over<T>(n, g));
        const V gh_mean(share * sum_over<T>(n, [=](int64_t i, int64_t k) CKERAS_LAMBDA { return g(i, k) * h(i, k); }));
        for (int64_t i = 0; i < n; i += V::kLanes) {
          const V hat = h(i, n - i);
          put<V>(dx, i, factor * (g(i, n - i) - g_mean - hat * gh_mean), n - i);
          const V d = some<V>(dy, i, n - i);
          if (wants_gamma) put<V>(gammas, i, fma(d, hat, some<V>(gammas, i, n - i)), n - i);
          if (wants_beta) put<V>(betas, i, some<V>(betas, i, n - i) + d, n - i);
        }
      }
    }
  });
  const auto join = [=](const T* from, T* to) CKERAS_LAMBDA {
    parallel_for(n, at_least_one(kPiece / at_least_one(chunks)), [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        double total = 0;
        for (int64_t chunk = 0; chunk < chunks; ++chunk) total += static_cast<double>(from[chunk * 2 * n + i]);
        to[i] = static_cast<T>(total);
      }
    });
  };
  if (wants_gamma) join(partial, call.out[1].as<T>());
  if (wants_beta) join(partial + n, call.out[wants_gamma ? 2 : 1].as<T>());
}

#undef CKERAS_LAMBDA

void forward(const Call& call) noexcept {
  call.in[0].dtype == DType::F64 ? run_forward<double>(call) : run_forward<float>(call);
}
void backward(const Call& call) noexcept {
  call.in[0].dtype == DType::F64 ? run_backward<double>(call) : run_backward<float>(call);
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
