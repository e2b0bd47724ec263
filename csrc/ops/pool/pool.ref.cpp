#include "ops/pool/pool.h"

#include <limits>
#include <vector>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

// window(index in y), then place(index in x, number in the window) for each of its places, for every window.
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
                for (int64_t column = s.x.first(j); column < s.x.end(j); ++column) {
                  const int64_t t = plane - s.z.place(h, 0), u = row - s.y.place(i, 0), v = column - s.x.place(j, 0);
                  place((((n * s.z.size + plane) * s.y.size + row) * s.x.size + column) * s.c + c,
                        (t * s.y.window + u) * s.x.window + v);
                }
          }
}

// x's first maximum of every window goes to y, its number to places(index in y, number).
template <class Places>
void max_forward(const Call& call, const Places& places) {
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    const T* x = call.in[0].as<const T>();
    T* y = call.out[0].as<T>();
    int64_t now = 0;
    bool found = false;
    for_places(
        pool_shape(call.in[0], call.out[0], call.ints),
        [&](int64_t iy) {
          now = iy;
          found = false;
          y[now].set(-std::numeric_limits<double>::infinity());
          places(now, 0);
        },
        [&](int64_t ix, int64_t number) {
          const double old = y[now].get(), value = x[ix].get();
          if (found && (std::isnan(old) || !(value > old || std::isnan(value)))) return;
          found = true;
          y[now] = x[ix];
          places(now, number);
        });
  });
}

int64_t number_at(const View& places, int64_t i) {
  return places.dtype == DType::U8 ? places.as<const uint8_t>()[i] : places.as<const int32_t>()[i];
}

void maxima(const Call& call) noexcept {
  max_forward(call, [](int64_t, int64_t) {});
}
void maxima_and_places(const Call& call) noexcept {
  const View& places = call.out[1];
  max_forward(call, [&](int64_t i, int64_t number) {
    if (places.dtype == DType::U8) {
      places.as<uint8_t>()[i] = static_cast<uint8_t>(number);
    } else {
      places.as<int32_t>()[i] = static_cast<int32_t>(number);
    }
  });
}

void max_gradient(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    const T* dy = call.in[0].as<const T>();
    std::vector<double> sum(call.out[0].size());
    int64_t now = 0;
    for_places(
        pool_shape(call.out[0], call.in[0], call.ints), [&](int64_t iy) { now = iy; },
        [&](int64_t ix, int64_t number) {
          if (number == number_at(call.in[1], now)) sum[ix] += dy[now].get();
        });
    for (size_t i = 0; i < sum.size(); ++i) call.out[0].as<T>()[i].set(sum[i]);
  });
}

void pick(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    const T* v = call.in[0].as<const T>();
    T* y = call.out[0].as<T>();
    int64_t now = 0;
    for_places(
        pool_shape(call.in[0], call.out[0], call.ints),
        [&](int64_t iy) {
          now = iy;
          y[now].set(0);
        },
        [&](int64_t ix, int64_t number) {
          if (number == number_at(call.in[1], now)) y[now] = v[ix];
        });
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
        [&](int64_t ix, int64_t) {
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
    for_places(s, [&](int64_t iy) { now = iy; }, [&](int64_t, int64_t) { count[now] += 1; });
    for_places(s, [&](int64_t iy) { now = iy; }, [&](int64_t ix, int64_t) { sum[ix] += dy[now].get() / count[now]; });
    for (size_t i = 0; i < sum.size(); ++i) call.out[0].as<T>()[i].set(sum[i]);
  });
}

}  // namespace

extern const Kernel kernel_max_pool, kernel_max_pool_places, kernel_max_pool_grad, kernel_max_pool_pick;
extern const Kernel kernel_avg_pool, kernel_avg_pool_grad;
constinit const Kernel kernel_max_pool = {maxima, nullptr, nullptr};
constinit const Kernel kernel_max_pool_places = {maxima_and_places, nullptr, nullptr};
constinit const Kernel kernel_max_pool_grad = {max_gradient, nullptr, nullptr};
constinit const Kernel kernel_max_pool_pick = {pick, nullptr, nullptr};
constinit const Kernel kernel_avg_pool = {mean_forward, nullptr, nullptr};
constinit const Kernel kernel_avg_pool_grad = {mean_gradient, nullptr, nullptr};

}  // namespace ckeras::reference
