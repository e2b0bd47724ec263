// Blocks of elements turned over: what is contiguous in the source becomes what is far apart. For .cpp files.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#ifdef __x86_64__
#include <immintrin.h>
#endif

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

#ifdef __x86_64__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"  // of the undefined operands within the intrinsics
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
// Sixteen lines of sixteen elements of four bytes: quarters of the lines i, i + 4, i + 8 and i + 12 are read into one
// register, so that two rounds of shuffles within the quarters are all. Where the lines after them will be asked for,
// `ahead` elements further in the source, they are fetched.
template <bool kStreamed>
__attribute__((target("avx512f"))) inline void turn_lines(uint32_t* dst, int64_t dst_step, const uint32_t* src,
                                                          int64_t src_step, int64_t ahead) {
  __m512i in[4][4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const uint32_t* const line = src + i * src_step;
    __builtin_prefetch(line + ahead, 0, 2);
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
      in[i][c] = _mm512_castsi128_si512(_mm_loadu_si128(reinterpret_cast<const __m128i*>(line + 4 * c)));
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
      const uint32_t* const at = src + i * src_step + 4 * c;
      in[i][c] = _mm512_inserti32x4(in[i][c], _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 4 * src_step)), 1);
      in[i][c] = _mm512_inserti32x4(in[i][c], _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 8 * src_step)), 2);
      in[i][c] = _mm512_inserti32x4(in[i][c], _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 12 * src_step)), 3);
    }
    __builtin_prefetch(src + (i + 4) * src_step + ahead, 0, 2);
    __builtin_prefetch(src + (i + 8) * src_step + ahead, 0, 2);
    __builtin_prefetch(src + (i + 12) * src_step + ahead, 0, 2);
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const __m512i a = _mm512_unpacklo_epi32(in[0][c], in[1][c]), b = _mm512_unpacklo_epi32(in[2][c], in[3][c]);
    const __m512i d = _mm512_unpackhi_epi32(in[0][c], in[1][c]), e = _mm512_unpackhi_epi32(in[2][c], in[3][c]);
    const __m512i out[4] = {_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b), _mm512_unpacklo_epi64(d, e),
                            _mm512_unpackhi_epi64(d, e)};
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      uint32_t* const to = dst + (4 * c + k) * dst_step;
      if constexpr (kStreamed) {
        _mm512_stream_si512(reinterpret_cast<__m512i*>(to), out[k]);
      } else {
        _mm512_storeu_si512(to, out[k]);
      }
    }
  }
}

// As turn_block, of whole sixteens alone.
template <bool kStreamed>
__attribute__((target("avx512f"))) inline void turn_sixteens(uint32_t* dst, int64_t dst_step, const uint32_t* src,
                                                             int64_t src_step, int64_t rows, int64_t columns) {
  for (int64_t j = 0; j < columns; j += 16) {
    for (int64_t i = 0; i < rows; i += 16) {
      turn_lines<kStreamed>(dst + j * dst_step + i, dst_step, src + i * src_step + j, src_step, columns);
    }
  }
}
#pragma GCC diagnostic pop
#endif

// As turn_block, by lines of 16 bytes and through a buffer.
template <class U>
void turn_through(U* dst, int64_t dst_step, const U* src, int64_t src_step, int64_t rows, int64_t columns,
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

// dst[j * dst_step + i] = src[i * src_step + j] for i < rows, j < columns, both at most kBlockSide. Each line of either
// side is touched once and whole, so that lines that the cache keeps in one place do not drive each other out.
// streamed: whole lines go past the caches; the caller ends with end_stream().
template <class U>
void turn_block(U* dst, int64_t dst_step, const U* src, int64_t src_step, int64_t rows, int64_t columns,
                bool streamed) {
#ifdef __x86_64__
  if constexpr (sizeof(U) == 4) {
    static const bool wide = __builtin_cpu_supports("avx512f");
    const int64_t i0 = rows & ~int64_t{15}, j0 = columns & ~int64_t{15};
    if (wide && i0 > 0 && j0 > 0) {
      const auto places = reinterpret_cast<uintptr_t>(dst) | static_cast<uintptr_t>(dst_step) * sizeof(U);
      (streamed && places % 64 == 0 ? turn_sixteens<true> : turn_sixteens<false>)(dst, dst_step, src, src_step, i0, j0);
      if (i0 < rows) turn_through(dst + i0, dst_step, src + i0 * src_step, src_step, rows - i0, j0, streamed);
      if (j0 < columns) turn_through(dst + j0 * dst_step, dst_step, src + j0, src_step, rows, columns - j0, streamed);
      return;
    }
  }
#endif
  turn_through(dst, dst_step, src, src_step, rows, columns, streamed);
}

}  // namespace ckeras::move
