// Substitution. Only for .isa.cpp files.
#pragma once
#include "ops/linalg/product.h"

namespace ckeras::CKERAS_ISA {

enum class Triangle { Lower, UnitLower, Upper };

// x [n, k] becomes the solution of a x' = x; of a the triangle alone is read, and not a unit diagonal.
template <class T>
void substitute(Triangle triangle, const T* a, int64_t lda, int64_t n, T* x, int64_t ldx, int64_t k) noexcept;

}  // namespace ckeras::CKERAS_ISA
