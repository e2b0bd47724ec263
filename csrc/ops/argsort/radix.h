// A stable sort of unsigned keys with their places: digit by digit from the last (H. H. Seward, 1954). For .cpp files.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace ckeras::portable {

// A key of up to 32 bits above its place in one number.
struct NarrowItem {
  uint64_t bits;
  NarrowItem() = default;
  NarrowItem(uint32_t key, uint32_t place) : bits(uint64_t{key} << 32 | place) {}
  uint32_t place() const { return static_cast<uint32_t>(bits); }
  uint64_t sorted_by() const { return bits >> 32; }
  unsigned digit(int i) const { return bits >> (32 + 8 * i) & 255; }
  bool operator<(const NarrowItem& other) const { return bits < other.bits; }
};
struct WideItem {
  uint64_t key;
  uint32_t where;
  WideItem() = default;
  WideItem(uint64_t k, uint32_t place) : key(k), where(place) {}
  uint32_t place() const { return where; }
  uint64_t sorted_by() const { return key; }
  unsigned digit(int i) const { return key >> (8 * i) & 255; }
  bool operator<(const WideItem& other) const { return key < other.key || (key == other.key && where < other.where); }
};

// A key alone: equal ones are the same.
template <class Key>
struct PlainItem {
  static constexpr int kDigits = sizeof(Key);
  Key key;
  unsigned digit(int i) const { return key >> (8 * i) & 255; }
  bool operator<(PlainItem other) const { return key < other.key; }
};

template <class Key, class Base>
struct Keyed : Base {
  using Base::Base;
  static constexpr int kDigits = sizeof(Key);
};
template <class Key>
using ItemOf = Keyed<Key, std::conditional_t<sizeof(Key) == 8, WideItem, NarrowItem>>;

inline constexpr int64_t kFewItems = 64;  // below: counting digits costs more than comparing

// Sorts n items by key and place with the help of as many `other` ones. Gives where they are: `items` or `other`.
template <class Item>
const Item* radix_sort(Item* items, Item* other, int64_t n) {
  if (n < kFewItems) {
    std::sort(items, items + n);
    return items;
  }
  uint32_t counts[Item::kDigits][256];  // a place has 32 bits, too
  std::memset(counts, 0, sizeof(counts));
  for (int64_t i = 0; i < n; ++i) {
    for (int d = 0; d < Item::kDigits; ++d) ++counts[d][items[i].digit(d)];
  }
  for (int d = 0; d < Item::kDigits; ++d) {
    uint32_t* next = counts[d];
    if (next[items[0].digit(d)] == static_cast<uint64_t>(n)) continue;  // all have this digit
    uint32_t before = 0;
    for (int v = 0; v < 256; ++v) {
      const uint32_t count = next[v];
      next[v] = before;
      before += count;
    }
    for (int64_t i = 0; i < n; ++i) other[next[items[i].digit(d)]++] = items[i];
    std::swap(items, other);
  }
  return items;
}

}  // namespace ckeras::portable
