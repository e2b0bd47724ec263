// The matrix product C = ending(A B), A [M, K], B [K, N]: packed panels, five loops. Only for .isa.cpp files.
//
// The order of every sum, whatever the instruction set, the tile and the path: K is cut into blocks of kKBlock; in a
// block an element is one chain of fused multiply-adds from 0 in rising k; blocks are added in rising order; then bias,
// then activation, then residual. So packing, tiles, direct reading of B and the cut into pieces of work may follow the
// instruction set.
//
//   for each part of N, of K, of M that fits the packed buffers          (large products only)
//     [pack B's part, in panels of one tile's width]                     pieces of work: panels
//     for each strip of M x stretch of N                                 pieces of work: these
//       [pack A's strip, when no other piece shares it]
//       for each K block, column panel                                    [pack it, when no other piece shares it, or
//                                                                         let the first tile keep what it reads]
//         for each row panel: one tile
//
// The operands are anything with
//   A, B  void pack(T* to, width, i0, count, p0, k)     as Matrix in gemm/pack.h
//   A     row_step(), k_step(), const T* at(i, p)       if it has that: may be read in place
//   B     bool readable(), const T* at(j, p), stride    read in place, rows of N contiguous, when readable
//         Ahead ahead(j, width, p, number)                if it has that: fetched before it is packed
//   C     T* row(i)                                     where row i of the result begins
//         void done(T* const* from, i, j, rows, columns)  if it has that: this block of C is complete, rows at from[]
//         bool passing()                                  if it has that, too: blocks are done at once, row() is not
//         asked
//         void fetch(i, j, rows, columns)                 if it has that: done() will write this block soon
#pragma once
#include "cpu/parallel.h"
#include "gemm/epilogue.h"
#include "gemm/few_rows.h"
#include "gemm/pack.h"
#include "gemm/row.h"
#include "gemm/tile.h"

namespace ckeras::CKERAS_ISA {

// How columns, so many vectors of them, fall into panels of up to `most`: each as wide as the next or one vector wider,
// whatever run of them a thread takes. An even number of panels is as much for each of two threads.
struct ColumnPanels {
  static constexpr int kShift = 28;  // of `step`, vectors a panel: 2^28 panels fall right
  int64_t count, step;

  CKERAS_MEMBER ColumnPanels(int64_t vectors, int64_t most, bool even) : count(ceil_div(vectors, most)), step(0) {
    if (even && count < vectors) count = round_up(count, 2);
    if (count > 0) step = ceil_div(vectors << kShift, count);
  }
  // The first vector of panel j.
  CKERAS_MEMBER int64_t start(int64_t j) const { return (j * step) >> kShift; }
};

// How a product is cut: by its shape alone.
struct GemmPlan {
  int64_t m, n, k;
  bool direct_a;      // A is read where it lies
  bool direct;        // panels of B of whole vectors are read where they lie
  bool parts;         // and those of parts of vectors
  bool fused;         // a piece packs its own strip of A
  bool near;          // a piece packs its own panels of B, one block at a time
  bool keeps;         // while its first tile reads them, where they are whole vectors
  bool even;          // an even number of panels
  bool one_row;       // M = 1 and B readable: by gemm/row.h
  bool by_length;     // pieces of work are then K blocks and not columns
  int64_t rows;       // of a row panel
  int64_t tall;       // so many row panels have `rows`, those after them one less
  int64_t vectors;    // of a column panel, at most
  int64_t strips;     // pieces of work down a part of M, as even as row panels allow
  int64_t stretches;  // and along one of N
  int64_t m_part, n_part, k_part;
  int64_t a_bytes, b_bytes;

  CKERAS_MEMBER int64_t bytes() const { return a_bytes + b_bytes; }
  // The first row of panel i of a part.
  CKERAS_MEMBER int64_t row(int64_t i) const { return i * rows - most(0, i - tall); }
};

// Of `count` panels a part of at most `most` has so many, when the parts are as even as they can be.
CKERAS_INLINE int64_t even_part(int64_t count, int64_t most) {
  return count == 0 ? 0 : ceil_div(count, ceil_div(count, most));
}

// For panels of P; `k` counts elements of these. A has strides (row_step, k_step) and is read where it lies when the
// result has no more than `read_columns`. `pack_bytes` bounds each packed operand.
template <class P>
CKERAS_INLINE GemmPlan plan_gemm(int64_t m, int64_t n, int64_t k, bool b_readable, int64_t read_columns = 0,
                                 int64_t pack_bytes = kPackBytes) {
  constexpr int64_t kLanes = VecOf<Sum<P>>::kLanes;
  GemmPlan plan{};
  plan.m = m;
  plan.n = n;
  plan.k = k;
  if (m == 0 || n == 0 || k == 0) return plan;
  const int64_t row_panels = ceil_div(m, kPanelRows);
  plan.rows = ceil_div(m, row_panels);
  plan.vectors = least(tile_vectors(static_cast<int>(plan.rows)), ceil_div(n, kLanes));
  const int64_t width = plan.vectors * kLanes;
  const int64_t row_bytes = n * static_cast<int64_t>(sizeof(P));
  const bool crowded = row_bytes % kCrowdedB == 0, far = row_bytes > kCrowdedB && row_bytes * k > kFarBytes;
  const bool reads_b = b_readable && m <= (crowded ? 2 * kPanelRows : far ? kReadFarRows : kReadRows);
  plan.keeps = kKeeps<P> && reads_b && plan.rows == kPanelRows && row_panels >= kKeptPanels && n > width;
  plan.direct = reads_b && !plan.keeps;
  plan.parts = kReadsParts<P> && row_panels <= kPartPanels;
  plan.one_row = b_readable && m == 1;
  plan.direct_a =
      n <= (plan.direct ? least(read_columns, kReadColumns) : read_columns) || (read_columns > 0 && plan.one_row);

  const int64_t room = pack_bytes / static_cast<int64_t>(sizeof(P));
  const int64_t strip = most(1, kStripRows / plan.rows);
  plan.k_part = plan.direct_a && plan.direct ? k : kPanelBlock<P> * even_part(ceil_div(k, kPanelBlock<P>), 4);
  plan.k_part = least(k, plan.k_part);
  const int64_t column_room = most(1, room / plan.k_part / width);
  plan.n_part = plan.one_row || plan.direct ? n : least(n, even_part(ceil_div(n, width), column_room) * width);
  const int64_t strip_room = most(1, room / (strip * kPanelStride * plan.k_part));
  const int64_t strip_rows = strip * plan.rows;
  plan.m_part = plan.direct_a ? m : least(m, even_part(ceil_div(m, strip_rows), strip_room) * strip_rows);
  // A last panel of a row or two would wait for its few sums.
  plan.tall = plan.m_part < m ? row_panels : m - row_panels * (plan.rows - 1);

  plan.by_length = plan.one_row && n <= kRowStretch && plan.k_part >= 2 * kKBlock && k * n >= kRowWork;
  // One strip where the panels of B are enough pieces: then each is packed where it is needed. With few steps along K
  // that would be results above all, and two threads side by side in the same rows fetch each other's lines. Else
  // strips and stretches in the proportion of rows and columns, so that pieces read little of both; four panels at
  // least, which rows across K are read along.
  const int64_t part_panels = ceil_div(plan.m_part, plan.rows);
  int64_t panels = ceil_div(plan.n_part, width);
  const int64_t work = plan.m_part * round_up(plan.n_part, kLanes) * (plan.k_part + kTileSteps);
  int64_t pieces = least(ceil_div(work, kLeastPiece), most(kFewPieces, least(kManyPieces, work / kLargePiece)));
  if (pieces > 1) pieces -= pieces % 2;  // as many for each of two threads
  const bool one_strip = !plan.direct && !plan.one_row && part_panels <= strip && plan.m_part == m;
  const bool alone = one_strip && panels >= pieces && (!plan.keeps || (panels >= kFewPieces && k >= kPanelBlock<P>));
  plan.near = alone || plan.keeps;
  plan.even = alone && panels >= kFewPieces;
  plan.strips = ceil_div(part_panels, strip);
  if (alone) {
    panels = ColumnPanels(ceil_div(plan.n_part, kLanes), plan.vectors, plan.even).count;
  } else if (pieces > 1) {
    int64_t wanted = 1;
    while (wanted * wanted * plan.n_part < pieces * plan.m_part || wanted * panels < pieces) wanted *= 2;
    plan.strips = most(plan.strips, least(wanted, ceil_div(part_panels, kLeastStrip)));
    if (plan.strips > 2) plan.strips = least(part_panels, round_up(plan.strips, kEvenStrips));
  }
  plan.stretches = plan.even ? panels : least(panels, ceil_div(pieces, plan.strips));
  plan.fused = plan.stretches == 1 && !plan.direct_a;

  if (!plan.direct_a) plan.a_bytes = round_up(part_panels * kPanelStride * plan.k_part * sizeof(P), 64);
  const int64_t packed_columns = plan.one_row || plan.near       ? 0
                                 : !plan.direct                  ? plan.n_part
                                 : n % kLanes == 0 || plan.parts ? 0
                                                                 : width;
  plan.b_bytes = round_up(round_up(packed_columns, kLanes) * plan.k_part * sizeof(P), 64);
  if (plan.by_length) plan.b_bytes = ceil_div(plan.k_part, kKBlock) * round_up(n * sizeof(P), 64);
  return plan;
}

namespace {

template <class P, class A, class B, class C>
struct Gemm {
  using T = Sum<P>;
  static constexpr int64_t kBlock = kPanelBlock<P>;
  static constexpr int64_t kLanes = VecOf<T>::kLanes;
  static constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(P));

  const GemmPlan& plan;
  const A& a;
  const B& b;
  const C& c;
  const Ending<T>& ending;
  P* packed_a;
  P* packed_b;

  // The part of the product in work.
  int64_t m0 = 0, n0 = 0, k0 = 0, m1 = 0, n1 = 0, k1 = 0;
  ColumnPanels panels{0, 1, false};

  int64_t row_panels() const { return ceil_div(m1 - m0, plan.rows); }
  int64_t row(int64_t i) const { return least(m1, m0 + plan.row(i)); }
  // A last part may be smaller than those before it, by whole panels.
  int64_t strips() const {
    return m1 - m0 == plan.m_part ? plan.strips
                                  : ceil_div(plan.strips * row_panels(), ceil_div(plan.m_part, plan.rows));
  }
  int64_t stretches() const {
    return n1 - n0 == plan.n_part ? plan.stretches : ceil_div(plan.stretches * (n1 - n0), plan.n_part);
  }
  // Panel j of B.
  struct Columns {
    int64_t left, count, width;  // of which `count` are the matrix's, in whole vectors `width`
    P* packed;                   // row k0, if it is packed
  };
  Columns columns(int64_t j) const {
    const int64_t left = panels.start(j) * kLanes, right = panels.start(j + 1) * kLanes;
    // Of direct products only an incomplete panel is packed, the last one.
    return {n0 + left, least(n1 - n0, right) - left, right - left, packed_b + (plan.direct ? 0 : left * (k1 - k0))};
  }
  int64_t left_of(int64_t j) const { return least(n1, n0 + panels.start(j) * kLanes); }

  P* row_panel(int64_t i) const { return packed_a + i * kPanelStride * (k1 - k0); }
  void pack_a(int64_t i) const { a.pack(row_panel(i), kPanelStride, row(i), row(i + 1) - row(i), k0, k1 - k0); }
  // Panel i of A from k on.
  struct Left {
    const P* data;
    int64_t row_step, k_step;
  };
  Left left(int64_t i, int64_t k) const {
    if constexpr (requires { a.row_step(); }) {
      if (plan.direct_a) return {a.at(row(i), k), a.row_step(), a.k_step()};
    }
    return {row_panel(i) + (k - k0) * kPanelStride, 1, kPanelStride};
  }

  bool in_place(const Columns& panel) const { return plan.direct && (plan.parts || panel.count % kLanes == 0); }
  // A panel of B from k on.
  struct Right {
    const P* data;
    int64_t stride;
  };
  Right right(const Columns& panel, int64_t k) const {
    if (in_place(panel)) return {b.at(panel.left, k), b.stride};
    return {panel.packed + (k - k0) * panel.width, panel.width};
  }
  void pack_b(int64_t j, int64_t k, int64_t length) const {
    const Columns panel = columns(j);
    b.pack(panel.packed + (k - k0) * panel.width, panel.width, panel.left, panel.count, k, length);
  }
  // Rows k to k + length of all panels, or panel by panel where B is stored along K.
  void pack_b_rows(int64_t k, int64_t length) const {
    for (int64_t j = 0; j < panels.count; ++j) pack_b(j, k, length);
  }

  void multiply_piece(int64_t first_row, int64_t end_row, int64_t first_column, int64_t end_column) const {
    if (plan.fused) {
      for (int64_t i = first_row; i < end_row; ++i) pack_a(i);
    }
    if (!plan.near) {
      const Block block{row(first_row),      row(end_row), left_of(first_column),
                        left_of(end_column), first_column, end_column};
      // Few steps along K are results above all: those are written row by row, and the panels of B stay in a cache.
      if (k1 - k0 <= kShortBlock) {
        for (int64_t i = first_row; i < end_row; ++i) {
          for (int64_t j = first_column; j < end_column; ++j) {
            const Columns panel = columns(j);
            const Right r = right(panel, k0);
            multiply(i, panel, k0, r, Ahead{r.data, 0});
          }
        }
        return;
      }
      for (int64_t k = k0; k < k1; k += kBlock) {
        int64_t tile = 0;
        for (int64_t j = first_column; j < end_column; ++j) {
          const Columns panel = columns(j);
          const Right r = right(panel, k);
          for (int64_t i = first_row; i < end_row; ++i, ++tile) {
            multiply(i, panel, k, r, ahead(tile, i - first_row, j, panel, k + kBlock, block, r));
          }
        }
      }
      return;
    }
    alignas(64) P packed[kMaxTileVectors * kLanes * kBlock];
    for (int64_t k = k0; k < k1; k += kBlock) {
      for (int64_t j = first_column; j < end_column; ++j) {
        const Columns panel = columns(j);
        const bool keeps =
            plan.keeps && panel.count == panel.width && row(first_row + 1) - row(first_row) == kPanelRows;
        if (!keeps) b.pack(packed, panel.width, panel.left, panel.count, k, least(kBlock, k1 - k));
        const bool last = j + 1 == end_column;
        for (int64_t i = first_row; i < end_row; ++i) {
          const bool kept = keeps && i == first_row;
          const Right r = kept ? Right{b.at(panel.left, k), b.stride} : Right{packed, panel.width};
          multiply(i, panel, k, r, next(last ? first_column : j + 1, last ? k + kBlock : k, i - first_row, packed),
                   kept ? packed : nullptr);
        }
      }
    }
  }

  // Where a piece lies in C, and its panels of B.
  struct Block {
    int64_t top, bottom, left, right;
    int64_t first_panel, end_panel;
  };

  // What tile number `tile` of a piece fetches, in panel j of B the one number `down`, where operands are read in rows
  // that lie apart: of the block from k on one line of each row of B and then of A, or of the next panel of B when
  // there is but one block. The processor foresees rows that follow each other, but not these.
  Ahead ahead(int64_t tile, int64_t down, int64_t j, const Columns& panel, int64_t k, const Block& piece,
              Right r) const {
    if (k < k1 && plan.direct) {
      const int64_t column = piece.left + tile * kLine;
      if (column < piece.right) return b_line(column, k);
      tile -= ceil_div(piece.right - piece.left, kLine);
    }
    if constexpr (requires { a.row_step(); }) {
      const int64_t row = piece.top + tile * kLine;
      if (k < k1 && plan.direct_a && a.row_step() == 1 && row < piece.bottom) {
        return {a.at(row, k), a.k_step() * static_cast<int64_t>(sizeof(P))};
      }
      // Rows without gaps: the next panel, while the first panel of B meets this one.
      const int64_t next = piece.top + (tile + 1) * plan.rows;
      if (plan.direct_a && a.k_step() == 1 && a.row_step() == plan.k && plan.k <= 2 * kBlock && next < piece.bottom) {
        return {a.at(next, 0), 64};
      }
    }
    if (k - kBlock == k0 && k >= k1 && plan.direct && down * kLine < panel.width) {
      const int64_t column = panel.left + panel.width + down * kLine;
      if (column < piece.right) return b_line(column, k0);
    }
    return plan.direct ? Ahead{r.data, 0} : packed_ahead(down, j, k, piece, r);
  }
  // Of packed panels the one that the piece meets next, a line each step: from a slow third-level cache it would come
  // too late.
  Ahead packed_ahead(int64_t down, int64_t j, int64_t k, const Block& piece, Right r) const {
    const bool last = j + 1 == piece.end_panel;
    if (last && k >= k1) return {r.data, 0};
    const Columns next = columns(last ? piece.first_panel : j + 1);
    const int64_t from = last ? k : k - kBlock, skipped = down * kBlock * kLine;
    if (skipped >= next.width * least(kBlock, k1 - from)) return {r.data, 0};
    return {right(next, from).data + skipped, 64};
  }
  Ahead b_line(int64_t column, int64_t k) const {
    return {b.at(column, k), b.stride * static_cast<int64_t>(sizeof(P))};
  }

  // What tile number `tile` fetches of panel j from k on, which is packed next. Else the processor waits for each row.
  Ahead next(int64_t j, int64_t k, int64_t tile, const P* packed) const {
    if constexpr (requires { b.ahead(j, k, tile, tile); }) {
      if (k < k1) {
        const Columns panel = columns(j);
        return b.ahead(panel.left, panel.width, k, tile);
      }
    }
    return {packed, 0};
  }

  bool passes() const {
    if constexpr (requires { c.passing(); }) return c.passing();
    return false;
  }

  static void fetch_rows(T* const* at, int64_t rows, int64_t vectors) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t v = 0; v < vectors; ++v) __builtin_prefetch(at[r] + v * kLanes, 1);
    }
  }

  // False where nothing is to be kept.
  static bool multiply_and_keep(int64_t vectors, int64_t length, const Left& left, const Right& right, P* kept,
                                T* const* at, bool first, const Ahead& ahead) {
    if constexpr (kKeeps<P>) {
      if (kept == nullptr) return false;
      Tiles<P>::table.keeping[vectors - 1](length, left.data, left.row_step, left.k_step, right.data, right.stride,
                                           kept, at, first, ahead);
      return true;
    }
    return false;
  }

  // Tile i of a panel; `kept` takes the panel's rows, if not null. What is pairs of words comes by reference: copied to
  // the stack by halves and read as a whole, they would wait until the tile before has stored all its sums.
  void multiply(int64_t i, const Columns& panel, int64_t k, const Right& right, const Ahead& ahead,
                P* kept = nullptr) const {
    const int64_t row = this->row(i), column = panel.left;
    const int64_t rows = this->row(i + 1) - row, columns = panel.count;
    const int64_t length = least(kBlock, k1 - k);
    T* at[kTileRows];
    [[maybe_unused]] alignas(64) T passing[kPanelRows * kMaxTileVectors * kLanes];
    if (passes()) {
      for (int64_t r = 0; r < rows; ++r) at[r] = passing + r * panel.width;
    } else {
      for (int64_t r = 0; r < rows; ++r) {
        T* to = c.row(row + r) + column;
        asm("" : "+r"(to));  // GCC would multiply vectors for eight addresses
        at[r] = to;
      }
    }
    const int64_t vectors = ceil_div(columns, kLanes);
    const bool last = k + length == plan.k, ends = last && !ending.nothing();
    if (!passes() && length < kFetchingSteps<P>) fetch_rows(at, rows, vectors);
    if (ends) fetch_ending(ending.at(row, column), rows, vectors);
    if constexpr (requires { c.fetch(row, column, rows, columns); }) {
      if (last) c.fetch(row, column, rows, columns);
    }
    const Left l = left(i, k);
    if (!multiply_and_keep(vectors, length, l, right, kept, at, k == 0, ahead)) {
      Tiles<P>::table.kernels[rows - 1][vectors - 1](length, l.data, l.row_step, l.k_step, right.data, right.stride, at,
                                                     columns, k == 0, ahead);
    }
    if (ends) end_block(ending.at(row, column), at, rows, columns);
    if (last) {
      if constexpr (requires { c.done(at, row, column, rows, columns); }) c.done(at, row, column, rows, columns);
    }
  }

  void multiply_part() {
    const int64_t strips = this->strips(), stretches = this->stretches(), rows = row_panels();
    if (strips * stretches == 1) return multiply_piece(0, rows, 0, panels.count);
    parallel_for(strips * stretches, 1, [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece) {
        const int64_t i = piece / stretches, j = piece % stretches;
        multiply_piece(i * rows / strips, (i + 1) * rows / strips, j * panels.count / stretches,
                       (j + 1) * panels.count / stretches);
      }
    });
  }

  // B is stored along K, and A has so few rows that panels of B would not pay.
  bool few_rows() const {
    if constexpr (kBlock == kKBlock && requires { b.along_k; }) return b.along_k && plan.m <= kFewRows;
    return false;
  }
  void multiply_rows() {
    const int64_t grain = most(1, kFewRowsWork / (kLanes * (k1 - k0)));
    parallel_for(ceil_div(n1 - n0, kLanes), grain, [this](int64_t begin, int64_t end) {
      for (int64_t j = n0 + begin * kLanes; j < least(n1, n0 + end * kLanes); j += kLanes) {
        const int64_t columns = least(kLanes, n1 - j);
        T* at[kFewRows];
        for (int64_t i = 0; i < plan.m; ++i) at[i] = c.row(i) + j;
        for (int64_t k = k0; k < k1; k += kKBlock) {
          const Left l = left(0, k);
          FewRows<T>::table.kernels[plan.m - 1](least(kKBlock, k1 - k), l.data, l.row_step, l.k_step, b.at(j, k),
                                                b.stride, at, columns, k == 0);
        }
        if (k1 == plan.k && !ending.nothing()) end_block(ending.at(0, j), at, plan.m, columns);
      }
    });
  }

  // B is read from end to end. The sums of its K blocks lie in packed_b.
  void multiply_row_by_length() {
    using Vector = VecOf<T>;
    const int64_t blocks = ceil_div(k1 - k0, kKBlock), stride = round_up(plan.n, kLine);
    T *const sums = packed_b, *const row = c.row(0);
    parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const int64_t k = k0 + block * kKBlock;
        const Left l = left(0, k);
        multiply_row(least(kKBlock, k1 - k), l.data, l.k_step, b.at(0, k), b.stride, sums + block * stride, plan.n,
                     true);
      }
    });
    for (int64_t j = 0; j < plan.n; j += kLanes) {
      Vector v = Vector::load(sums + j, plan.n - j);
      if (k0 > 0) v = Vector::load(row + j, plan.n - j) + v;
      for (int64_t block = 1; block < blocks; ++block) v = v + Vector::load(sums + block * stride + j, plan.n - j);
      v.store(row + j, plan.n - j);
    }
    if (k1 == plan.k && !ending.nothing()) end_block(ending.at(0, 0), &row, 1, plan.n);
  }

  void multiply_one_row() {
    if (plan.by_length) return multiply_row_by_length();
    const int64_t stretch = row_stretch(plan.n), grain = most(1, kRowWork / (stretch * (k1 - k0)));
    parallel_for(ceil_div(plan.n, stretch), grain, [this, stretch](int64_t begin, int64_t end) {
      for (int64_t j = begin * stretch; j < least(plan.n, end * stretch); j += stretch) {
        const int64_t columns = least(stretch, plan.n - j);
        T* at = c.row(0) + j;
        for (int64_t k = k0; k < k1; k += kKBlock) {
          const Left l = left(0, k);
          multiply_row(least(kKBlock, k1 - k), l.data, l.k_step, b.at(j, k), b.stride, at, columns, k == 0);
        }
        if (k1 == plan.k && !ending.nothing()) {
          end_block(ending.at(0, j), &at, 1, columns);
        }
      }
    });
  }

  // B, in runs of rows where it lies in rows, which are read from end to end, or in panels; then the panels of A.
  void pack(bool packs_b, int64_t a_panels) {
    const bool in_rows = b.readable();
    const int64_t b_pieces = !packs_b ? 0 : in_rows ? ceil_div(k1 - k0, kPackedRun) : panels.count;
    const int64_t work = in_rows && packs_b ? kPackedRun * (n1 - n0) : plan.vectors * kLanes * (k1 - k0);
    parallel_for(b_pieces + a_panels, most(1, kPackGrain / work), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        if (i >= b_pieces) {
          pack_a(i - b_pieces);
        } else if (in_rows) {
          const int64_t k = k0 + i * kPackedRun;
          pack_b_rows(k, least(kPackedRun, k1 - k));
        } else {
          pack_b(i, k0, k1 - k0);
        }
      }
    });
  }

  void run() {
    for (n0 = 0; n0 < plan.n; n0 = n1) {
      n1 = least(plan.n, n0 + plan.n_part);
      panels = ColumnPanels(ceil_div(n1 - n0, kLanes), plan.vectors, plan.even);
      for (k0 = 0; k0 < plan.k; k0 = k1) {
        k1 = least(plan.k, k0 + plan.k_part);
        for (m0 = 0; m0 < plan.m; m0 = m1) {
          m1 = least(plan.m, m0 + plan.m_part);
          if constexpr (kBlock == kKBlock) {
            if (plan.one_row || few_rows()) {
              if (!plan.direct_a) pack_a(0);
              plan.one_row ? multiply_one_row() : multiply_rows();
              continue;
            }
          }
          const int64_t last = panels.count - 1;
          if (plan.direct && m0 == 0 && !in_place(columns(last))) pack_b(last, k0, k1 - k0);
          pack(!plan.direct && !plan.near && m0 == 0, plan.fused || plan.direct_a ? 0 : row_panels());
          multiply_part();
        }
      }
    }
  }

  // K = 0.
  void end_empty() {
    parallel_for(plan.m, most(1, 4096 / plan.n), [this](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        T* row = c.row(i);
        for (int64_t j = 0; j < plan.n; ++j) row[j] = 0;
        end_block(ending.at(i, 0), &row, 1, plan.n);
      }
    });
  }
};

// `workspace` has plan.bytes(), 64-byte aligned. `plan` is plan_gemm's of the same operands, which pack elements P.
template <class P, class A, class B, class C>
void multiply_panels(const GemmPlan& plan, const A& a, const B& b, const C& c, const Ending<Sum<P>>& ending,
                     void* workspace) noexcept {
  if (plan.m == 0 || plan.n == 0) return;
  char* bytes = static_cast<char*>(workspace);
  Gemm<P, A, B, C> gemm{plan, a, b, c, ending, reinterpret_cast<P*>(bytes), reinterpret_cast<P*>(bytes + plan.a_bytes)};
  if (plan.k == 0) {
    gemm.end_empty();
  } else {
    gemm.run();
  }
}

template <class T, class A, class B, class C>
void multiply_matrices(const GemmPlan& plan, const A& a, const B& b, const C& c, const Ending<T>& ending,
                       void* workspace) noexcept {
  multiply_panels<T>(plan, a, b, c, ending, workspace);
}

}  // namespace

// A result that lies in memory as a matrix.
template <class T>
struct Rows {
  T* data;
  int64_t stride;

  CKERAS_MEMBER T* row(int64_t i) const { return data + i * stride; }
};

}  // namespace ckeras::CKERAS_ISA
