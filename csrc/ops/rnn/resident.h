// lstm with weights that stay in the caches: a thread takes a panel of sequences through all steps, each one product of
// inputs and states side by side with both matrices, one below the other. Only for .isa.cpp files.
#pragma once
#include "cpu/stream_vec.h"
#include "ops/rnn/panel.h"

namespace ckeras::CKERAS_ISA {

// By the shape alone: these sums go over inputs and then units in one chain of blocks, then comes the bias.
template <class T>
CKERAS_INLINE bool is_resident(RnnKind kind, const RnnShape& s) {
  return kind == RnnKind::Lstm && s.batch >= kResidentBatch && s.time > 0 && s.inputs > 0 && s.units > 0 &&
         (s.inputs + s.units) * s.columns * static_cast<int64_t>(sizeof(T)) <= kResidentBytes;
}

// Rows of vectors: not a power of two apart, which would crowd the cache.
template <class T>
CKERAS_INLINE int64_t spaced(int64_t n) {
  return round_up(n, VecOf<T>::kLanes) + 64 / static_cast<int64_t>(sizeof(T));
}

// Memory in turn, in whole lines.
struct Room {
  char* next;
  int64_t used = 0;

  template <class T>
  CKERAS_MEMBER T* take(int64_t n) {
    T* at = reinterpret_cast<T*>(next + used);
    used += round_up(n * static_cast<int64_t>(sizeof(T)), 64);
    return at;
  }
};

// Two matrices of the same row length, one below the other, as Matrix in gemm/pack.h: the rows of the product's B or,
// `turned`, of its transpose.
template <class T>
struct Stacked {
  const T *upper, *lower;
  int64_t upper_rows, stride;
  bool turned;

  CKERAS_MEMBER const T* row(int64_t i) const {
    return i < upper_rows ? upper + i * stride : lower + (i - upper_rows) * stride;
  }
  CKERAS_MEMBER void pack(T* to, int64_t width, int64_t i0, int64_t count, int64_t p0, int64_t k) const {
    if (turned) {
      pack_transposed(to, width, count, width, k, [&](int64_t i) { return row(i0 + i) + p0; });
    } else {
      for (int64_t p = 0; p < k; ++p) pack_row(to + p * width, row(p0 + p) + i0, count);
    }
  }
};

namespace {

template <class T>
struct ResidentForward {
  using V = VecOf<T>;
  const RnnShape& s;
  const RnnForward<T>& f;
  RnnCut cut;
  RnnMatrix<T, Stacked<T>> weights;  // the kernel, below it the recurrent one

  ResidentForward(const RnnShape& s, const RnnForward<T>& f) noexcept
      : s(s),
        f(f),
        cut(cut_batch(s, s.time)),
        weights({f.kernel, f.recurrent, s.inputs, s.columns, false}, s.inputs + s.units, s.columns, cut.rows) {}

  // A panel of sequences from `first` on, and what a part of the work has for it: rows of z and of states are apart by
  // their strides.
  struct Panel {
    int64_t first, rows;
    T *packed, *cells, *z, *h;
    int64_t z_stride, h_stride;

    CKERAS_MEMBER static Panel in(Room& room, const RnnShape& s) {
      Panel p{};
      p.z_stride = spaced<T>(s.columns);
      p.h_stride = spaced<T>(s.units);
      p.packed = room.take<T>(kPanelStride * (s.inputs + s.units));
      p.cells = room.take<T>(kRnnRows * p.h_stride);
      p.h = room.take<T>(kRnnRows * p.h_stride);
      p.z = room.take<T>(kRnnRows * p.z_stride);
      return p;
    }
  };
  int64_t panel_bytes() const {
    Room room{nullptr};
    Panel::in(room, s);
    return room.used;
  }
  int64_t bytes() const { return weights.bytes() + cut.parts * panel_bytes(); }

  void run(char* free) {
    weights.pack(&free);
    const bool past = streams(f.gates, s.batch * s.time * s.slots, 0, s.units);
    for_panels(s, cut, free, panel_bytes(), [&](int64_t begin, int64_t rows, char* memory) {
      Room room{memory};
      Panel p = Panel::in(room, s);
      p.first = begin;
      p.rows = rows;
      past ? run_panel<true>(p) : run_panel<false>(p);
      if (past) end_stream();
    });
  }

  template <bool kPast>
  void run_panel(const Panel& p) const noexcept {
    T* z[kRnnRows];
    const T *x[kPanelStride]{}, *h[kPanelStride]{};
    for (int64_t r = 0; r < p.rows; ++r) {
      z[r] = p.z + r * p.z_stride;
      h[r] = p.h + r * p.h_stride;
      copy_row(p.h + r * p.h_stride, f.h0 + (p.first + r) * s.units, s.units);
      copy_row(p.cells + r * p.h_stride, f.c0 + (p.first + r) * s.units, s.units);
    }
    for (int64_t i = 0; i < s.time; ++i) {
      const int64_t t = s.at(i);
      for (int64_t r = 0; r < p.rows; ++r) x[r] = f.x + ((p.first + r) * s.time + t) * s.inputs;
      pack_rows(p.packed, p.rows, s.inputs, x);
      pack_rows(p.packed + s.inputs * kPanelStride, p.rows, s.units, h);
      add_panels(p.rows, p.packed, 1, kPanelStride, weights, 0, weights.cut.panels, z, true);
      for (int64_t r = 0; r < p.rows; ++r) end_row<kPast>(p, r, (p.first + r) * s.time + t);
    }
    for (int64_t r = 0; r < p.rows; ++r) {
      copy_row(f.h + (p.first + r) * s.units, p.h + r * p.h_stride, s.units);
      copy_row(f.c + (p.first + r) * s.units, p.cells + r * p.h_stride, s.units);
    }
  }

  // The gates of row r of a panel, and what follows from them, at row `at` of the results.
  template <bool kPast>
  void end_row(const Panel& p, int64_t r, int64_t at) const noexcept {
    const int64_t u = s.units;
    T *const y = f.y + at * u, *const cells = f.cells + at * u, *const gates = f.gates + at * s.slots;
    T *const h = p.h + r * p.h_stride, *const c = p.cells + r * p.h_stride;
    if (f.mask != nullptr && f.mask[at] == 0) {
      copy_row(y, h, u);
      copy_row(cells, c, u);
      __builtin_memset(gates, 0, s.slots * sizeof(T));
      return;
    }
    T* const z = p.z + r * p.z_stride;
    auto keep = [&](V v, int64_t j, int64_t n) __attribute__((always_inline)) {
      if constexpr (kPast) {
        stream(v, gates + j);
      } else {
        v.store(gates + j, n);
      }
    };
    for_lanes<V::kLanes>(u, [&](int64_t j, int64_t n) __attribute__((always_inline)) {
      auto sum = [&](int64_t k) __attribute__((always_inline)) { return V::load(z + k, n) + V::load(f.bias + k, n); };
      const V in = sigmoid(sum(j)), forget = sigmoid(sum(u + j)), g = tanh(sum(2 * u + j)),
              out = sigmoid(sum(3 * u + j));
      const V cell = fma(forget, V::load(c + j, n), in * g);
      keep(in, j, n);
      keep(forget, u + j, n);
      keep(g, 2 * u + j, n);
      keep(out, 3 * u + j, n);
      out.store(z + 3 * u + j, n);
      cell.store(c + j, n);
      cell.store(cells + j, n);
    });
    // In a loop of its own: a chain as long as both would leave the processor waiting.
    for_lanes<V::kLanes>(u, [&](int64_t j, int64_t n) __attribute__((always_inline)) {
      const V state = V::load(z + 3 * u + j, n) * tanh(V::load(c + j, n));
      state.store(h + j, n);
      state.store(y + j, n);
    });
  }
};

}  // namespace
}  // namespace ckeras::CKERAS_ISA
