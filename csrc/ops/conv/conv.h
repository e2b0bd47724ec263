// Convolution (cross-correlation, as Keras means it) over d = 1, 2 or 3 spatial dimensions, and its gradients.
//
//   conv              x [N, spatial..., C], w [window..., C / groups, O], optional bias [O]
//                     -> y [N, results..., O] = activation(x * w + bias)
//   conv_grad_input   dy, w -> dx
//   conv_grad_filter  x, dy -> dw
//   ints   d strides, d dilations, d times the padding (low, high), groups, activation (gemm/activation.h; 0 in the
//          gradients), layout: kXFirst, kYFirst or both for x (dx), y (dy) [N, C, spatial...]
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
  int64_t layout;

  CKERAS_MEMBER int64_t taps() const { return z.window * y.window * x.window; }
  CKERAS_MEMBER int64_t results() const { return n * z.result * y.result * x.result; }
  // Whether each result is made of one pixel, in order.
  CKERAS_MEMBER bool pointwise() const { return z.same() && y.same() && x.same(); }
};

inline constexpr int64_t kXFirst = 1, kYFirst = 2;

CKERAS_INLINE int layout_place(int rank) { return 4 * (rank - 2) + 2; }

// An array whose channels come first as if they came last.
CKERAS_INLINE View channels_last(const View& first) {
  View last = first;
  for (int i = 2; i < first.rank; ++i) last.shape[i - 1] = first.shape[i];
  last.shape[first.rank - 1] = first.shape[1];
  return last;
}

CKERAS_INLINE ConvShape conv_shape(const View& given_x, const View& w, const View& given_y, const int64_t* ints) {
  const int d = given_x.rank - 2;
  const int64_t layout = ints[layout_place(given_x.rank)];
  const View x = (layout & kXFirst) != 0 ? channels_last(given_x) : given_x;
  const View y = (layout & kYFirst) != 0 ? channels_last(given_y) : given_y;
  Dim dims[kSpatial];
  for (int i = 0; i < kSpatial; ++i) {
    const int at = own_dim(x, i);
    dims[i] = at < 0 ? kNoDim
                     : Dim{x.shape[1 + at], w.shape[at], y.shape[1 + at], ints[at], ints[d + at], ints[2 * d + 2 * at]};
  }
  const int64_t channels = x.shape[d + 1], filters = y.shape[d + 1], groups = ints[4 * d];
  return {dims[0], dims[1],         dims[2],           x.shape[0],       channels, filters,
          groups,  ints[4 * d + 1], channels / groups, filters / groups, layout};
}

inline constexpr int kConvOperands = 3;

// The layout bits of an operation's first two inputs and of its output, 0 of what is no image.
struct ConvFirsts {
  int64_t in[2], out;
};

// A call whose images have their channels last, for kernels that want them so: what has them first is turned over into
// the workspace before, or out of it afterwards.
struct LastCall {
  Call call;
  View in[kConvOperands], out;
  int64_t ints[4 * kSpatial + 3];
  bool turned[kConvOperands], out_turned;
  int64_t itemsize, bytes = 0;  // of an element; of the images in the workspace

  CKERAS_MEMBER LastCall(const Call& given, const ConvFirsts& firsts, int64_t itemsize)
      : call(given), itemsize(itemsize) {
    const int last = layout_place(given.in[0].rank);
    const int64_t layout = given.ints[last];
    for (int i = 0; i < last; ++i) ints[i] = given.ints[i];
    ints[last] = 0;
    for (int i = 0; i < given.n_in; ++i) {
      turned[i] = i < 2 && (layout & firsts.in[i]) != 0;
      in[i] = turned[i] ? place(given.in[i]) : given.in[i];
    }
    out_turned = (layout & firsts.out) != 0;
    out = out_turned ? place(given.out[0]) : given.out[0];
    call.in = in;
    call.out = &out;
    call.ints = ints;
    call.workspace = given.workspace != nullptr ? static_cast<char*>(given.workspace) + bytes : nullptr;
  }
  LastCall(const LastCall&) = delete;

 private:
  CKERAS_MEMBER View place(const View& first) {
    View last = channels_last(first);
    last.data = call.workspace != nullptr ? static_cast<char*>(call.workspace) + bytes : nullptr;
    bytes += (last.size() * itemsize + 63) / 64 * 64;
    return last;
  }
};
// Pixels of an image whose channels are last.
CKERAS_INLINE int64_t pixels_of(const View& last) {
  int64_t n = 1;
  for (int i = 1; i < last.rank - 1; ++i) n *= last.shape[i];
  return n;
}

}  // namespace ckeras
