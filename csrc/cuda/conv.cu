// Convolution and its gradients as products whose operands are read where they lie (implicit GEMM), in one to three
// dimensions with strides, dilations, padding and groups; a group is a product of the batch.
#include "ops/conv/conv.h"

#include "cuda/tile.h"

namespace ckeras::cuda {
namespace {

// A place among planes, rows and columns.
struct Point {
  int64_t z, y, x;
};
// i as a place of an array [.., nz, ny, nx]; *rest: the index of what lies outside.
CKERAS_INLINE Point point_of(int64_t i, int64_t nz, int64_t ny, int64_t nx, int64_t* rest) {
  const Point p = {i / nx / ny % nz, i / nx % ny, i % nx};
  *rest = i / nx / ny / nz;
  return p;
}
CKERAS_INLINE Point tap_of(const ConvShape& s, int64_t tap) {
  int64_t none;
  return point_of(tap, s.z.window, s.y.window, s.x.window, &none);
}
CKERAS_INLINE bool inside(int64_t at, int64_t size) { return at >= 0 && at < size; }

// The element of x under a tap of result m's window, or -1: its image's pixel.
CKERAS_INLINE int64_t pixel_under(const ConvShape& s, int64_t m, int64_t tap) {
  int64_t image;
  const Point r = point_of(m, s.z.result, s.y.result, s.x.result, &image), t = tap_of(s, tap);
  const Point at = {s.z.place(r.z, t.z), s.y.place(r.y, t.y), s.x.place(r.x, t.x)};
  if (!inside(at.z, s.z.size) || !inside(at.y, s.y.size) || !inside(at.x, s.x.size)) return -1;
  return ((image * s.z.size + at.z) * s.y.size + at.y) * s.x.size + at.x;
}

// The result whose window has this tap at this place, or -1.
CKERAS_INLINE int64_t result_over(const Dim& d, int64_t place, int64_t tap) {
  const int64_t far = place + d.low - tap * d.dilation;
  if (far < 0 || far % d.stride != 0 || far / d.stride >= d.result) return -1;
  return far / d.stride;
}

template <class S>
struct Operands {
  using T = typename S::T;
  using E = typename S::Element;
  int64_t rows, columns, depth, batch;
  ConvShape s;
};

// [results, taps * channels] x [taps * channels, filters]
template <class S>
struct Forward : Operands<S> {
  using T = typename S::T;
  using E = typename S::Element;
  static constexpr bool kAcross = false;
  const E *x, *w;
  E* y;
  EndOf<S> finish;

  CKERAS_MEMBER T a(int64_t group, int64_t m, int64_t k) const {
    const ConvShape& s = this->s;
    const int64_t pixel = pixel_under(s, m, k / s.cg);
    return pixel < 0 ? T{0} : S::get(x[pixel * s.c + group * s.cg + k % s.cg]);
  }
  CKERAS_MEMBER T b(int64_t group, int64_t k, int64_t n) const {
    return S::get(w[k * this->s.o + group * this->s.og + n]);
  }
  CKERAS_MEMBER void end(int64_t group, int64_t m, int64_t n, T sum) const {
    const int64_t filter = group * this->s.og + n;
    y[m * this->s.o + filter] = finish(sum, filter, m * this->s.o + filter);
  }
};

// [pixels, taps * filters] x [taps * filters, channels]
template <class S>
struct ToInput : Operands<S> {
  using T = typename S::T;
  using E = typename S::Element;
  static constexpr bool kAcross = false;
  const E *dy, *w;
  E* dx;

  CKERAS_MEMBER T a(int64_t group, int64_t m, int64_t k) const {
    const ConvShape& s = this->s;
    int64_t image;
    const Point at = point_of(m, s.z.size, s.y.size, s.x.size, &image), t = tap_of(s, k / s.og);
    const Point r = {result_over(s.z, at.z, t.z), result_over(s.y, at.y, t.y), result_over(s.x, at.x, t.x)};
    if (r.z < 0 || r.y < 0 || r.x < 0) return T{0};
    const int64_t result = ((image * s.z.result + r.z) * s.y.result + r.y) * s.x.result + r.x;
    return S::get(dy[result * s.o + group * s.og + k % s.og]);
  }
  CKERAS_MEMBER T b(int64_t group, int64_t k, int64_t n) const {
    const ConvShape& s = this->s;
    return S::get(w[(k / s.og * s.cg + n) * s.o + group * s.og + k % s.og]);
  }
  CKERAS_MEMBER void end(int64_t group, int64_t m, int64_t n, T sum) const {
    dx[m * this->s.c + group * this->s.cg + n] = S::put(sum);
  }
};

// [taps * channels, results] x [results, filters]
template <class S>
struct ToFilter : Operands<S> {
  using T = typename S::T;
  using E = typename S::Element;
  static constexpr bool kAcross = true;
  const E *x, *dy;
  E* dw;

  CKERAS_MEMBER T a(int64_t group, int64_t m, int64_t k) const {
    const ConvShape& s = this->s;
    const int64_t pixel = pixel_under(s, k, m / s.cg);
    return pixel < 0 ? T{0} : S::get(x[pixel * s.c + group * s.cg + m % s.cg]);
  }
  CKERAS_MEMBER T b(int64_t group, int64_t k, int64_t n) const {
    return S::get(dy[k * this->s.o + group * this->s.og + n]);
  }
  CKERAS_MEMBER void end(int64_t group, int64_t m, int64_t n, T sum) const {
    dw[m * this->s.o + group * this->s.og + n] = S::put(sum);
  }
};

Status run_conv(const Call& call, Queue& queue) {
  const ConvShape s = conv_shape(call.in[0], call.in[1], call.out[0], call.ints);
  return with_floats(call.out[0].dtype, [&](auto storage) {
    using S = decltype(storage);
    using E = typename S::Element;
    launch_tiles(queue,
                 Forward<S>{{s.results(), s.og, s.taps() * s.cg, s.groups, s},
                            call.in[0].as<const E>(),
                            call.in[1].as<const E>(),
                            call.out[0].as<E>(),
                            {call.n_in > 2 ? call.in[2].as<const E>() : nullptr, static_cast<Epilogue>(s.activation)}});
  });
}
Status run_conv_grad_input(const Call& call, Queue& queue) {
  const ConvShape s = conv_shape(call.out[0], call.in[1], call.in[0], call.ints);
  return with_floats(call.out[0].dtype, [&](auto storage) {
    using S = decltype(storage);
    using E = typename S::Element;
    launch_tiles(queue, ToInput<S>{{s.n * s.z.size * s.y.size * s.x.size, s.cg, s.taps() * s.og, s.groups, s},
                                   call.in[0].as<const E>(),
                                   call.in[1].as<const E>(),
                                   call.out[0].as<E>()});
  });
}
Status run_conv_grad_filter(const Call& call, Queue& queue) {
  const ConvShape s = conv_shape(call.in[0], call.out[0], call.in[1], call.ints);
  return with_floats(call.out[0].dtype, [&](auto storage) {
    using S = decltype(storage);
    using E = typename S::Element;
    launch_tiles(queue, ToFilter<S>{{s.taps() * s.cg, s.og, s.results(), s.groups, s},
                                    call.in[0].as<const E>(),
                                    call.in[1].as<const E>(),
                                    call.out[0].as<E>()});
  });
}

}  // namespace

extern const DeviceKernel kernel_conv, kernel_conv_grad_input, kernel_conv_grad_filter;
const DeviceKernel kernel_conv = {"conv", run_conv, nullptr};
const DeviceKernel kernel_conv_grad_input = {"conv_grad_input", run_conv_grad_input, nullptr};
const DeviceKernel kernel_conv_grad_filter = {"conv_grad_filter", run_conv_grad_filter, nullptr};

}  // namespace ckeras::cuda
