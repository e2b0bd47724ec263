// The transform of one row, in place, in float64. Only for .isa.cpp files.
//
// A size m = A B, both powers of two, as a matrix [A, B] (D. H. Bailey, 1990): its columns are transformed, as many at
// once as there are lanes; number (k, j) is turned by exp(-2 pi i k j / m); its rows are transformed, and their results
// written as columns. Both halves are shared by threads.
#pragma once
#include "cpu/parallel.h"
#include "ops/dft/tiles.h"

namespace ckeras::CKERAS_ISA {
namespace {

// Turns by any k of two tables: of the multiples of 2^bits, and of what is left.
struct FineTurns {
  Complexes<double> coarse, rest;
  int bits;

  CKERAS_MEMBER void at(int64_t k, double* re, double* im) const {
    const int64_t a = k >> bits, b = k & ((int64_t{1} << bits) - 1);
    *re = fma(-coarse.im[a], rest.im[b], coarse.re[a] * rest.re[b]);
    *im = fma(coarse.re[a], rest.im[b], coarse.im[a] * rest.re[b]);
  }
};
CKERAS_INLINE int bits_of(int64_t power_of_2) { return __builtin_ctzll(static_cast<uint64_t>(power_of_2)); }

class MatrixTransform {
 public:
  using L = Lanes<double>;
  static constexpr int64_t kLanes = V8::kLanes, kPlace = 2 * kLanes, kLeast = kLanes * kLanes;
  static constexpr int64_t kMostSlots = 16;  // groups of columns or rows that have memory together

  static CKERAS_MEMBER int64_t columns_of(int64_t m) {
    int64_t columns = kLanes;
    while (columns * columns * 4 <= m) columns *= 2;
    return columns;
  }
  // Numbers of memory: the tables, the matrix, the slots.
  static CKERAS_MEMBER int64_t numbers(int64_t m) {
    if (m < kLeast) return lane_table(m) + 2 * kPlace * m;
    const int64_t columns = columns_of(m), rows = m / columns;
    return lane_table(rows) + lane_table(columns) + 2 * columns + 2 * m + slots(rows) * 2 * kPlace * rows;
  }

  MatrixTransform(int64_t m, double* memory)
      : m_(m),
        columns_(m < kLeast ? 1 : columns_of(m)),
        rows_(m / columns_),
        of_column_(rows_, memory),
        of_row_(columns_, memory + lane_table(rows_)) {
    double* at = memory + lane_table(rows_);
    if (m < kLeast) {
      slots_ = at;
      return;
    }
    at += lane_table(columns_);
    turns_ = {{memory, memory + rows_}, {at, at + columns_}, bits_of(columns_)};
    at += 2 * columns_;
    matrix_ = {at, at + m};
    slots_ = at + 2 * m;
  }

  void fill() const {
    of_column_.fill(slots_, slots_);
    if (m_ < kLeast) return;
    of_row_.fill(slots_, slots_);
    const int64_t m = m_;
    turns(turns_.rest, columns_, m, [](int64_t k) __attribute__((always_inline)) { return 2 * k; });
  }

  void run(Complexes<double> z) const {
    if (m_ < kLeast) {
      for (int64_t i = 0; i < m_; ++i) L{V8(z.re[i]), V8(z.im[i])}.store(slots_ + i * kPlace);
      const double* found = of_column_.run(slots_, slots_ + m_ * kPlace);
      for (int64_t i = 0; i < m_; ++i) {
        z.re[i] = found[i * kPlace];
        z.im[i] = found[i * kPlace + kLanes];
      }
      return;
    }
    each_group(columns_, [&](int64_t j, double* x, double* y) { column_group(z, j, x, y); });
    each_group(rows_, [&](int64_t k, double* x, double* y) { row_group(z, k, x, y); });
  }

 private:
  static constexpr int64_t kPiece = 1 << 12;  // numbers of a piece of parallel work, at least
  static constexpr int64_t kTurned = 64;      // rows whose turns are products of one and a table's

  static CKERAS_MEMBER int64_t slots(int64_t rows) { return least(kMostSlots, rows / kLanes); }

  // body(first of kLanes columns or rows, two buffers) for all of them.
  template <class Body>
  void each_group(int64_t count, const Body& body) const {
    const int64_t groups = count / kLanes, some = least(kMostSlots, groups);
    const int64_t grain = at_least_one(least(some, kPiece * some / m_));
    parallel_for(some, grain, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        double* const x = slots_ + slot * 2 * kPlace * rows_;
        for (int64_t group = slot; group < groups; group += some) body(group * kLanes, x, x + kPlace * rows_);
      }
    });
  }
  L turns_at(int64_t j, int64_t k) const {
    double re[kLanes], im[kLanes];
    for (int64_t lane = 0; lane < kLanes; ++lane) turns_.at((j + lane) * k, &re[lane], &im[lane]);
    return {V8::load(re), V8::load(im)};
  }
  void column_group(Complexes<double> z, int64_t j, double* x, double* y) const {
    for (int64_t i = 0; i < rows_; ++i) {
      const int64_t at = i * columns_ + j;
      L{V8::load(z.re + at), V8::load(z.im + at)}.store(x + i * kPlace);
    }
    const double* found = of_column_.run(x, y);
    double table[kTurned * kPlace];
    const int64_t some = least(kTurned, rows_);
    for (int64_t b = 0; b < some; ++b) turns_at(j, b).store(table + b * kPlace);
    for (int64_t k = 0; k < rows_; k += some) {
      const L base = turns_at(j, k);
      for (int64_t b = 0; b < some; ++b) {
        const L v = L::load(found + (k + b) * kPlace) * (base * L::load(table + b * kPlace));
        v.re.store(matrix_.re + (k + b) * columns_ + j);
        v.im.store(matrix_.im + (k + b) * columns_ + j);
      }
    }
  }
  void row_group(Complexes<double> z, int64_t k, double* x, double* y) const {
    Column<double> re[kStretch], im[kStretch];
    for (int64_t j0 = 0; j0 < columns_; j0 += kStretch) {
      const int64_t n = least(kStretch, columns_ - j0), at = k * columns_ + j0;
      read_tile<double>(matrix_.re + at, columns_, kLanes, n, re);
      read_tile<double>(matrix_.im + at, columns_, kLanes, n, im);
      for (int64_t i = 0; i < n; ++i) L{V8::load(re[i]), V8::load(im[i])}.store(x + (j0 + i) * kPlace);
    }
    const double* found = of_row_.run(x, y);
    for (int64_t i = 0; i < columns_; ++i) {
      const L v = L::load(found + i * kPlace);
      v.re.store(z.re + i * rows_ + k);
      v.im.store(z.im + i * rows_ + k);
    }
  }

  int64_t m_, columns_, rows_;
  LaneTransform<double> of_column_, of_row_;
  FineTurns turns_;
  Complexes<double> matrix_;
  double* slots_;
};

// a *= b
void multiply(Complexes<double> a, Complexes<double> b, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const double re = a.re[i] * b.re[i] - a.im[i] * b.im[i];
    a.im[i] = a.re[i] * b.im[i] + a.im[i] * b.re[i];
    a.re[i] = re;
  }
}

// Any size, forward, in place in `x` of m places.
class Transform {
 public:
  static CKERAS_MEMBER int64_t numbers(int64_t n) {
    const int64_t m = dft_size(n);
    return MatrixTransform::numbers(m) + (n == m ? 0 : 2 * (m + n));
  }

  Transform(int64_t n, double* memory) : n_(n), m_(dft_size(n)), matrix_(m_, memory) {
    double* const at = memory + MatrixTransform::numbers(m_);
    chirp_ = {at, at + n};
    filter_ = {at + 2 * n, at + 2 * n + m_};
  }
  void fill() const {
    matrix_.fill();
    if (n_ == m_) return;
    const int64_t n = n_;
    turns(chirp_, n, n, [n](int64_t k) __attribute__((always_inline)) { return square_modulo(k, 2 * n); });
    for (int64_t i = 0; i < m_; ++i) filter_.re[i] = filter_.im[i] = 0;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t mirrored = (m_ - i) % m_;
      filter_.re[i] = filter_.re[mirrored] = chirp_.re[i];
      filter_.im[i] = filter_.im[mirrored] = -chirp_.im[i];
    }
    matrix_.run(filter_);
  }
  void run(Complexes<double> x) const {
    if (n_ == m_) return matrix_.run(x);
    multiply(x, chirp_, n_);
    for (int64_t i = n_; i < m_; ++i) x.re[i] = x.im[i] = 0;
    matrix_.run(x);
    multiply(x, filter_, m_);
    for (int64_t i = 0; i < m_; ++i) x.im[i] = -x.im[i];  // the inverse by the conjugate
    matrix_.run(x);
    const double scale = 1 / static_cast<double>(m_);
    for (int64_t i = 0; i < n_; ++i) {
      x.re[i] *= scale;
      x.im[i] *= -scale;
    }
    multiply(x, chirp_, n_);
  }

 private:
  int64_t n_, m_;
  MatrixTransform matrix_;
  Complexes<double> chirp_, filter_;
};

}  // namespace
}  // namespace ckeras::CKERAS_ISA
