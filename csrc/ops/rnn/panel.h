// A panel of batch rows that one thread takes through all steps, and the recurrent matrix packed for it. Only for
// .isa.cpp files.
#pragma once
#include "gemm/gemm.h"
#include "ops/rnn/rnn.h"

namespace ckeras::CKERAS_ISA {

// Kernels of up to so many bytes stay in the second-level cache beside the rest of a step.
inline constexpr int64_t kResidentBytes = int64_t{1} << 19;

// Rows of a panel: few, so that there are panels for several threads.
inline constexpr int kRnnRows = kPanelRows;

// A step of one panel is shared by the threads when it is so many multiplications: fewer do not pay for waiting.
inline constexpr int64_t kSharedStep = int64_t{1} << 18;
inline constexpr int64_t kSharedPiece = int64_t{1} << 16;  // multiplications of a piece, at least
inline constexpr int64_t kSharedGates = int64_t{1} << 10;  // units of a piece, over all rows

// The cut of the batch: panels of `rows`, shared out to `parts` pieces of work. With one panel, and large matrices, the
// columns of a step are shared out instead.
struct RnnCut {
  int64_t panels, rows, parts;
  bool shared;
};

CKERAS_INLINE RnnCut cut_batch(const RnnShape& s) {
  if (s.batch == 0) return {0, 1, 1, false};
  const int64_t panels = ceil_div(s.batch, kRnnRows);
  const int64_t work = s.batch * s.time * s.units * s.columns;
  return {panels, ceil_div(s.batch, panels), least(least(panels, 32), most(1, ceil_div(work, kPieceWork / 4))),
          panels == 1 && s.batch * s.units * s.columns >= kSharedStep};
}

// A part of the recurrent matrix, or of its transpose, as column panels: [k, n].
template <class T>
struct RnnMatrix {
  Matrix<T> from;
  int64_t k, n, width;
  T* packed = nullptr;

  CKERAS_MEMBER RnnMatrix(const T* data, int64_t stride, bool transposed, int64_t k, int64_t n, const RnnCut& cut)
      : from{data, stride, transposed},
        k(k),
        n(n),
        width(least(tile_vectors(static_cast<int>(cut.rows)) * VecOf<T>::kLanes, round_up(n, VecOf<T>::kLanes))) {}

  CKERAS_MEMBER int64_t bytes() const {
    return n == 0 ? 0 : round_up(ceil_div(n, width) * width * k * static_cast<int64_t>(sizeof(T)), 64);
  }
  // Takes its memory from *free.
  CKERAS_MEMBER void pack(char** free) {
    packed = reinterpret_cast<T*>(*free);
    *free += bytes();
    for (int64_t j = 0; j < n; j += width) from.pack(packed + j * k, width, j, least(width, n - j), 0, k);
  }
};

template <class T>
CKERAS_INLINE int64_t row_panel_bytes(int64_t k) {
  return round_up(kPanelStride * k * static_cast<int64_t>(sizeof(T)), 64);
}

namespace {

// c[r] += a[r] B for the rows of a panel, or c[r] = a[r] B when `first`; `panel` is room for the packed rows of a.
// `shared`: by all threads.
template <class T>
void add_product(int64_t rows, const T* const* a, const RnnMatrix<T>& b, T* const* c, T* panel, bool shared,
                 bool first = false) noexcept {
  constexpr int64_t kLanes = VecOf<T>::kLanes;
  pack_transposed(panel, kPanelStride, rows, least(kPanelStride, round_up(rows, kLanes)), b.k,
                  [&](int64_t r) { return a[r]; });
  const int64_t n = ceil_div(b.n, b.width);
  const int64_t piece = shared ? most(1, kSharedPiece / most(1, rows * b.k * b.width)) : most(1, n);
  parallel_for(n, piece, [&](int64_t begin, int64_t end) __attribute__((noinline)) {
    T* at[kRnnRows];
    for (int64_t k = 0; k < b.k; k += kKBlock) {
      for (int64_t j = begin * b.width; j < least(b.n, end * b.width); j += b.width) {
        const int64_t columns = least(b.width, b.n - j);
        for (int64_t r = 0; r < rows; ++r) at[r] = c[r] + j;
        Tiles<T>::table.kernels[rows - 1][ceil_div(columns, kLanes) - 1](
            least(kKBlock, b.k - k), panel + k * kPanelStride, 1, kPanelStride, b.packed + j * b.k + k * b.width,
            b.width, at, columns, first && k == 0, {panel, 0});
      }
    }
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

template <class T>
CKERAS_INLINE void copy_row(T* to, const T* from, int64_t n) {
  __builtin_memcpy(to, from, n * sizeof(T));
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
