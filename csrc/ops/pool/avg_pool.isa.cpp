// Means of windows.
#include "ops/pool/window.h"

namespace ckeras::CKERAS_ISA {
namespace {

// Many places far apart are read four vectors at a time.
inline constexpr int64_t kManyPlaces = 16;

template <class V, bool kSquares = true, class T = typename V::Lane>
void forward(const PoolShape& s, const T* x, T* y) noexcept {
  if constexpr (kSquares && V::kLanes > 1) {
    using Four = Pair<Pair<V>>;
    if (s.c >= Four::kLanes && s.z.window * s.y.window * s.x.window >= kManyPlaces)
      return forward<Four, false>(s, x, y);
  }
  for_result_rows<V, kSquares>(s, [&](const auto& window, int64_t at) {
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

// Bodies copy what they use: a store might change what is seen through a reference.
template <class V, class T = typename V::Lane>
void gradient(const PoolShape& s, const T* dy, T* dx, T* shares) noexcept {
  const auto share = [=](const auto& window, int64_t at) { return window.load(dy + at) * splat<V>(window.share); };
  if (disjoint(s)) {
    return write_windows<V>(s, dx, [=](const auto& window, int64_t at) {
      if (window.empty()) return;
      const V g = share(window, at);
      window.each([=, &window](int64_t, int64_t place) { window.store(g, dx + place); });
    });
  }
  for_result_rows<V>(s, [=](const auto& window, int64_t at) { window.store(share(window, at), shares + at); });
  gather_windows<PoolVec<T>>(s, dx, [=](int64_t at, int64_t, const auto& lanes) { return lanes.load(shares + at); });
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
      gradient<decltype(v)>(s, c.in[0].as<const T>(), c.out[0].as<T>(), static_cast<T*>(c.workspace));
    });
  });
}

// Windows that overlap: an element for each of dy.
int64_t gradient_bytes(const Call& call) noexcept {
  return bytes_float(call, [](const Call& c, auto t) -> int64_t {
    const View& dy = c.in[0];
    return disjoint(pool_shape(c.out[0], dy, c.ints)) ? 0 : dy.size() * static_cast<int64_t>(sizeof(t));
  });
}

}  // namespace

extern const Kernel kernel_avg_pool, kernel_avg_pool_grad;
constinit const Kernel kernel_avg_pool = {avg_pool, no_bytes, nullptr};
constinit const Kernel kernel_avg_pool_grad = {avg_pool_grad, gradient_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
