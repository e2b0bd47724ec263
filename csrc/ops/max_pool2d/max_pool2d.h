// Maximum over windows of NHWC images, its gradient, and the gradient's gradient.
//
//   max_pool2d       x [N,H,W,C] -> y [N,H',W',C]
//   max_pool2d_grad  x, dy [N,H',W',C] -> dx [N,H,W,C]: each dy is added where its window's first maximum is
//   max_pool2d_pick  x, v [N,H,W,C] -> [N,H',W',C]: the v where each window's first maximum of x is
//   ints   kh, kw, sh, sw, pad top, bottom, left, right
//
// Padding is never a maximum. First means in row-major order of the window; the first NaN counts as the maximum. A
// window that lies wholly in the padding gives -inf, no gradient, and picks 0. An element that several windows choose
// sums their dy in row-major order of the windows. dtypes f16 bf16 f32 f64; halves sum in float32. Any size may be 0.
#pragma once
#include "runtime/kernel.h"

namespace ckeras {

struct PoolShape {
  int64_t n, h, w, c;  // images
  int64_t oh, ow;      // results
  int64_t kh, kw, sh, sw, top, left;

  // Rows u0 ... u1 - 1 of the image lie in result row i's window; likewise columns.
  CKERAS_MEMBER int64_t first_row(int64_t i) const { return i * sh - top < 0 ? 0 : i * sh - top; }
  CKERAS_MEMBER int64_t end_row(int64_t i) const { return i * sh - top + kh > h ? h : i * sh - top + kh; }
  CKERAS_MEMBER int64_t first_column(int64_t j) const { return j * sw - left < 0 ? 0 : j * sw - left; }
  CKERAS_MEMBER int64_t end_column(int64_t j) const { return j * sw - left + kw > w ? w : j * sw - left + kw; }
};

CKERAS_INLINE PoolShape pool_shape(const View& x, const View& y, const int64_t* ints) {
  return {x.shape[0], x.shape[1], x.shape[2], x.shape[3], y.shape[1], y.shape[2],
          ints[0],    ints[1],    ints[2],    ints[3],    ints[4],    ints[6]};
}

}  // namespace ckeras
