// The transform of one row as a matrix. Only for .isa.cpp files.
//
// A size n = A B as a matrix [A, B] (D. H. Bailey, 1990): its columns are transformed, as many at once as there are
// lanes; number (k, j) is turned by exp(-2 pi i k j / n); its rows are transformed, again a row a lane: vectors of
// their results lie side by side in the result. Numbers are turned over once, in between.
#pragma once
#include "cpu/parallel.h"
#include "ops/dft/tiles.h"

namespace ckeras::CKERAS_ISA {
namespace {

CKERAS_INLINE V16 narrowed(Pair<V8> v) { return to_single(v); }
CKERAS_INLINE V8 narrowed(V8 v) { return v; }

// exp(-2 pi i k j / n) for `rows` k and the lanes of `groups` vectors of j: products, in float64, of those of the lanes
// and those of the vectors' first, rounded once.
template <class T>
class MatrixTurns {
 public:
  static constexpr int64_t kLanes = VecOf<T>::kLanes, kPlace = 2 * kLanes;

  static CKERAS_MEMBER int64_t numbers(int64_t rows, int64_t groups, bool kept) {
    return doubles(rows * kLanes) + doubles(rows * groups) + (kept ? rows * groups * kPlace : 0);
  }
  // kept: all are made once, for many uses.
  MatrixTurns(int64_t rows, int64_t groups, int64_t n, bool kept, T* memory) : rows_(rows), groups_(groups), n_(n) {
    double* at = reinterpret_cast<double*>(memory);
    lanes_ = {at, at + rows * kLanes};
    at = reinterpret_cast<double*>(memory += doubles(rows * kLanes));
    firsts_ = {at, at + rows * groups};
    kept_ = kept ? memory + doubles(rows * groups) : nullptr;
  }
  void fill() const {
    const int64_t n = n_, rows = rows_;
    const auto of_lane = [](int64_t i) __attribute__((always_inline)) { return 2 * (i / kLanes) * (i % kLanes); };
    turns(lanes_, rows * kLanes, n, of_lane);
    const auto of_first = [rows](int64_t i)
                              __attribute__((always_inline)) { return 2 * (i % rows) * (i / rows) * kLanes; };
    turns(firsts_, rows * groups_, n, of_first);
    if (kept_ == nullptr) return;
    for (int64_t g = 0; g < groups_; ++g) {
      for (int64_t k = 0; k < rows; ++k) made(k, g).store(kept_ + (g * rows + k) * kPlace);
    }
  }
  CKERAS_MEMBER Lanes<T> at(int64_t k, int64_t g) const {
    return kept_ != nullptr ? Lanes<T>::load(kept_ + (g * rows_ + k) * kPlace) : made(k, g);
  }

 private:
  using Wide = Vec<double, kLanes>;
  static CKERAS_MEMBER int64_t doubles(int64_t n) { return round_up(2 * n, 8) * (8 / static_cast<int64_t>(sizeof(T))); }
  CKERAS_MEMBER Lanes<T> made(int64_t k, int64_t g) const {
    const Wide a_re(firsts_.re[g * rows_ + k]), a_im(firsts_.im[g * rows_ + k]);
    const Wide b_re = Wide::load(lanes_.re + k * kLanes), b_im = Wide::load(lanes_.im + k * kLanes);
    return {narrowed(fnma(a_im, b_im, a_re * b_re)), narrowed(fma(a_re, b_im, a_im * b_re))};
  }

  int64_t rows_, groups_, n_;
  Complexes<double> lanes_, firsts_;
  T* kept_;
};

// A size without other factors than 2, 3, 5 and 7.
template <class T>
class MatrixTransform {
 public:
  using V = VecOf<T>;
  static constexpr int64_t kLanes = V::kLanes, kPlace = 2 * kLanes;
  static constexpr int64_t kMostSlots = 16;  // groups of columns or rows that have memory together

  // Of the shapes that leave the fewest lanes empty the one nearest to a square, but sixteen rows where they do: a
  // column is then one pass.
  static CKERAS_MEMBER int64_t rows_of(int64_t n) {
    constexpr bool kBoth[] = {true, false};
    int64_t found = 1, cost = 2 * kLanes * n;
    for (int64_t a = 1; a * a <= n; ++a) {
      if (n % a != 0) continue;
      for (bool tall : kBoth) {
        const int64_t rows = tall ? n / a : a, columns = n / rows,
                      now = rows * round_up(columns, kLanes) + columns * round_up(rows, kLanes);
        if (now > cost || (now == cost && (n <= kFlat && found == 16))) continue;
        found = rows;
        cost = now;
      }
    }
    return found;
  }
  // Numbers of memory: the tables; of a row.
  static CKERAS_MEMBER int64_t tables(int64_t n, bool many) {
    const int64_t rows = rows_of(n), columns = n / rows;
    return aligned(lane_table(rows)) + aligned(lane_table(columns)) +
           MatrixTurns<T>::numbers(rows, ceil_div(columns, kLanes), many);
  }
  static CKERAS_MEMBER int64_t work(int64_t n, bool many) {
    const MatrixTransform of(n, many, nullptr);
    return of.matrix() + (many ? 1 : kMostSlots) * of.scratch();
  }

  // many: rows are transformed side by side by threads; else threads share each.
  MatrixTransform(int64_t n, bool many, T* memory)
      : n_(n),
        rows_(rows_of(n)),
        columns_(n / rows_),
        groups_(ceil_div(columns_, kLanes)),
        sets_(ceil_div(rows_, kLanes)),
        many_(many),
        of_column_(rows_, memory),
        of_row_(columns_, memory + aligned(lane_table(rows_))),
        turns_(rows_, groups_, n, many, memory + aligned(lane_table(rows_)) + aligned(lane_table(columns_))) {}
  // memory: of a row.
  void fill(T* memory) const {
    of_column_.fill(memory, memory);
    of_row_.fill(memory, memory);
    turns_.fill();
  }

  // read(i, count): numbers i, ..., 0 from `count` on; write(k, v, count): the first count lanes are results k, ...
  template <class Read, class Write>
  void run(T* memory, const Read& read, const Write& write) const {
    T* const scratch = memory + matrix();
    each(groups_, scratch, [&](int64_t g, T* x) __attribute__((always_inline)) { column_group(read, g, memory, x); });
    each(sets_, scratch, [&](int64_t s, T* x) __attribute__((always_inline)) { row_set(write, s, memory, x); });
  }

 private:
  static constexpr int64_t kPiece = 1 << 12;  // numbers of a piece of parallel work, at least
  static constexpr int64_t kFlat = 1 << 12;

  static CKERAS_MEMBER int64_t aligned(int64_t n) { return round_up(n, kLanes); }
  // The matrix: for each set of kLanes rows a place for each column.
  int64_t set_size() const { return groups_ * kLanes * kPlace; }
  int64_t matrix() const { return sets_ * set_size(); }
  int64_t scratch() const { return most(2 * rows_, columns_) * kPlace; }

  template <class Body>
  void each(int64_t count, T* scratch, const Body& body) const {
    const int64_t some = many_ ? 1 : least(kMostSlots, count);
    const int64_t grain = at_least_one(least(some, kPiece * some / n_));
    parallel_for(some, grain, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        for (int64_t i = slot; i < count; i += some) body(i, scratch + slot * this->scratch());
      }
    });
  }
  template <class Read>
  CKERAS_MEMBER void column_group(const Read read, int64_t g, T* matrix, T* x) const {
    const int64_t rows = rows_, columns = columns_, j = g * kLanes, count = columns - j;
    if (rows == 16 && kLanes == 16) {
      T* const to = matrix + j * kPlace;
      Column<T> re[kLanes], im[kLanes];
      const auto turned = [&, g](int64_t k, Lanes<T> v) __attribute__((always_inline)) {
        v = v * turns_.at(k, g);
        v.re.store(re[k]);
        v.im.store(im[k]);
      };
      if (count >= kLanes) {
        of_column_.run_sixteen([=](int64_t i) __attribute__((always_inline)) { return read(i * columns + j, kLanes); },
                               turned);
      } else {
        of_column_.run_sixteen([=](int64_t i) __attribute__((always_inline)) { return read(i * columns + j, count); },
                               turned);
      }
      turn_tile(re, to);
      turn_tile(im, to + kLanes);
      return;
    }
    if (count >= kLanes) {
      for (int64_t i = 0; i < rows; ++i) read(i * columns + j, kLanes).store(x + i * kPlace);
    } else {
      for (int64_t i = 0; i < rows; ++i) read(i * columns + j, count).store(x + i * kPlace);
    }
    const T* found = of_column_.run(x, x + rows_ * kPlace);
    for (int64_t s = 0; s < sets_; ++s) {
      T* const to = matrix + s * set_size() + j * kPlace;
      Column<T> re[kLanes], im[kLanes];
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        const int64_t k = least(s * kLanes + lane, rows_ - 1);
        const Lanes<T> v = Lanes<T>::load(found + k * kPlace) * turns_.at(k, g);
        v.re.store(re[lane]);
        v.im.store(im[lane]);
      }
      turn_tile(re, to);
      turn_tile(im, to + kLanes);
    }
  }
  // A square of a vector's lanes to the halves of places.
  static CKERAS_MEMBER void turn_tile(const Column<T>* tile, T* to) {
    constexpr int64_t kSize = kBlock<T>;
    for (int64_t j = 0; j < kLanes; j += kSize) {
      for (int64_t k = 0; k < kLanes; k += kSize) {
        const T* from[kSize];
        for (int64_t r = 0; r < kSize; ++r) from[r] = &tile[k + r][j];
        turn_block(from, to + j * kPlace + k, kPlace);
      }
    }
  }
  template <class Write>
  CKERAS_MEMBER void row_set(const Write write, int64_t s, T* matrix, T* y) const {
    const T* found = of_row_.run(matrix + s * set_size(), y);
    const int64_t rows = rows_, columns = columns_, k = s * kLanes, count = rows - k;
    if (count >= kLanes) {
      for (int64_t i = 0; i < columns; ++i) write(i * rows + k, Lanes<T>::load(found + i * kPlace), kLanes);
    } else {
      for (int64_t i = 0; i < columns; ++i) write(i * rows + k, Lanes<T>::load(found + i * kPlace), count);
    }
  }

  int64_t n_, rows_, columns_, groups_, sets_;
  bool many_;
  LaneTransform<T> of_column_, of_row_;
  MatrixTurns<T> turns_;
};

}  // namespace
}  // namespace ckeras::CKERAS_ISA
