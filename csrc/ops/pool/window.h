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

  static CKERAS_MEMBER One load(const T* p, int64_t) { return {*p}; }
  CKERAS_MEMBER void store(T* p, int64_t) const { *p = x; }
  friend CKERAS_MEMBER One operator+(One a, One b) { return {a.x + b.x}; }
  friend CKERAS_MEMBER One operator/(One a, One b) { return {a.x / b.x}; }
  friend CKERAS_MEMBER bool operator<=(One a, One b) { return a.x <= b.x; }
  friend CKERAS_MEMBER bool operator==(One a, One b) { return a.x == b.x; }
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

// A window's part inside the image, at some channels.
struct Window {
  int64_t planes, rows, columns;
  int64_t first;               // element of the image at its first place
  int64_t plane, row, column;  // elements from one to the next
  int64_t count;               // of channels, at most a vector's

  CKERAS_MEMBER bool empty() const { return planes <= 0 || rows <= 0 || columns <= 0; }
  CKERAS_MEMBER int64_t places() const { return planes * rows * columns; }

  // body(number, element) for every place in row-major order.
  template <class Body>
  CKERAS_MEMBER void each(const Body& body) const {
    int64_t number = 0;
    for (int64_t p = 0; p < planes; ++p) {
      for (int64_t r = 0; r < rows; ++r) {
        int64_t at = first + p * plane + r * row;
        for (int64_t c = 0; c < columns; ++c, at += column) body(number++, at);
      }
    }
  }
};

// body(window, element of the result) for image n, result plane h and row i, channels [c0, c1).
template <class V, class Body>
CKERAS_INLINE void for_windows(const PoolShape& s, int64_t n, int64_t h, int64_t i, int64_t c0, int64_t c1,
                               const Body& body) {
  const int64_t plane = s.z.first(h), planes = s.z.end(h) - plane;
  const int64_t row = s.y.first(i), rows = s.y.end(i) - row;
  const int64_t image_row = (n * s.z.size + plane) * s.y.size + row, result_row = (n * s.z.result + h) * s.y.result + i;
  for (int64_t j = 0; j < s.x.result; ++j) {
    const int64_t column = s.x.first(j), columns = s.x.end(j) - column;
    for (int64_t c = c0; c < c1; c += V::kLanes) {
      const Window window{planes,
                          rows,
                          columns,
                          (image_row * s.x.size + column) * s.c + c,
                          s.y.size * s.x.size * s.c,
                          s.x.size * s.c,
                          s.c,
                          least(V::kLanes, c1 - c)};
      body(window, (result_row * s.x.result + j) * s.c + c);
    }
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

// Images in stretches of channels are independent where windows overlap: pieces of work are some of them.
// piece(image, c0, c1).
template <class V, class Piece>
CKERAS_INLINE void for_stretches(const PoolShape& s, const Piece& piece) {
  const int64_t stretch = most(1, 64 / V::kLanes) * V::kLanes, stretches = ceil_div(s.c, stretch);
  const int64_t elements = s.z.size * s.y.size * s.x.size * least(s.c, stretch);
  parallel_for(s.n * stretches, most(1, kPoolPiece / most(1, elements)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t c0 = i % stretches * stretch;
      piece(i / stretches, c0, least(s.c, c0 + stretch));
    }
  });
}

// dx starts as zeros; body(window, element of dy) for every window in row-major order.
template <class V, class T, class Body>
CKERAS_INLINE void scatter_windows(const PoolShape& s, T* dx, const Body& body) {
  for_stretches<V>(s, [&](int64_t n, int64_t c0, int64_t c1) {
    const int64_t pixels = s.z.size * s.y.size * s.x.size;
    for (int64_t p = n * pixels; p < (n + 1) * pixels; ++p) {
      for (int64_t c = c0; c < c1; c += V::kLanes) splat<V>(0).store(dx + p * s.c + c, c1 - c);
    }
    for (int64_t h = 0; h < s.z.result; ++h) {
      for (int64_t i = 0; i < s.y.result; ++i) for_windows<V>(s, n, h, i, c0, c1, body);
    }
  });
}

CKERAS_INLINE int64_t pool_bytes(const Call& call) noexcept {
  return bytes_float(call, [](const Call&, auto) -> int64_t { return 0; });
}

}  // namespace ckeras::CKERAS_ISA
