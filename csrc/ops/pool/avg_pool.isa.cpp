// Means of windows.
#include "ops/pool/window.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <class V, class T = typename V::Lane>
void forward(const PoolShape& s, const T* x, T* y) noexcept {
  for_result_rows<V>(s, [&](const auto& window, int64_t at) {
    V sum = splat<V>(0);
    if (!window.empty()) {
      sum = window.load(x + window.first);
      window.each([&](int64_t, int64_t place) {
        if (place != window.first) sum = sum + window.load(x + place);
      });
      sum = sum * splat<V>(window.share);
    }
    window.store(sum, y + at);
  });
}

template <bool kDisjoint, class V, class T = typename V::Lane>
void gradient(const PoolShape& s, const T* dy, T* dx) noexcept {
  write_windows<V>(s, dx, [&](const auto& window, int64_t at) {
    if (window.empty()) return;
    const V g = window.load(dy + at) * splat<V>(window.share);
    window.each([&](int64_t, int64_t place) { window.store(kDisjoint ? g : window.load(dx + place) + g, dx + place); });
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
    with_lanes<T>(s.c, [&](auto v) {
      const auto run = disjoint(s) ? gradient<true, decltype(v)> : gradient<false, decltype(v)>;
      run(s, c.in[0].as<const T>(), c.out[0].as<T>());
    });
  });
}

}  // namespace

extern const Kernel kernel_avg_pool, kernel_avg_pool_grad;
constinit const Kernel kernel_avg_pool = {avg_pool, no_bytes, nullptr};
constinit const Kernel kernel_avg_pool_grad = {avg_pool_grad, no_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
