// Eigenvalues and eigenvectors of symmetric tridiagonal matrices of numbers of about 1: d the diagonal, e[i] between i
// and i + 1. Only for .isa.cpp files.
#pragma once
#include "ops/linalg/halves.h"

namespace ckeras::CKERAS_ISA {

// By the QL algorithm with implicit shifts (H. Bowdler, R. S. Martin, C. Reinsch, J. H. Wilkinson, "The QR and QL
// algorithms for symmetric matrices", 1968). The eigenvalues are left in d, e [n] is spent, rows turn along: those of
// the identity become the eigenvectors. False when they are not found in a bounded number of steps.
template <class T>
bool diagonalise(double* d, double* e, int64_t n, Rotations<T>& rotations) noexcept;

// By halves (J. Cuppen, "A divide and conquer method for the symmetric tridiagonal eigenproblem", 1981): a cut takes
// |e| from both sides' last places, so that the whole is the halves plus a matrix of rank one, and its eigenvectors are
// the halves' times those of diag(d) + rho z z^T. Rows and columns of both that hardly meet are left out.
template <class T>
struct Halving {
  // Row i of vectors [n, ld] becomes an eigenvector, d[i] its value.
  CKERAS_MEMBER Halving(T* vectors, int64_t n, int64_t ld, Room& room)
      : n(n),
        ld(ld),
        levels(levels_of(n)),
        vectors(vectors),
        gathered(room.take<T>(n * ld)),
        mix(room.take<T>(n * ld)),
        cuts(room.take<double>(int64_t{1} << levels)),
        first(room.take<double>(n)),
        last(room.take<double>(n)),
        order(room.take<int64_t>(n)),
        slots(room.take<int64_t>(n)),
        kinds(room.take<uint8_t>(n)),
        leaves(n, levels, room) {
    for (double*& array : arrays) array = room.take<double>(n + (kPartPad << levels));
  }

  bool solve(double* d, double* e) const noexcept;

 private:
  template <class>
  friend struct Part;
  friend struct PartNumbers;

  int64_t n, ld, levels;
  T *vectors, *gathered, *mix;
  double *cuts, *first, *last;  // first, last: components of the rows, unrounded
  int64_t *order, *slots;
  uint8_t* kinds;
  Leaves leaves;
  double* arrays[PartNumbers::kArrays];  // of each part, with kPartPad numbers after it

  CKERAS_MEMBER int64_t bound(int64_t level, int64_t i) const { return n * i >> level; }
  bool solve_leaf(int64_t i, double* d, double* e) const noexcept;
};

}  // namespace ckeras::CKERAS_ISA
