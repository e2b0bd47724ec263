// Singular values of a square matrix. Only for .isa.cpp files.
#pragma once
#include "ops/linalg/rotations.h"

namespace ckeras::CKERAS_ISA {

// Rows of b and u are `ld` apart, a multiple of the lanes, aligned; b is zero after n. b [n, n] = U B V^T with B
// upper bidiagonal, d its diagonal and e what is right of it (G. Golub and W. Kahan, "Calculating the singular values
// and pseudo-inverse of a matrix", 1965). Reflection k of U is row k of `u` from place k on, that of V row k of b from
// place k + 1 on. `room`: what bidiagonal_room says, in elements.
template <class T>
void bidiagonalise(T* b, int64_t n, int64_t ld, T* u, T* tau_u, T* tau_v, double* d, double* e, T* room) noexcept;
template <class T>
int64_t bidiagonal_room(int64_t ld) noexcept;

// Leaves the singular values of B, of any sign and in any order, in d; e is spent. Numbers are of about 1. The rows of
// `u` and `v` turn with them: those of U^T and V^T. False when a bounded number of steps does not suffice. QR steps as
// J. Demmel and W. Kahan, "Accurate singular values of bidiagonal matrices", 1990: with the shift of the last two rows,
// or with none where that would spoil a small value.
template <class T>
bool diagonalise_bidiagonal(double* d, double* e, int64_t n, Rotations<T>& u, Rotations<T>& v) noexcept;

}  // namespace ckeras::CKERAS_ISA
