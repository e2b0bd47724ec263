// max_pool max_pool_grad max_pool_pick avg_pool avg_pool_grad: a thread an element of the result, channels side by
// side. The gradients gather: an element of dx sums over the windows that have it, in row-major order.
#include "ops/pool/pool.h"

#include "cuda/device.h"

namespace ckeras::cuda {
namespace {

constexpr int kThreads = 256;

// A place among images, planes, rows, columns and channels.
struct Place {
  int64_t n, z, y, x, c;
};
CKERAS_INLINE Place result_at(const PoolShape& s, int64_t i) {
  const int64_t p = i / s.c, row = p / s.x.result, plane = row / s.y.result;
  return {plane / s.z.result, plane % s.z.result, row % s.y.result, p % s.x.result, i % s.c};
}
CKERAS_INLINE Place input_at(const PoolShape& s, int64_t i) {
  const int64_t p = i / s.c, row = p / s.x.size, plane = row / s.y.size;
  return {plane / s.z.size, plane % s.z.size, row % s.y.size, p % s.x.size, i % s.c};
}
CKERAS_INLINE int64_t places_in(const PoolShape& s, int64_t h, int64_t i, int64_t j) {
  const int64_t z = s.z.end(h) - s.z.first(h), y = s.y.end(i) - s.y.first(i), x = s.x.end(j) - s.x.first(j);
  return z <= 0 || y <= 0 || x <= 0 ? 0 : z * y * x;
}

// visit(element of x) for the places of a result's window, in row-major order.
template <class Visit>
CKERAS_INLINE void each_place(const PoolShape& s, const Place& r, Visit& visit) {
  for (int64_t z = s.z.first(r.z); z < s.z.end(r.z); ++z) {
    for (int64_t y = s.y.first(r.y); y < s.y.end(r.y); ++y) {
      for (int64_t x = s.x.first(r.x); x < s.x.end(r.x); ++x) {
        visit((((r.n * s.z.size + z) * s.y.size + y) * s.x.size + x) * s.c + r.c);
      }
    }
  }
}

// The windows [first, end) that have a place.
struct Windows {
  int64_t first, end;
};
CKERAS_INLINE Windows windows_over(const Dim& d, int64_t place) {
  const int64_t far = place + d.low, late = far - d.window + 1;
  return {late <= 0 ? 0 : ceil_div(late, d.stride), least(far < 0 ? 0 : far / d.stride + 1, d.result)};
}

// visit(result, h, i, j) for the windows that have a place, in row-major order.
template <class Visit>
CKERAS_INLINE void each_window(const PoolShape& s, const Place& p, Visit& visit) {
  const Windows planes = windows_over(s.z, p.z), rows = windows_over(s.y, p.y), columns = windows_over(s.x, p.x);
  for (int64_t h = planes.first; h < planes.end; ++h) {
    for (int64_t i = rows.first; i < rows.end; ++i) {
      for (int64_t j = columns.first; j < columns.end; ++j) {
        visit((((p.n * s.z.result + h) * s.y.result + i) * s.x.result + j) * s.c + p.c, h, i, j);
      }
    }
  }
}

template <class S>
struct FirstMaximum {
  const typename S::Element* x;
  int64_t where = -1;  // no place yet
  typename S::T best = 0;
  CKERAS_MEMBER void operator()(int64_t at) {
    const typename S::T value = S::get(x[at]);
    if (where >= 0 && (best != best || !(value > best || value != value))) return;
    best = value;
    where = at;
  }
};

enum class Take { Maximum, Picked, Where };

// The maximum of each window, another array's element there, or where it is.
template <class S, Take kTake>
__global__ void __launch_bounds__(kThreads)
    max_kernel(const typename S::Element* x, const typename S::Element* v, typename S::Element* y, int64_t* where,
               const __grid_constant__ PoolShape s, int64_t results) {
  for (int64_t i = first_element(); i < results; i += all_threads()) {
    FirstMaximum<S> first{x};
    each_place(s, result_at(s, i), first);
    if constexpr (kTake == Take::Where) {
      where[i] = first.where;
    } else if constexpr (kTake == Take::Picked) {
      y[i] = first.where < 0 ? S::put(0) : v[first.where];
    } else {
      y[i] = first.where < 0 ? S::put(-TraitsOf<typename S::V>::kInf) : x[first.where];
    }
  }
}

template <class S>
struct SumOfPicks {
  const typename S::Element* dy;
  const int64_t* where;
  int64_t mine;
  typename S::T sum = 0;
  CKERAS_MEMBER void operator()(int64_t result, int64_t, int64_t, int64_t) {
    if (where[result] == mine) sum += S::get(dy[result]);
  }
};
template <class S>
struct SumOfShares {
  const typename S::Element* dy;
  const PoolShape& s;
  typename S::T sum = 0;
  CKERAS_MEMBER void operator()(int64_t result, int64_t h, int64_t i, int64_t j) {
    sum += S::get(dy[result]) / static_cast<typename S::T>(places_in(s, h, i, j));
  }
};
template <class S>
struct SumOfPlaces {
  const typename S::Element* x;
  typename S::T sum = 0;
  CKERAS_MEMBER void operator()(int64_t at) { sum += S::get(x[at]); }
};

template <class S>
__global__ void __launch_bounds__(kThreads)
    max_grad_kernel(const typename S::Element* dy, const int64_t* where, typename S::Element* dx,
                    const __grid_constant__ PoolShape s, int64_t elements) {
  for (int64_t i = first_element(); i < elements; i += all_threads()) {
    SumOfPicks<S> picks{dy, where, i};
    each_window(s, input_at(s, i), picks);
    dx[i] = S::put(picks.sum);
  }
}
template <class S>
__global__ void __launch_bounds__(kThreads) avg_kernel(const typename S::Element* x, typename S::Element* y,
                                                       const __grid_constant__ PoolShape s, int64_t results) {
  for (int64_t i = first_element(); i < results; i += all_threads()) {
    const Place r = result_at(s, i);
    SumOfPlaces<S> places{x};
    each_place(s, r, places);
    const int64_t count = places_in(s, r.z, r.y, r.x);
    y[i] = S::put(count == 0 ? typename S::T{0} : places.sum / static_cast<typename S::T>(count));
  }
}
template <class S>
__global__ void __launch_bounds__(kThreads) avg_grad_kernel(const typename S::Element* dy, typename S::Element* dx,
                                                            const __grid_constant__ PoolShape s, int64_t elements) {
  for (int64_t i = first_element(); i < elements; i += all_threads()) {
    SumOfShares<S> shares{dy, s};
    each_window(s, input_at(s, i), shares);
    dx[i] = S::put(shares.sum);
  }
}

template <Take kTake>
Status run_max(const Call& call, Queue& queue) {
  const View &x = call.in[0], &y = call.out[0];
  const int64_t results = y.size();
  return with_floats(x.dtype, [&](auto storage) {
    using S = decltype(storage);
    using E = typename S::Element;
    if (results == 0) return;
    launch(queue, {blocks_for(results, kThreads)}, {kThreads}, 0, max_kernel<S, kTake>, x.as<const E>(),
           kTake == Take::Picked ? call.in[1].as<const E>() : nullptr, y.as<E>(), nullptr, pool_shape(x, y, call.ints),
           results);
  });
}

int64_t max_grad_workspace(const Call& call) noexcept { return call.in[1].size() * int64_t{8}; }
Status run_max_grad(const Call& call, Queue& queue) {
  const View &x = call.in[0], &dy = call.in[1], &dx = call.out[0];
  const PoolShape s = pool_shape(x, dy, call.ints);
  int64_t* where = static_cast<int64_t*>(call.workspace);
  return with_floats(x.dtype, [&](auto storage) {
    using S = decltype(storage);
    using E = typename S::Element;
    if (dx.size() == 0) return;
    if (dy.size() > 0) {
      launch(queue, {blocks_for(dy.size(), kThreads)}, {kThreads}, 0, max_kernel<S, Take::Where>, x.as<const E>(),
             nullptr, nullptr, where, s, dy.size());
    }
    launch(queue, {blocks_for(dx.size(), kThreads)}, {kThreads}, 0, max_grad_kernel<S>, dy.as<const E>(), where,
           dx.as<E>(), s, dx.size());
  });
}

Status run_avg(const Call& call, Queue& queue) {
  const View &x = call.in[0], &y = call.out[0];
  return with_floats(x.dtype, [&](auto storage) {
    using S = decltype(storage);
    using E = typename S::Element;
    if (y.size() == 0) return;
    launch(queue, {blocks_for(y.size(), kThreads)}, {kThreads}, 0, avg_kernel<S>, x.as<const E>(), y.as<E>(),
           pool_shape(x, y, call.ints), y.size());
  });
}
Status run_avg_grad(const Call& call, Queue& queue) {
  const View &dy = call.in[0], &dx = call.out[0];
  return with_floats(dx.dtype, [&](auto storage) {
    using S = decltype(storage);
    using E = typename S::Element;
    if (dx.size() == 0) return;
    launch(queue, {blocks_for(dx.size(), kThreads)}, {kThreads}, 0, avg_grad_kernel<S>, dy.as<const E>(), dx.as<E>(),
           pool_shape(dx, dy, call.ints), dx.size());
  });
}

}  // namespace

extern const DeviceKernel kernel_max_pool, kernel_max_pool_grad, kernel_max_pool_pick, kernel_avg_pool,
    kernel_avg_pool_grad;
const DeviceKernel kernel_max_pool = {"max_pool", run_max<Take::Maximum>, nullptr};
const DeviceKernel kernel_max_pool_grad = {"max_pool_grad", run_max_grad, max_grad_workspace};
const DeviceKernel kernel_max_pool_pick = {"max_pool_pick", run_max<Take::Picked>, nullptr};
const DeviceKernel kernel_avg_pool = {"avg_pool", run_avg, nullptr};
const DeviceKernel kernel_avg_pool_grad = {"avg_pool_grad", run_avg_grad, nullptr};

}  // namespace ckeras::cuda
