// Products of parts of matrices, for blocked algorithms. Only for .isa.cpp files.
//
// The order of a sum is gemm/gemm.h's: blocks of kKBlock, each one chain of fused multiply-adds from 0, added (or
// subtracted) in rising order.
#pragma once
#include "gemm/pack.h"

namespace ckeras::CKERAS_ISA {

// Columns of a panel of blocked algorithms. Part of the order of sums.
inline constexpr int64_t kSolverBlock = 32;

enum class Into { Set, Subtract };

// c[i * ldc + j] = or -= the sum over p < k of a(i, p) b(j, p), for i < m, j < n. `upper`: what is below the diagonal
// of c is left as it is, or not.
template <class T>
void multiply_into(Into into, int64_t m, int64_t n, int64_t k, Matrix<T> a, Matrix<T> b, T* c, int64_t ldc,
                   bool upper = false) noexcept;

// to[j * ld_to + i] = from[i * ld + j] for i < rows, j < columns.
template <class T>
void turn(const T* from, int64_t ld, int64_t rows, int64_t columns, T* to, int64_t ld_to) noexcept;

}  // namespace ckeras::CKERAS_ISA
