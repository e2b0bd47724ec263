// Householder reflections H = 1 - tau v v^T, v[0] = 1, one at a time and by blocks. Only for .isa.cpp files.
//
// Vectors are rows: reflection i of a set is row i of `v`, from place i + shift on. A block of them is
// 1 - V T V^T with T upper triangular (R. Schreiber and C. Van Loan, "A storage-efficient WY representation", 1989).
#pragma once
#include "ops/linalg/product.h"

namespace ckeras::CKERAS_ISA {

// The reflection that leaves of x[0 .. n) its first element alone: x becomes v, the result is what x[0] becomes.
template <class T>
T make_reflector(T* x, int64_t n, T* tau) noexcept;

// x becomes H x; both n long.
template <class T>
void reflect(const T* v, T tau, T* x, int64_t n) noexcept;

template <class T>
struct Reflectors {
  const T* v;
  int64_t ld;
  const T* tau;
  int64_t count, shift, length;  // rows are `length` long
};

// What apply_block and accumulate need, in elements.
template <class T>
int64_t block_room(int64_t length, int64_t rows) noexcept;

// Rows x [rows, length] become x H(first) H(first + 1) ... H(last - 1), or with `turned` those in the opposite order,
// for at most kSolverBlock of them. Places below first + shift do not change.
template <class T>
void apply_block(const Reflectors<T>& set, int64_t first, int64_t last, bool turned, T* x, int64_t ld, int64_t rows,
                 T* room) noexcept;

// Rows x [rows, length] become x H(count - 1) ... H(1) H(0).
template <class T>
void apply_all(const Reflectors<T>& set, T* x, int64_t ld, int64_t rows, T* room) noexcept;

// Row i of x [rows, length] becomes column i of H(0) H(1) ... H(count - 1), rows >= count.
template <class T>
void accumulate(const Reflectors<T>& set, T* x, int64_t ld, int64_t rows, T* room) noexcept;

}  // namespace ckeras::CKERAS_ISA
