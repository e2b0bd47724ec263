// Rows of an output with a border around a copy of the input: of a value, or of the input's own elements. For portable
// kernels.
#pragma once
#include <algorithm>

#include "cpu/parallel.h"
#include "ops/move/bytes.h"
#include "runtime/kernel.h"

namespace ckeras::portable {

// A dimension: `n` elements of the input after `low` of the border, `total` in all; a negative `low`, and a total less
// than low + n, leave elements out, but not all. What lies in the border: places[i] of the input, first those before
// it; null: none of it.
struct Bordered {
  int64_t n, low, total;
  const int64_t* places;
  int64_t before() const { return std::max<int64_t>(0, low); }
  int64_t border() const { return before() + std::max<int64_t>(0, total - low - n); }
  int64_t place(int64_t i) const {
    i -= low;
    if (i >= 0 && i < n) return i;
    return places == nullptr ? -1 : places[i < 0 ? i + low : i - n + before()];
  }
};

// The dimensions up to the last that has a border; `inner` elements lie in each element of it.
struct Borders {
  Bordered dims[kMaxRank];
  int rank = 0;
  int64_t inner = 1;
  Borders(const View& x, const View& y, const int64_t* lows) {
    for (int d = 0; d < x.rank; ++d) {
      dims[d] = {x.shape[d], lows[d], y.shape[d], nullptr};
      if (y.shape[d] != x.shape[d] || lows[d] != 0) rank = d + 1;
    }
    for (int d = rank; d < x.rank; ++d) inner *= x.shape[d];
  }
  // Rows lie along the last dimension, in planes with the one before it.
  Bordered row_dim() const { return rank > 1 ? dims[rank - 2] : Bordered{1, 0, 1, nullptr}; }
  int64_t rows() const {
    int64_t count = 1;
    for (int d = 0; d < rank - 1; ++d) count *= dims[d].total;
    return count;
  }
  // Which plane of the input plane `i` of the output is; -1: it lies in the border.
  int64_t plane_inside(int64_t i) const {
    int64_t from = 0, step = 1;
    for (int d = rank - 3; d >= 0; --d) {
      const int64_t place = dims[d].place(i % dims[d].total);
      if (place < 0) return -1;
      i /= dims[d].total;
      from += place * step;
      step *= dims[d].n;
    }
    return from;
  }
  // visit(row of the output, row of the input or -1), in order.
  template <class Visit>
  void each_row(int64_t begin, int64_t end, const Visit& visit) const {
    const Bordered dim = row_dim();
    while (begin < end) {
      const int64_t plane = begin / dim.total, from = plane_inside(plane);
      for (int64_t i = begin - plane * dim.total; i < dim.total && begin < end; ++i, ++begin) {
        const int64_t place = dim.place(i);
        visit(begin, from < 0 || place < 0 ? -1 : from * dim.n + place);
      }
    }
  }
  int64_t places() const {
    int64_t sum = 0;
    for (int d = 0; d < rank; ++d) sum += dims[d].border();
    return sum;
  }
};

inline constexpr int64_t kBorderPiece = 1 << 14;  // elements a piece of parallel work writes, about

template <class T>
void copy_some(T* to, const T* from, int64_t n) {
  if (n > 0) move::copy_bytes(to, from, static_cast<size_t>(n) * sizeof(T));
}

// value: what the border holds, or null for elements of x.
template <class T>
void write_bordered(const Borders& borders, const T* x, T* y, const T* value) {
  const int64_t inner = borders.inner;
  if (borders.rank == 0) {
    return cpu::parallel_for(inner, 4 * kBorderPiece,
                             [&](int64_t begin, int64_t end) { copy_some(y + begin, x + begin, end - begin); });
  }
  const Bordered& last = borders.dims[borders.rank - 1];
  // A cut of a row, and how many of them there are.
  const int64_t width = std::max<int64_t>(1, kBorderPiece / std::max<int64_t>(inner, 1));
  const int64_t cuts = (last.total + width - 1) / width;
  const auto write = [&](int64_t row, int64_t from_row, int64_t first, int64_t stop) {
    T* const to = y + row * last.total * inner;
    const T* const from = x + std::max<int64_t>(0, from_row) * last.n * inner;
    const auto border = [&](int64_t i, int64_t n) {
      if (value != nullptr) return static_cast<void>(std::fill(to + i * inner, to + n * inner, *value));
      const int64_t skipped = i < last.low ? 0 : last.low + last.n - last.before();
      if (inner == 1) {
        for (; i < n; ++i) to[i] = from[last.places[i - skipped]];
      } else {
        for (; i < n; ++i) copy_some(to + i * inner, from + last.places[i - skipped] * inner, inner);
      }
    };
    if (from_row < 0) return border(first, stop);
    const int64_t low = std::clamp(last.low, first, stop), high = std::clamp(last.low + last.n, first, stop);
    border(first, low);
    if (low < high) copy_some(to + low * inner, from + (low - last.low) * inner, (high - low) * inner);
    border(high, stop);
  };
  const int64_t grain = std::max<int64_t>(1, kBorderPiece / std::max<int64_t>(1, std::min(width, last.total) * inner));
  cpu::parallel_for(borders.rows() * cuts, grain, [&](int64_t begin, int64_t end) {
    if (cuts == 1) {
      return borders.each_row(begin, end, [&](int64_t row, int64_t from) { write(row, from, 0, last.total); });
    }
    for (int64_t item = begin; item < end; ++item) {
      const int64_t first = item % cuts * width, stop = std::min(first + width, last.total);
      borders.each_row(item / cuts, item / cuts + 1, [&](int64_t row, int64_t from) { write(row, from, first, stop); });
    }
  });
}

}  // namespace ckeras::portable
