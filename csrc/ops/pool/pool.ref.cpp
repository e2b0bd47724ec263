#include "ops/pool/pool.h"

#include <limits>
#include <vector>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

// window(index in y), then place(index in x) for each of its places, for every window.
template <class Open, class Place>
void for_places(const PoolShape& s, const Open& window, const Place& place) {
  for (int64_t n = 0; n < s.n; ++n)
    for (int64_t h = 0; h < s.z.result; ++h)
      for (int64_t i = 0; i < s.y.result; ++i)
        for (int64_t j = 0; j < s.x.result; ++j)
          for (int64_t c = 0; c < s.c; ++c) {
            window((((n * s.z.result + h) * s.y.result + i) * s.x.result + j) * s.c + c);
            for (int64_t plane = s.z.first(h); plane < s.z.end(h); ++plane)
              for (int64_t row = s.y.first(i); row < s.y.end(i); ++row)
                for (int64_t column = s.x.first(j); column < s.x.end(j); ++column)
                  place((((n * s.z.size + plane) * s.y.size + row) * s.x.size + column) * s.c + c);
          }
}

// For every element of y, where in x its window's first maximum is; -1 where the window is empty.
template <class T>
std::vector<int64_t> first_maxima(const PoolShape& s, const T* x, int64_t results) {
  std::vector<int64_t> best(results, -1);
  int64_t* now = nullptr;
  for_places(
      s, [&](int64_t iy) { now = &best[iy]; },
      [&](int64_t at) {
        if (*now < 0) {
          *now = at;
          return;
        }
        const double old = x[*now].get(), value = x[at].get();
        if (!std::isnan(old) && (value > old || std::isnan(value))) *now = at;
      });
  return best;
}

void max_forward(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    const T* x = call.in[0].as<const T>();
    T* y = call.out[0].as<T>();
    const auto best = first_maxima(pool_shape(call.in[0], call.out[0], call.ints), x, call.out[0].size());
    for (size_t i = 0; i < best.size(); ++i) {
      if (best[i] < 0) {
        y[i].set(-std::numeric_limits<double>::infinity());
      } else {
        y[i] = x[best[i]];
      }
    }
  });
}

void max_gradient(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    const T* dy = call.in[1].as<const T>();
    std::vector<double> sum(call.out[0].size());
    const auto best =
        first_maxima(pool_shape(call.in[0], call.in[1], call.ints), call.in[0].as<const T>(), call.in[1].size());
    for (size_t i = 0; i < best.size(); ++i)
      if (best[i] >= 0) sum[best[i]] += dy[i].get();
    for (size_t i = 0; i < sum.size(); ++i) call.out[0].as<T>()[i].set(sum[i]);
  });
}

void pick(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    const T* v = call.in[1].as<const T>();
    T* y = call.out[0].as<T>();
    const auto best =
        first_maxima(pool_shape(call.in[0], call.out[0], call.ints), call.in[0].as<const T>(), call.out[0].size());
    for (size_t i = 0; i < best.size(); ++i) {
      if (best[i] < 0) {
        y[i].set(0);
      } else {
        y[i] = v[best[i]];
      }
    }
  });
}

void mean_forward(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    const T* x = call.in[0].as<const T>();
    std::vector<double> sum(call.out[0].size()), count(sum.size());
    int64_t now = 0;
    for_places(
        pool_shape(call.in[0], call.out[0], call.ints), [&](int64_t iy) { now = iy; },
        [&](int64_t ix) {
          sum[now] += x[ix].get();
          count[now] += 1;
        });
    for (size_t i = 0; i < sum.size(); ++i) call.out[0].as<T>()[i].set(count[i] > 0 ? sum[i] / count[i] : 0);
  });
}

void mean_gradient(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    const T* dy = call.in[0].as<const T>();
    const PoolShape s = pool_shape(call.out[0], call.in[0], call.ints);
    std::vector<double> sum(call.out[0].size()), count(call.in[0].size());
    int64_t now = 0;
    for_places(s, [&](int64_t iy) { now = iy; }, [&](int64_t) { count[now] += 1; });
    for_places(s, [&](int64_t iy) { now = iy; }, [&](int64_t ix) { sum[ix] += dy[now].get() / count[now]; });
    for (size_t i = 0; i < sum.size(); ++i) call.out[0].as<T>()[i].set(sum[i]);
  });
}

}  // namespace

extern const Kernel kernel_max_pool, kernel_max_pool_grad, kernel_max_pool_pick, kernel_avg_pool, kernel_avg_pool_grad;
constinit const Kernel kernel_max_pool = {max_forward, nullptr, nullptr};
constinit const Kernel kernel_max_pool_grad = {max_gradient, nullptr, nullptr};
constinit const Kernel kernel_max_pool_pick = {pick, nullptr, nullptr};
constinit const Kernel kernel_avg_pool = {mean_forward, nullptr, nullptr};
constinit const Kernel kernel_avg_pool_grad = {mean_gradient, nullptr, nullptr};

}  // namespace ckeras::reference
