#include "ops/resample/resample.h"

#include "cpu/parallel.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPiece = 1 << 14;  // products a piece of parallel work sums, about

#define CKERAS_LAMBDA __attribute__((always_inline))

constexpr int64_t kFew = 4;  // elements that are moved together where there are fewer than lanes

// kFew sums from element c on.
template <class T>
CKERAS_INLINE void few_sums(const T* from, const T* w, const int32_t* at, int64_t taps, int64_t inner, int64_t c,
                            T* to) {
  using F = Raw<T, kFew>;
  F sum = w[0] * load_raw<T, kFew>(from + at[0] * inner + c);
  for (int64_t k = 1; k < taps; ++k) sum = sum + w[k] * load_raw<T, kFew>(from + at[k] * inner + c);
  store_raw(to + c, sum);
}
template <class T>
CKERAS_INLINE void single_sums(const T* from, const T* w, const int32_t* at, int64_t taps, int64_t inner, T* to) {
  for (int64_t c = 0; c < inner; ++c) {
    T sum = w[0] * from[at[0] * inner + c];
    for (int64_t k = 1; k < taps; ++k) sum = sum + w[k] * from[at[k] * inner + c];
    to[c] = sum;
  }
}

// kTaps: their number, or 0 for one that is not known.
template <class T, int kTaps>
void resample_rows(const Call& call, const GatherShape& s, int64_t m) {
  const int64_t taps = kTaps > 0 ? kTaps : call.in[1].shape[1];
  using V = VecOf<T>;
  const T *x = call.in[0].as<const T>(), *weights = call.in[1].as<const T>();
  const auto* places = call.in[2].as<const int32_t>();
  T* const y = call.out[0].as<T>();
  const int64_t inner = s.inner, grain = at_least_one(kPiece / at_least_one(taps * inner));
  parallel_for(s.outer * m, grain, [&](int64_t begin, int64_t end) {
    while (begin < end) {  // what lies in one row of elements
      const int64_t o = begin / m, first = begin - o * m, last = least(m, first + end - begin);
      const T* const from = x + o * s.size * inner;
      T* const to = y + o * m * inner;
      int64_t i = first;
      if (inner < kFew) {
        // What is written too much is the next element's, which comes next; what is read too much must be there.
        const int64_t safe = (s.outer - 1 - o) * s.size * inner >= kFew ? last - kFew : first;
        for (; i < safe; ++i) few_sums(from, weights + i * taps, places + i * taps, taps, inner, 0, to + i * inner);
        for (; i < last; ++i) single_sums(from, weights + i * taps, places + i * taps, taps, inner, to + i * inner);
      } else if (inner < V::kLanes) {
        for (; i < last; ++i) {
          const T* const w = weights + i * taps;
          const int32_t* const at = places + i * taps;
          for (int64_t c = 0; c + kFew < inner; c += kFew) few_sums(from, w, at, taps, inner, c, to + i * inner);
          few_sums(from, w, at, taps, inner, inner - kFew, to + i * inner);
        }
      } else {
        for (; i < last; ++i) {
          const T* const w = weights + i * taps;
          const int32_t* const at = places + i * taps;
          T* const row = to + i * inner;
          for_lanes<V::kLanes>(inner, [=](int64_t c, int64_t n) CKERAS_LAMBDA {
            V sum = V(w[0]) * Plain<T>::load(from + at[0] * inner + c, n);
            for (int64_t k = 1; k < taps; ++k) sum = sum + V(w[k]) * Plain<T>::load(from + at[k] * inner + c, n);
            Plain<T>::store(row + c, sum, n);
          });
        }
      }
      begin += last - first;
    }
  });
}

#undef CKERAS_LAMBDA

void resample(const Call& call) noexcept {
  const View &x = call.in[0], &weights = call.in[1], &places = call.in[2];
  const int64_t m = weights.shape[0], taps = weights.shape[1];
  const GatherShape s = gather_shape(x, places, call.ints[0]);
  for (int64_t i = 0; i < m * taps; ++i) {
    const int64_t place = index_at(places, i);
    if (place >= 0 && place < s.size) continue;
    *call.fault = {1, place, s.size};
    return;
  }
  if (call.out[0].size() == 0) return;
  if (x.dtype == DType::F64) return resample_rows<double, 0>(call, s, m);
  taps == 2 ? resample_rows<float, 2>(call, s, m) : resample_rows<float, 0>(call, s, m);
}

}  // namespace

extern const Kernel kernel_resample;
constinit const Kernel kernel_resample = {resample, nullptr, nullptr};

}  // namespace ckeras::CKERAS_ISA
