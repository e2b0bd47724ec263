// max_pool max_pool_places max_pool_grad max_pool_pick avg_pool avg_pool_grad: a thread an element of the result,
// channels side by side. The gradients gather: an element of dx sums over the windows that have it, in row-major order.
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

// The number of a place in a result's window.
CKERAS_INLINE int64_t number_of(const PoolShape& s, const Place& r, int64_t z, int64_t y, int64_t x) {
  return ((z - s.z.place(r.z, 0)) * s.y.window + (y - s.y.place(r.y, 0))) * s.x.window + (x - s.x.place(r.x, 0));
}

// visit(element of x, number) for the places of a result's window, in row-major order.
template <class Visit>
CKERAS_INLINE void each_place(const PoolShape& s, const Place& r, Visit& visit) {
  for (int64_t z = s.z.first(r.z); z < s.z.end(r.z); ++z) {
    for (int64_t y = s.y.first(r.y); y < s.y.end(r.y); ++y) {
      const int64_t x0 = s.x.first(r.x), line = ((r.n * s.z.size + z) * s.y.size + y) * s.x.size;
      int64_t number = number_of(s, r, z, y, x0);
      for (int64_t x = x0; x < s.x.end(r.x); ++x) visit((line + x) * s.c + r.c, number++);
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
  int64_t where = -1, number = 0;  // -1: no place yet
  typename S::T best = 0;
  CKERAS_MEMBER void operator()(int64_t at, int64_t its_number) {
    const typename S::T value = S::get(x[at]);
    if (where >= 0 && (best != best || !(value > best || value != value))) return;
    best = value;
    where = at;
    number = its_number;
  }
};

// The maximum of each window and, unless null, its number.
template <class S, class P>
__global__ void __launch_bounds__(kThreads) max_kernel(const typename S::Element* x, typename S::Element* y, P* places,
                                                       const __grid_constant__ PoolShape s, int64_t results) {
  for (int64_t i = first_element(); i < results; i += all_threads()) {
    FirstMaximum<S> first{x};
    each_place(s, result_at(s, i), first);
    y[i] = first.where < 0 ? S::put(-TraitsOf<typename S::V>::kInf) : x[first.where];
    if (places != nullptr) places[i] = static_cast<P>(first.number);
  }
}

struct Numbered {
  int64_t number, where = -1;
  CKERAS_MEMBER void operator()(int64_t at, int64_t its_number) {
    if (its_number == number) where = at;
  }
};
template <class S, class P>
__global__ void __launch_bounds__(kThreads)
    pick_kernel(const typename S::Element* v, const P* places, typename S::Element* y,
                const __grid_constant__ PoolShape s, int64_t results) {
  for (int64_t i = first_element(); i < results; i += all_threads()) {
    Numbered numbered{places[i]};
    each_place(s, result_at(s, i), numbered);
    y[i] = numbered.where < 0 ? S::put(0) : v[numbered.where];
  }
}

template <class S, class P>
struct SumOfPicks {
  const typename S::Element* dy;
  const P* places;
  const PoolShape& s;
  Place mine;
  typename S::T sum = 0;
  CKERAS_MEMBER void operator()(int64_t result, int64_t h, int64_t i, int64_t j) {
    if (places[result] == number_of(s, {mine.n, h, i, j, mine.c}, mine.z, mine.y, mine.x)) sum += S::get(dy[result]);
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
  CKERAS_MEMBER void operator()(int64_t at, int64_t) { sum += S::get(x[at]); }
};

template <class S, class P>
__global__ void __launch_bounds__(kThreads)
    max_grad_kernel(const typename S::Element* dy, const P* places, typename S::Element* dx,
                    const __grid_constant__ PoolShape s, int64_t elements) {
  for (int64_t i = first_element(); i < elements; i += all_threads()) {
    const Place place = input_at(s, i);
    SumOfPicks<S, P> picks{dy, places, s, place};
    each_window(s, place, picks);
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

// f(storage, P{}) for a call's dtype and that of its places.
template <class F>
Status with_places(DType dtype, const View& places, const F& f) {
  return with_floats(dtype, [&](auto storage) {
    if (places.dtype == DType::U8) {
      f(storage, uint8_t{});
    } else {
      f(storage, int32_t{});
    }
  });
}

Status run_max(const Call& call, Queue& queue) {
  const View &x = call.in[0], &y = call.out[0];
  const int64_t results = y.size();
  return with_floats(x.dtype, [&](auto storage) {
    using S = decltype(storage);
    using E = typename S::Element;
    if (results == 0) return;
    launch(queue, {blocks_for(results, kThreads)}, {kThreads}, 0, max_kernel<S, uint8_t>, x.as<const E>(), y.as<E>(),
           nullptr, pool_shape(x, y, call.ints), results);
  });
}
Status run_max_places(const Call& call, Queue& queue) {
  const View &x = call.in[0], &y = call.out[0], &places = call.out[1];
  const int64_t results = y.size();
  return with_places(x.dtype, places, [&](auto storage, auto p) {
    using S = decltype(storage);
    using E = typename S::Element;
    using P = decltype(p);
    if (results == 0) return;
    launch(queue, {blocks_for(results, kThreads)}, {kThreads}, 0, max_kernel<S, P>, x.as<const E>(), y.as<E>(),
           places.as<P>(), pool_shape(x, y, call.ints), results);
  });
}
Status run_max_grad(const Call& call, Queue& queue) {
  const View &dy = call.in[0], &places = call.in[1], &dx = call.out[0];
  return with_places(dy.dtype, places, [&](auto storage, auto p) {
    using S = decltype(storage);
    using E = typename S::Element;
    using P = decltype(p);
    if (dx.size() == 0) return;
    launch(queue, {blocks_for(dx.size(), kThreads)}, {kThreads}, 0, max_grad_kernel<S, P>, dy.as<const E>(),
           places.as<const P>(), dx.as<E>(), pool_shape(dx, dy, call.ints), dx.size());
  });
}
Status run_pick(const Call& call, Queue& queue) {
  const View &v = call.in[0], &places = call.in[1], &y = call.out[0];
  const int64_t results = y.size();
  return with_places(v.dtype, places, [&](auto storage, auto p) {
    using S = decltype(storage);
    using E = typename S::Element;
    using P = decltype(p);
    if (results == 0) return;
    launch(queue, {blocks_for(results, kThreads)}, {kThreads}, 0, pick_kernel<S, P>, v.as<const E>(),
           places.as<const P>(), y.as<E>(), pool_shape(v, y, call.ints), results);
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

extern const DeviceKernel kernel_max_pool, kernel_max_pool_places, kernel_max_pool_grad, kernel_max_pool_pick,
    kernel_avg_pool, kernel_avg_pool_grad;
const DeviceKernel kernel_max_pool = {"max_pool", run_max, nullptr};
const DeviceKernel kernel_max_pool_places = {"max_pool_places", run_max_places, nullptr};
const DeviceKernel kernel_max_pool_grad = {"max_pool_grad", run_max_grad, nullptr};
const DeviceKernel kernel_max_pool_pick = {"max_pool_pick", run_pick, nullptr};
const DeviceKernel kernel_avg_pool = {"avg_pool", run_avg, nullptr};
const DeviceKernel kernel_avg_pool_grad = {"avg_pool_grad", run_avg_grad, nullptr};

}  // namespace ckeras::cuda
