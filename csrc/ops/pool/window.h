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
  // By its bits: no branch, which nothing could foretell.
  friend CKERAS_MEMBER One select(bool m, One a, One b) {
    const UintOf<T> mask = -static_cast<UintOf<T>>(m);
    return {__builtin_bit_cast(
        T, (__builtin_bit_cast(UintOf<T>, a.x) & mask) | (__builtin_bit_cast(UintOf<T>, b.x) & ~mask))};
  }
};

// Windows go by this vector of T. That of the baseline is one register: longer ones take the compiler long.
template <class T>
using PoolVec = Vec<T, (kUnrolls ? 64 : 16) / static_cast<int>(sizeof(T))>;

// f(V{}) with the vector for so many channels.
template <class T, class F>
CKERAS_INLINE void with_lanes(int64_t channels, const F& f) {
  if (channels * 4 >= PoolVec<T>::kLanes) {
    f(PoolVec<T>(T{0}));
  } else {
    f(One<T>{});
  }
}

template <class V>
CKERAS_INLINE V splat(typename V::Lane x) {
  return V{x};
}

// Numbers of places, in the lanes of a vector, as integers.
template <class P, class T>
CKERAS_INLINE void store_numbers(One<T> v, P* to) {
  *to = static_cast<P>(v.x);
}
template <class P, class T, int N>
CKERAS_INLINE void store_numbers(Reg<T, N> v, P* to) {
  store_raw(to, __builtin_convertvector(to_int(v).r, Raw<P, N>));
}
template <class P, class H>
CKERAS_INLINE void store_numbers(Pair<H> v, P* to) {
  store_numbers(v.lo, to);
  store_numbers(v.hi, to + H::kLanes);
}

// The channels of one vector: all of its lanes, or the first `count`. (A load may wait long for the store of part of a
// vector, so only rests are parts.)
template <class V, bool kWhole>
struct Lanes {
  using T = typename V::Lane;

  int64_t count = V::kLanes;

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
  template <class P>
  CKERAS_MEMBER void put_numbers(V v, P* to) const {
    if constexpr (kWhole) {
      store_numbers(v, to);
    } else {
      P all[V::kLanes];
      store_numbers(v, all);
      for (int64_t i = 0; i < count; ++i) to[i] = all[i];
    }
  }
  // Where the number is x.
  template <class P>
  CKERAS_MEMBER auto same(const P* p, P x) const {
    if constexpr (V::kLanes == 1) {
      return *p == x;
    } else if constexpr (kWhole && sizeof(P) == 1) {
      uint8_t bytes[V::kLanes];
      store_raw(bytes, (Raw<uint8_t, V::kLanes>)(load_raw<uint8_t, V::kLanes>(p) == x));
      return V::M::from_bytes(bytes);
    } else {
      uint8_t bytes[V::kLanes] = {};
      for (int64_t i = 0; i < (kWhole ? V::kLanes : count); ++i) bytes[i] = p[i] == x;
      return V::M::from_bytes(bytes);
    }
  }
};

// A window's part inside the image, at the channels of one vector. kSide > 0: a square of such a side in one plane,
// wholly inside the image, unrolled.
template <class V, bool kWhole, int kSide = 0>
struct Window : Lanes<V, kWhole> {
  using T = typename V::Lane;

  int64_t planes, rows, columns;
  T share;                     // 1 / places
  int64_t plane, row, column;  // elements from one to the next
  int64_t number;              // of its first place among the whole window's, row-major
  int64_t plane_numbers, row_numbers;
  int64_t first = 0;  // element of the image at its first place

  CKERAS_MEMBER bool empty() const { return planes <= 0 || rows <= 0 || columns <= 0; }

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
    return {{channels}, planes, rows, columns, share, plane, row, column, number, plane_numbers, row_numbers, at};
  }
};

template <int kSide>
struct Side {
  static constexpr int value = kSide;
};

// body(window, element of the result) for image n, result plane h and row i, channels [c0, c1). kSquares: small squares
// come unrolled.
template <class V, bool kSquares = true, class Body>
CKERAS_INLINE void for_windows(const PoolShape& s, int64_t n, int64_t h, int64_t i, int64_t c0, int64_t c1,
                               const Body& body) {
  using T = typename V::Lane;
  const int64_t plane = s.z.first(h), planes = s.z.end(h) - plane;
  const int64_t row = s.y.first(i), rows = s.y.end(i) - row;
  const int64_t image_row = (n * s.z.size + plane) * s.y.size + row, result_row = (n * s.z.result + h) * s.y.result + i;
  const int64_t plane_numbers = s.y.window * s.x.window, row_numbers = s.x.window;
  const int64_t skipped = (plane - s.z.place(h, 0)) * plane_numbers + (row - s.y.place(i, 0)) * row_numbers;
  Window<V, true> whole{{},  planes, rows,          0,          T{0}, s.y.size * s.x.size * s.c, s.x.size * s.c,
                        s.c, 0,      plane_numbers, row_numbers};
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
      for (; c < c1; c += V::kLanes) {
        c = least(c, c1 - V::kLanes);  // the last vector may have some channels again
        body(whole.template as<true, decltype(side)::value>(image_pixel + c, V::kLanes), result + c);
      }
    };
    const bool square = planes == 1 && plane_numbers == rows * columns && rows == columns && s.z.window == 1;
    if (c1 - c0 < V::kLanes) {
      if (c0 < c1) body(whole.template as<false, 0>(image_pixel + c0, c1 - c0), result + c0);
      continue;
    }
    if constexpr (kSquares && kUnrolls) {
      if (square && rows == 2) wholes(Side<2>{});
      if (square && rows == 3) wholes(Side<3>{});
    }
    wholes(Side<0>{});
  }
}

inline constexpr int64_t kPoolPiece = 1 << 15;  // elements read

// Rows of results are independent: pieces of work are some of them.
template <class V, bool kSquares = true, class Body>
CKERAS_INLINE void for_result_rows(const PoolShape& s, const Body& body) {
  const int64_t elements = s.x.result * s.c * s.z.window * s.y.window * s.x.window;
  parallel_for(s.n * s.z.result * s.y.result, most(1, kPoolPiece / most(1, elements)), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t plane = row / s.y.result;
      for_windows<V, kSquares>(s, plane / s.z.result, plane % s.z.result, row % s.y.result, 0, s.c, body);
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
template <class V, bool kSquares = true, class T, class Body>
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
      for_windows<V, kSquares>(s, n, h, i, 0, s.c, body);
    }
  });
}

CKERAS_INLINE int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

// The windows [first, end) that have a place in them, were there windows without end on both sides.
struct Covering {
  int64_t first, end;

  CKERAS_MEMBER Covering(const Dim& d, int64_t place)
      : first(floor_div(place + d.low - d.window, d.stride) + 1), end(floor_div(place + d.low, d.stride) + 1) {}
  // Those that there are.
  CKERAS_MEMBER Covering(int64_t first, int64_t end, const Dim& d) : first(most(0, first)), end(least(end, d.result)) {}
};

// visit(place, count, windows) for all places [from, to), in runs of places a stride apart that `windows`, and as many
// further, have.
template <class Visit>
CKERAS_INLINE void for_runs(const Dim& d, int64_t from, int64_t to, const Visit& visit) {
  for (int64_t phase = from; phase < least(from + d.stride, to); ++phase) {
    const int64_t places = ceil_div(to - phase, d.stride);
    const Covering over(d, phase);
    // From `left` to `right` all windows are there.
    const int64_t left = least(places, most(0, -over.first));
    const int64_t right = least(places, most(left, d.result - over.end + 1));
    for (int64_t k = 0; k < places;) {
      const int64_t many = k == left && left < right ? right - left : 1;
      visit(phase + k * d.stride, many, Covering(over.first + k, over.end + k, d));
      k += many;
    }
  }
}

inline constexpr int kPoolTerms = 32;  // added at once

// What a place of dx is in its windows: elements of dy at channel 0, the place's numbers in the windows.
struct PoolTerms {
  int count = 0;
  int64_t at[kPoolTerms], numbers[kPoolTerms];
};

// Lines of places of dx, each with the same terms, as many results further.
template <class T>
struct PoolRun {
  T* to;
  int64_t lines, line_apart, line_results;  // elements from a line to the next, of dx and of dy
  int64_t places, apart, channels;          // of a line: how many, elements from one to the next
};

// to[i] = (+) sum over the terms, `shift` elements further, i < n.
template <class V, int kCount, class T, class Term>
CKERAS_INLINE void sum_terms(T* to, int64_t n, const PoolTerms& terms, int64_t shift, bool first, const Term& term) {
  const int count = kCount > 0 ? kCount : terms.count;
  const Term own = term;  // a store might change what is seen through the reference
  const Lanes<V, true> whole{};
  int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) {
    V sum = first ? splat<V>(0) : V::load(to + i);
#pragma GCC unroll 8
    for (int t = 0; t < count; ++t) sum = sum + own(terms.at[t] + shift + i, terms.numbers[t], whole);
    sum.store(to + i);
  }
  if (i == n) return;
  const Lanes<V, false> rest{n - i};
  V sum = first ? splat<V>(0) : V::load(to + i, n - i);
  for (int t = 0; t < count; ++t) sum = sum + own(terms.at[t] + shift + i, terms.numbers[t], rest);
  sum.store(to + i, n - i);
}

inline constexpr int64_t kPoolTogether = 1024;  // elements of a run that are summed before they are parted

// Results lie side by side where places do not: channels that fill no vectors go to a buffer of whole ones first.
template <class V, int kCount, class T, class Term>
CKERAS_INLINE void add_terms(const PoolRun<T>& run, const PoolTerms& terms, bool first, const Term& term) {
  const int64_t channels = run.channels;
  const bool dense = run.apart == channels, parted = !dense && channels % V::kLanes != 0;
  const int64_t together = dense ? run.places : parted ? most(1, kPoolTogether / channels) : 1;
  T sums[kPoolTogether];
  for (int64_t line = 0; line < run.lines; ++line) {
    for (int64_t i = 0; i < run.places; i += together) {
      const int64_t places = least(together, run.places - i), shift = line * run.line_results + i * channels;
      T* const to = run.to + line * run.line_apart + i * run.apart;
      if (dense || places == 1) {
        sum_terms<V, kCount>(to, places * channels, terms, shift, first, term);
        continue;
      }
      for (int64_t k = 0; !first && k < places; ++k) copy_few(sums + k * channels, to + k * run.apart, channels);
      sum_terms<V, kCount>(sums, places * channels, terms, shift, first, term);
      for (int64_t k = 0; k < places; ++k) copy_few(to + k * run.apart, sums + k * channels, channels);
    }
  }
}
template <class V, bool kCounts, class T, class Term>
CKERAS_INLINE void add_any_terms(const PoolRun<T>& run, const PoolTerms& terms, bool first, const Term& term) {
  if constexpr (kCounts && kUnrolls) {
    if (first && terms.count == 1) return add_terms<V, 1>(run, terms, true, term);
    if (first && terms.count == 2) return add_terms<V, 2>(run, terms, true, term);
    if (first && terms.count == 4) return add_terms<V, 4>(run, terms, true, term);
    if (first && terms.count == 8) return add_terms<V, 8>(run, terms, true, term);
  }
  add_terms<V, 0>(run, terms, first, term);
}

// dx of windows that overlap: each element is the sum of term(element of dy, its number in that window, lanes) over the
// windows that have it, in row-major order. kCounts: few terms come unrolled.
template <class V, bool kCounts = true, class T, class Term>
CKERAS_INLINE void gather_windows(const PoolShape& s, T* dx, const Term& term) {
  const int64_t all = s.n * s.z.size * s.y.size, line = s.x.size * s.c;
  parallel_for(all, most(1, kPoolPiece / most(1, line)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin, next; i < end; i = next) {
      const int64_t plane = i / s.y.size, p = plane % s.z.size, n = plane / s.z.size;
      next = least(end, (plane + 1) * s.y.size);
      const Covering over(s.z, p), planes(over.first, over.end, s.z);
      for_runs(s.y, i - plane * s.y.size, next - plane * s.y.size, [&](int64_t r, int64_t lines, const Covering& rows) {
        for_runs(s.x, 0, s.x.size, [&](int64_t j, int64_t places, const Covering& columns) {
          const PoolRun<T> run{dx + (plane * s.y.size + r) * line + j * s.c,
                               lines,
                               s.y.stride * line,
                               s.x.result * s.c,
                               places,
                               s.x.stride * s.c,
                               s.c};
          PoolTerms terms;
          bool first = true;
          for (int64_t h = planes.first; h < planes.end; ++h) {
            for (int64_t w = rows.first; w < rows.end; ++w) {
              const int64_t tap = (p - s.z.place(h, 0)) * s.y.window + (r - s.y.place(w, 0));
              const int64_t row = ((n * s.z.result + h) * s.y.result + w) * s.x.result;
              for (int64_t k = columns.first; k < columns.end; ++k) {
                if (terms.count == kPoolTerms) {
                  add_terms<V, 0>(run, terms, first, term);
                  first = false;
                  terms.count = 0;
                }
                terms.at[terms.count] = (row + k) * s.c;
                terms.numbers[terms.count++] = tap * s.x.window + (j - s.x.place(k, 0));
              }
            }
          }
          add_any_terms<V, kCounts>(run, terms, first, term);
        });
      });
    }
  });
}

CKERAS_INLINE int64_t no_bytes(const Call& call) noexcept {
  return bytes_float(call, [](const Call&, auto) -> int64_t { return 0; });
}

}  // namespace ckeras::CKERAS_ISA
