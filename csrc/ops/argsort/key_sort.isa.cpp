// Quicksort whose partitions compress vectors, down to runs that a sorting network takes in registers (K. E. Batcher,
// 1968; S. Gueron, V. Krasnov, "Fast quicksort implementation using AVX instructions", 2016).
#include "ops/argsort/key_sort.h"

#include <cstring>

#include "cpu/vec.h"
#include "ops/argsort/keys.h"
#include "ops/argsort/network.h"

namespace ckeras::CKERAS_ISA {

extern const KeySort key_sort;

namespace {

template <class K>
void keys_of(const void* elements, int64_t n, uint64_t flip, void* to) noexcept {
  using Key = typename K::Key;
  const auto* const x = static_cast<const typename K::Element*>(elements);
  auto* const y = static_cast<Key*>(to);
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<Key>(K::of(x[i]) ^ static_cast<Key>(flip));
}
template <class K>
void elements_of(const void* keys, int64_t n, uint64_t flip, void* to) noexcept {
  using Key = typename K::Key;
  const auto* const x = static_cast<const Key*>(keys);
  auto* const y = static_cast<Key*>(to);
  for (int64_t i = 0; i < n; ++i) y[i] = K::element(static_cast<Key>(x[i] ^ static_cast<Key>(flip)));
}

// visit(first row, rows) of up to kColumns of them; what they leave of the columns is sorted, too, and not read.
template <class Visit>
CKERAS_INLINE void each_columns(int64_t rows, const Visit& visit) {
  for (int64_t r = 0; r < rows; r += kColumns) visit(r, least(kColumns, rows - r));
}

template <class Key>
void short_sort(void* keys, int64_t rows, int64_t n) noexcept {
  Key columns[kShortRow * kColumns] = {};
  each_columns(rows, [&](int64_t first, int64_t count) {
    Key* const x = static_cast<Key*>(keys) + first * n;
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t i = 0; i < n; ++i) columns[i * kColumns + r] = x[r * n + i];
    }
    sort_columns(columns, n);
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t i = 0; i < n; ++i) x[r * n + i] = columns[i * kColumns + r];
    }
  });
}
template <class Key>
void short_places(const void* keys, int64_t rows, int64_t n, int64_t k, int32_t* places) noexcept {
  using Item = std::conditional_t<sizeof(Key) == 4, uint64_t, uint32_t>;  // a key above its place
  constexpr int kBits = 4 * sizeof(Item);
  static_assert(sizeof(Key) <= sizeof(Item) / 2);
  Item columns[kShortRow * kColumns] = {};
  each_columns(rows, [&](int64_t first, int64_t count) {
    const Key* const x = static_cast<const Key*>(keys) + first * n;
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t i = 0; i < n; ++i) {
        columns[i * kColumns + r] = static_cast<Item>(x[r * n + i]) << kBits | static_cast<Item>(i);
      }
    }
    sort_columns(columns, n);
    constexpr Item kPlace = static_cast<Item>((Item{1} << kBits) - 1);
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t i = 0; i < k; ++i) {
        places[(first + r) * k + i] = static_cast<int32_t>(columns[i * kColumns + r] & kPlace);
      }
    }
  });
}

constexpr KeySort with_narrow(NarrowSort narrow) {
  KeySort sort{};
  for (int d = 0; d < kDTypes; ++d) {
    with_key(static_cast<DType>(d), [&](auto key) {
      sort.keys_of[d] = keys_of<decltype(key)>;
      sort.elements_of[d] = elements_of<decltype(key)>;
      using Key = typename decltype(key)::Key;
      sort.short_sort[d] = short_sort<Key>;
      if constexpr (sizeof(Key) < 8) sort.short_places[d] = short_places<Key>;
    });
  }
  sort.narrow = narrow;
  return sort;
}

}  // namespace

#if defined(CKERAS_ISA_AVX512)
// gcc 12 takes the don't-care operands of its own intrinsics for uninitialized ones (PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
namespace {

constexpr int64_t kLanes = 16;
constexpr int kRunVectors = 8;  // of the network
constexpr int64_t kRun = kRunVectors * kLanes;

using Keys = __m512i;

template <int kDistance>
CKERAS_INLINE Keys exchanged(Keys x) {
  if constexpr (kDistance == 1) return _mm512_shuffle_epi32(x, _MM_PERM_CDAB);
  if constexpr (kDistance == 2) return _mm512_shuffle_epi32(x, _MM_PERM_BADC);
  if constexpr (kDistance == 4) return _mm512_shuffle_i64x2(x, x, 0xb1);
  if constexpr (kDistance == 8) return _mm512_shuffle_i64x2(x, x, 0x4e);
}
CKERAS_INLINE Keys reversed(Keys x) {
  return _mm512_permutexvar_epi32(_mm512_set_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), x);
}

// The lanes that keep the larger key of two kDistance apart, where runs of kLength turn about: up, down.
template <int kLength, int kDistance>
constexpr __mmask16 upper() {
  unsigned mask = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    mask |= unsigned{((lane & kDistance) != 0) != ((lane & kLength) != 0)} << lane;
  }
  return static_cast<__mmask16>(mask);
}

// Bitonic runs of 2 kDistance lanes become sorted runs, which turn about with kLength.
template <int kLength, int kDistance>
CKERAS_INLINE Keys merged(Keys x) {
  const Keys other = exchanged<kDistance>(x), low = _mm512_min_epu32(x, other);
  const Keys y = _mm512_mask_max_epu32(low, upper<kLength, kDistance>(), x, other);
  if constexpr (kDistance > 1) return merged<kLength, kDistance / 2>(y);
  return y;
}
CKERAS_INLINE Keys sorted(Keys x) { return merged<16, 8>(merged<8, 4>(merged<4, 2>(merged<2, 1>(x)))); }

CKERAS_INLINE void order(Keys& a, Keys& b) {
  const Keys low = _mm512_min_epu32(a, b);
  b = _mm512_max_epu32(a, b);
  a = low;
}

// x, bitonic as a whole, becomes sorted.
template <int kCount>
CKERAS_INLINE void merge(Keys* x) {
  if constexpr (kCount == 1) {
    *x = merged<16, 8>(*x);
  } else {
#pragma GCC unroll 8
    for (int i = 0; i < kCount / 2; ++i) order(x[i], x[i + kCount / 2]);
    merge<kCount / 2>(x);
    merge<kCount / 2>(x + kCount / 2);
  }
}
template <int kCount>
CKERAS_INLINE void sort_vectors(Keys* x) {
  if constexpr (kCount == 1) {
    *x = sorted(*x);
  } else {
    sort_vectors<kCount / 2>(x);
    sort_vectors<kCount / 2>(x + kCount / 2);
    // The second half turned over makes the whole bitonic: its vectors meet the first half's from the far end.
#pragma GCC unroll 8
    for (int i = 0; i < kCount / 4; ++i) {
      const Keys far = reversed(x[kCount - 1 - i]);
      x[kCount - 1 - i] = reversed(x[kCount / 2 + i]);
      x[kCount / 2 + i] = far;
    }
    if constexpr (kCount == 2) x[1] = reversed(x[1]);
    merge<kCount>(x);
  }
}

CKERAS_INLINE __mmask16 first_lanes(int64_t count) {
  return static_cast<__mmask16>(count >= kLanes ? 0xffff : (1u << (count > 0 ? count : 0)) - 1);
}

template <int kCount>
void sort_run(uint32_t* keys, int64_t n) {
  Keys x[kCount];
  const Keys last = _mm512_set1_epi32(-1);
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) {
    x[i] = _mm512_mask_loadu_epi32(last, first_lanes(n - i * kLanes), keys + i * kLanes);
  }
  sort_vectors<kCount>(x);
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) _mm512_mask_storeu_epi32(keys + i * kLanes, first_lanes(n - i * kLanes), x[i]);
}
void sort_few(uint32_t* keys, int64_t n) {
  n <= kLanes       ? sort_run<1>(keys, n)
  : n <= 2 * kLanes ? sort_run<2>(keys, n)
  : n <= 4 * kLanes ? sort_run<4>(keys, n)
                    : sort_run<kRunVectors>(keys, n);
}

// About the middle of n keys: that of 16 of them.
uint32_t middle(const uint32_t* keys, int64_t n) {
  uint32_t some[kLanes];
  for (int i = 0; i < kLanes; ++i) some[i] = keys[(2 * i + 1) * n / (2 * kLanes)];
  sort_run<1>(some, kLanes);
  return some[kLanes / 2];
}

// Keys below `pivot` come first; how many they are. What is not goes by way of `other`.
int64_t partition(uint32_t* keys, uint32_t* other, int64_t n, uint32_t pivot) {
  const Keys pivots = _mm512_set1_epi32(static_cast<int>(pivot));
  int64_t below = 0, i = 0;
  // Whole vectors are stored: neither `below` nor i - below is beyond i, whose vector has been read.
#pragma GCC unroll 4
  for (; i + kLanes <= n; i += kLanes) {
    const Keys x = _mm512_loadu_si512(keys + i);
    const __mmask16 less = _mm512_cmplt_epu32_mask(x, pivots);
    _mm512_storeu_si512(keys + below, _mm512_maskz_compress_epi32(less, x));
    _mm512_storeu_si512(other + (i - below), _mm512_maskz_compress_epi32(static_cast<__mmask16>(~less), x));
    below += __builtin_popcount(less);
  }
  if (i < n) {
    const __mmask16 valid = first_lanes(n - i);
    const Keys x = _mm512_maskz_loadu_epi32(valid, keys + i);
    const __mmask16 less = _mm512_mask_cmplt_epu32_mask(valid, x, pivots);
    _mm512_mask_storeu_epi32(other + (i - below), valid,
                             _mm512_maskz_compress_epi32(static_cast<__mmask16>(valid & ~less), x));
    _mm512_mask_storeu_epi32(keys + below, valid, _mm512_maskz_compress_epi32(less, x));
    below += __builtin_popcount(less);
  }
  std::memcpy(keys + below, other, static_cast<size_t>(n - below) * sizeof(uint32_t));
  return below;
}

bool sort_by_parts(uint32_t* keys, uint32_t* other, int64_t n, int depth) {
  while (n > kRun) {
    if (depth-- == 0) return false;
    const uint32_t pivot = middle(keys, n);
    int64_t below = partition(keys, other, n, pivot);
    if (below == 0) {  // the pivot is the least of them: those that equal it have their place
      if (pivot == UINT32_MAX) return true;
      below = partition(keys, other, n, pivot + 1);
    } else if (!sort_by_parts(keys, other, below, depth)) {
      return false;
    }
    keys += below;
    n -= below;
  }
  if (n > 1) sort_few(keys, n);
  return true;
}

bool sort_narrow(uint32_t* keys, uint32_t* other, int64_t n) noexcept {
  return sort_by_parts(keys, other, n, 2 * (64 - __builtin_clzll(static_cast<uint64_t>(n) | 1)));
}

}  // namespace

constinit const KeySort key_sort = with_narrow(sort_narrow);
#else
constinit const KeySort key_sort = with_narrow(nullptr);
#endif

}  // namespace ckeras::CKERAS_ISA
