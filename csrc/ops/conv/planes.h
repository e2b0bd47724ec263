// Images whose channels come first, turned over a few rows at a time: pixels with all their channels, as tiles are
// transformed, lie in a buffer that stays in the cache. Only for .isa.cpp files.
#pragma once
#include "cpu/block.h"
#include "gemm/pack.h"

namespace ckeras::CKERAS_ISA {

// Where channels come first: an image of a group is `z` planes of each of its channels. z = 0: they come last.
struct Planes {
  int64_t z = 0, image = 0, channel = 0;  // elements from an image, a channel, to the next

  CKERAS_MEMBER bool first() const { return z > 0; }
  // Channel 0's plane `number` of all images, of `size` pixels.
  CKERAS_MEMBER int64_t plane(int64_t number, int64_t size) const { return number / z * image + number % z * size; }
  CKERAS_MEMBER int64_t group(int64_t channels) const { return channels * (first() ? channel : 1); }
};

namespace {

// to[j * to_step + i] = from[i * from_step + j] for i < rows, j < columns. Sixteen of the shorter side at a time.
template <class T>
void turn(const T* from, int64_t from_step, int64_t rows, int64_t columns, T* to, int64_t to_step) noexcept {
  constexpr int64_t kSide = kBlock<T>, kStrip = 16;
  const auto square = [&](int64_t i, int64_t j) __attribute__((always_inline)) {
    Raw<T, kSide> block[kSide];
#pragma GCC unroll 8
    for (int r = 0; r < kSide; ++r) block[r] = load_raw<T, kSide>(from + (i + r) * from_step + j);
    transpose_block(block);
#pragma GCC unroll 8
    for (int r = 0; r < kSide; ++r) store_raw(to + (j + r) * to_step + i, block[r]);
  };
  const int64_t whole_rows = rows - rows % kSide, whole_columns = columns - columns % kSide;
  if (rows < columns) {
    for (int64_t strip = 0; strip < whole_rows; strip += kStrip) {
      for (int64_t j = 0; j < whole_columns; j += kSide) {
        for (int64_t i = strip; i < least(whole_rows, strip + kStrip); i += kSide) square(i, j);
      }
    }
  } else {
    for (int64_t strip = 0; strip < whole_columns; strip += kStrip) {
      for (int64_t i = 0; i < whole_rows; i += kSide) {
        for (int64_t j = strip; j < least(whole_columns, strip + kStrip); j += kSide) square(i, j);
      }
    }
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j)
      to[j * to_step + i] = from[i * from_step + j];
  }
}

// Rows x columns pixels of a plane of `width` columns, from `plane` on, as pixels of `channels` channels, `step` apart.
template <class T>
void read_planes(const T* plane, const Planes& p, int64_t width, int64_t rows, int64_t columns, int64_t channels, T* to,
                 int64_t step) noexcept {
  if (columns == width) {
    turn(plane, p.channel, channels, rows * columns, to, step);
    return;
  }
  for (int64_t r = 0; r < rows; ++r)
    turn(plane + r * width, p.channel, channels, columns, to + r * columns * step, step);
}
// The same the other way.
template <class T>
void write_planes(const T* from, int64_t step, int64_t rows, int64_t columns, int64_t channels, T* plane,
                  const Planes& p, int64_t width) noexcept {
  if (columns == width) {
    turn(from, step, rows * columns, channels, plane, p.channel);
    return;
  }
  for (int64_t r = 0; r < rows; ++r)
    turn(from + r * columns * step, step, columns, channels, plane + r * width, p.channel);
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
