// First maxima of windows.
#include "ops/pool/window.h"

namespace ckeras::CKERAS_ISA {
namespace {

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

// Its number in the window. Looked for from the end: then no comparison waits for another.
template <class V, class W>
CKERAS_INLINE V first_maximum(const typename V::Lane* x, const W& window) {
  using T = typename V::Lane;
  const V best = maximum<V>(x, window);
  V chosen = splat<V>(0);
  window.each_back([&](int64_t number, int64_t at) {
    chosen = select(window.load(x + at) == best, splat<V>(static_cast<T>(number)), chosen);
  });
  if (!any(!(best == best))) return chosen;
  window.each_back([&](int64_t number, int64_t at) {
    const V v = window.load(x + at);
    chosen = select((best == best) | (v == v), chosen, splat<V>(static_cast<T>(number)));
  });
  return chosen;
}

template <class V, class T = typename V::Lane>
void forward(const PoolShape& s, const T* x, T* y) noexcept {
  for_result_rows<V>(s, [&](const auto& window, int64_t at) {
    const V value = window.empty() ? splat<V>(-__builtin_inff()) : maximum<V>(x, window);
    window.store(value, y + at);
  });
}

template <class V, class T = typename V::Lane>
void pick(const PoolShape& s, const T* x, const T* v, T* y) noexcept {
  for_result_rows<V>(s, [&](const auto& window, int64_t at) {
    V picked = splat<V>(0);
    if (!window.empty()) {
      const V chosen = first_maximum<V>(x, window);
      window.each([&](int64_t number, int64_t place) {
        picked = select(chosen == splat<V>(static_cast<T>(number)), window.load(v + place), picked);
      });
    }
    window.store(picked, y + at);
  });
}

template <bool kDisjoint, class V, class T = typename V::Lane>
void gradient(const PoolShape& s, const T* x, const T* dy, T* dx) noexcept {
  const V zero = splat<V>(0);
  write_windows<V>(s, dx, [&](const auto& window, int64_t at) {
    if (window.empty()) return;
    const auto give = [&](V g, int64_t place) {
      window.store(kDisjoint ? g : window.load(dx + place) + g, dx + place);
    };
    V left = window.load(dy + at), sum;
    const V best = maximum<V>(x, window, sum);
    if (!any(!(sum == sum))) {
      window.each([&](int64_t, int64_t place) {
        const auto here = window.load(x + place) == best;
        give(select(here, left, zero), place);
        left = select(here, zero, left);
      });
      return;
    }
    const V chosen = first_maximum<V>(x, window);
    window.each([&](int64_t number, int64_t place) {
      give(select(chosen == splat<V>(static_cast<T>(number)), left, zero), place);
    });
  });
}

void max_pool(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) {
    using T = decltype(t);
    const PoolShape s = pool_shape(c.in[0], c.out[0], c.ints);
    with_lanes<T>(s.c, [&](auto v) { forward<decltype(v)>(s, c.in[0].as<const T>(), c.out[0].as<T>()); });
  });
}
void max_pool_grad(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) {
    using T = decltype(t);
    const PoolShape s = pool_shape(c.in[0], c.in[1], c.ints);
    with_lanes<T>(s.c, [&](auto v) {
      const auto run = disjoint(s) ? gradient<true, decltype(v)> : gradient<false, decltype(v)>;
      run(s, c.in[0].as<const T>(), c.in[1].as<const T>(), c.out[0].as<T>());
    });
  });
}
void max_pool_pick(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) {
    using T = decltype(t);
    const PoolShape s = pool_shape(c.in[0], c.out[0], c.ints);
    with_lanes<T>(
        s.c, [&](auto v) { pick<decltype(v)>(s, c.in[0].as<const T>(), c.in[1].as<const T>(), c.out[0].as<T>()); });
  });
}

}  // namespace

extern const Kernel kernel_max_pool, kernel_max_pool_grad, kernel_max_pool_pick;
constinit const Kernel kernel_max_pool = {max_pool, no_bytes, nullptr};
constinit const Kernel kernel_max_pool_grad = {max_pool_grad, no_bytes, nullptr};
constinit const Kernel kernel_max_pool_pick = {max_pool_pick, no_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
