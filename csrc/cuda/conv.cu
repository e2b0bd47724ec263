// Convolution and its gradients as products whose operands are read where they lie (implicit GEMM), in one to three
// dimensions with strides, dilations, padding and groups; a group is a product of the batch. Halves, and on request
// float32, on tensor cores where channels and filters are whole vectors.
#include "cuda/conv_cores.h"
#include "cuda/conv_phases.h"
#include "cuda/move.h"

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
  static constexpr bool kAcross = false;
  int64_t rows, columns, depth, batch;
  ConvShape s;
  const E *left, *right;
  ResultOf<S> to;

  CKERAS_MEMBER void end(int64_t group, int64_t m, int64_t n, T sum) const { to.put(group, m, n, sum); }
};

// [results, taps * channels] x [taps * channels, filters]
template <class S>
struct Forward : Operands<S> {
  using T = typename S::T;
  CKERAS_MEMBER T a(int64_t group, int64_t m, int64_t k) const {
    const ConvShape& s = this->s;
    const int64_t pixel = pixel_under(s, m, k / s.cg);
    return pixel < 0 ? T{0} : S::get(this->left[pixel * s.c + group * s.cg + k % s.cg]);
  }
  CKERAS_MEMBER T b(int64_t group, int64_t k, int64_t n) const {
    return S::get(this->right[k * this->s.o + group * this->s.og + n]);
  }
};

// [pixels, taps * filters] x [taps * filters, channels], of a phase
template <class S>
struct ToInput : Operands<S> {
  using T = typename S::T;
  Grid3 pixels, taps;  // of all phases

  CKERAS_MEMBER T a(int64_t group, int64_t m, int64_t k) const {
    const ConvShape& s = this->s;
    int64_t image;
    const Point at = point_of(m, s.z.size, s.y.size, s.x.size, &image), t = tap_of(s, k / s.og);
    const Point r = {result_over(s.z, at.z, t.z), result_over(s.y, at.y, t.y), result_over(s.x, at.x, t.x)};
    if (r.z < 0 || r.y < 0 || r.x < 0) return T{0};
    const int64_t result = ((image * s.z.result + r.z) * s.y.result + r.y) * s.x.result + r.x;
    return S::get(this->left[result * s.o + group * s.og + k % s.og]);
  }
  CKERAS_MEMBER T b(int64_t group, int64_t k, int64_t n) const {
    const ConvShape& s = this->s;
    const Point t = tap_of(s, k / s.og);
    return S::get(this->right[(taps.at(t.z, t.y, t.x) * s.cg + n) * s.o + group * s.og + k % s.og]);
  }
  CKERAS_MEMBER void end(int64_t group, int64_t m, int64_t n, T sum) const {
    int64_t image;
    const Point p = point_of(m, this->s.z.size, this->s.y.size, this->s.x.size, &image);
    const int64_t first = image * pixels.z.size * pixels.y.size * pixels.x.size;
    this->to.put(group, first + pixels.at(p.z, p.y, p.x), n, sum);
  }
};

// [taps * channels, results] x [results, filters], in slices of `depth` results; the batch counts groups in slices
template <class S>
struct ToFilter : Operands<S> {
  using T = typename S::T;
  static constexpr bool kAcross = true;
  Slices<T> slices;

  CKERAS_MEMBER T a(int64_t i, int64_t m, int64_t k) const {
    const ConvShape& s = this->s;
    const int64_t result = i / s.groups * this->depth + k;
    const int64_t pixel = result < s.results() ? pixel_under(s, result, m / s.cg) : -1;
    return pixel < 0 ? T{0} : S::get(this->left[pixel * s.c + i % s.groups * s.cg + m % s.cg]);
  }
  CKERAS_MEMBER T b(int64_t i, int64_t k, int64_t n) const {
    const ConvShape& s = this->s;
    const int64_t result = i / s.groups * this->depth + k;
    return result < s.results() ? S::get(this->right[result * s.o + i % s.groups * s.og + n]) : T{0};
  }
  CKERAS_MEMBER void end(int64_t i, int64_t m, int64_t n, T sum) const {
    const int64_t groups = this->s.groups;
    slices.count > 1 ? void(*slices.at(i / groups, i % groups, m, n) = sum) : this->to.put(i % groups, m, n, sum);
  }
};
template <class T>
Slices<T> slices_for(const ConvShape& s, void* workspace) {
  const int64_t rows = s.taps() * s.cg, tiles = ceil_div(rows, kTile) * ceil_div(s.og, kTile) * s.groups;
  return {static_cast<T*>(workspace), slices_of(tiles, s.results()), s.groups, rows, s.og};
}

template <class S>
constexpr bool kCores = sizeof(typename S::T) == sizeof(float);

// What the three have in common.
template <class S>
struct Task {
  using E = typename S::Element;
  ConvShape s;
  const E *left, *right;
  ResultOf<S> to;
  bool on_cores = false;

  Task(const Call& call, const ConvShape& shape, ConvWay way, int64_t batch_step, int64_t row_step,
       const EndOf<S>& finish = {})
      : s(shape),
        left(call.in[0].as<const E>()),
        right(call.in[1].as<const E>()),
        to{call.out[0].as<E>(), batch_step, row_step, batch_step, finish} {
    if constexpr (kCores<S>) on_cores = wants_cores<S>() && conv_fits_cores<E>(s, way) && on_vectors(left, right);
  }
  Operands<S> operands(int64_t rows, int64_t columns, int64_t depth, int64_t batch) const {
    return {rows, columns, depth, batch, s, left, right, to};
  }
};

Status conv_of_last(const Call& call, Queue& queue) {
  const ConvShape s = conv_shape(call.in[0], call.in[1], call.out[0], call.ints);
  return with_floats(call.out[0].dtype, [&](auto storage) {
    using S = decltype(storage);
    using E = typename S::Element;
    const ConvEnds ends(call);
    const auto data = [](const View* v) { return v != nullptr ? v->as<const E>() : nullptr; };
    const EndOf<S> finish = {
        data(ends.bias),  s.activation, data(s.takes_residual() ? ends.residual : nullptr), false, data(ends.scale),
        data(ends.shift), true};
    const Task<S> t(call, s, ConvWay::Forward, s.og, s.o, finish);
    if constexpr (kCores<S>) {
      if (t.on_cores) return conv_cores(queue, s, t.left, t.right, t.to, call.workspace);
    }
    launch_tiles(queue, Forward<S>{t.operands(s.results(), s.og, s.taps() * s.cg, s.groups)});
  });
}
Status grad_input_of_last(const Call& call, Queue& queue) {
  const ConvShape s = conv_shape(call.out[0], call.in[1], call.in[0], call.ints);
  return with_floats(call.out[0].dtype, [&](auto storage) {
    using S = decltype(storage);
    const Task<S> t(call, s, ConvWay::ToInput, s.cg, s.c);
    if constexpr (kCores<S>) {
      if (t.on_cores) return conv_cores_to_input(queue, s, t.left, t.right, t.to, call.workspace);
    }
    for (const Phase& phase : phases_of(s)) {
      const ConvShape& p = phase.s;
      const int64_t pixels = p.n * p.z.size * p.y.size * p.x.size;
      ToInput<S> product = {t.operands(pixels, s.cg, p.taps() * s.og, s.groups), phase.pixels, phase.taps};
      product.s = p;
      launch_tiles(queue, product);
    }
  });
}
Status grad_filter_of_last(const Call& call, Queue& queue) {
  const ConvShape s = conv_shape(call.in[0], call.out[0], call.in[1], call.ints);
  return with_floats(call.out[0].dtype, [&](auto storage) {
    using S = decltype(storage);
    const Task<S> t(call, s, ConvWay::ToFilter, s.og, s.o);
    if constexpr (kCores<S>) {
      if (t.on_cores) return conv_cores_to_filter(queue, s, t.left, t.right, t.to, call.workspace);
    }
    const Slices<typename S::T> slices = slices_for<typename S::T>(s, call.workspace);
    const int64_t depth = ceil_div(s.results(), slices.count);
    launch_tiles(queue, ToFilter<S>{t.operands(slices.rows, slices.columns, depth, s.groups * slices.count), slices});
    add_slices(queue, slices, t.to);
  });
}

// With tensor cores and without.
int64_t workspace_for(const ConvShape& s, DType dtype, ConvWay way) {
  const int64_t filters =
      dtype == DType::F64 ? slices_for<double>(s, nullptr).bytes() : slices_for<float>(s, nullptr).bytes();
  const int64_t cores = size_of(dtype) == 2   ? conv_cores_workspace<uint16_t>(s, way)
                        : dtype == DType::F32 ? conv_cores_workspace<float>(s, way)
                                              : 0;
  return most(cores, way == ConvWay::ToFilter ? filters : 0);
}
int64_t conv_workspace_of_last(const Call& call) noexcept {
  return workspace_for(conv_shape(call.in[0], call.in[1], call.out[0], call.ints), call.out[0].dtype, ConvWay::Forward);
}
int64_t grad_input_workspace_of_last(const Call& call) noexcept {
  return workspace_for(conv_shape(call.out[0], call.in[1], call.in[0], call.ints), call.out[0].dtype, ConvWay::ToInput);
}
int64_t grad_filter_workspace_of_last(const Call& call) noexcept {
  return workspace_for(conv_shape(call.in[0], call.out[0], call.in[1], call.ints), call.out[0].dtype,
                       ConvWay::ToFilter);
}

// Images whose channels come first are turned over around the kernel.
constexpr ConvFirsts kFirsts = {{kXFirst, 0}, kYFirst}, kInputFirsts = {{kYFirst, 0}, kXFirst},
                     kFilterFirsts = {{kXFirst, kYFirst}, 0};

bool all_last(const Call& call) { return call.ints[layout_place(call.in[0].rank)] == 0; }

template <Status (*kRun)(const Call&, Queue&)>
Status run_layout(const Call& call, Queue& queue, const ConvFirsts& firsts) {
  if (all_last(call)) return kRun(call, queue);
  const int64_t itemsize = size_of(call.out[0].dtype);
  const LastCall last(call, firsts, itemsize);
  for (int i = 0; i < call.n_in; ++i) {
    if (!last.turned[i]) continue;
    const View& to = last.in[i];
    const int64_t channels = to.shape[to.rank - 1], pixels = pixels_of(to), image = channels * pixels;
    const move::Dim dims[] = {{to.shape[0], image, image}, {pixels, channels, 1}, {channels, 1, pixels}};
    copy_strided(queue, to.data, call.in[i].data, itemsize, dims, 3);
  }
  const Status status = kRun(last.call, queue);
  if (!last.out_turned) return status;
  const View& from = last.out;
  const int64_t channels = from.shape[from.rank - 1], pixels = pixels_of(from), image = channels * pixels;
  const move::Dim dims[] = {{from.shape[0], image, image}, {channels, pixels, 1}, {pixels, 1, channels}};
  copy_strided(queue, call.out[0].data, from.data, itemsize, dims, 3);
  return status;
}
template <int64_t (*kBytes)(const Call&) noexcept>
int64_t layout_bytes(const Call& call, const ConvFirsts& firsts) noexcept {
  if (all_last(call)) return kBytes(call);
  const LastCall last(call, firsts, size_of(call.out[0].dtype));
  return last.bytes + kBytes(last.call);
}

Status run_conv(const Call& call, Queue& queue) { return run_layout<conv_of_last>(call, queue, kFirsts); }
Status run_conv_grad_input(const Call& call, Queue& queue) {
  return run_layout<grad_input_of_last>(call, queue, kInputFirsts);
}
Status run_conv_grad_filter(const Call& call, Queue& queue) {
  return run_layout<grad_filter_of_last>(call, queue, kFilterFirsts);
}
int64_t conv_workspace(const Call& call) noexcept { return layout_bytes<conv_workspace_of_last>(call, kFirsts); }
int64_t conv_grad_input_workspace(const Call& call) noexcept {
  return layout_bytes<grad_input_workspace_of_last>(call, kInputFirsts);
}
int64_t conv_grad_filter_workspace(const Call& call) noexcept {
  return layout_bytes<grad_filter_workspace_of_last>(call, kFilterFirsts);
}

}  // namespace

extern const DeviceKernel kernel_conv, kernel_conv_grad_input, kernel_conv_grad_filter;
const DeviceKernel kernel_conv = {"conv", run_conv, conv_workspace};
const DeviceKernel kernel_conv_grad_input = {"conv_grad_input", run_conv_grad_input, conv_grad_input_workspace};
const DeviceKernel kernel_conv_grad_filter = {"conv_grad_filter", run_conv_grad_filter, conv_grad_filter_workspace};

}  // namespace ckeras::cuda
