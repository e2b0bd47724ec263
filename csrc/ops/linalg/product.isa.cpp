#include "ops/linalg/product.h"

#include "cpu/parallel.h"
#include "gemm/tile.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kStrip = 48, kStretch = 192;  // rows and columns of a piece: whole panels on every instruction set
constexpr int64_t kStripPanels = kStrip / kPanelRows;

template <class T>
constexpr int64_t kWidth = tile_vectors(kPanelRows) * VecOf<T>::kLanes;

template <class T>
struct Product {
  Into into;
  int64_t m, n, k;
  Matrix<T> a, b;
  T* c;
  int64_t ldc;
  bool upper;

  void piece(int64_t i0, int64_t j0) const noexcept {
    const int64_t i1 = least(m, i0 + kStrip), j1 = least(n, j0 + kStretch);
    if (upper && j1 <= i0) return;
    alignas(64) T left[kStripPanels * kPanelStride * kKBlock];
    alignas(64) T right[kWidth<T> * kKBlock];
    for (int64_t p = 0; p < k; p += kKBlock) {
      const int64_t length = least(kKBlock, k - p);
      for (int64_t i = i0; i < i1; i += kPanelRows) {
        a.pack(left + (i - i0) / kPanelRows * kPanelStride * length, kPanelStride, i, least(kPanelRows, i1 - i), p,
               length);
      }
      for (int64_t j = j0; j < j1; j += kWidth<T>) {
        const int64_t columns = least(kWidth<T>, j1 - j);
        if (upper && j + columns <= i0) continue;
        const int64_t vectors = ceil_div(columns, VecOf<T>::kLanes);
        b.pack(right, kWidth<T>, j, columns, p, length);
        if (into == Into::Subtract) negate(right, vectors * VecOf<T>::kLanes, length);
        for (int64_t i = i0; i < i1; i += kPanelRows) {
          if (upper && j + columns <= i) break;
          const int64_t rows = least(kPanelRows, i1 - i);
          T* at[kPanelRows];
          for (int64_t r = 0; r < rows; ++r) at[r] = c + (i + r) * ldc + j;
          Tiles<T>::table.kernels[rows - 1][vectors - 1](length, left + (i - i0) / kPanelRows * kPanelStride * length,
                                                         1, kPanelStride, right, kWidth<T>, at, columns,
                                                         into == Into::Set && p == 0, {right, 0});
        }
      }
    }
  }

  static void negate(T* panel, int64_t columns, int64_t length) noexcept {
    for (int64_t p = 0; p < length; ++p) {
      for (int64_t j = 0; j < columns; ++j) panel[p * kWidth<T> + j] = -panel[p * kWidth<T> + j];
    }
  }

  void run() const noexcept {
    const int64_t strips = ceil_div(m, kStrip), stretches = ceil_div(n, kStretch);
    const int64_t grain = most(1, kLeastPiece / (kStrip * kStretch * k));
    parallel_for(strips * stretches, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) piece(i / stretches * kStrip, i % stretches * kStretch);
    });
  }
};

}  // namespace

template <class T>
void multiply_into(Into into, int64_t m, int64_t n, int64_t k, Matrix<T> a, Matrix<T> b, T* c, int64_t ldc,
                   bool upper) noexcept {
  if (m <= 0 || n <= 0) return;
  if (k > 0) return Product<T>{into, m, n, k, a, b, c, ldc, upper}.run();
  for (int64_t i = 0; i < m && into == Into::Set; ++i) {
    for (int64_t j = 0; j < n; ++j) c[i * ldc + j] = 0;
  }
}

template <class T>
void turn(const T* from, int64_t ld, int64_t rows, int64_t columns, T* to, int64_t ld_to) noexcept {
  const int64_t whole = rows / kBlock<T> * kBlock<T>;
  pack_transposed(to, ld_to, whole, whole, columns, [&](int64_t i) { return from + i * ld; });
  for (int64_t i = whole; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) to[j * ld_to + i] = from[i * ld + j];
  }
}

#define CKERAS_INSTANTIATE(T)                                                                                        \
  template void multiply_into<T>(Into, int64_t, int64_t, int64_t, Matrix<T>, Matrix<T>, T*, int64_t, bool) noexcept; \
  template void turn<T>(const T*, int64_t, int64_t, int64_t, T*, int64_t) noexcept;
CKERAS_INSTANTIATE(float)
CKERAS_INSTANTIATE(double)
#undef CKERAS_INSTANTIATE

}  // namespace ckeras::CKERAS_ISA
