#include "ops/argsort/argsort.h"

#include <algorithm>

#include "cpu/parallel.h"
#include "ops/argsort/keys.h"
#include "ops/argsort/radix.h"

namespace ckeras::portable {
namespace {

constexpr int64_t kPiece = 1 << 12;  // elements that one thread sorts, at least
constexpr int64_t kStretch = 32;     // keys that are looked at together
constexpr int64_t kCollected = 64;   // more than the k best, before they are cut
constexpr int64_t kShort = 256;      // in shorter rows half of the elements are worth selecting
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

// items[0 ... k) = the k least of n, sorted. keys(first, count, to) gives keys. What is below the k-th of those seen is
// collected without a branch, and from time to time cut to k: few are, so most stretches are passed over as a whole. Of
// equal keys the later one is not needed.
template <class Item, class Key, class Keys>
void select_least(Item* items, int64_t k, int64_t n, const Keys& keys) {
  Key key[kStretch], worst = 0;
  int64_t size = 0;
  bool full = false;
  for (int64_t first = 0; first < n; first += kStretch) {
    const int64_t count = std::min(kStretch, n - first);
    keys(first, count, key);
    if (full && count == kStretch) {
      Key below = 0;
      for (int64_t i = 0; i < kStretch; ++i) below |= static_cast<Key>(key[i] < worst);
      if (below == 0) continue;
    }
    for (int64_t i = 0; i < count; ++i) {
      items[size] = Item(key[i], static_cast<uint32_t>(first + i));
      size += !full | (key[i] < worst);
    }
    if (size < k + kCollected) continue;
    std::nth_element(items, items + k - 1, items + size);
    worst = static_cast<Key>(items[k - 1].sorted_by());
    size = k;
    full = true;
  }
  std::nth_element(items, items + k - 1, items + size);
  std::sort(items, items + k);
}

// finish(place in the results, row's place in x, place in the row) for each result.
template <class K, class Finish>
void sort_rows(const Call& call, K, const Finish& finish) {
  using Key = typename K::Key;
  using Item = ItemOf<Key>;
  const Pieces cut(call);
  if (cut.k == 0) return;
  const auto flip = static_cast<Key>(call.ints[0] ? ~uint64_t{0} : 0);
  const auto* values = call.in[0].as<const typename K::Element>();
  for (int64_t round = 0; round < cut.count; round += cut.slots) {
    cpu::parallel_for(std::min(cut.slots, cut.count - round), 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        Item* items = static_cast<Item*>(call.workspace) + 2 * slot * cut.n;
        const int64_t first = (round + slot) * cut.piece;
        for (int64_t row = first; row < std::min(first + cut.piece, cut.rows); ++row) {
          const auto* from = values + row * cut.n;
          const auto keys = [&](int64_t at, int64_t count, Key* to) {
            for (int64_t i = 0; i < count; ++i) to[i] = static_cast<Key>(K::of(from[at + i]) ^ flip);
          };
          const Item* sorted = items;
          if (cut.k < cut.n / (cut.n < kShort ? 2 : 8)) {
            select_least<Item, Key>(items, cut.k, cut.n, keys);
          } else {
            for (int64_t i = 0; i < cut.n; ++i) {
              Key key;
              keys(i, 1, &key);
              items[i] = Item(key, static_cast<uint32_t>(i));
            }
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
