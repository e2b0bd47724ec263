// A panel of batch rows that one thread takes through all steps, and the recurrent matrix packed for it. Only for
// .isa.cpp files.
#pragma once
#include "gemm/gemm.h"
#include "ops/rnn/rnn.h"

namespace ckeras::CKERAS_ISA {

// Kernels of up to so many bytes, which come from the caches for every panel and step as fast as tiles multiply them.
inline constexpr int64_t kResidentBytes = int64_t{1} << 21;

// Rows of a panel: few, so that there are panels for several threads.
inline constexpr int kRnnRows = kPanelRows;

// A step of one panel is shared by the threads when it is so many multiplications: fewer do not pay for waiting.
inline constexpr int64_t kSharedStep = int64_t{1} << 18;
inline constexpr int64_t kSharedPiece = int64_t{1} << 16;  // multiplications of a piece, at least
inline constexpr int64_t kSharedGates = int64_t{1} << 10;  // units of a piece, over all rows

// Batches from here on take lstm's way for small weights (resident.h): so many sequences keep four threads busy on any
// instruction set. Its sums have an order of their own.
inline constexpr int64_t kResidentBatch = 25;

// The cut of the batch: panels of `rows`, shared out to `parts` pieces of work, which go so many steps. With one panel,
// and large matrices, the columns of a step are shared out instead.
struct RnnCut {
  int64_t panels, rows, parts;
  bool shared;
};

CKERAS_INLINE RnnCut cut_batch(const RnnShape& s, int64_t steps) {
  if (s.batch == 0) return {0, 1, 1, false};
  const int64_t panels = ceil_div(s.batch, kRnnRows);
  const int64_t work = s.batch * steps * s.units * s.columns;
  return {panels, ceil_div(s.batch, panels), least(least(panels, 32), most(1, ceil_div(work, kPieceWork / 4))),
          panels == 1 && s.batch * s.units * s.columns >= kSharedStep};
}

// n columns cut into panels of up to `most_vectors` vectors, as evenly as can be: 16 are 2 3 3 2 3 3 and not 3 3 3 3 3
// 1, since a tile of one vector waits for its loads.
template <class T>
struct ColumnCut {
  int64_t n, vectors, panels;

  CKERAS_MEMBER ColumnCut(int64_t n, int64_t most_vectors)
      : n(n), vectors(ceil_div(n, VecOf<T>::kLanes)), panels(ceil_div(vectors, most_vectors)) {}

  // Panel p begins at column at(p).
  CKERAS_MEMBER int64_t at(int64_t p) const { return least(n, vectors * p / panels * VecOf<T>::kLanes); }
};

// A part of the recurrent matrix, or of its transpose, as column panels: [k, n]. Panel p is at packed + cut.at(p) * k.
template <class T, class From = Matrix<T>>
struct RnnMatrix {
  From from;
  int64_t k, n;
  ColumnCut<T> cut;
  T* packed = nullptr;

  CKERAS_MEMBER RnnMatrix(From from, int64_t k, int64_t n, int64_t rows)
      : from(from), k(k), n(n), cut(n, tile_vectors(static_cast<int>(rows))) {}

  // Of panel p, in whole vectors.
  CKERAS_MEMBER int64_t width(int64_t p) const { return round_up(cut.at(p + 1) - cut.at(p), VecOf<T>::kLanes); }
  CKERAS_MEMBER int64_t bytes() const {
    return round_up(cut.vectors * VecOf<T>::kLanes * k * static_cast<int64_t>(sizeof(T)), 64);
  }
  // Takes its memory from *free.
  CKERAS_MEMBER void pack(char** free) {
    packed = reinterpret_cast<T*>(*free);
    *free += bytes();
    for (int64_t p = 0; p < cut.panels; ++p) {
      const int64_t j = cut.at(p);
      from.pack(packed + j * k, width(p), j, cut.at(p + 1) - j, 0, k);
    }
  }
};

template <class T>
CKERAS_INLINE int64_t row_panel_bytes(int64_t k) {
  return round_up(kPanelStride * k * static_cast<int64_t>(sizeof(T)), 64);
}

template <class T>
CKERAS_INLINE void copy_row(T* to, const T* from, int64_t n) {
  using V = VecOf<T>;
  for_lanes<V::kLanes>(n, [&](int64_t j, int64_t count)
                              __attribute__((always_inline)) { V::load(from + j, count).store(to + j, count); });
}

namespace {

// c[r] += a[r] B for panels [begin, end) of B, or c[r] = a[r] B when `first`; element (r, k) of a is at
// a[r * row_step + k * k_step].
template <class T, class From>
CKERAS_INLINE void add_panels(int64_t rows, const T* a, int64_t row_step, int64_t k_step, const RnnMatrix<T, From>& b,
                              int64_t begin, int64_t end, T* const* c, bool first) {
  T* at[kRnnRows];
  for (int64_t k = 0; k < b.k; k += kKBlock) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t j = b.cut.at(p), columns = b.cut.at(p + 1) - j, width = b.width(p);
      for (int64_t r = 0; r < rows; ++r) at[r] = c[r] + j;
      Tiles<T>::table.kernels[rows - 1][width / VecOf<T>::kLanes - 1](least(kKBlock, b.k - k), a + k * k_step, row_step,
                                                                      k_step, b.packed + j * b.k + k * width, width, at,
                                                                      columns, first && k == 0, {a, 0});
    }
  }
}

// The rows of a panel, one element of each after the other, for the product.
template <class T>
CKERAS_INLINE void pack_rows(T* to, int64_t rows, int64_t k, const T* const* a) {
  pack_transposed(to, kPanelStride, rows, least(kPanelStride, round_up(rows, VecOf<T>::kLanes)), k,
                  [&](int64_t r) { return a[r]; });
}

// The same for rows of a that lie anywhere; `panel` is room for them, packed. `shared`: by all threads.
template <class T>
void add_product(int64_t rows, const T* const* a, const RnnMatrix<T>& b, T* const* c, T* panel, bool shared,
                 bool first = false) noexcept {
  pack_rows(panel, rows, b.k, a);
  const int64_t n = b.cut.panels;
  const int64_t piece = shared ? most(1, kSharedPiece / most(1, rows * b.k * b.width(0))) : most(1, n);
  parallel_for(n, piece, [&](int64_t begin, int64_t end) __attribute__((noinline)) {
    add_panels(rows, panel, 1, kPanelStride, b, begin, end, c, first);
  });
}

// body(first row, rows, the part's memory) for every panel. `bytes`: memory of one part, from `free`.
template <class Body>
void for_panels(const RnnShape& s, const RnnCut& cut, char* free, int64_t bytes, const Body& body) noexcept {
  parallel_for(cut.panels == 0 ? 0 : cut.parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      for (int64_t p = cut.panels * part / cut.parts; p < cut.panels * (part + 1) / cut.parts; ++p) {
        const int64_t first = p * cut.rows;
        if (first < s.batch) body(first, least(cut.rows, s.batch - first), free + part * bytes);
      }
    }
  });
}

// f(j, count) for vectors of columns up to n.
template <class T, class F>
CKERAS_INLINE void over_columns(int64_t n, const F& f) {
  constexpr int64_t kLanes = VecOf<T>::kLanes;
  for (int64_t j = 0; j < n; j += kLanes) f(j, least(kLanes, n - j));
}

// f(row, j, count) for vectors of the units of live rows; `shared`: by all threads.
template <class T, class F>
CKERAS_INLINE void over_units(int64_t rows, int64_t units, const bool* live, bool shared, const F& f) {
  constexpr int64_t kLanes = VecOf<T>::kLanes;
  const int64_t n = ceil_div(units, kLanes);
  const int64_t piece = shared ? most(1, kSharedGates / (rows * kLanes)) : most(1, n);
  parallel_for(n, piece, [&](int64_t begin, int64_t end) __attribute__((noinline)) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t j = begin * kLanes; live[r] && j < least(units, end * kLanes); j += kLanes) {
        f(r, j, least(kLanes, units - j));
      }
    }
  });
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
