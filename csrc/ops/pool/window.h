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
  friend CKERAS_MEMBER bool operator>(One a, One b) { return a.x > b.x; }
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

// Whether no element belongs to two windows, along all dimensions; whether each belongs to one, along one.
CKERAS_INLINE bool disjoint(const PoolShape& s) {
  return s.z.stride >= s.z.window && s.y.stride >= s.y.window && s.x.stride >= s.x.window;
}
CKERAS_INLINE bool covered(const Dim& d) {
  return d.stride == d.window && d.low >= 0 && d.low < d.window && d.result * d.window - d.low >= d.size;
}

// Places [begin, end) of disjoint windows: those from window i's first one to the next window's, and what is left at
// both ends.
struct OwnPlaces {
  int64_t begin, end;

  CKERAS_MEMBER OwnPlaces(const Dim& d, int64_t i)
      : begin(i == 0 ? 0 : within(d, d.place(i, 0))), end(i + 1 == d.result ? d.size : within(d, d.place(i + 1, 0))) {}

 private:
  static CKERAS_MEMBER int64_t within(const Dim& d, int64_t place) { return most(0, least(place, d.size)); }
};

template <class V, class T>
CKERAS_INLINE void zero_elements(T* to, int64_t n) {
  int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) splat<V>(0).store(to + i);
  if (i < n) splat<V>(0).store(to + i, n - i);
}

// dx of disjoint windows: zeros, unless each element belongs to a window, then body(window, element of dy) for every
// window.
template <class V, class T, class Body>
CKERAS_INLINE void write_windows(const PoolShape& s, T* dx, const Body& body) {
  const int64_t line = s.x.size * s.c;
  if (s.z.result == 0 || s.y.result == 0 || s.x.result == 0) {
    return zero_elements<V>(dx, s.n * s.z.size * s.y.size * line);
  }
  const bool full = covered(s.z) && covered(s.y) && covered(s.x);
  const int64_t elements = line * s.z.stride * s.y.stride;
  parallel_for(s.n * s.z.result * s.y.result, most(1, kPoolPiece / most(1, elements)), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t i = row % s.y.result, h = row / s.y.result % s.z.result, n = row / s.y.result / s.z.result;
      const OwnPlaces planes(s.z, h), rows(s.y, i);
      for (int64_t p = full ? planes.end : planes.begin; p < planes.end; ++p) {
        zero_elements<V>(dx + ((n * s.z.size + p) * s.y.size + rows.begin) * line, (rows.end - rows.begin) * line);
      }
      for_windows<V>(s, n, h, i, 0, s.c, body);
    }
  });
}

// The windows [first, end) that have a place in them, for places in rising order.
struct Covering {
  int64_t first = 0, end = 0;

  CKERAS_MEMBER void move(const Dim& d, int64_t place) {
    while (end < d.result && d.place(end, 0) <= place) ++end;
    while (first < end && d.place(first, d.window) <= place) ++first;
  }
  CKERAS_MEMBER int64_t count() const { return end - first; }
};

inline constexpr int kPoolTerms = 32;  // added at once
inline constexpr int kPoolKept = 4;

// What a place of dx is in its windows: elements of dy at channel 0, numbers in the windows. Places that are a stride
// apart have the same, as many windows further.
template <class T>
struct PoolTerms {
  int64_t first = 0, windows = -1, number = 0;  // along a row: the first window, how many, the place's number there
  int count = 0;
  int64_t at[kPoolTerms];
  T numbers[kPoolTerms];
};

// to[c] = (+) sum over the terms, `shift` elements further.
template <class V, int kCount, class T, class Term>
CKERAS_INLINE void add_terms(T* to, int64_t channels, const PoolTerms<T>& terms, int64_t shift, bool first,
                             const Term& term) {
  const int count = kCount > 0 ? kCount : terms.count;
  int64_t c = 0;
  for (; c + V::kLanes <= channels; c += V::kLanes) {
    V sum = first ? splat<V>(0) : V::load(to + c);
#pragma GCC unroll 4
    for (int t = 0; t < count; ++t) {
      sum = sum + term(terms.at[t] + shift + c, terms.numbers[t],
                       [](const T* p) __attribute__((always_inline)) { return V::load(p); });
    }
    sum.store(to + c);
  }
  if (c == channels) return;
  V sum = first ? splat<V>(0) : V::load(to + c, channels - c);
  for (int t = 0; t < count; ++t) {
    sum = sum + term(terms.at[t] + shift + c, terms.numbers[t],
                     [=](const T* p) __attribute__((always_inline)) { return V::load(p, channels - c); });
  }
  sum.store(to + c, channels - c);
}
template <class V, class T, class Term>
CKERAS_INLINE void add_terms(T* to, int64_t channels, const PoolTerms<T>& terms, int64_t shift, bool first,
                             const Term& term) {
  switch (terms.count) {
    case 1:
      return add_terms<V, 1>(to, channels, terms, shift, first, term);
    case 2:
      return add_terms<V, 2>(to, channels, terms, shift, first, term);
    case 4:
      return add_terms<V, 4>(to, channels, terms, shift, first, term);
    default:
      return add_terms<V, 0>(to, channels, terms, shift, first, term);
  }
}

// dx of windows that overlap: prepare(window, element of dy) for every window; then each element of dx is the sum of
// term(element of dy, its number in that window, load) over the windows that have it, in row-major order.
template <class V, class T, class Prepare, class Term>
CKERAS_INLINE void gather_windows(const PoolShape& s, T* dx, const Prepare& prepare, const Term& term) {
  for_result_rows<V>(s, prepare);
  const int64_t all = s.n * s.z.size * s.y.size, line = s.x.size * s.c;
  parallel_for(all, most(1, kPoolPiece / most(1, line)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t r = i % s.y.size, p = i / s.y.size % s.z.size, n = i / s.y.size / s.z.size;
      Covering planes, rows, columns;
      planes.move(s.z, p);
      rows.move(s.y, r);
      PoolTerms<T> kept[kPoolKept];
      T* to = dx + i * line;
      for (int64_t j = 0, phase = 0; j < s.x.size; ++j, to += s.c) {
        columns.move(s.x, j);
        PoolTerms<T>& own = kept[phase % kPoolKept];
        phase = phase + 1 == s.x.stride ? 0 : phase + 1;
        const int64_t number = j - s.x.place(columns.first, 0);
        if (own.windows == columns.count() && own.number == number) {
          add_terms<V>(to, s.c, own, (columns.first - own.first) * s.c, true, term);
          continue;
        }
        bool first = true;
        own.count = 0;
        for (int64_t h = planes.first; h < planes.end; ++h) {
          for (int64_t w = rows.first; w < rows.end; ++w) {
            const int64_t tap = (p - s.z.place(h, 0)) * s.y.window + (r - s.y.place(w, 0));
            const int64_t row = ((n * s.z.result + h) * s.y.result + w) * s.x.result;
            for (int64_t k = columns.first; k < columns.end; ++k) {
              if (own.count == kPoolTerms) {
                add_terms<V>(to, s.c, own, 0, first, term);
                first = false;
                own.count = 0;
              }
              own.at[own.count] = (row + k) * s.c;
              own.numbers[own.count++] = static_cast<T>(tap * s.x.window + (j - s.x.place(k, 0)));
            }
          }
        }
        add_terms<V>(to, s.c, own, 0, first, term);
        own.first = columns.first;
        own.windows = first ? columns.count() : -1;
        own.number = number;
      }
    }
  });
}

CKERAS_INLINE int64_t no_bytes(const Call& call) noexcept {
  return bytes_float(call, [](const Call&, auto) -> int64_t { return 0; });
}
// The workspace of gradients whose windows overlap: an element for each of dy, which is in[which].
template <int kWhich>
CKERAS_INLINE int64_t gradient_bytes(const Call& call) noexcept {
  return bytes_float(call, [](const Call& c, auto t) -> int64_t {
    const View& dy = c.in[kWhich];
    return disjoint(pool_shape(c.out[0], dy, c.ints)) ? 0 : dy.size() * static_cast<int64_t>(sizeof(t));
  });
}

}  // namespace ckeras::CKERAS_ISA
