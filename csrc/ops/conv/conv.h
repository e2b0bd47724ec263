// Convolution (cross-correlation, as Keras means it) over d = 1, 2 or 3 spatial dimensions, and its gradients.
//
//   conv              x [N, spatial..., C], w [window..., C / groups, O], optional bias [O]; by the ending's bits scale
//                     [O] and shift [O], residual as y
//                     -> y [N, results..., O] = activation((x * w + bias) * scale + shift + residual)
//   conv_grad_input   dy, w -> dx
//   conv_grad_filter  x, dy -> dw
//   ints   d strides, d dilations, d times the padding (low, high), groups, ending (an activation of gemm/activation.h
//          and the bits kScaled and kAdded; 0 in the gradients), layout: kXFirst, kYFirst or both for x (dx), y (dy)
//          [N, C, spatial...]
//
// In two dimensions y[n, i, j, o] = sum over u, v, c of x[n, i * sh + u * dh - top, j * sw + v * dw - left, c] *
// w[u, v, c, o], where x is 0 outside the image; likewise in one and three. Group g of x's channels meets group g of
// the filters. The results' shape comes with the output; so does that of x for conv_grad_input, that of the window for
// conv_grad_filter. dtypes f16 bf16 f32 f64; halves accumulate in float32 and round once. Any size may be 0.
//
// A residual is for windows of one tap alone, that meet each pixel, one group, all channels last (takes_residual):
// other kernels do not read it.
#pragma once
#include "gemm/activation.h"
#include "ops/windows.h"

namespace ckeras {

struct ConvShape {
  Dim z, y, x;
  int64_t n, c, o;  // images, their channels, filters
  int64_t groups;
  Epilogue activation;
  int64_t cg, og;  // channels and filters of one group
  int64_t layout;

  CKERAS_MEMBER int64_t taps() const { return z.window * y.window * x.window; }
  CKERAS_MEMBER int64_t results() const { return n * z.result * y.result * x.result; }
  // Whether each result is made of one pixel, in order.
  CKERAS_MEMBER bool pointwise() const { return z.same() && y.same() && x.same(); }
  // Whether taps are so far apart that at edges whole blocks of results have one outside the image.
  CKERAS_MEMBER bool far_taps() const {
    constexpr int64_t kFar = 4;
    return (z.window > 1 && z.dilation >= kFar) || (y.window > 1 && y.dilation >= kFar) ||
           (x.window > 1 && x.dilation >= kFar);
  }
  CKERAS_MEMBER bool takes_residual() const { return pointwise() && groups == 1 && layout == 0; }
};

inline constexpr int64_t kXFirst = 1, kYFirst = 2;
inline constexpr int64_t kActivation = 7, kScaled = 8, kAdded = 16;  // of the ending

CKERAS_INLINE int layout_place(int rank) { return 4 * (rank - 2) + 2; }
CKERAS_INLINE int ending_place(int rank) { return layout_place(rank) - 1; }

// The operands of conv's ending, or null.
struct ConvEnds {
  const View *bias = nullptr, *scale = nullptr, *shift = nullptr, *residual = nullptr;

  // Of them that the ending's bits ask for.
  CKERAS_MEMBER static int asked(int64_t ending) {
    return ((ending & kScaled) != 0 ? 2 : 0) + ((ending & kAdded) != 0 ? 1 : 0);
  }
  CKERAS_MEMBER explicit ConvEnds(const Call& call) {
    const int64_t ending = call.ints[ending_place(call.in[0].rank)];
    int next = 2;
    if (call.n_in == next + asked(ending) + 1) bias = &call.in[next++];
    if ((ending & kScaled) != 0) scale = &call.in[next++], shift = &call.in[next++];
    if ((ending & kAdded) != 0) residual = &call.in[next];
  }
};

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
  return {dims[0],           dims[1],          dims[2], x.shape[0],
          channels,          filters,          groups,  static_cast<Epilogue>(ints[4 * d + 1] & kActivation),
          channels / groups, filters / groups, layout};
}

inline constexpr int kConvOperands = 6;

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
