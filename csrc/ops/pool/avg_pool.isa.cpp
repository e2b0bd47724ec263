// Means of windows.
#include "ops/pool/window.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <class V, class T = typename V::Lane>
void forward(const PoolShape& s, const T* x, T* y) noexcept {
  for_result_rows<V>(s, [&](const Window& window, int64_t at) {
    V sum = splat<V>(0);
    if (!window.empty()) {
      sum = V::load(x + window.first, window.count);
      window.each([&](int64_t number, int64_t place) {
        if (number > 0) sum = sum + V::load(x + place, window.count);
      });
      sum = sum / splat<V>(static_cast<T>(window.places()));
    }
    sum.store(y + at, window.count);
  });
}

template <class V, class T = typename V::Lane>
void gradient(const PoolShape& s, const T* dy, T* dx) noexcept {
  scatter_windows<V>(s, dx, [&](const Window& window, int64_t at) {
    if (window.empty()) return;
    const V g = V::load(dy + at, window.count) / splat<V>(static_cast<T>(window.places()));
    window.each(
        [&](int64_t, int64_t place) { (V::load(dx + place, window.count) + g).store(dx + place, window.count); });
  });
}

void avg_pool(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) {
    using T = decltype(t);
    const PoolShape s = pool_shape(c.in[0], c.out[0], c.ints);
    with_lanes<T>(s.c, [&](auto v) { forward<decltype(v)>(s, c.in[0].as<const T>(), c.out[0].as<T>()); });
  });
}
void avg_pool_grad(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) {
    using T = decltype(t);
    const PoolShape s = pool_shape(c.out[0], c.in[0], c.ints);
    with_lanes<T>(s.c, [&](auto v) { gradient<decltype(v)>(s, c.in[0].as<const T>(), c.out[0].as<T>()); });
  });
}

}  // namespace

extern const Kernel kernel_avg_pool, kernel_avg_pool_grad;
constinit const Kernel kernel_avg_pool = {avg_pool, pool_bytes, nullptr};
constinit const Kernel kernel_avg_pool_grad = {avg_pool_grad, pool_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
