#include "ops/max_pool2d/max_pool2d.h"

#include <limits>
#include <vector>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

// body(index in y, index in x of the window's first maximum, or -1) for every window.
template <class T, class Body>
void for_windows(const PoolShape& s, const T* x, const Body& body) {
  for (int64_t n = 0; n < s.n; ++n)
    for (int64_t i = 0; i < s.oh; ++i)
      for (int64_t j = 0; j < s.ow; ++j)
        for (int64_t c = 0; c < s.c; ++c) {
          int64_t best = -1;
          for (int64_t row = s.first_row(i); row < s.end_row(i); ++row)
            for (int64_t column = s.first_column(j); column < s.end_column(j); ++column) {
              const int64_t at = ((n * s.h + row) * s.w + column) * s.c + c;
              if (best < 0) {
                best = at;
                continue;
              }
              const double old = x[best].get(), value = x[at].get();
              if (!std::isnan(old) && (value > old || std::isnan(value))) best = at;
            }
          body(((n * s.oh + i) * s.ow + j) * s.c + c, best);
        }
}

void forward(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    const T* x = call.in[0].as<const T>();
    T* y = call.out[0].as<T>();
    for_windows(pool_shape(call.in[0], call.out[0], call.ints), x, [&](int64_t iy, int64_t ix) {
      if (ix < 0) {
        y[iy].set(-std::numeric_limits<double>::infinity());
      } else {
        y[iy] = x[ix];
      }
    });
  });
}

void gradient(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    const T* dy = call.in[1].as<const T>();
    std::vector<double> sum(call.out[0].size());
    for_windows(pool_shape(call.in[0], call.in[1], call.ints), call.in[0].as<const T>(), [&](int64_t iy, int64_t ix) {
      if (ix >= 0) sum[ix] += dy[iy].get();
    });
    for (size_t i = 0; i < sum.size(); ++i) call.out[0].as<T>()[i].set(sum[i]);
  });
}

void pick(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    const T* v = call.in[1].as<const T>();
    T* y = call.out[0].as<T>();
    for_windows(pool_shape(call.in[0], call.out[0], call.ints), call.in[0].as<const T>(), [&](int64_t iy, int64_t ix) {
      if (ix < 0) {
        y[iy].set(0);
      } else {
        y[iy] = v[ix];
      }
    });
  });
}

}  // namespace

extern const Kernel kernel_max_pool2d, kernel_max_pool2d_grad, kernel_max_pool2d_pick;
constinit const Kernel kernel_max_pool2d = {forward, nullptr, nullptr};
constinit const Kernel kernel_max_pool2d_grad = {gradient, nullptr, nullptr};
constinit const Kernel kernel_max_pool2d_pick = {pick, nullptr, nullptr};

}  // namespace ckeras::reference
