// 2-D convolution (cross-correlation, as Keras means it) of NHWC images, and its gradients.
//
//   conv2d              x [N,H,W,C], w [kh,kw,C/groups,O], optional bias [O] -> y [N,H',W',O] = activation(x * w +
//   bias) conv2d_grad_input   dy, w -> dx conv2d_grad_filter  x, dy -> dw ints   sh, sw, dh, dw, pad top, bottom, left,
//   right, groups, activation (gemm/activation.h; 0 in the gradients)
//
// y[n, i, j, o] = sum over u, v, c of x[n, i * sh + u * dh - top, j * sw + v * dw - left, c] * w[u, v, c, o], where x
// is 0 outside the image. Group g of x's channels meets group g of the filters. H' and W' come with the output's shape;
// so do H and W for conv2d_grad_input, kh and kw for conv2d_grad_filter. dtypes f16 bf16 f32 f64; halves accumulate in
// float32 and round once. Any size may be 0.
#pragma once
#include "runtime/kernel.h"

namespace ckeras {

struct ConvShape {
  int64_t n, h, w, c;      // images
  int64_t kh, kw;          // filters
  int64_t oh, ow, o;       // results
  int64_t sh, sw, dh, dw;  // strides, dilations
  int64_t top, left;
  int64_t groups, activation;
  int64_t cg, og;  // channels and filters of one group

  // Of the image: row and column that tap u, v reads for result i, j; may lie outside.
  CKERAS_MEMBER int64_t row(int64_t i, int64_t u) const { return i * sh + u * dh - top; }
  CKERAS_MEMBER int64_t column(int64_t j, int64_t v) const { return j * sw + v * dw - left; }
};

CKERAS_INLINE ConvShape conv_shape(const View& x, const View& w, const View& y, const int64_t* ints) {
  const int64_t groups = ints[8];
  return {x.shape[0],
          x.shape[1],
          x.shape[2],
          x.shape[3],
          w.shape[0],
          w.shape[1],
          y.shape[1],
          y.shape[2],
          y.shape[3],
          ints[0],
          ints[1],
          ints[2],
          ints[3],
          ints[4],
          ints[6],
          groups,
          ints[9],
          x.shape[3] / groups,
          y.shape[3] / groups};
}

}  // namespace ckeras
