// The LU decomposition of one matrix, rows exchanged. Only for .isa.cpp files.
#pragma once
#include "ops/linalg/product.h"

namespace ckeras::CKERAS_ISA {

// a [m, n] becomes U and, below its diagonal, L; row i was exchanged with row pivots[i]. A column of zeros is passed
// over. `room`: kSolverBlock * m elements. The number of the first pivot that is zero, or min(m, n).
template <class T>
int64_t factor_lu(T* a, int64_t m, int64_t n, int32_t* pivots, T* room) noexcept;

}  // namespace ckeras::CKERAS_ISA
