// The gradient of lstm with weights that stay in the caches. Panels of a group of sequences go some steps backwards
// through time; what these leave (the gradients of gates, inputs, states) is multiplied into the gradients of the
// weights while it is in the cache, by all threads. Only for .isa.cpp files.
//
//   state [B][U + I]                        the gradients of the state after a step, and those of its inputs
//   d     [steps of a chunk x group][W]     gradients of the gates
//   left  likewise [I + U + 1]              inputs, the state before, and a one, which sums for the bias
//
// Order of the sums to weights, by the shape alone: chains over kChainRows rows of d, in which sequences run faster
// than steps; the chains of a chunk in turn, chunks backwards in time, group after group.
#pragma once
#include "ops/rnn/resident.h"
#include "ops/rnn/slopes.h"

namespace ckeras::CKERAS_ISA {

// Of all instruction sets: sequences of a group, rows of a chunk and of a chain.
inline constexpr int64_t kGroupRows = 64, kChunkRows = 512, kChainRows = 128;
static_assert(kChainRows <= kKBlock && kGroupRows <= kChunkRows);

// Rows of the weights' gradients in a piece of work.
inline constexpr int64_t kSumRows = 64;

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
  int64_t groups;  // of sequences, which go through time one after the other
  RnnShape group;  // the shape of the largest
  int64_t chunk;   // steps
  RnnCut cut;      // of a group, for the steps of a chunk
  int64_t lefts, left_stride, d_stride, state_stride;
  RnnMatrix<T, Stacked<T>> weights;  // transposed, of the recurrent matrix and the kernel: to [state, inputs]
  ColumnCut<T> sum_cut;

  ResidentBackward(const RnnShape& s, const RnnBackward<T>& g) noexcept
      : s(s),
        g(g),
        groups(ceil_div(s.batch, kGroupRows)),
        group(group_of(s, ceil_div(s.batch, groups))),
        chunk(least(s.time, kChunkRows / group.batch)),
        cut(cut_batch(group, chunk)),
        lefts(s.inputs + s.units + 1),
        left_stride(spaced<T>(lefts)),
        d_stride(spaced<T>(s.columns)),
        state_stride(spaced<T>(s.units + s.inputs)),
        weights({g.recurrent, g.kernel, s.units, s.columns, true}, s.columns, s.units + (g.wants_dx ? s.inputs : 0),
                cut.rows),
        sum_cut(s.columns, tile_vectors(kPanelRows)) {}

  static RnnShape group_of(RnnShape s, int64_t sequences) {
    s.batch = sequences;
    return s;
  }
  struct Memory {
    T *state, *d, *left;
  };
  CKERAS_MEMBER Memory memory(Room& room) const {
    return {room.take<T>(s.batch * state_stride), room.take<T>(chunk * group.batch * d_stride),
            room.take<T>(chunk * group.batch * left_stride)};
  }
  int64_t bytes() const {
    Room room{nullptr};
    memory(room);
    return weights.bytes() + room.used;
  }

  void run(char* free) {
    weights.pack(&free);
    Room room{free};
    const Memory m = memory(room);
    for (int64_t i = 0; i < groups; ++i) {
      run_group(m, s.batch * i / groups, s.batch * (i + 1) / groups, i == 0);
    }
  }

  void run_group(const Memory& m, int64_t from, int64_t to, bool first) const noexcept {
    const RnnShape part = group_of(s, to - from);
    for (int64_t end = s.time, steps; end > 0; end -= steps) {
      steps = least(end, chunk);
      for_panels(part, cut, nullptr, 0, [&](int64_t at, int64_t rows, char*) {
        const int64_t begin = from + at;
        if (end == s.time) first_state(m, begin, rows);
        for (int64_t k = 0; k < steps; ++k) run_step(m, begin, rows, end - 1 - k, k * part.batch + at);
        if (end == steps) last_state(m, begin, rows);
      });
      add_to_sums(m, steps * part.batch, first && end == s.time);
    }
  }

  void first_state(const Memory& m, int64_t begin, int64_t rows) const noexcept {
    for (int64_t b = begin; b < begin + rows; ++b) copy_row(m.state + b * state_stride, g.gh + b * s.units, s.units);
    copy_row(g.dc0 + begin * s.units, g.gc + begin * s.units, rows * s.units);
  }
  void last_state(const Memory& m, int64_t begin, int64_t rows) const noexcept {
    for (int64_t b = begin; b < begin + rows; ++b) copy_row(g.dh0 + b * s.units, m.state + b * state_stride, s.units);
  }

  // Step i of n sequences from `begin` on, whose rows in the chunk begin with row `at`.
  void run_step(const Memory& m, int64_t begin, int64_t n, int64_t i, int64_t at) const noexcept {
    const int64_t u = s.units, t = s.at(i), panels = weights.cut.panels;
    T* const d = m.d + at * d_stride;
    T* to[kRnnRows];
    for (int64_t r = 0; r < n; ++r) {
      const int64_t b = begin + r, row = b * s.time + t, before = s.before(row);
      T *const left = m.left + (at + r) * left_stride, *const state = m.state + b * state_stride;
      copy_row(left, g.x + row * s.inputs, s.inputs);
      copy_row(left + s.inputs, before < 0 ? g.h0 + b * u : g.y + before * u, u);
      left[s.inputs + u] = 1;
      to[r] = state;
      const T* const gy = g.gy != nullptr ? g.gy + row * u : nullptr;
      if (live(row)) {
        end_row(state, g.dc0 + b * u, gy, g.gates + row * s.slots, g.cells + row * u,
                before < 0 ? g.c0 + b * u : g.cells + before * u, d + r * d_stride);
        continue;
      }
      // The gradient of the state waits in dh0 until the product has been where it is.
      __builtin_memset(d + r * d_stride, 0, s.columns * sizeof(T));
      over_columns<T>(u, [&](int64_t j, int64_t count) __attribute__((always_inline)) {
        V v = V::load(state + j, count);
        if (gy != nullptr) v = v + V::load(gy + j, count);
        v.store(g.dh0 + b * u + j, count);
      });
    }
    for (int64_t q = 0; q < panels; ++q) {
      if (i > 0) fetch(begin, i - 1, n * q / panels, n * (q + 1) / panels);
      add_panels(n, d, d_stride, 1, weights, q, q + 1, to, true);
    }
    for (int64_t r = 0; r < n; ++r) {
      const int64_t row = (begin + r) * s.time + t;
      if (g.dx != nullptr) copy_row(g.dx + row * s.inputs, to[r] + u, s.inputs);
      if (!live(row)) copy_row(to[r], g.dh0 + (begin + r) * u, u);
    }
  }
  bool live(int64_t row) const { return g.mask == nullptr || g.mask[row] != 0; }

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

  // Row i of [dkernel; drecurrent; dbias].
  T* sum(int64_t i) const {
    if (i < s.inputs) return g.dkernel + i * s.columns;
    i -= s.inputs;
    return i < s.units ? g.drecurrent + i * s.columns : g.dbias;
  }

  // Adds left^T d, of `length` rows, to the gradients of the weights.
  void add_to_sums(const Memory& m, int64_t length, bool first) const noexcept {
    const int64_t groups = ceil_div(lefts, kSumRows), work = length * least(lefts, kSumRows) * s.columns;
    parallel_for(groups * sum_cut.panels, most(1, kPieceWork / 16 * sum_cut.panels / work),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     const int64_t group = i % groups;
                     for (int64_t k = 0; k < length; k += kChainRows) {
                       add_group(m, k, length - k, lefts * group / groups, lefts * (group + 1) / groups, i / groups,
                                 first && k == 0);
                     }
                   }
                 });
  }
  // Rows [begin, end) of them, column panel q, of a chain from row k on; `rest` rows are left.
  void add_group(const Memory& m, int64_t k, int64_t rest, int64_t begin, int64_t end, int64_t q,
                 bool first) const noexcept {
    constexpr int64_t kSize = sizeof(T);
    const int64_t length = least(kChainRows, rest);
    const bool more = rest >= 2 * kChainRows;
    const int64_t j = sum_cut.at(q), columns = sum_cut.at(q + 1) - j;
    const int64_t vectors = ceil_div(columns, V::kLanes), tiles = ceil_div(end - begin, kPanelRows);
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t i = begin + (end - begin) * tile / tiles, n = begin + (end - begin) * (tile + 1) / tiles - i;
      T* to[kRnnRows];
      for (int64_t r = 0; r < n; ++r) {
        to[r] = sum(i + r) + j;
        for (int64_t v = 0; v < columns; v += V::kLanes) __builtin_prefetch(to[r] + v, 1);
      }
      // The rows of the next chain come meanwhile, a line of each for every tile.
      const T *const d = m.d + k * d_stride + j, *const left = m.left + k * left_stride;
      const int64_t line = 64 / kSize * (tile < vectors ? tile : tile - vectors);
      const Ahead ahead = tile < vectors ? Ahead{d + kChainRows * d_stride + line, d_stride * kSize}
                                         : Ahead{left + kChainRows * left_stride + begin + line, left_stride * kSize};
      Tiles<T>::table.kernels[n - 1][vectors - 1](length, left + i, 1, left_stride, d, d_stride, to, columns, first,
                                                  more ? ahead : Ahead{m.d, 0});
    }
  }
};

}  // namespace
}  // namespace ckeras::CKERAS_ISA
