// Convolution (cross-correlation, as Keras means it) over d = 1, 2 or 3 spatial dimensions, and its gradients.
//
//   conv              x [N, spatial..., C], w [window..., C / groups, O], optional bias [O]
//                     -> y [N, results..., O] = activation(x * w + bias)
//   conv_grad_input   dy, w -> dx
//   conv_grad_filter  x, dy -> dw
//   ints   d strides, d dilations, d times the padding (low, high), groups, activation (gemm/activation.h; 0 in the
//          gradients)
//
// In two dimensions y[n, i, j, o] = sum over u, v, c of x[n, i * sh + u * dh - top, j * sw + v * dw - left, c] *
// w[u, v, c, o], where x is 0 outside the image; likewise in one and three. Group g of x's channels meets group g of
// the filters. The results' shape comes with the output; so does that of x for conv_grad_input, that of the window for
// conv_grad_filter. dtypes f16 bf16 f32 f64; halves accumulate in float32 and round once. Any size may be 0.
#pragma once
#include "ops/windows.h"

namespace ckeras {

struct ConvShape {
  Dim z, y, x;
  int64_t n, c, o;  // images, their channels, filters
  int64_t groups, activation;
  int64_t cg, og;  // channels and filters of one group

  CKERAS_MEMBER int64_t taps() const { return z.window * y.window * x.window; }
  CKERAS_MEMBER int64_t results() const { return n * z.result * y.result * x.result; }
  // Whether each result is made of one pixel, in order.
  CKERAS_MEMBER bool pointwise() const { return z.same() && y.same() && x.same(); }
};

CKERAS_INLINE ConvShape conv_shape(const View& x, const View& w, const View& y, const int64_t* ints) {
  const int d = x.rank - 2;
  Dim dims[kSpatial];
  for (int i = 0; i < kSpatial; ++i) {
    const int at = own_dim(x, i);
    dims[i] = at < 0 ? kNoDim
                     : Dim{x.shape[1 + at], w.shape[at], y.shape[1 + at], ints[at], ints[d + at], ints[2 * d + 2 * at]};
  }
  const int64_t channels = x.shape[d + 1], filters = y.shape[d + 1], groups = ints[4 * d];
  return {dims[0], dims[1], dims[2],         x.shape[0],        channels,
          filters, groups,  ints[4 * d + 1], channels / groups, filters / groups};
}

}  // namespace ckeras
