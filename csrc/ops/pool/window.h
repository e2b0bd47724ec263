// The windows of a pool, a vector of channels at a time; images of few channels go one element at a time. Only for
// .isa.cpp files.
#pragma once
#include "cpu/parallel.h"
#include "gemm/pack.h"
#include "gemm/widen.h"
#include "ops/pool/pool.h"

namespace ckeras::CKERAS_ISA {

// One lane, with the functions of the vectors that a window needs.
template <class T>
struct One {
  using Lane = T;
  static constexpr int64_t kLanes = 1;

  T x;

  static CKERAS_MEMBER One load(const T* p) { return {*p}; }
  static CKERAS_MEMBER One load(const T* p, int64_t) { return {*p}; }
  CKERAS_MEMBER void store(T* p) const { *p = x; }
  CKERAS_MEMBER void store(T* p, int64_t) const { *p = x; }
  friend CKERAS_MEMBER One operator+(One a, One b) { return {a.x + b.x}; }
  friend CKERAS_MEMBER One operator*(One a, One b) { return {a.x * b.x}; }
  friend CKERAS_MEMBER bool operator<=(One a, One b) { return a.x <= b.x; }
  friend CKERAS_MEMBER bool operator==(One a, One b) { return a.x == b.x; }
  friend CKERAS_MEMBER One larger(One a, One b) { return {a.x > b.x ? a.x : b.x}; }
  friend CKERAS_MEMBER One select(bool m, One a, One b) { return m ? a : b; }
};

// f(V{}) with the vector for so many channels.
template <class T, class F>
CKERAS_INLINE void with_lanes(int64_t channels, const F& f) {
  if (channels * 4 >= VecOf<T>::kLanes) {
    f(VecOf<T>(T{0}));
  } else {
    f(One<T>{});
  }
}

template <class V>
CKERAS_INLINE V splat(typename V::Lane x) {
  return V{x};
}

// A window's part inside the image, at the channels of one vector: all of its lanes, or the first `count`. (A load may
// wait long for the store of part of a vector, so only rests are parts.) kSide > 0: a square of such a side in one
// plane, wholly inside the image, unrolled.
template <class V, bool kWhole, int kSide = 0>
struct Window {
  using T = typename V::Lane;

  int64_t planes, rows, columns;
  T share;                     // 1 / places
  int64_t plane, row, column;  // elements from one to the next
  int64_t number;              // of its first place among the whole window's, row-major
  int64_t plane_numbers, row_numbers;
  int64_t first = 0;          // element of the image at its first place
  int64_t count = V::kLanes;  // of channels

  CKERAS_MEMBER bool empty() const { return planes <= 0 || rows <= 0 || columns <= 0; }

  CKERAS_MEMBER V load(const T* p) const {
    if constexpr (kWhole) {
      return V::load(p);
    } else {
      return V::load(p, count);
    }
  }
  CKERAS_MEMBER void store(V v, T* p) const {
    if constexpr (kWhole) {
      v.store(p);
    } else {
      v.store(p, count);
    }
  }

  // body(number, element) for every place in row-major order; numbers count the places in the padding too.
  template <class Body>
  CKERAS_MEMBER void each(const Body& body) const {
    if constexpr (kSide > 0) {
#pragma GCC unroll 16
      for (int i = 0; i < kSide * kSide; ++i) body(i, first + i / kSide * row + i % kSide * column);
    } else {
      for (int64_t p = 0; p < planes; ++p) {
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t n = number + p * plane_numbers + r * row_numbers, at = first + p * plane + r * row;
          for (int64_t c = 0; c < columns; ++c) body(n + c, at + c * column);
        }
      }
    }
  }

  // The same in falling order.
  template <class Body>
  CKERAS_MEMBER void each_back(const Body& body) const {
    if constexpr (kSide > 0) {
#pragma GCC unroll 16
      for (int i = kSide * kSide - 1; i >= 0; --i) body(i, first + i / kSide * row + i % kSide * column);
    } else {
      for (int64_t p = planes - 1; p >= 0; --p) {
        for (int64_t r = rows - 1; r >= 0; --r) {
          const int64_t n = number + p * plane_numbers + r * row_numbers, at = first + p * plane + r * row;
          for (int64_t c = columns - 1; c >= 0; --c) body(n + c, at + c * column);
        }
      }
    }
  }

  template <bool kWholeNow, int kSideNow>
  CKERAS_MEMBER Window<V, kWholeNow, kSideNow> as(int64_t at, int64_t channels) const {
    return {planes, rows, columns, share, plane, row, column, number, plane_numbers, row_numbers, at, channels};
  }
};

template <int kSide>
struct Side {
  static constexpr int value = kSide;
};

// body(window, element of the result) for image n, result plane h and row i, channels [c0, c1).
template <class V, class Body>
CKERAS_INLINE void for_windows(const PoolShape& s, int64_t n, int64_t h, int64_t i, int64_t c0, int64_t c1,
                               const Body& body) {
  using T = typename V::Lane;
  const int64_t plane = s.z.first(h), planes = s.z.end(h) - plane;
  const int64_t row = s.y.first(i), rows = s.y.end(i) - row;
  const int64_t image_row = (n * s.z.size + plane) * s.y.size + row, result_row = (n * s.z.result + h) * s.y.result + i;
  const int64_t plane_numbers = s.y.window * s.x.window, row_numbers = s.x.window;
  const int64_t skipped = (plane - s.z.place(h, 0)) * plane_numbers + (row - s.y.place(i, 0)) * row_numbers;
  Window<V, true> whole{planes,         rows, 0, T{0},          s.y.size * s.x.size * s.c,
                        s.x.size * s.c, s.c,  0, plane_numbers, row_numbers};
  for (int64_t j = 0; j < s.x.result; ++j) {
    const int64_t column = s.x.first(j), columns = s.x.end(j) - column;
    if (columns != whole.columns) {
      whole.columns = columns;
      whole.share = whole.empty() ? T{0} : T{1} / static_cast<T>(planes * rows * columns);
    }
    whole.number = skipped + column - s.x.place(j, 0);
    const int64_t image_pixel = (image_row * s.x.size + column) * s.c, result = (result_row * s.x.result + j) * s.c;
    int64_t c = c0;
    const auto wholes = [&](auto side) {
      for (; c + V::kLanes <= c1; c += V::kLanes) {
        body(whole.template as<true, decltype(side)::value>(image_pixel + c, V::kLanes), result + c);
      }
    };
    const bool square = planes == 1 && plane_numbers == rows * columns && rows == columns && s.z.window == 1;
    if (square && rows == 2) {
      wholes(Side<2>{});
    } else if (square && rows == 3) {
      wholes(Side<3>{});
    } else {
      wholes(Side<0>{});
    }
    if (c < c1) body(whole.template as<false, 0>(image_pixel + c, c1 - c), result + c);
  }
}

inline constexpr int64_t kPoolPiece = 1 << 15;  // elements read

// Rows of results are independent: pieces of work are some of them.
template <class V, class Body>
CKERAS_INLINE void for_result_rows(const PoolShape& s, const Body& body) {
  const int64_t elements = s.x.result * s.c * s.z.window * s.y.window * s.x.window;
  parallel_for(s.n * s.z.result * s.y.result, most(1, kPoolPiece / most(1, elements)), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t plane = row / s.y.result;
      for_windows<V>(s, plane / s.z.result, plane % s.z.result, row % s.y.result, 0, s.c, body);
    }
  });
}

// Images in stretches of channels are independent where windows overlap: pieces of work are some of them, narrow ones
// where there are few images. piece(image, c0, c1).
template <class V, class Piece>
CKERAS_INLINE void for_stretches(const PoolShape& s, const Piece& piece) {
  const int64_t wide = most(1, 64 / V::kLanes) * V::kLanes;
  const int64_t stretch = s.n * ceil_div(s.c, wide) >= 16 ? wide : V::kLanes, stretches = ceil_div(s.c, stretch);
  const int64_t elements = s.z.size * s.y.size * s.x.size * least(s.c, stretch);
  parallel_for(s.n * stretches, most(1, kPoolPiece / most(1, elements)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t c0 = i % stretches * stretch;
      piece(i / stretches, c0, least(s.c, c0 + stretch));
    }
  });
}

// Whether no element belongs to two windows, along all dimensions; whether each belongs to one, along one.
CKERAS_INLINE bool disjoint(const PoolShape& s) {
  return s.z.stride >= s.z.window && s.y.stride >= s.y.window && s.x.stride >= s.x.window;
}
CKERAS_INLINE bool covered(const Dim& d) {
  return d.stride == d.window && d.low >= 0 && d.low < d.window && d.result * d.window - d.low >= d.size;
}

// dx: body(window, element of dy) for every window of an image in row-major order; zeros are set shortly before the
// first window that has them, unless each element belongs to one window.
template <class V, class T, class Body>
CKERAS_INLINE void write_windows(const PoolShape& s, T* dx, const Body& body) {
  const bool full = covered(s.z) && covered(s.y) && covered(s.x);
  for_stretches<V>(s, [&](int64_t n, int64_t c0, int64_t c1) {
    const int64_t rows = s.z.size * s.y.size;
    int64_t zeros = full ? rows : 0;
    const auto zero = [&](int64_t end) {
      for (; zeros < end; ++zeros) {
        T* const line = dx + (n * rows + zeros) * s.x.size * s.c;
        for (int64_t j = 0; j < s.x.size; ++j) {
          int64_t c = c0;
          for (; c + V::kLanes <= c1; c += V::kLanes) splat<V>(0).store(line + j * s.c + c);
          if (c < c1) splat<V>(0).store(line + j * s.c + c, c1 - c);
        }
      }
    };
    for (int64_t h = 0; h < s.z.result; ++h) {
      for (int64_t i = 0; i < s.y.result; ++i) {
        zero((s.z.end(h) - 1) * s.y.size + (s.z.window == 1 ? s.y.end(i) : s.y.size));
        for_windows<V>(s, n, h, i, c0, c1, body);
      }
    }
    zero(rows);
  });
}

CKERAS_INLINE int64_t no_bytes(const Call& call) noexcept {
  return bytes_float(call, [](const Call&, auto) -> int64_t { return 0; });
}
}  // namespace ckeras::CKERAS_ISA
