// What sorting needs of an instruction set: keys of elements and elements of keys, and sorting keys alone by vectors.
#pragma once
#include <cstdint>

#include "base/dtype.h"

namespace ckeras {

// to[i] = the key (ops/argsort/keys.h) of element i of n, its bits turned over by `flip`; and the element of a key that
// is not shared. Elements are as wide as their keys. `to` may be the same memory.
using KeysOf = void (*)(const void* elements, int64_t n, uint64_t flip, void* to) noexcept;
using ElementsOf = void (*)(const void* keys, int64_t n, uint64_t flip, void* to) noexcept;

// Sorts n keys, with memory for as many in `other`; false where they are so uneven that digits are faster: they are
// still the same keys then, in some order.
using NarrowSort = bool (*)(uint32_t* keys, uint32_t* other, int64_t n) noexcept;

// Sorts `rows` rows of n keys, up to kShortRow; and gives the `k` first of each row's places 0 ... n, of equal keys in
// order. Those of 64 bits have none of the latter.
inline constexpr int64_t kShortRow = 32;
using ShortSort = void (*)(void* keys, int64_t rows, int64_t n) noexcept;
using ShortPlaces = void (*)(const void* keys, int64_t rows, int64_t n, int64_t k, int32_t* places) noexcept;

struct KeySort {
  KeysOf keys_of[kDTypes];
  ElementsOf elements_of[kDTypes];
  ShortSort short_sort[kDTypes];
  ShortPlaces short_places[kDTypes];
  NarrowSort narrow;  // null: by digits
};

}  // namespace ckeras
