// Givens rotations of neighbouring rows, kept and then applied many at a time. Only for .isa.cpp files.
//
// A sweep goes through the rows from `first` on, up or down: rotation j makes of rows p = first + j * step and
// q = p + step   p' = c p + s q,   q' = c q - s p.
#pragma once
#include "cpu/vec.h"
#include "cpu/whole.h"
#include "ops/linalg/room.h"

namespace ckeras::CKERAS_ISA {

template <class T>
struct Turn {
  T c, s;
};

struct Sweep {
  int64_t first, count, step, turns;  // `turns`: where its rotations begin
};

// Rows turn by the sweeps in order; the result does not depend on when they are applied.
template <class T>
void apply_sweeps(const Sweep* sweeps, int64_t count, const Turn<T>* turns, T* x, int64_t ld, int64_t columns) noexcept;

// Collects what is to be done to the rows of x [n, columns].
template <class T>
struct Rotations {
  static constexpr int64_t kSweeps = 32;

  T* x;
  int64_t n, columns;
  Turn<T>* turns;
  Sweep* sweeps;
  int64_t filled = 0, used = 0;

  // x null: nothing is kept.
  CKERAS_MEMBER Rotations(T* x, int64_t n, int64_t columns, Room& room)
      : x(x), n(n), columns(columns), turns(room.take<Turn<T>>(kSweeps * n)), sweeps(room.take<Sweep>(kSweeps)) {}

  CKERAS_MEMBER void begin(int64_t first, int64_t step) {
    if (x == nullptr) return;
    if (filled == kSweeps) apply();
    sweeps[filled++] = {first, 0, step, used};
  }
  CKERAS_MEMBER void add(double c, double s) {
    if (x == nullptr) return;
    turns[used++] = {static_cast<T>(c), static_cast<T>(s)};
    ++sweeps[filled - 1].count;
  }
  CKERAS_MEMBER void apply() {
    if (x != nullptr) apply_sweeps(sweeps, filled, turns, x, columns, columns);
    filled = used = 0;
  }
};

// The rotation that makes of (f, g) the pair (r, 0): c f + s g = r, c g - s f = 0. For numbers whose squares do not
// overflow; where both squares vanish g counts as zero.
struct Givens {
  double c, s, r;
};
CKERAS_INLINE Givens givens(double f, double g) {
  const double r = __builtin_sqrt(f * f + g * g);
  if (g == 0 || r == 0) return {1, 0, f};
  return {f / r, g / r, r};
}

}  // namespace ckeras::CKERAS_ISA
