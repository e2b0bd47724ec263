// Packing: elements of an operand, wherever they lie, into panels as gemm/tile.h reads them. Only for .isa.cpp files.
#pragma once
#include "cpu/block.h"
#include "cpu/whole.h"
#include "gemm/tile.h"

namespace ckeras::CKERAS_ISA {

// to[p * stride + i] = row(i)[p] for p < k, i < count, and 0 for the i up to `filled` (a multiple of kBlock). row(i)
// gives null for a row of zeros. `stride` >= filled.
template <class T, class Row>
CKERAS_INLINE void pack_transposed(T* to, int64_t stride, int64_t count, int64_t filled, int64_t k, const Row& row) {
  constexpr int64_t kSize = kBlock<T>;
  using R = Raw<T, kBlock<T>>;
  for (int64_t i = 0; i < filled; i += kSize) {
    const T* from[kSize];
#pragma GCC unroll 8
    for (int64_t r = 0; r < kSize; ++r) from[r] = i + r < count ? row(i + r) : nullptr;
    int64_t p = 0;
    for (; p + kSize <= k; p += kSize) {
      R block[kSize];
#pragma GCC unroll 8
      for (int64_t r = 0; r < kSize; ++r) block[r] = from[r] != nullptr ? load_raw<T, kBlock<T>>(from[r] + p) : R{};
      transpose_block(block);
#pragma GCC unroll 8
      for (int64_t r = 0; r < kSize; ++r) store_raw(to + (p + r) * stride + i, block[r]);
    }
    if (p == k) continue;
    constexpr T kZeros[kSize] = {};
    const T* rest[kSize];
#pragma GCC unroll 8
    for (int64_t r = 0; r < kSize; ++r) rest[r] = from[r] != nullptr ? from[r] + p : kZeros;
    for (T* at = to + p * stride + i; p < k; ++p, at += stride) {
#pragma GCC unroll 8
      for (int64_t r = 0; r < kSize; ++r) at[r] = *rest[r]++;
    }
  }
}

// to[i] = from[i] for i < count alone.
template <class T>
CKERAS_INLINE void copy_few(T* to, const T* from, int64_t count) {
  using Vector = VecOf<T>;
  if (count == kPanelRows) {
    __builtin_memcpy(to, from, kPanelRows * sizeof(T));
  } else if (count < 4) {
    for (int64_t i = 0; i < count; ++i) to[i] = from[i];
  } else {
    for (int64_t i = 0; i < count; i += Vector::kLanes) Vector::load(from + i, count - i).store(to + i, count - i);
  }
}

// to[i] = from[i] for i < count, and 0 up to the next whole vector.
template <class T>
CKERAS_INLINE void pack_row(T* to, const T* from, int64_t count) {
  using Vector = VecOf<T>;
  int64_t i = 0;
  for (; i + Vector::kLanes <= count; i += Vector::kLanes) Vector::load(from + i).store(to + i);
  if (i < count) Vector::load(from + i, count - i).store(to + i);
}

// An operand that lies in memory as a matrix. Element (i, p), i across the panel and p along K, is data[i * stride + p]
// when `along_k`, else data[p * stride + i].
template <class T>
struct Matrix {
  const T* data;
  int64_t stride;
  bool along_k;

  CKERAS_MEMBER bool readable() const { return !along_k; }
  // Columns up to which a product reads it as A where it lies.
  CKERAS_MEMBER int64_t read_columns() const {
    if (stride * static_cast<int64_t>(sizeof(T)) % kCrowdedA == 0) return 0;
    return along_k ? kReadAlongColumns : read_across_columns();
  }
  CKERAS_MEMBER int64_t row_step() const { return along_k ? stride : 1; }
  CKERAS_MEMBER int64_t k_step() const { return along_k ? 1 : stride; }
  CKERAS_MEMBER const T* at(int64_t i, int64_t p) const { return data + (along_k ? i * stride + p : p * stride + i); }

  // Line `number` of each row along K that a panel from (i0, p0) on, `width` wide, is packed from.
  CKERAS_MEMBER Ahead ahead(int64_t i0, int64_t width, int64_t p0, int64_t number) const {
    constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
    if (along_k || number * kLine >= width) return {data, 0};
    return {at(i0 + number * kLine, p0), stride * static_cast<int64_t>(sizeof(T))};
  }

  // Elements i0 ... i0 + count - 1 of p0 ... p0 + k - 1; `width` is the panel's.
  CKERAS_MEMBER void pack(T* to, int64_t width, int64_t i0, int64_t count, int64_t p0, int64_t k) const {
    const T* from = at(i0, p0);
    if (along_k) {
      const int64_t filled = least(width, round_up(count, VecOf<T>::kLanes));
      pack_transposed(to, width, count, filled, k, [&](int64_t i) { return from + i * stride; });
    } else if (width % VecOf<T>::kLanes == 0) {
      for (int64_t p = 0; p < k; ++p) pack_row(to + p * width, from + p * stride, count);
    } else {
      for (int64_t p = 0; p < k; ++p) copy_few(to + p * width, from + p * stride, count);
    }
  }
};

}  // namespace ckeras::CKERAS_ISA
