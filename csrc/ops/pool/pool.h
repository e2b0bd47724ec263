// Maximum and mean over windows along d = 1, 2 or 3 spatial dimensions, and their gradients.
//
//   max_pool         x [N, spatial..., C] -> y [N, results..., C]
//   max_pool_places  x -> y, and of each window the number of its first maximum (u8 up to 256 places, else i32)
//   max_pool_grad    dy (as y), places -> dx: each dy is added where its window's maximum is
//   max_pool_pick    v (as x), places -> [N, results..., C]: the v where each window's maximum is
//   avg_pool         x -> y: the sum of a window, over how many places of x it has
//   avg_pool_grad    dy -> dx: each dy, over how many places its window has, is added to all of them
//   ints   d windows, d strides, d times the padding (low, high)
//
// Padding is never a maximum and counts in no mean. A window's places are numbered in row-major order, those in the
// padding too; first means in that order, and the first NaN counts as the maximum. A window that lies wholly in the
// padding gives -inf or the mean 0, the number 0, no gradient, and picks 0. Windows are summed in row-major order; so
// are the dy of the windows that an element of dx belongs to. dtypes f16 bf16 f32 f64; halves sum in float32. Any size
// may be 0.
#pragma once
#include "ops/windows.h"

namespace ckeras {

struct PoolShape {
  Dim z, y, x;
  int64_t n, c;  // images, channels
};

// `x` and `y`: the image and the results.
CKERAS_INLINE PoolShape pool_shape(const View& x, const View& y, const int64_t* ints) {
  const int d = x.rank - 2;
  Dim dims[kSpatial];
  for (int i = 0; i < kSpatial; ++i) {
    const int at = own_dim(x, i);
    dims[i] = at < 0 ? kNoDim : Dim{x.shape[1 + at], ints[at], y.shape[1 + at], ints[d + at], 1, ints[2 * d + 2 * at]};
  }
  return {dims[0], dims[1], dims[2], x.shape[0], x.shape[d + 1]};
}

}  // namespace ckeras
