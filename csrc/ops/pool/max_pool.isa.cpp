// First maxima of windows.
#include "ops/pool/window.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <class V>
struct First {
  V value, number;  // of the first maximum, its place in the window
};

// The window is not empty.
template <class V>
CKERAS_INLINE First<V> first_maximum(const typename V::Lane* x, const Window& window) {
  using T = typename V::Lane;
  First<V> best{V::load(x + window.first, window.count), splat<V>(0)};
  window.each([&](int64_t number, int64_t at) {
    const V v = V::load(x + at, window.count);
    // Larger, or NaN where there was none.
    const auto better = (best.value == best.value) & !(v <= best.value);
    best.value = select(better, v, best.value);
    best.number = select(better, splat<V>(static_cast<T>(number)), best.number);
  });
  return best;
}

template <class V, class T = typename V::Lane>
void forward(const PoolShape& s, const T* x, T* y) noexcept {
  for_result_rows<V>(s, [&](const Window& window, int64_t at) {
    const V value = window.empty() ? splat<V>(-__builtin_inff()) : first_maximum<V>(x, window).value;
    value.store(y + at, window.count);
  });
}

template <class V, class T = typename V::Lane>
void pick(const PoolShape& s, const T* x, const T* v, T* y) noexcept {
  for_result_rows<V>(s, [&](const Window& window, int64_t at) {
    V picked = splat<V>(0);
    if (!window.empty()) {
      const V chosen = first_maximum<V>(x, window).number;
      window.each([&](int64_t number, int64_t place) {
        const auto here = chosen == splat<V>(static_cast<T>(number));
        picked = select(here, V::load(v + place, window.count), picked);
      });
    }
    picked.store(y + at, window.count);
  });
}

template <class V, class T = typename V::Lane>
void gradient(const PoolShape& s, const T* x, const T* dy, T* dx) noexcept {
  scatter_windows<V>(s, dx, [&](const Window& window, int64_t at) {
    if (window.empty()) return;
    const V chosen = first_maximum<V>(x, window).number, g = V::load(dy + at, window.count);
    window.each([&](int64_t number, int64_t place) {
      const V old = V::load(dx + place, window.count);
      select(chosen == splat<V>(static_cast<T>(number)), old + g, old).store(dx + place, window.count);
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
    with_lanes<T>(
        s.c, [&](auto v) { gradient<decltype(v)>(s, c.in[0].as<const T>(), c.in[1].as<const T>(), c.out[0].as<T>()); });
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
constinit const Kernel kernel_max_pool = {max_pool, pool_bytes, nullptr};
constinit const Kernel kernel_max_pool_grad = {max_pool_grad, pool_bytes, nullptr};
constinit const Kernel kernel_max_pool_pick = {max_pool_pick, pool_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
