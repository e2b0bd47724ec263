// gather, gather_grad, scatter, bincount and resample. What is added to one place is added in the order of the indices,
// without atomics: the indices are sorted with their places, and each element of the result has a thread that goes
// through its own.
#include "cuda/block.h"
#include "cuda/elements.h"
#include "cuda/sort.h"
#include "ops/gather/gather.h"
#include "ops/scatter/scatter.h"

namespace ckeras::cuda {
namespace {

constexpr int kThreads = 256;

struct Outside {
  int64_t n;
  CKERAS_MEMBER bool operator()(int64_t index) const { return index < -n || index >= n; }
};
void check_indices(const Call& call, Queue& queue, const View& indices, int64_t n) {
  launch(queue, {1}, {1024}, 0, check_kernel<Indices, Outside>, Indices(indices), indices.size(), n, Outside{n},
         call.fault);
}

template <class U>
__global__ void __launch_bounds__(kThreads)
    gather_kernel(const U* x, const Indices indices, U* y, const GatherShape s, const Fault* fault) {
  if (fault->code != 0) return;
  for (int64_t i = first_element(); i < s.outer * s.count * s.inner; i += all_threads()) {
    const int64_t rest = i / s.inner, index = indices[s.along ? i : rest % s.count];
    const int64_t row = rest / s.count * s.size + (index < 0 ? index + s.size : index);
    y[i] = x[row * s.inner + i % s.inner];
  }
}

Status run_gather(const Call& call, Queue& queue) {
  const View &x = call.in[0], &indices = call.in[1], &y = call.out[0];
  GatherShape s = gather_shape(x, indices, call.ints[0], call.ints[1] != 0);
  if (indices.size() > 0) check_indices(call, queue, indices, s.size);
  if (y.size() == 0) return Status::Launched;
  int64_t itemsize = size_of(x.dtype);
  const auto addresses = reinterpret_cast<uintptr_t>(x.data) | reinterpret_cast<uintptr_t>(y.data);
  while (!s.along && itemsize < 8 && s.inner % 2 == 0 && addresses % static_cast<uintptr_t>(2 * itemsize) == 0) {
    itemsize *= 2;
    s.inner /= 2;
  }
  with_size(itemsize, [&](auto u) {
    using U = decltype(u);
    launch(queue, {blocks_for(s.outer * s.count * s.inner, kThreads)}, {kThreads}, 0, gather_kernel<U>, x.as<const U>(),
           Indices(indices), y.as<U>(), s, call.fault);
  });
  return Status::Launched;
}

// ---- indices by the row they name

// Where every element has an index, rows of one element.
struct RowOfIndex {
  Indices indices;
  GatherShape s;
  CKERAS_MEMBER NarrowItem operator()(int64_t, int64_t i) const {
    int64_t row = indices[i];
    if (row < 0) row += s.size;
    if (s.along) row = (i / s.inner / s.count * s.size + row) * s.inner + i % s.inner;
    return NarrowItem::of(static_cast<uint64_t>(row), static_cast<uint32_t>(i));
  }
};
GatherShape by_row(const GatherShape& s) {
  return s.along ? GatherShape{1, s.outer * s.size * s.inner, 1, s.outer * s.count * s.inner, false} : s;
}

// Row r is named by the indices places[starts[r]] ... places[starts[r + 1] - 1], in rising order.
struct Named {
  const int64_t* starts;
  const uint32_t* places;
};

__global__ void __launch_bounds__(kThreads)
    named_kernel(const NarrowItem* items, int64_t count, int64_t rows, int64_t* starts, uint32_t* places) {
  for (int64_t i = first_element(); i <= rows; i += all_threads()) {
    starts[i] = i == rows ? count : count_less(items, count, NarrowItem::of(static_cast<uint64_t>(i), 0));
  }
  for (int64_t i = first_element(); i < count; i += all_threads()) places[i] = items[i].place();
}

int64_t named_bytes(int64_t count, int64_t rows) { return 2 * 8 * count + 8 * (rows + 1) + 4 * count; }
bool too_long(int64_t count, int64_t rows) { return count >= int64_t{1} << 32 || rows >= int64_t{1} << 32; }

// An index outside stands for no row; where there is one, nothing reads this.
Named name_rows(const Call& call, Queue& queue, const View& indices, const GatherShape& s) {
  const int64_t count = indices.size(), rows = by_row(s).size;
  NarrowItem* items = static_cast<NarrowItem*>(call.workspace);
  int64_t* starts = reinterpret_cast<int64_t*>(items + 2 * count);
  uint32_t* places = reinterpret_cast<uint32_t*>(starts + rows + 1);
  const NarrowItem* sorted = sort_rows(queue, RowOfIndex{Indices(indices), s}, 1, count, items, items + count);
  launch(queue, {blocks_for(count > rows ? count : rows + 1, kThreads)}, {kThreads}, 0, named_kernel, sorted, count,
         rows, starts, places);
  return {starts, places};
}

template <class S>
__global__ void __launch_bounds__(kThreads)
    gather_grad_kernel(const Named named, const typename S::Element* g, typename S::Element* dx, const GatherShape s,
                       const Fault* fault) {
  if (fault->code != 0) return;
  for (int64_t i = first_element(); i < s.outer * s.size * s.inner; i += all_threads()) {
    const int64_t column = i % s.inner, row = i / s.inner % s.size, outer = i / s.inner / s.size;
    typename S::T sum = 0;
    for (int64_t j = named.starts[row]; j < named.starts[row + 1]; ++j) {
      sum += S::get(g[(outer * s.count + named.places[j]) * s.inner + column]);
    }
    dx[i] = S::put(sum);
  }
}

Status run_gather_grad(const Call& call, Queue& queue) {
  const View &indices = call.in[0], &dx = call.out[0];
  const GatherShape whole = gather_shape(dx, indices, call.ints[0], call.ints[1] != 0), s = by_row(whole);
  if (too_long(s.count, s.size)) return Status::TooLong;
  if (s.count > 0) check_indices(call, queue, indices, whole.size);
  if (dx.size() == 0) return Status::Launched;
  const Named named = name_rows(call, queue, indices, whole);
  return with_floats(dx.dtype, [&](auto storage) {
    using S = decltype(storage);
    using E = typename S::Element;
    launch(queue, {blocks_for(dx.size(), kThreads)}, {kThreads}, 0, gather_grad_kernel<S>, named,
           call.in[1].as<const E>(), dx.as<E>(), s, call.fault);
  });
}

int64_t gather_grad_workspace(const Call& call) noexcept {
  const GatherShape s = by_row(gather_shape(call.out[0], call.in[0], call.ints[0], call.ints[1] != 0));
  return named_bytes(s.count, s.size);
}

// ---- scatter

enum Mode : int64_t { kSet, kAdd, kMax, kMin, kMultiply };

// Each step rounds to the dtype: T is the dtype's own for floats, and 64 bits that wrap for integers.
template <class T>
CKERAS_INLINE T combined(int64_t mode, T a, T b) {
  switch (mode) {
    case kAdd:
      return a + b;
    case kMax:
      return a != a ? a : a > b ? a : b;
    case kMin:
      return a != a ? a : a < b ? a : b;
    case kMultiply:
      return a * b;
    default:
      return b;
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    scatter_kernel(const void* x, const Named named, const void* updates, void* y, DType dtype, int64_t rows,
                   int64_t inner, int64_t mode, const Fault* fault) {
  if (fault->code != 0) return;
  for (int64_t i = first_element(); i < rows * inner; i += all_threads()) {
    const int64_t row = i / inner, end = named.starts[row + 1];
    T value = element_as<T>(x, i, dtype);
    for (int64_t j = mode == kSet && named.starts[row] < end ? end - 1 : named.starts[row]; j < end; ++j) {
      value = combined(mode, value, element_as<T>(updates, named.places[j] * inner + i % inner, dtype));
    }
    put_element(y, i, dtype, value);
  }
}

// Halves and bools are only ever moved: as unsigned integers.
DType moved_as(DType dtype) {
  return dtype == DType::F16 || dtype == DType::BF16 ? DType::U16 : dtype == DType::Bool ? DType::U8 : dtype;
}

Status run_scatter(const Call& call, Queue& queue) {
  const View &x = call.in[0], &indices = call.in[1];
  const int64_t rows = x.shape[0], mode = call.ints[0];
  if (too_long(indices.size(), rows)) return Status::TooLong;
  if (indices.size() > 0) check_indices(call, queue, indices, rows);
  if (x.size() == 0) return Status::Launched;
  const Named named = name_rows(call, queue, indices, {1, rows, 1, indices.size(), false});
  const DType dtype = moved_as(x.dtype);
  const auto start = [&](auto t) {
    launch(queue, {blocks_for(x.size(), kThreads)}, {kThreads}, 0, scatter_kernel<decltype(t)>, x.data, named,
           call.in[2].data, call.out[0].data, dtype, rows, x.size() / rows, mode, call.fault);
  };
  if (dtype == DType::F32) {
    start(float{});
  } else if (dtype == DType::F64) {
    start(double{});
  } else if (dtype >= DType::I8 && dtype <= DType::I64 && (mode == kMax || mode == kMin)) {
    start(int64_t{});
  } else {
    start(uint64_t{});
  }
  return Status::Launched;
}

int64_t scatter_workspace(const Call& call) noexcept { return named_bytes(call.in[1].size(), call.in[0].shape[0]); }

// ---- bincount, resample

struct NoPlace {
  int64_t n;
  CKERAS_MEMBER bool operator()(int64_t place) const { return place < 0 || place >= n; }
};
void check_places(const Call& call, Queue& queue, const View& places, int64_t n) {
  if (places.size() == 0) return;
  launch(queue, {1}, {1024}, 0, check_kernel<Indices, NoPlace>, Indices(places), places.size(), n, NoPlace{n},
         call.fault);
}

__global__ void __launch_bounds__(kThreads)
    bincount_kernel(const Named named, int32_t* y, int64_t bins, const Fault* fault) {
  if (fault->code != 0) return;
  for (int64_t i = first_element(); i < bins; i += all_threads()) {
    y[i] = static_cast<int32_t>(named.starts[i + 1] - named.starts[i]);
  }
}
Status run_bincount(const Call& call, Queue& queue) {
  const View &x = call.in[0], &y = call.out[0];
  if (too_long(x.size(), y.size())) return Status::TooLong;
  check_places(call, queue, x, y.size());
  if (y.size() == 0) return Status::Launched;
  const Named named = name_rows(call, queue, x, {1, y.size(), 1, x.size(), false});
  launch(queue, {blocks_for(y.size(), kThreads)}, {kThreads}, 0, bincount_kernel, named, y.as<int32_t>(), y.size(),
         call.fault);
  return Status::Launched;
}
int64_t bincount_workspace(const Call& call) noexcept { return named_bytes(call.in[0].size(), call.out[0].size()); }

template <class T>
__global__ void __launch_bounds__(kThreads) resample_kernel(const T* x, const T* weights, const int32_t* places, T* y,
                                                            const GatherShape s, int64_t taps, const Fault* fault) {
  if (fault->code != 0) return;
  for (int64_t i = first_element(); i < s.outer * s.count * s.inner; i += all_threads()) {
    const int64_t c = i % s.inner, at = i / s.inner % s.count * taps, first = i / s.inner / s.count * s.size;
    T sum = weights[at] * x[(first + places[at]) * s.inner + c];
    for (int64_t k = 1; k < taps; ++k) sum = sum + weights[at + k] * x[(first + places[at + k]) * s.inner + c];
    y[i] = sum;
  }
}
Status run_resample(const Call& call, Queue& queue) {
  const View &x = call.in[0], &weights = call.in[1], &places = call.in[2], &y = call.out[0];
  GatherShape s = gather_shape(x, places, call.ints[0]);
  s.count = weights.shape[0];
  check_places(call, queue, places, s.size);
  if (y.size() == 0) return Status::Launched;
  return with_reals(x.dtype, [&](auto t) {
    using T = decltype(t);
    launch(queue, {blocks_for(y.size(), kThreads)}, {kThreads}, 0, resample_kernel<T>, x.as<const T>(),
           weights.as<const T>(), places.as<const int32_t>(), y.as<T>(), s, weights.shape[1], call.fault);
  });
}

}  // namespace

extern const DeviceKernel kernel_bincount, kernel_resample;
const DeviceKernel kernel_bincount = {"bincount", run_bincount, bincount_workspace, kMayFault};
const DeviceKernel kernel_resample = {"resample", run_resample, nullptr, kMayFault};
extern const DeviceKernel kernel_gather, kernel_gather_grad, kernel_scatter;
const DeviceKernel kernel_gather = {"gather", run_gather, nullptr, kMayFault};
const DeviceKernel kernel_gather_grad = {"gather_grad", run_gather_grad, gather_grad_workspace, kMayFault};
const DeviceKernel kernel_scatter = {"scatter", run_scatter, scatter_workspace, kMayFault};

}  // namespace ckeras::cuda
