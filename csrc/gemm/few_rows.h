// Few rows of a product with a B that is stored [N, K]: it is turned over in registers, block by block, and read once.
// Only for .isa.cpp files.
#pragma once
#include "gemm/blocking.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int64_t kFewRows = kPanelRows < 4 ? kPanelRows : 4;

// c[i][j] = (first ? 0 : c[i][j]) + the chain over one K block, as a tile of gemm/tile.h has it, for the j < n of one
// vector; column j of B begins at b + j * ldb.
template <class T>
using FewRowsKernel = void (*)(int64_t k, const T* a, int64_t row_step, int64_t k_step, const T* b, int64_t ldb,
                               T* const* c, int64_t n, bool first) noexcept;

// kernels[rows - 1]
template <class T>
struct FewRowsTable {
  FewRowsKernel<T> kernels[kFewRows];
};

// Defined in gemm/few_rows.isa.cpp.
template <class T>
struct FewRows;
template <>
struct FewRows<float> {
  static const FewRowsTable<float> table;
};
template <>
struct FewRows<double> {
  static const FewRowsTable<double> table;
};

}  // namespace ckeras::CKERAS_ISA
