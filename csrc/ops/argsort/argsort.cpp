#include "ops/argsort/argsort.h"

#include <algorithm>

#include "cpu/parallel.h"
#include "ops/argsort/keys.h"
#include "ops/argsort/radix.h"

namespace ckeras::portable {
namespace {

constexpr int64_t kPiece = 1 << 12;  // elements that one thread sorts, at least
constexpr int64_t kSlots = 32;       // pieces that have memory at a time

// Rows in pieces; those of one round share the workspace of kSlots pieces, two rows each.
struct Pieces {
  int64_t n, k, rows, piece, count, slots;
  explicit Pieces(const Call& call)
      : n(call.in[0].shape[call.in[0].rank - 1]), k(call.out[0].shape[call.out[0].rank - 1]) {
    rows = n > 0 ? call.in[0].size() / n : 0;
    piece = n > 0 ? std::max<int64_t>(1, kPiece / n) : 1;
    count = (rows + piece - 1) / piece;
    slots = std::min(count, kSlots);
  }
};

// items[0 ... k) = the k least of item(0) ... item(n - 1), sorted: a heap of the best so far, which few get into.
template <class Item, class Get>
void select_least(Item* items, int64_t k, int64_t n, const Get& item) {
  for (int64_t i = 0; i < k; ++i) items[i] = item(i);
  std::make_heap(items, items + k);
  for (int64_t i = k; i < n; ++i) {
    const Item next = item(i);
    if (!(next < items[0])) continue;
    std::pop_heap(items, items + k);
    items[k - 1] = next;
    std::push_heap(items, items + k);
  }
  std::sort_heap(items, items + k);
}

// finish(place in the results, row's place in x, place in the row) for each result.
template <class K, class Finish>
void sort_rows(const Call& call, K, const Finish& finish) {
  using Item = ItemOf<typename K::Key>;
  const Pieces cut(call);
  if (cut.k == 0) return;
  const auto flip = static_cast<typename K::Key>(call.ints[0] ? ~uint64_t{0} : 0);
  const auto* values = call.in[0].as<const typename K::Element>();
  for (int64_t round = 0; round < cut.count; round += cut.slots) {
    cpu::parallel_for(std::min(cut.slots, cut.count - round), 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        Item* items = static_cast<Item*>(call.workspace) + 2 * slot * cut.n;
        const int64_t first = (round + slot) * cut.piece;
        for (int64_t row = first; row < std::min(first + cut.piece, cut.rows); ++row) {
          const auto* from = values + row * cut.n;
          const auto item = [&](int64_t i) {
            return Item(static_cast<typename K::Key>(K::of(from[i]) ^ flip), static_cast<uint32_t>(i));
          };
          const Item* sorted = items;
          if (cut.k < cut.n / 8) {
            select_least(items, cut.k, cut.n, item);
          } else {
            for (int64_t i = 0; i < cut.n; ++i) items[i] = item(i);
            sorted = radix_sort(items, items + cut.n, cut.n);
          }
          for (int64_t i = 0; i < cut.k; ++i) finish(row * cut.k + i, row * cut.n, sorted[i].place());
        }
      }
    });
  }
}

void argsort(const Call& call) noexcept {
  int32_t* places = call.out[0].as<int32_t>();
  with_key(call.in[0].dtype, [&](auto key) {
    sort_rows(call, key, [=](int64_t to, int64_t, uint32_t place) { places[to] = static_cast<int32_t>(place); });
  });
}
void sort(const Call& call) noexcept {
  with_key(call.in[0].dtype, [&](auto key) {
    using Element = typename decltype(key)::Element;
    const auto* from = call.in[0].as<const Element>();
    auto* values = call.out[0].as<Element>();
    sort_rows(call, key, [=](int64_t to, int64_t row, uint32_t place) { values[to] = from[row + place]; });
  });
}

int64_t workspace(const Call& call) noexcept {
  const Pieces cut(call);
  int64_t item = 0;
  with_key(call.in[0].dtype, [&](auto key) { item = sizeof(ItemOf<typename decltype(key)::Key>); });
  return 2 * cut.slots * cut.n * item;
}

}  // namespace

extern const Kernel kernel_argsort, kernel_sort;
constinit const Kernel kernel_argsort = {argsort, workspace, nullptr};
constinit const Kernel kernel_sort = {sort, workspace, nullptr};

}  // namespace ckeras::portable
