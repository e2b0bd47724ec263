#include "ops/argmax/argmax.h"

#include "cpu/ordered_sum.h"
#include "cpu/parallel.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPiece = 1 << 15;  // elements a piece of parallel work reads, about
constexpr int64_t kTile = 256;       // columns whose extremes stay in the L1 cache

// Whether a replaces the extreme b that came before it: greater, less, or the first NaN.
template <bool kMax, class T>
CKERAS_INLINE bool replaces(T a, T b) {
  if constexpr (kIsFloat<T>) return b == b && (!(kMax ? a <= b : a >= b));
  return kMax ? a > b : a < b;
}

template <class S>
struct FloatElements {
  using Element = typename S::Element;
  using T = typename S::T;
  using V = typename S::V;
  static CKERAS_MEMBER T get(Element x) { return S::get(x); }

  // The extreme of the row first, then where it stands.
  template <bool kMax>
  static CKERAS_MEMBER int64_t row(const Element* p, int64_t n) {
    if (n < V::kLanes) {
      T best = get(p[0]);
      int64_t place = 0;
      for (int64_t i = 1; i < n; ++i) {
        const bool better = replaces<kMax>(get(p[i]), best);
        best = better ? get(p[i]) : best;
        place = better ? i : place;
      }
      return place;
    }
    ChunkFold<typename Choose<kMax, MaxFold<T>, MinFold<T>>::type, T> chunk;
    chunk.add(n, RowOf<S>{p});
    const T extreme = chunk.result();
    if (extreme != extreme) {
      return find(p, n, [](V v) __attribute__((always_inline)) { return isnan(v); });
    }
    return find(p, n, [extreme](V v) __attribute__((always_inline)) { return v == V(extreme); });
  }

 private:
  // The first element that matches; there is one.
  template <class Match>
  static CKERAS_MEMBER int64_t find(const Element* p, int64_t n, const Match& match) {
    constexpr int64_t kLanes = V::kLanes;
    int64_t i = 0;
    for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
      const auto first = match(S::load(p + i)) | match(S::load(p + i + kLanes));
      const auto second = match(S::load(p + i + 2 * kLanes)) | match(S::load(p + i + 3 * kLanes));
      if ((first | second).any()) break;
    }
    while (i + kLanes <= n && !match(S::load(p + i)).any()) i += kLanes;
    for (; i < n; ++i) {
      if (match(V(S::get(p[i]))).any()) return i;
    }
    return 0;
  }

  template <bool kFirst, class A, class B>
  struct Choose {
    using type = A;
  };
  template <class A, class B>
  struct Choose<false, A, B> {
    using type = B;
  };
};

template <class E>
struct IntElements {
  using Element = E;
  using T = E;
  static CKERAS_MEMBER T get(E x) { return x; }
  template <bool kMax>
  static CKERAS_MEMBER int64_t row(const E* p, int64_t n) {
    E extreme = p[0];
    for (int64_t i = 1; i < n; ++i) extreme = replaces<kMax>(p[i], extreme) ? p[i] : extreme;
    int64_t i = 0;
    while (p[i] != extreme) ++i;
    return i;
  }
};

// x [n, inner], `width` columns, into y.
template <bool kMax, class R>
void columns(const typename R::Element* p, int64_t n, int64_t inner, int64_t width, int32_t* y) {
  typename R::T best[kTile];
  for (int64_t j = 0; j < width; ++j) {
    best[j] = R::get(p[j]);
    y[j] = 0;
  }
  for (int64_t i = 1; i < n; ++i) {
    p += inner;
    for (int64_t j = 0; j < width; ++j) {
      const typename R::T x = R::get(p[j]);
      const bool better = replaces<kMax>(x, best[j]);
      best[j] = better ? x : best[j];
      y[j] = better ? static_cast<int32_t>(i) : y[j];
    }
  }
}

template <bool kMax, class R>
void arg(const Call& call, R) {
  const View& x = call.in[0];
  const auto [outer, n, inner] = lines_apart(x, call.ints[0]);
  const int64_t tiles = (inner + kTile - 1) / kTile;
  const auto* p = x.as<const typename R::Element>();
  int32_t* y = call.out[0].as<int32_t>();
  const int64_t cost = at_least_one(n * least(inner, kTile));
  parallel_for(outer * tiles, at_least_one(kPiece / cost), [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t o = item / tiles, column = item % tiles * kTile;
      if (inner == 1) {
        y[o] = static_cast<int32_t>(R::template row<kMax>(p + o * n, n));
      } else {
        columns<kMax, R>(p + o * n * inner + column, n, inner, least(kTile, inner - column), y + o * inner + column);
      }
    }
  });
}

template <bool kMax>
void run(const Call& call) noexcept {
  const DType dtype = call.in[0].dtype;
  if (!with_storage(dtype, [&](auto s) { arg<kMax>(call, FloatElements<decltype(s)>{}); })) {
    with_integer(dtype, [&](auto t) { arg<kMax>(call, IntElements<decltype(t)>{}); });
  }
}

}  // namespace

extern const Kernel kernel_argmax, kernel_argmin;
constinit const Kernel kernel_argmax = {run<true>, nullptr, nullptr};
constinit const Kernel kernel_argmin = {run<false>, nullptr, nullptr};

}  // namespace ckeras::CKERAS_ISA
