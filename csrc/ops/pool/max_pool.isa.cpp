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

// Its number in the window, and the same where there may be NaN.
template <class V, class W>
CKERAS_INLINE V first_maximum_or_nan(const typename V::Lane* x, const W& window) {
  using T = typename V::Lane;
  const V best = maximum<V>(x, window);
  V chosen = splat<V>(0);
  window.each_back([&](int64_t number, int64_t at) {
    const V v = window.load(x + at);
    chosen = select((v == best) | !((best == best) | (v == v)), splat<V>(static_cast<T>(number)), chosen);
  });
  return chosen;
}
template <class V, class W>
CKERAS_INLINE V first_maximum(const typename V::Lane* x, const W& window) {
  using T = typename V::Lane;
  V best = window.load(x + window.first), chosen = splat<V>(static_cast<T>(window.number)), sum = splat<V>(0);
  window.each([&](int64_t number, int64_t at) {
    const V v = window.load(x + at);
    chosen = select(v > best, splat<V>(static_cast<T>(number)), chosen);
    best = larger(v, best);
    sum = sum + v;
  });
  return any(!(sum == sum)) ? first_maximum_or_nan<V>(x, window) : chosen;
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

// Bodies copy what they use: a store might change what is seen through a reference.
template <class V, class T = typename V::Lane>
void gradient(const PoolShape& s, const T* x, const T* dy, T* dx, T* numbers) noexcept {
  if (disjoint(s)) {
    return write_windows<V>(s, dx, [=](const auto& window, int64_t at) {
      if (window.empty()) return;
      const T* const from = x;
      T* const to = dx;
      const V zero = splat<V>(0);
      V left = window.load(dy + at), sum;
      const V best = maximum<V>(from, window, sum);
      if (!any(!(sum == sum))) {
        window.each([=, &left, &window](int64_t, int64_t place) {
          const auto here = window.load(from + place) == best;
          window.store(select(here, left, zero), to + place);
          left = select(here, zero, left);
        });
        return;
      }
      const V chosen = first_maximum_or_nan<V>(from, window);
      window.each([=, &window](int64_t number, int64_t place) {
        window.store(select(chosen == splat<V>(static_cast<T>(number)), left, zero), to + place);
      });
    });
  }
  gather_windows<V>(
      s, dx,
      [=](const auto& window, int64_t at) {
        if (!window.empty()) window.store(first_maximum<V>(x, window), numbers + at);
      },
      [=](int64_t at, T number, const auto& load) {
        return select(load(numbers + at) == splat<V>(number), load(dy + at), splat<V>(0));
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
      gradient<decltype(v)>(s, c.in[0].as<const T>(), c.in[1].as<const T>(), c.out[0].as<T>(),
                            static_cast<T*>(c.workspace));
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
constinit const Kernel kernel_max_pool_grad = {max_pool_grad, gradient_bytes<1>, nullptr};
constinit const Kernel kernel_max_pool_pick = {max_pool_pick, no_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
