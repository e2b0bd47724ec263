#include "ops/argsort/argsort.h"

#include <algorithm>
#include <bit>

#include "cpu/parallel.h"
#include "ops/argsort/keys.h"
#include "ops/argsort/radix.h"
#include "runtime/registry.h"

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

// The same where the row has 2 k stretches or more, whose least keys `least` holds, with as much memory behind them.
// The k-th of those keys is no less than the k-th of all, and few stretches have a key that is not above it.
template <class Item, class Key, class Keys>
void select_by_stretches(Item* items, int64_t k, int64_t n, Key* least, const Keys& keys) {
  const int64_t stretches = n / kStretch;
  Key* const sorted = least + stretches;
  std::copy(least, least + stretches, sorted);
  std::nth_element(sorted, sorted + k - 1, sorted + stretches);
  const Key worst = sorted[k - 1];
  Key key[kStretch];
  int64_t size = 0;
  for (int64_t s = 0; s * kStretch < n; ++s) {
    if (s < stretches && least[s] > worst) continue;
    const int64_t first = s * kStretch, count = std::min(kStretch, n - first);
    keys(first, count, key);
    for (int64_t i = 0; i < count; ++i) {
      items[size] = Item(key[i], static_cast<uint32_t>(first + i));
      size += key[i] <= worst;
    }
  }
  std::nth_element(items, items + k - 1, items + size);
  std::sort(items, items + k);
}

// to[s] = the least key of stretch s, the elements compared as what they are; false where a NaN is among them.
template <class Key>
using LeastOf = bool (*)(const Key* x, int64_t stretches, Key flip, Key* to);
template <class K>
bool least_of(const typename K::Key* x, int64_t stretches, typename K::Key flip, typename K::Key* to) {
  using Key = typename K::Key;
  constexpr bool kKeys = std::is_same_v<typename K::Value, Key>;  // halves; of unsigned integers themselves
  constexpr int64_t kSide = 8;
  const auto value = [](Key bits) {
    if constexpr (kKeys) {
      return static_cast<Key>(K::of(bits));
    } else {
      return std::bit_cast<typename K::Value>(bits);
    }
  };
  using V = decltype(value(Key{}));
  const auto stretch = [&](const Key* p, auto before) {
    V best[kSide];
    Key none[kSide] = {};
    for (int64_t j = 0; j < kSide; ++j) best[j] = value(p[j]);
    for (int64_t i = 0; i < kStretch; i += kSide) {
      for (int64_t j = 0; j < kSide; ++j) {
        const V v = value(p[i + j]);
        best[j] = before(v, best[j]) ? v : best[j];
        none[j] |= static_cast<Key>(v != v);
      }
    }
    for (int64_t j = 1; j < kSide; ++j) {
      best[0] = before(best[j], best[0]) ? best[j] : best[0];
      none[0] |= none[j];
    }
    if constexpr (kKeys) {
      *to++ = static_cast<Key>(best[0] ^ flip);
    } else {
      *to++ = static_cast<Key>(K::of(std::bit_cast<typename K::Element>(best[0])) ^ flip);
    }
    return none[0] == 0;
  };
  bool numbers = true;
  for (int64_t s = 0; s < stretches; ++s, x += kStretch) {
    numbers &= flip != 0 ? stretch(x, [](V a, V b) { return a > b; }) : stretch(x, [](V a, V b) { return a < b; });
  }
  return numbers;
}

// Puts the elements of `from` that share a key in their order there, in their places among the n `sorted` ones.
template <class Key>
using SharedOf = void (*)(const PlainItem<Key>* sorted, int64_t n, Key flip, const Key* from, Key* to);
template <class K, class Key = typename K::Key>
void shared_of(const PlainItem<Key>* sorted, int64_t n, Key flip, const Key* from, Key* to) {
  for (const Key shared : K::kShared) {
    const PlainItem<Key> key{static_cast<Key>(shared ^ flip)};
    const auto [begin, end] = std::equal_range(sorted, sorted + n, key);
    Key* at = to + (begin - sorted);
    for (const Key* x = from; at < to + (end - sorted); ++x) {  // without a branch: often half of a row is zero
      *at = *x;
      at += K::shares(*x, shared);
    }
  }
}

// Sorts n keys alone with the help of as many `other` ones. Gives where they are.
template <class Key>
const PlainItem<Key>* sort_keys(PlainItem<Key>* items, PlainItem<Key>* other, int64_t n) {
  if constexpr (sizeof(Key) == sizeof(uint32_t)) {
    const NarrowSort narrow = key_sort().narrow;
    if (narrow != nullptr && narrow(&items->key, &other->key, n)) return items;
  }
  return radix_sort(items, other, n);
}

// Whether any of n elements is not the one that its key gives back.
template <class Key>
using AnyShared = bool (*)(const Key* x, int64_t n);
template <class K, class Key = typename K::Key>
bool any_shared(const Key* x, int64_t n) {
  bool any = false;
  for (int64_t i = 0; i < n; ++i) any |= K::differs(x[i]);
  return any;
}

// What depends on a dtype beyond the width of its keys.
template <class Key>
struct Ways {
  KeysOf keys_of;
  ElementsOf elements_of;
  ShortSort short_sort;
  ShortPlaces short_places;
  AnyShared<Key> any_shared;
  LeastOf<Key> least_of;
  SharedOf<Key> shared_of;
};

// `rows` rows of n elements, few of each.
template <class Key>
void sort_short(const Key* from, int64_t rows, int64_t n, int64_t k, Key flip, const Ways<Key>& ways, Key* values,
                int32_t* places) {
  constexpr int64_t kKeys = 2048;
  Key keys[kKeys];
  for (const int64_t block = kKeys / n; rows > 0; rows -= block, from += block * n) {
    const int64_t count = std::min(block, rows);
    ways.keys_of(from, count * n, flip, keys);
    if (k == n && places == nullptr) {
      ways.short_sort(keys, count, n);
      ways.elements_of(keys, count * n, flip, values);
      if (ways.any_shared(from, count * n)) {
        for (int64_t r = 0; r < count * n; r += n) {
          ways.shared_of(reinterpret_cast<const PlainItem<Key>*>(keys + r), n, flip, from + r, values + r);
        }
      }
      values += count * n;
      continue;
    }
    int32_t own[kKeys];
    int32_t* const to = places != nullptr ? places : own;
    ways.short_places(keys, count, n, k, to);
    if (places != nullptr) {
      places += count * k;
      continue;
    }
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t i = 0; i < k; ++i) *values++ = from[r * n + own[r * k + i]];
    }
  }
}

// What is sorted for: the places, or else the values.
template <class Key>
void sort_rows(const Call& call, const Ways<Key>& ways, bool wants_places) {
  using Item = ItemOf<Key>;
  const Pieces cut(call);
  if (cut.k == 0) return;
  const auto flip = static_cast<Key>(call.ints[0] ? ~uint64_t{0} : 0);
  const Key* const values = call.in[0].as<const Key>();
  const bool alone = !wants_places && cut.k == cut.n;                                       // keys without their places
  const bool by_vectors = sizeof(Key) == sizeof(uint32_t) && key_sort().narrow != nullptr;  // from two of them on
  const bool is_short =
      alone ? cut.n <= (by_vectors ? kShortRow / 2 : kShortRow) : cut.n <= kShortRow && ways.short_places != nullptr;
  for (int64_t round = 0; round < cut.count; round += cut.slots) {
    cpu::parallel_for(std::min(cut.slots, cut.count - round), 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        Item* items = static_cast<Item*>(call.workspace) + 2 * slot * cut.n;
        const int64_t first = (round + slot) * cut.piece;
        if (is_short) {
          sort_short(values + first * cut.n, std::min(cut.piece, cut.rows - first), cut.n, cut.k, flip, ways,
                     wants_places ? nullptr : call.out[0].as<Key>() + first * cut.k,
                     wants_places ? call.out[0].as<int32_t>() + first * cut.k : nullptr);
          continue;
        }
        for (int64_t row = first; row < std::min(first + cut.piece, cut.rows); ++row) {
          const auto* from = values + row * cut.n;
          const auto keys = [&](int64_t at, int64_t count, Key* to) { ways.keys_of(from + at, count, flip, to); };
          const Item* sorted = items;
          if (alone) {
            using Plain = PlainItem<Key>;
            static_assert(sizeof(Plain) == sizeof(Key) && sizeof(Key) <= sizeof(Item));
            Plain* const plain = reinterpret_cast<Plain*>(items);
            keys(0, cut.n, reinterpret_cast<Key*>(plain));
            const Plain* const in_order = sort_keys(plain, plain + cut.n, cut.n);
            Key* const to = call.out[0].as<Key>() + row * cut.k;
            ways.elements_of(in_order, cut.n, flip, to);
            ways.shared_of(in_order, cut.n, flip, from, to);
            continue;
          }
          if (cut.k < cut.n / (cut.n < kShort ? 2 : 8)) {
            const int64_t stretches = cut.n / kStretch;
            Key* const least = reinterpret_cast<Key*>(items + cut.n);
            if (stretches >= 2 * cut.k && ways.least_of(from, stretches, flip, least)) {
              select_by_stretches<Item, Key>(items, cut.k, cut.n, least, keys);
            } else {
              select_least<Item, Key>(items, cut.k, cut.n, keys);
            }
          } else {
            Key key[kStretch];
            for (int64_t at = 0; at < cut.n; at += kStretch) {
              const int64_t count = std::min(kStretch, cut.n - at);
              keys(at, count, key);
              for (int64_t i = 0; i < count; ++i) items[at + i] = Item(key[i], static_cast<uint32_t>(at + i));
            }
            sorted = radix_sort(items, items + cut.n, cut.n);
          }
          if (wants_places) {
            auto* to = call.out[0].as<int32_t>() + row * cut.k;
            for (int64_t i = 0; i < cut.k; ++i) to[i] = static_cast<int32_t>(sorted[i].place());
          } else {
            auto* to = call.out[0].as<Key>() + row * cut.k;
            for (int64_t i = 0; i < cut.k; ++i) to[i] = from[sorted[i].place()];
          }
        }
      }
    });
  }
}

template <bool kPlaces>
void run(const Call& call) noexcept {
  with_key(call.in[0].dtype, [&](auto key) {
    using K = decltype(key);
    const auto dtype = static_cast<int>(call.in[0].dtype);
    const KeySort& sort = key_sort();
    sort_rows<typename K::Key>(call,
                               {sort.keys_of[dtype], sort.elements_of[dtype], sort.short_sort[dtype],
                                sort.short_places[dtype], any_shared<K>, least_of<K>, shared_of<K>},
                               kPlaces);
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
constinit const Kernel kernel_argsort = {run<true>, workspace, nullptr};
constinit const Kernel kernel_sort = {run<false>, workspace, nullptr};

}  // namespace ckeras::portable
