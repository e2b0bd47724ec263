// The QR decomposition of one matrix whose columns are given as rows. Only for .isa.cpp files.
#pragma once
#include "ops/linalg/reflectors.h"

namespace ckeras::CKERAS_ISA {

// w [n, m] holds the columns of A [m, n]. Afterwards row j holds R[.. j, j] before place j (R[i, j], i < min(j, m))
// and, from place j on, reflection j of min(m, n); diagonal[j] is R[j, j]. `room`: block_room(m, n).
template <class T>
void factor_qr(T* w, int64_t n, int64_t m, T* tau, T* diagonal, T* room) noexcept;

}  // namespace ckeras::CKERAS_ISA
