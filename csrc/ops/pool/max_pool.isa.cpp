// First maxima of windows.
#include "ops/pool/window.h"

namespace ckeras::CKERAS_ISA {
namespace {

// Windows of up to 256 places, among them the small squares, have numbers of a byte.
template <class P>
inline constexpr bool kUnrolled = sizeof(P) == 1;

CKERAS_INLINE bool any(bool m) { return m; }
template <class M>
CKERAS_INLINE bool any(M m) {
  return m.any();
}

// The largest element of a window that is not empty, the first of equal ones; `sum` is NaN where one is NaN, and
// perhaps where infinities meet.
template <class V, class W>
CKERAS_INLINE V maximum(const typename V::Lane* x, const W& window, V& sum) {
  V best = window.load(x + window.first);
  sum = splat<V>(0);
  window.each([&](int64_t, int64_t at) {
    const V v = window.load(x + at);
    best = larger(v, best);
    sum = sum + v;
  });
  return best;
}
// The same; NaN is larger than all.
template <class V, class W>
CKERAS_INLINE V maximum(const typename V::Lane* x, const W& window) {
  V sum;
  V best = maximum<V>(x, window, sum);
  if (!any(!(sum == sum))) return best;
  best = window.load(x + window.first);
  window.each([&](int64_t, int64_t at) {
    const V v = window.load(x + at);
    best = select((best == best) & !(v <= best), v, best);
  });
  return best;
}

// The maximum and its number in the window; the same where there may be NaN.
template <class V>
struct Found {
  V best, number;
};
template <class V, class W>
CKERAS_INLINE Found<V> first_maximum_or_nan(const typename V::Lane* x, const W& window) {
  using T = typename V::Lane;
  const V best = maximum<V>(x, window);
  V chosen = splat<V>(0);
  window.each_back([&](int64_t number, int64_t at) {
    const V v = window.load(x + at);
    chosen = select((v == best) | !((best == best) | (v == v)), splat<V>(static_cast<T>(number)), chosen);
  });
  return {best, chosen};
}
template <class V, class W>
CKERAS_INLINE Found<V> first_maximum(const typename V::Lane* x, const W& window) {
  using T = typename V::Lane;
  V best = window.load(x + window.first), chosen = splat<V>(static_cast<T>(window.number)), sum = splat<V>(0);
  window.each([&](int64_t number, int64_t at) {
    const V v = window.load(x + at);
    chosen = select(v > best, splat<V>(static_cast<T>(number)), chosen);
    best = larger(v, best);
    sum = sum + v;
  });
  return any(!(sum == sum)) ? first_maximum_or_nan<V>(x, window) : Found<V>{best, chosen};
}

template <class V, class T = typename V::Lane>
void forward(const PoolShape& s, const T* x, T* y) noexcept {
  for_result_rows<V>(s, [&](const auto& window, int64_t at) {
    const V value = window.empty() ? splat<V>(-__builtin_inff()) : maximum<V>(x, window);
    window.store(value, y + at);
  });
}

// P: of the places' numbers.
template <class V, class P, class T = typename V::Lane>
void forward_places(const PoolShape& s, const T* x, T* y, P* places) noexcept {
  for_result_rows<V, kUnrolled<P>>(s, [=](const auto& window, int64_t at) {
    const Found<V> found =
        window.empty() ? Found<V>{splat<V>(-__builtin_inff()), splat<V>(0)} : first_maximum<V>(x, window);
    window.store(found.best, y + at);
    window.put_numbers(found.number, places + at);
  });
}

template <class V, class P, class T = typename V::Lane>
void pick(const PoolShape& s, const T* v, const P* places, T* y) noexcept {
  for_result_rows<V, false>(s, [=](const auto& window, int64_t at) {
    V picked = splat<V>(0);
    window.each([&](int64_t number, int64_t place) {
      picked = select(window.same(places + at, static_cast<P>(number)), window.load(v + place), picked);
    });
    window.store(picked, y + at);
  });
}

// Whether the gradient goes element by element of dy (scatter): where those are few beside the work of going by
// elements of dx, whose windows vectors hold badly or are many. An image is one piece of work.
template <class T>
CKERAS_INLINE bool scatters(const PoolShape& s) {
  constexpr int64_t kLanes = PoolVec<T>::kLanes;
  const int64_t window = s.z.window * s.y.window * s.x.window;
  if (s.n < 4) return false;
  if (s.c < kLanes) return true;
  return !disjoint(s) && window >= (s.c % kLanes == 0 ? 16 : 8);
}
// A line of windows; `line`: where the first element of column 0 of theirs is or would be.
template <class T>
void scatter_line(const PoolShape& s, const T* dy, const uint8_t* places, const int64_t* offsets, int64_t line,
                  T* image, int64_t elements) noexcept {
  for (int64_t j = 0; j < s.x.result; ++j, dy += s.c, places += s.c) {
    if (s.x.first(j) >= s.x.end(j)) continue;
    const int64_t origin = line + s.x.place(j, 0) * s.c;
    for (int64_t c = 0; c < s.c; ++c) {
      const int64_t at = origin + offsets[places[c]] + c;
      if (static_cast<uint64_t>(at) < static_cast<uint64_t>(elements)) image[at] += dy[c];
    }
  }
}
template <class T>
void scatter(const PoolShape& s, const T* dy, const uint8_t* places, T* dx) noexcept {
  const int64_t row = s.x.size * s.c, plane = s.y.size * row, image = s.z.size * plane;
  int64_t offsets[256];
  for (int64_t i = 0; i < 256; ++i) {
    const int64_t line = i / s.x.window;
    offsets[i] = line / s.y.window * plane + line % s.y.window * row + i % s.x.window * s.c;
  }
  parallel_for(s.n, most(1, kPoolPiece / most(1, image)), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      zero_elements<PoolVec<T>>(dx + n * image, image);
      for (int64_t line = 0; line < s.z.result * s.y.result; ++line) {
        const int64_t h = line / s.y.result, i = line % s.y.result;
        if (s.z.first(h) >= s.z.end(h) || s.y.first(i) >= s.y.end(i)) continue;
        const int64_t first = (n * s.z.result * s.y.result + line) * s.x.result * s.c;
        scatter_line(s, dy + first, places + first, offsets, s.z.place(h, 0) * plane + s.y.place(i, 0) * row,
                     dx + n * image, image);
      }
    }
  });
}

// Bodies copy what they use: a store might change what is seen through a reference.
template <class V, class P, class T = typename V::Lane>
void gradient(const PoolShape& s, const T* dy, const P* places, T* dx) noexcept {
  if (disjoint(s)) {
    return write_windows<V, kUnrolled<P>>(s, dx, [=](const auto& window, int64_t at) {
      const V g = window.load(dy + at), zero = splat<V>(0);
      window.each([=, &window](int64_t number, int64_t place) {
        window.store(select(window.same(places + at, static_cast<P>(number)), g, zero), dx + place);
      });
    });
  }
  gather_windows<PoolVec<T>, kUnrolled<P>>(s, dx, [=](int64_t at, int64_t number, const auto& lanes) {
    return select(lanes.same(places + at, static_cast<P>(number)), lanes.load(dy + at), splat<PoolVec<T>>(0));
  });
}

// f(V{}, P{}) for a call's channels and its places.
template <class T, class F>
CKERAS_INLINE void with_places(int64_t channels, const View& places, const F& f) {
  with_lanes<T>(channels, [&](auto v) {
    if (places.dtype == DType::U8) {
      f(v, uint8_t{});
    } else {
      f(v, int32_t{});
    }
  });
}

void max_pool(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) {
    using T = decltype(t);
    const PoolShape s = pool_shape(c.in[0], c.out[0], c.ints);
    with_lanes<T>(s.c, [&](auto v) { forward<decltype(v)>(s, c.in[0].as<const T>(), c.out[0].as<T>()); });
  });
}
void max_pool_places(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) {
    using T = decltype(t);
    const PoolShape s = pool_shape(c.in[0], c.out[0], c.ints);
    with_places<T>(s.c, c.out[1], [&](auto v, auto p) {
      using P = decltype(p);
      forward_places<decltype(v), P>(s, c.in[0].as<const T>(), c.out[0].as<T>(), c.out[1].as<P>());
    });
  });
}
void max_pool_grad(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) {
    using T = decltype(t);
    const PoolShape s = pool_shape(c.out[0], c.in[0], c.ints);
    with_places<T>(s.c, c.in[1], [&](auto v, auto p) {
      using P = decltype(p);
      if constexpr (sizeof(P) == 1) {
        if (scatters<T>(s)) return scatter(s, c.in[0].as<const T>(), c.in[1].as<const P>(), c.out[0].as<T>());
      }
      gradient<decltype(v), P>(s, c.in[0].as<const T>(), c.in[1].as<const P>(), c.out[0].as<T>());
    });
  });
}
void max_pool_pick(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) {
    using T = decltype(t);
    const PoolShape s = pool_shape(c.in[0], c.out[0], c.ints);
    with_places<T>(s.c, c.in[1], [&](auto v, auto p) {
      using P = decltype(p);
      pick<decltype(v), P>(s, c.in[0].as<const T>(), c.in[1].as<const P>(), c.out[0].as<T>());
    });
  });
}

}  // namespace

extern const Kernel kernel_max_pool, kernel_max_pool_places, kernel_max_pool_grad, kernel_max_pool_pick;
constinit const Kernel kernel_max_pool = {max_pool, no_bytes, nullptr};
constinit const Kernel kernel_max_pool_places = {max_pool_places, no_bytes, nullptr};
constinit const Kernel kernel_max_pool_grad = {max_pool_grad, no_bytes, nullptr};
constinit const Kernel kernel_max_pool_pick = {max_pool_pick, no_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
