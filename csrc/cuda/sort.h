// Rows of items in rising order: tiles in shared memory (a bitonic network: K. E. Batcher, 1968), then runs merged in
// pairs, each item at its place in the one plus how many of the other are less. Items are distinct, so the result is
// one. Only for .cu files.
//
// A source gives Item source(row, i); items have `<`, and Item::greatest() is no less than any.
#pragma once
#include "cuda/device.h"

namespace ckeras::cuda {

inline constexpr int kSortTile = 1024, kLeastSortTile = 64;

// A key and a place: equal keys keep their order.
struct NarrowItem {
  uint64_t bits;
  static CKERAS_MEMBER NarrowItem of(uint64_t key, uint32_t place) { return {key << 32 | place}; }
  static CKERAS_MEMBER NarrowItem greatest() { return {~uint64_t{0}}; }
  CKERAS_MEMBER uint64_t key() const { return bits >> 32; }
  CKERAS_MEMBER uint32_t place() const { return static_cast<uint32_t>(bits); }
  CKERAS_MEMBER bool operator<(NarrowItem other) const { return bits < other.bits; }
};
struct WideItem {
  uint64_t bits;
  uint32_t where;
  static CKERAS_MEMBER WideItem of(uint64_t key, uint32_t place) { return {key, place}; }
  static CKERAS_MEMBER WideItem greatest() { return {~uint64_t{0}, ~uint32_t{0}}; }
  CKERAS_MEMBER uint64_t key() const { return bits; }
  CKERAS_MEMBER uint32_t place() const { return where; }
  CKERAS_MEMBER bool operator<(WideItem other) const {
    return bits < other.bits || (bits == other.bits && where < other.where);
  }
};

template <class Item>
struct SortTile {
  Item of[kSortTile];
};

// Two items a thread.
template <class Item, class Source>
__global__ void __launch_bounds__(kSortTile / 2)
    sort_tiles_kernel(const __grid_constant__ Source source, Item* to, int64_t rows, int64_t n) {
  CKERAS_SHARED(SortTile<Item>, items);
  const int thread = static_cast<int>(threadIdx.x), tile = 2 * static_cast<int>(blockDim.x);
  const int64_t tiles = ceil_div(n, tile);
  for (int64_t t = blockIdx.x; t < rows * tiles; t += gridDim.x) {
    const int64_t row = t / tiles, begin = t % tiles * tile;
    for (int i = thread; i < tile; i += tile / 2) {
      items.of[i] = begin + i < n ? source(row, begin + i) : Item::greatest();
    }
    for (int run = 2; run <= tile; run *= 2) {
      for (int step = run / 2; step > 0; step /= 2) {
        __syncthreads();
        const int i = 2 * thread - (thread & (step - 1));
        const Item a = items.of[i], b = items.of[i + step];
        if ((b < a) == ((i & run) == 0)) {
          items.of[i] = b;
          items.of[i + step] = a;
        }
      }
    }
    __syncthreads();
    for (int i = thread; i < tile && begin + i < n; i += tile / 2) to[row * n + begin + i] = items.of[i];
    __syncthreads();  // the next tile
  }
}

// How many of the n items in rising order are less.
template <class Item>
CKERAS_INLINE int64_t count_less(const Item* items, int64_t n, Item item) {
  int64_t first = 0;
  while (n > 0) {
    const int64_t half = n / 2;
    if (items[first + half] < item) {
      first += half + 1;
      n -= half + 1;
    } else {
      n = half;
    }
  }
  return first;
}

template <class Item>
__global__ void __launch_bounds__(256)
    merge_runs_kernel(const Item* from, Item* to, int64_t rows, int64_t n, int64_t run) {
  for (int64_t e = first_element(); e < rows * n; e += all_threads()) {
    const int64_t row = e / n * n, i = e % n, begin = i / (2 * run) * (2 * run);
    const int64_t middle = least(begin + run, n), end = least(begin + 2 * run, n);
    const Item item = from[e];
    const int64_t rank = i < middle ? i - begin + count_less(from + row + middle, end - middle, item)
                                    : i - middle + count_less(from + row + begin, middle - begin, item);
    to[row + begin + rank] = item;
  }
}

// Where the sorted rows are: `items` or `other`, each with room for rows x n.
template <class Item, class Source>
const Item* sort_rows(Queue& queue, const Source& source, int64_t rows, int64_t n, Item* items, Item* other) {
  if (rows * n == 0) return items;
  int64_t tile = kLeastSortTile;
  while (tile < n && tile < kSortTile) tile *= 2;
  launch(queue, {blocks_for(rows * ceil_div(n, tile), 1)}, {static_cast<unsigned>(tile / 2)}, 0,
         sort_tiles_kernel<Item, Source>, source, items, rows, n);
  for (int64_t run = tile; run < n; run *= 2) {
    launch(queue, {blocks_for(rows * n, 256)}, {256}, 0, merge_runs_kernel<Item>, items, other, rows, n, run);
    Item* const sorted = other;
    other = items;
    items = sorted;
  }
  return items;
}

}  // namespace ckeras::cuda
