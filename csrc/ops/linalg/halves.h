// What joining two parts of a tridiagonal and of a bidiagonal matrix share: vectors as rows, of which some are mixed.
// Only for .isa.cpp files.
#pragma once
#include "cpu/parallel.h"
#include "ops/linalg/product.h"
#include "ops/linalg/room.h"
#include "ops/linalg/rotations.h"
#include "ops/linalg/secular.h"
#include "ops/linalg/vectors.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int64_t kLeafRows = 32;   // so large a part goes by QL or QR steps
inline constexpr int64_t kSideBySide = 8;  // so many parts of a level are a piece of work each
inline constexpr int64_t kPartPad = 16;    // numbers after each array of a part
inline constexpr int64_t kRowPiece = int64_t{1} << 15;

// Shares of the norm, a part's and the whole's: smaller numbers count as zero. float32 results need no more.
template <class T>
inline constexpr double kSmallShare = sizeof(T) == 4 ? 0x1p-29 : 0x1p-50;
inline constexpr double kNothingShare = 0x1p-6;

// To what share of its terms a root fulfils the equation.
template <class T>
CKERAS_INLINE double root_tolerance(int64_t n) {
  return sizeof(T) == 4 ? 0x1p-36 : 0x1p-53 * (8 + static_cast<double>(n) / 8);
}

// Where a vector is not zero: in the first half, in both, in the second.
enum Kind : uint8_t { kTop, kBoth, kBottom, kKinds };

// The least number of halvings after which parts have at most kLeafRows.
CKERAS_INLINE int64_t levels_of(int64_t n) {
  int64_t levels = 0;
  while (ceil_div(n, int64_t{1} << levels) > kLeafRows) ++levels;
  return levels;
}

// What leaves need: rows of doubles, and the rotations of each.
struct Leaves {
  static constexpr int64_t kRotationBytes =
      Rotations<double>::kSweeps * (kLeafRows * sizeof(Turn<double>) + sizeof(Sweep));
  static_assert(kRotationBytes % 128 == 0);
  double* rows;
  char* rotations;

  CKERAS_MEMBER Leaves(int64_t n, int64_t levels, Room& room)
      : rows(room.take<double>(n > 0 ? (kLeafRows + kPoleLanes) * ((kLeafRows + 1) << levels) : 0)),
        rotations(room.take<char>(n > 0 ? kRotationBytes << levels : 0)) {}

  // An identity of `count` rows, `columns` apart.
  CKERAS_MEMBER double* identity(int64_t leaf, int64_t count, int64_t columns) const {
    double* const x = rows + leaf * (kLeafRows + kPoleLanes) * (kLeafRows + 1);
    fill(x, 0.0, count * columns);
    for (int64_t i = 0; i < count; ++i) x[i * columns + i] = 1;
    return x;
  }
  CKERAS_MEMBER Room room(int64_t leaf) const { return Room(rotations + leaf * kRotationBytes); }
};

template <class T>
CKERAS_INLINE void round_rows(const double* from, int64_t rows, int64_t columns, int64_t stride, T* to, int64_t ld) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) to[i * ld + j] = static_cast<T>(from[i * stride + j]);
  }
}

CKERAS_INLINE void store_rounded(double* to, const double* from, double factor, int64_t count) {
  (V8::load(from) * V8(factor)).store(to, count);
}
CKERAS_INLINE void store_rounded(float* to, const double* from, double factor, int64_t count) {
  const V8 f(factor);
  to_single(W16(V8::load(from) * f, V8::load(from + kPoleLanes) * f)).store(to, count);
}

// to[i] = factor component(i), eight at a time, for i < n.
template <class T, class Component>
CKERAS_INLINE void store_mix(T* to, int64_t n, double factor, const Component& component) {
  constexpr int64_t kLanes = VecOf<T>::kLanes;
  for (int64_t i = 0; i < n; i += kLanes) {
    double x[kLanes];
    for (int64_t part = 0; part < kLanes; part += kPoleLanes) component(i + part).store(x + part);
    store_rounded(to + i, x, factor, n - i);
  }
}

// x' = c x + s y, y' = c y - s x
template <class T>
CKERAS_INLINE void turn_rows(T* x, T* y, double c, double s, int64_t n) {
  using V = VecOf<T>;
  const V cosine(static_cast<T>(c)), sine(static_cast<T>(s));
  for_lanes<V::kLanes>(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    const V a = V::load(x + i, count), b = V::load(y + i, count);
    fma(cosine, a, sine * b).store(x + i, count);
    fnma(sine, a, cosine * b).store(y + i, count);
  });
}
CKERAS_INLINE void turn_numbers(double* x, int64_t i, int64_t j, double c, double s) {
  const double a = x[i], b = x[j];
  x[i] = c * a + s * b;
  x[j] = c * b - s * a;
}

CKERAS_INLINE void pad_poles(double* poles, double* z, int64_t n) {
  for (int64_t i = n; i < n + kPartPad; ++i) {
    poles[i] = kFarPole;
    z[i] = 0;
  }
}

// Which rows of a part are mixed, and in what order: the row in each slot, those of the first half, of both, of the
// second, then those that stay.
struct Slots {
  int64_t n, kept, count[kKinds];
  int64_t* rows;
  const uint8_t* kinds;

  // `order`, the rows that are kept, becomes their slots; the others are in `rows` already.
  CKERAS_MEMBER void assign(int64_t* order) {
    for (int64_t& number : count) number = 0;
    for (int64_t i = 0; i < kept; ++i) ++count[kinds[order[i]]];
    int64_t next[kKinds] = {0, count[kTop], count[kTop] + count[kBoth]};
    for (int64_t i = 0; i < kept; ++i) {
      int64_t& slot = next[kinds[order[i]]];
      rows[slot] = order[i];
      order[i] = slot++;
    }
  }

  // The rows become mix [kept, kept] times those that are kept, the first `left` of `width` columns being the first
  // half's, and then the others.
  template <class T>
  void apply(T* vectors, T* gathered, const T* mix, int64_t ld, int64_t left, int64_t width) const noexcept {
    parallel_for(n, most(1, kRowPiece / width), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const uint8_t kind = i < kept ? kinds[rows[i]] : uint8_t{kBoth};
        const int64_t from = kind == kBottom ? left : 0, to = kind == kTop ? left : width;
        copy_all(gathered + i * ld + from, vectors + rows[i] * ld + from, to - from);
      }
    });
    const int64_t top = count[kTop] + count[kBoth], skipped = count[kTop];
    multiply_into(Into::Set, kept, left, top, {mix, ld, true}, {gathered, ld, false}, vectors, ld);
    multiply_into(Into::Set, kept, width - left, kept - skipped, {mix + skipped, ld, true},
                  {gathered + skipped * ld + left, ld, false}, vectors + left, ld);
    parallel_for(n - kept, most(1, kRowPiece / width), [&](int64_t begin, int64_t end) {
      for (int64_t i = kept + begin; i < kept + end; ++i) copy_all(vectors + i * ld, gathered + i * ld, width);
    });
  }
};

// What a part of either kind of matrix has of its rows, and what solving it makes of them.
struct PartNumbers {
  static constexpr int64_t kArrays = 12;

  double *d, *first, *last;  // values, and the ends of the vectors
  int64_t* order;
  uint8_t* kinds;
  Slots slots;
  double *weights, *pole, *z, *z2;  // of the rows; of those that are kept, rising
  Roots roots;
  double *slot_pole, *slot_z, *slot_first, *slot_last, *new_first, *new_last;

  // Part i of a level of the whole, of n rows.
  template <class Whole>
  CKERAS_MEMBER PartNumbers(const Whole& whole, double* values, int64_t level, int64_t i, int64_t n)
      : d(values + whole.bound(level, i)),
        first(whole.first + whole.bound(level, i)),
        last(whole.last + whole.bound(level, i)),
        order(whole.order + whole.bound(level, i)),
        kinds(whole.kinds + whole.bound(level, i)),
        slots{n, 0, {}, whole.slots + whole.bound(level, i), kinds} {
    const int64_t skipped = whole.bound(level, i) + (i << (whole.levels - level)) * kPartPad;
    double** const parts[kArrays] = {&weights,   &pole,   &z,          &z2,        &roots.pole, &roots.offset,
                                     &slot_pole, &slot_z, &slot_first, &slot_last, &new_first,  &new_last};
    for (int64_t a = 0; a < kArrays; ++a) *parts[a] = whole.arrays[a] + skipped;
  }

  // Slots and roots of the rows that are kept, which `order` has.
  template <Poles kPoles>
  void solve(double base, double tolerance) noexcept {
    const int64_t kept = slots.kept;
    for (int64_t i = 0; i < kept; ++i) {
      z[i] = weights[order[i]];
      z2[i] = z[i] * z[i];
      pole[i] = d[order[i]];
    }
    slots.assign(order);
    pad_poles(pole, z2, kept);
    find_roots<kPoles>(pole, z2, kept, base, tolerance, roots);
    fit_weights<kPoles>(pole, kept, roots, z);
    fill_slots();
  }

  void fill_slots() noexcept {
    const int64_t kept = slots.kept;
    for (int64_t i = 0; i < kept; ++i) {
      const int64_t slot = order[i], row = slots.rows[slot];
      slot_pole[slot] = pole[i];
      slot_z[slot] = z[i];
      slot_first[slot] = first[row];
      slot_last[slot] = last[row];
    }
    pad_poles(slot_pole, slot_z, kept);
    fill(slot_first + kept, 0.0, kPartPad);
    fill(slot_last + kept, 0.0, kPartPad);
  }

  // Values and ends of the rows as they lie now.
  void finish() noexcept {
    const int64_t n = slots.n, kept = slots.kept;
    for (int64_t i = kept; i < n; ++i) {
      pole[i] = d[slots.rows[i]];
      z[i] = first[slots.rows[i]];
      z2[i] = last[slots.rows[i]];
    }
    for (int64_t i = 0; i < n; ++i) {
      d[i] = i < kept ? roots.pole[i] + roots.offset[i] : pole[i];
      first[i] = i < kept ? new_first[i] : z[i];
      last[i] = i < kept ? new_last[i] : z2[i];
    }
  }
};

// join(i) for all parts of a level, side by side where they are many.
template <class Join>
CKERAS_INLINE void join_parts(int64_t parts, const Join& join) {
  if (parts >= kSideBySide) {
    parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) join(i);
    });
  } else {
    for (int64_t i = 0; i < parts; ++i) join(i);
  }
}

}  // namespace ckeras::CKERAS_ISA
