// The gradient of lstm with weights that stay in the second-level cache. A thread takes a slice of sequences backwards
// through time; what its last steps left (the gradients of gates, inputs, states) is multiplied into the gradients of
// the weights while it is in the cache. Only for .isa.cpp files.
//
//   d     [steps of a chunk x rows of the slice][W]   gradients of the gates
//   left  likewise [I + U + 1]                        inputs, the state before, and a one, which sums for the bias
//   sums  [I + U + 1][W]                              left^T d, over all chunks of the part's slices
//
// Order of the sums to weights, by the shape alone: a chain over the rows of each step, steps backwards in time, chunk
// after chunk, slice after slice of a part; then parts in turn.
#pragma once
#include "ops/rnn/resident.h"
#include "ops/rnn/slopes.h"

namespace ckeras::CKERAS_ISA {

// Of all instruction sets: rows of a slice, rows of a chunk, parts.
inline constexpr int64_t kSliceRows = 8, kChunkRows = 128, kSliceParts = 16;
static_assert(kChunkRows <= kKBlock);

// Brings n elements into the second-level cache.
template <class T>
CKERAS_INLINE void fetch_row(const T* from, int64_t n) {
  constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
  for (int64_t j = 0; j < n; j += kLine) __builtin_prefetch(from + j, 0, 2);
}

namespace {

template <class T>
struct ResidentBackward {
  using V = VecOf<T>;
  const RnnShape& s;
  const RnnBackward<T>& g;
  int64_t slices, slice_rows, parts, chunk;  // chunk: steps
  int64_t rows;                              // of a tile
  int64_t lefts, left_stride, d_stride, sum_stride, state_stride;
  RnnMatrix<T, Stacked<T>> weights;  // transposed, of the recurrent matrix and the kernel: to [state, inputs]
  ColumnCut<T> sum_cut;

  ResidentBackward(const RnnShape& s, const RnnBackward<T>& g) noexcept
      : s(s),
        g(g),
        slices(ceil_div(s.batch, kSliceRows)),
        slice_rows(ceil_div(s.batch, slices)),
        parts(least(slices, kSliceParts)),
        chunk(least(s.time, kChunkRows / slice_rows)),
        rows(ceil_div(slice_rows, ceil_div(slice_rows, kPanelRows))),
        lefts(s.inputs + s.units + 1),
        left_stride(spaced<T>(lefts)),
        d_stride(spaced<T>(s.columns)),
        sum_stride(round_up(s.columns, V::kLanes)),
        state_stride(spaced<T>(s.units + s.inputs)),
        weights({g.recurrent, g.kernel, s.units, s.columns, true}, s.columns,
                s.units + (g.dx != nullptr ? s.inputs : 0), rows),
        sum_cut(s.columns, tile_vectors(kPanelRows)) {}

  // What a part of the work has.
  struct Part {
    T *sums, *d, *left, *state, *cells, *masked;

    CKERAS_MEMBER static Part in(Room& room, const ResidentBackward& b) {
      Part p{};
      p.sums = room.take<T>(b.lefts * b.sum_stride);
      p.d = room.take<T>(b.chunk * b.slice_rows * b.d_stride);
      p.left = room.take<T>(b.chunk * b.slice_rows * b.left_stride);
      p.state = room.take<T>(b.slice_rows * b.state_stride);
      p.cells = room.take<T>(b.slice_rows * b.state_stride);
      p.masked = room.take<T>(b.slice_rows * b.state_stride);
      return p;
    }
  };
  int64_t part_bytes() const {
    Room room{nullptr};
    Part::in(room, *this);
    return room.used;
  }
  int64_t bytes() const { return weights.bytes() + parts * part_bytes(); }

  void run(char* free) {
    weights.pack(&free);
    const int64_t size = part_bytes();
    parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) run_part(i, free + i * size);
    });
    parallel_for(lefts, most(1, kPieceWork / 16 / (parts * s.columns)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) add_parts(i, free, size);
    });
  }

  // Row i of the sums of all parts.
  void add_parts(int64_t i, char* memory, int64_t size) const noexcept {
    T* const to = i < s.inputs             ? g.dkernel + i * s.columns
                  : i < s.inputs + s.units ? g.drecurrent + (i - s.inputs) * s.columns
                                           : g.dbias;
    over_columns<T>(s.columns, [&](int64_t j, int64_t n) __attribute__((always_inline)) {
      V sum(T{0});
      for (int64_t part = 0; part < parts; ++part) {
        const V more = V::load(reinterpret_cast<const T*>(memory + part * size) + i * sum_stride + j);
        sum = part == 0 ? more : sum + more;
      }
      sum.store(to + j, n);
    });
  }

  void run_part(int64_t part, char* memory) const noexcept {
    Room room{memory};
    const Part p = Part::in(room, *this);
    // What no one writes is read in whole vectors, though no result depends on it.
    __builtin_memset(p.d, 0, chunk * slice_rows * d_stride * sizeof(T));
    __builtin_memset(p.left, 0, chunk * slice_rows * left_stride * sizeof(T));
    bool first = true;
    for (int64_t slice = slices * part / parts; slice < slices * (part + 1) / parts; ++slice) {
      const int64_t begin = slice * slice_rows;
      const int64_t n = least(slice_rows, s.batch - begin);
      for (int64_t r = 0; r < n; ++r) {
        copy_row(p.state + r * state_stride, g.gh + (begin + r) * s.units, s.units);
        copy_row(p.cells + r * state_stride, g.gc + (begin + r) * s.units, s.units);
      }
      for (int64_t i = s.time; i > 0; i -= least(i, chunk)) {
        const int64_t steps = least(i, chunk);
        for (int64_t k = 0; k < steps; ++k) run_step(p, begin, n, i - 1 - k, k * n);
        add_to_sums(p, steps * n, first);
        first = false;
      }
      for (int64_t r = 0; r < n; ++r) {
        copy_row(g.dh0 + (begin + r) * s.units, p.state + r * state_stride, s.units);
        copy_row(g.dc0 + (begin + r) * s.units, p.cells + r * state_stride, s.units);
      }
    }
  }

  // Step i of n sequences from `begin` on, whose rows in the chunk begin with row `at`.
  void run_step(const Part& p, int64_t begin, int64_t n, int64_t i, int64_t at) const noexcept {
    const int64_t u = s.units, t = s.at(i);
    T* d = p.d + at * d_stride;
    T* left = p.left + at * left_stride;
    for (int64_t r = 0; r < n; ++r) {
      const int64_t row = (begin + r) * s.time + t, before = s.before(row);
      copy_row(left + r * left_stride, g.x + row * s.inputs, s.inputs);
      copy_row(left + r * left_stride + s.inputs, before < 0 ? g.h0 + (begin + r) * u : g.y + before * u, u);
      left[r * left_stride + s.inputs + u] = 1;
      const T* const c_before = before < 0 ? g.c0 + (begin + r) * u : g.cells + before * u;
      T* const state = p.state + r * state_stride;
      const T* const gy = g.gy != nullptr ? g.gy + row * u : nullptr;
      if (g.mask == nullptr || g.mask[row] != 0) {
        end_row(state, p.cells + r * state_stride, gy, g.gates + row * s.slots, g.cells + row * u, c_before,
                d + r * d_stride);
        continue;
      }
      // The gradient of the state waits until the product has been where it is.
      __builtin_memset(d + r * d_stride, 0, s.columns * sizeof(T));
      over_columns<T>(u, [&](int64_t j, int64_t count) __attribute__((always_inline)) {
        V v = V::load(state + j, count);
        if (gy != nullptr) v = v + V::load(gy + j, count);
        v.store(p.masked + r * state_stride + j, count);
      });
    }
    for (int64_t r = 0; r < n; r += rows) {
      const int64_t count = least(rows, n - r), panels = weights.cut.panels;
      T* to[kRnnRows];
      for (int64_t k = 0; k < count; ++k) to[k] = p.state + (r + k) * state_stride;
      for (int64_t q = 0; q < panels; ++q) {
        if (i > 0) fetch(begin + r, i - 1, count * q / panels, count * (q + 1) / panels);
        add_panels(count, d + r * d_stride, d_stride, 1, weights, q, q + 1, to, true);
      }
    }
    for (int64_t r = 0; r < n; ++r) {
      const int64_t row = (begin + r) * s.time + t;
      const T* const state = p.state + r * state_stride;
      if (g.dx != nullptr) copy_row(g.dx + row * s.inputs, state + u, s.inputs);
      if (g.mask != nullptr && g.mask[row] == 0) copy_row(p.state + r * state_stride, p.masked + r * state_stride, u);
    }
  }

  // What step i reads of sequences from `first` on comes while the step before it multiplies.
  CKERAS_MEMBER void fetch(int64_t first, int64_t i, int64_t begin, int64_t end) const {
    for (int64_t b = first + begin; b < first + end; ++b) {
      const int64_t row = b * s.time + s.at(i), before = s.before(row);
      fetch_row(g.gates + row * s.slots, s.slots);
      if (g.gy != nullptr) fetch_row(g.gy + row * s.units, s.units);
      fetch_row(g.x + row * s.inputs, s.inputs);
      if (before < 0) continue;
      fetch_row(g.y + before * s.units, s.units);
      fetch_row(g.cells + before * s.units, s.units);
    }
  }

  // The gradients of the gates of one row, from those of the state after the step; dc becomes that before it.
  void end_row(const T* dh_at, T* dc_at, const T* gy, const T* gates, const T* cells, const T* before,
               T* d) const noexcept {
    const int64_t u = s.units;
    for_lanes<V::kLanes>(u, [&](int64_t j, int64_t n) __attribute__((always_inline)) {
      const T* const at = gates + j;
      T* const to = d + j;
      const V i = V::load(at, n), f = V::load(at + u, n), z = V::load(at + 2 * u, n), o = V::load(at + 3 * u, n);
      V dh = V::load(dh_at + j, n);
      if (gy != nullptr) dh = dh + V::load(gy + j, n);
      const V c = tanh(V::load(cells + j, n));
      const V dc = fma(dh * o, tanh_slope(c), V::load(dc_at + j, n));
      (dc * z * sigmoid_slope(i)).store(to, n);
      (dc * V::load(before + j, n) * sigmoid_slope(f)).store(to + u, n);
      (dc * i * tanh_slope(z)).store(to + 2 * u, n);
      (dh * c * sigmoid_slope(o)).store(to + 3 * u, n);
      (dc * f).store(dc_at + j, n);
    });
  }

  // sums += left^T d, over `length` rows.
  void add_to_sums(const Part& p, int64_t length, bool first) const noexcept {
    const int64_t panels = ceil_div(lefts, kPanelRows), height = ceil_div(lefts, panels);
    for (int64_t q = 0; q < sum_cut.panels; ++q) {
      const int64_t j = sum_cut.at(q), columns = round_up(sum_cut.at(q + 1) - j, V::kLanes);
      for (int64_t i = 0; i < lefts; i += height) {
        const int64_t n = least(height, lefts - i);
        T* to[kRnnRows];
        for (int64_t r = 0; r < n; ++r) {
          to[r] = p.sums + (i + r) * sum_stride + j;
          for (int64_t k = 0; k < columns; k += V::kLanes) __builtin_prefetch(to[r] + k, 1);
        }
        Tiles<T>::table.kernels[n - 1][columns / V::kLanes - 1](length, p.left + i, 1, left_stride, p.d + j, d_stride,
                                                                to, columns, first, {p.d, 0});
      }
    }
  }
};

}  // namespace
}  // namespace ckeras::CKERAS_ISA
