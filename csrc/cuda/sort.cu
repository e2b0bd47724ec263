// argsort, sort and searchsorted: the keys of ops/argsort/keys.h with their places, sorted whole, of which the first k
// are taken.
#include "cuda/sort.h"

#include "cuda/elements.h"
#include "ops/argsort/argsort.h"
#include "ops/argsort/keys.h"
#include "ops/searchsorted/searchsorted.h"

namespace ckeras::cuda {
namespace {

template <class Item>
struct KeyOf {
  const void* x;
  int64_t n;
  DType dtype;
  bool descending;

  struct Read {
    const void* x;
    int64_t at;
    bool descending;
    uint64_t* key;
    template <class K>
    CKERAS_MEMBER void operator()(K) const {
      using Key = typename K::Key;
      const Key value = K::of(static_cast<const typename K::Element*>(x)[at]);
      *key = descending ? static_cast<Key>(~value) : value;
    }
  };
  CKERAS_MEMBER Item operator()(int64_t row, int64_t i) const {
    uint64_t key = 0;
    with_key(dtype, Read{x, row * n + i, descending, &key});
    return Item::of(key, static_cast<uint32_t>(i));
  }
};

template <class Item>
__global__ void __launch_bounds__(256)
    places_kernel(const Item* items, int32_t* y, int64_t rows, int64_t n, int64_t k) {
  for (int64_t i = first_element(); i < rows * k; i += all_threads()) {
    y[i] = static_cast<int32_t>(items[i / k * n + i % k].place());
  }
}
template <class Item, class U>
__global__ void __launch_bounds__(256)
    values_kernel(const Item* items, const U* x, U* y, int64_t rows, int64_t n, int64_t k) {
  for (int64_t i = first_element(); i < rows * k; i += all_threads()) {
    const int64_t row = i / k * n;
    y[i] = x[row + items[row + i % k].place()];
  }
}

template <class F>
void with_item(DType dtype, const F& f) {
  size_of(dtype) == 8 ? f(WideItem{}) : f(NarrowItem{});
}

template <bool kPlaces>
Status run(const Call& call, Queue& queue) {
  const View &x = call.in[0], &y = call.out[0];
  const int64_t n = x.shape[x.rank - 1], k = y.shape[y.rank - 1], rows = n == 0 ? 0 : x.size() / n;
  if (rows * k == 0) return Status::Launched;
  with_item(x.dtype, [&](auto item) {
    using Item = decltype(item);
    Item* items = static_cast<Item*>(call.workspace);
    const Item* sorted =
        sort_rows(queue, KeyOf<Item>{x.data, n, x.dtype, call.ints[0] != 0}, rows, n, items, items + rows * n);
    const unsigned blocks = blocks_for(rows * k, 256);
    if constexpr (kPlaces) {
      launch(queue, {blocks}, {256}, 0, places_kernel<Item>, sorted, y.as<int32_t>(), rows, n, k);
    } else {
      with_size(size_of(x.dtype), [&](auto u) {
        using U = decltype(u);
        launch(queue, {blocks}, {256}, 0, values_kernel<Item, U>, sorted, x.as<const U>(), y.as<U>(), rows, n, k);
      });
    }
  });
  return Status::Launched;
}

// ---- searchsorted

__global__ void __launch_bounds__(256)
    search_kernel(const __grid_constant__ KeyOf<WideItem> sorted, const __grid_constant__ KeyOf<WideItem> values,
                  int32_t* y, int64_t n, int64_t count, bool after) {
  for (int64_t i = first_element(); i < count; i += all_threads()) {
    y[i] =
        static_cast<int32_t>(place_of([&](int64_t at) { return sorted(0, at).key(); }, n, values(0, i).key(), after));
  }
}
Status run_searchsorted(const Call& call, Queue& queue) {
  const View &sorted = call.in[0], &values = call.in[1];
  if (values.size() == 0) return Status::Launched;
  launch(queue, {blocks_for(values.size(), 256)}, {256}, 0, search_kernel,
         KeyOf<WideItem>{sorted.data, 0, sorted.dtype, false}, KeyOf<WideItem>{values.data, 0, values.dtype, false},
         call.out[0].as<int32_t>(), sorted.size(), values.size(), call.ints[0] != 0);
  return Status::Launched;
}

int64_t workspace(const Call& call) noexcept {
  int64_t bytes = 0;
  with_item(call.in[0].dtype, [&](auto item) { bytes = 2 * call.in[0].size() * static_cast<int64_t>(sizeof item); });
  return bytes;
}

}  // namespace

extern const DeviceKernel kernel_argsort, kernel_sort, kernel_searchsorted;
const DeviceKernel kernel_argsort = {"argsort", run<true>, workspace};
const DeviceKernel kernel_sort = {"sort", run<false>, workspace};
const DeviceKernel kernel_searchsorted = {"searchsorted", run_searchsorted, nullptr};

}  // namespace ckeras::cuda
