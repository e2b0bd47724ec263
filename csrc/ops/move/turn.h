// Blocks of elements turned over: what is contiguous in the source becomes what is far apart. For .cpp files.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "cpu/stream.h"
#include "ops/move/bytes.h"

namespace ckeras::move {

// Of a block: lines of 256 bytes, and a buffer that leaves room in the nearest cache.
template <class U>
inline constexpr int64_t kBlockSide = sizeof(U) <= 4 ? 64 : 256 / static_cast<int64_t>(sizeof(U));

// As many lines of 16 bytes as elements in one.
template <class U>
class Square {
 public:
  static constexpr int kLanes = 16 / sizeof(U);
  typedef U Line __attribute__((vector_size(16)));

  static void turn(U* dst, int64_t dst_step, const U* src, int64_t src_step) {
    Line lines[kLanes], mixed[kLanes];
    for (int i = 0; i < kLanes; ++i) std::memcpy(&lines[i], src + i * src_step, 16);
    // Each shuffle moves the highest bit of a line's number to be the lowest of the lane's.
    for (int step = 1; step < kLanes; step *= 2) {
      for (int i = 0; i < kLanes / 2; ++i) {
        mixed[2 * i] = merge<0>(lines[i], lines[i + kLanes / 2], std::make_index_sequence<kLanes>());
        mixed[2 * i + 1] = merge<kLanes / 2>(lines[i], lines[i + kLanes / 2], std::make_index_sequence<kLanes>());
      }
      for (int i = 0; i < kLanes; ++i) lines[i] = mixed[i];
    }
    for (int i = 0; i < kLanes; ++i) std::memcpy(dst + i * dst_step, &lines[i], 16);
  }

 private:
  // a[first], b[first], a[first + 1], b[first + 1], ...
  template <int kFirst, size_t... kPlace>
  static Line merge(Line a, Line b, std::index_sequence<kPlace...>) {
    return __builtin_shufflevector(a, b, (kFirst + kPlace / 2 + kPlace % 2 * kLanes)...);
  }
};
template <>
class Square<Wide> {
 public:
  static constexpr int kLanes = 1;
  static void turn(Wide* dst, int64_t, const Wide* src, int64_t) { *dst = *src; }
};

// dst[i] = src[n - 1 - i] for the n elements that kBytes bytes hold.
template <class U, size_t kBytes, size_t... kPlace>
CKERAS_INLINE void reverse_line(U* dst, const U* src, std::index_sequence<kPlace...>) {
  typedef U Line __attribute__((vector_size(kBytes)));
  Line line;
  std::memcpy(&line, src, kBytes);
  line = __builtin_shufflevector(line, line, (sizeof...(kPlace) - 1 - kPlace)...);
  std::memcpy(dst, &line, kBytes);
}
template <class U, size_t kBytes>
CKERAS_INLINE void reverse_line(U* dst, const U* src) {
  reverse_line<U, kBytes>(dst, src, std::make_index_sequence<kBytes / sizeof(U)>());
}

// dst[j * dst_step + i] = src[i * src_step + j] for i < rows, j < columns, both at most kBlockSide. Each line of either
// side is touched once and whole, so that lines that the cache keeps in one place do not drive each other out.
// streamed: whole lines go past the caches; the caller ends with end_stream().
template <class U>
void turn_block(U* dst, int64_t dst_step, const U* src, int64_t src_step, int64_t rows, int64_t columns,
                bool streamed) {
  constexpr int64_t kSide = kBlockSide<U>, kLanes = Square<U>::kLanes;
  if (rows * static_cast<int64_t>(sizeof(U)) <= 64 && rows % kLanes == 0 && columns % kLanes == 0) {
    for (int64_t j = 0; j < columns; j += kLanes) {
      for (int64_t i = 0; i < rows; i += kLanes) {
        Square<U>::turn(dst + j * dst_step + i, dst_step, src + i * src_step + j, src_step);
      }
    }
    return;
  }
  alignas(64) U buffer[kSide * kSide];
  const int64_t whole_rows = rows - rows % kLanes, whole_columns = columns - columns % kLanes;
  for (int64_t i = 0; i < whole_rows; i += kLanes) {
    for (int64_t j = 0; j < whole_columns; j += kLanes) {
      Square<U>::turn(buffer + j * kSide + i, kSide, src + i * src_step + j, src_step);
    }
  }
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t first = i < whole_rows ? whole_columns : 0;
    for (int64_t j = first; j < columns; ++j) buffer[j * kSide + i] = src[i * src_step + j];
  }
  const auto places = reinterpret_cast<uintptr_t>(dst) | static_cast<uintptr_t>(dst_step) * sizeof(U);
  if (rows == kSide && streamed && places % 16 == 0) {
    for (int64_t j = 0; j < columns; ++j) cpu::stream_bytes(dst + j * dst_step, buffer + j * kSide, sizeof(U) * kSide);
  } else if (rows == kSide) {
    for (int64_t j = 0; j < columns; ++j) std::memcpy(dst + j * dst_step, buffer + j * kSide, sizeof(U) * kSide);
  } else {
    for (int64_t j = 0; j < columns; ++j) std::memcpy(dst + j * dst_step, buffer + j * kSide, sizeof(U) * rows);
  }
}

}  // namespace ckeras::move
