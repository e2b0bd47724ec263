// Singular values and vectors of square upper bidiagonal matrices of numbers of about 1, by halves (M. Gu and S.
// Eisenstat, "A divide-and-conquer algorithm for the bidiagonal SVD", 1995). Only for .isa.cpp files.
//
// A part has rows lo to hi and columns lo to hi + 1, if there are so many: beside its values it has then a vector that
// it takes to zero, which lies in row hi of the right ones. Two parts are joined by the row between them: in the basis
// of their vectors it is a row z over their diagonals.
#pragma once
#include "ops/linalg/halves.h"

namespace ckeras::CKERAS_ISA {

template <class T>
struct BidiagonalHalving {
  // Rows of u and v [n, ld] become left and right vectors, d[i] >= 0 the value of both rows i.
  CKERAS_MEMBER BidiagonalHalving(T* u, T* v, int64_t n, int64_t ld, Room& room)
      : n(n),
        ld(ld),
        levels(levels_of(n + 1)),
        u(u),
        v(v),
        gathered(room.take<T>(n * ld)),
        mix_u(room.take<T>(n * ld)),
        mix_v(room.take<T>(n * ld)),
        first(room.take<double>(n + 1)),
        last(room.take<double>(n + 1)),
        order(room.take<int64_t>(n)),
        slots(room.take<int64_t>(n)),
        kinds(room.take<uint8_t>(n)),
        leaves_u(n, levels, room),
        leaves_v(n, levels, room) {
    for (double*& array : arrays) array = room.take<double>(n + (kPartPad << levels));
  }

  // d the diagonal, e[i] right of d[i], both spent.
  bool solve(double* d, double* e) const noexcept;

 private:
  template <class>
  friend struct BidiagonalPart;
  friend struct PartNumbers;

  int64_t n, ld, levels;
  T *u, *v, *gathered, *mix_u, *mix_v;
  double *first, *last;  // components of the right vectors in the columns lo and hi, unrounded
  int64_t *order, *slots;
  uint8_t* kinds;
  Leaves leaves_u, leaves_v;
  double* arrays[PartNumbers::kArrays];  // of each part, with kPartPad numbers after it

  // Where part i begins; the row before it joins it to the one before.
  CKERAS_MEMBER int64_t bound(int64_t level, int64_t i) const { return (n + 1) * i >> level; }
  bool solve_leaf(int64_t i, double* d, double* e) const noexcept;
};

}  // namespace ckeras::CKERAS_ISA
