// conv2d and conv2d_grad_input: both are products whose A is packed from an image (ops/conv2d/panels.h).
#include "ops/conv2d/conv2d.h"

#include "gemm/batch.h"
#include "gemm/gemm.h"
#include "gemm/widen.h"
#include "ops/conv2d/depthwise.h"
#include "ops/conv2d/panels.h"

namespace ckeras::CKERAS_ISA {
namespace {

// A batch of products, one a group.
template <class T>
struct Convolution {
  ConvShape s;
  GemmPlan plan;
  Batch batch;

  explicit Convolution(const Call& call) noexcept
      : s(conv_shape(call.in[0], call.in[1], call.out[0], call.ints)),
        plan(plan_gemm<T>(s.n * s.oh * s.ow, s.og, s.kh * s.kw * s.cg, true)),
        batch{s.groups, plan.m * plan.n * plan.k, plan.bytes()} {}

  int64_t bytes() const noexcept { return depthwise(s) ? 0 : batch.total_bytes(); }

  void run(const Call& call) const noexcept {
    const T* x = call.in[0].as<const T>();
    const T* w = call.in[1].as<const T>();
    const T* bias = call.n_in == 3 ? call.in[2].as<const T>() : nullptr;
    T* y = call.out[0].as<T>();
    const auto epilogue = static_cast<Epilogue>(s.activation);
    const Axis rows{s.h, s.oh, s.kh, -s.top, s.sh, s.dh}, columns{s.w, s.ow, s.kw, -s.left, s.sw, s.dw};
    if (depthwise(s)) {
      return depthwise_apply(
          Image<T>{x, s.c, s.c, rows, columns}, plan.m, [&](int64_t u, int64_t v) { return w + (u * s.kw + v) * s.c; },
          Rows<T>{y, s.o}, Ending<T>{bias, epilogue});
    }
    batch.run(call.workspace, [&](int64_t g, void* workspace) {
      const Matrix<T> filters{w + g * s.og, s.o, false};
      const Ending<T> ending{bias != nullptr ? bias + g * s.og : nullptr, epilogue};
      const Rows<T> results{y + g * s.og, s.o};
      if (s.kh == 1 && s.kw == 1 && s.sh == 1 && s.sw == 1 && s.oh == s.h && s.ow == s.w && s.top == 0 && s.left == 0) {
        multiply_matrices(plan, Matrix<T>{x + g * s.cg, s.c, true}, filters, results, ending, workspace);
      } else {
        const ImagePixels<T> pixels{{x + g * s.cg, s.c, s.cg, rows, columns}};
        multiply_matrices(plan, pixels, filters, results, ending, workspace);
      }
    });
  }
};

CKERAS_INLINE int64_t greatest_divisor(int64_t a, int64_t b) {
  while (b != 0) {
    const int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

// The pixels of dx that are `phase` modulo the stride: taps first, first + step, ... reach them, each from a whole
// pixel of dy.
struct Phase {
  int64_t phase, stride, first, step;
  Axis axis;  // of dy

  Phase(int64_t phase, int64_t image, int64_t filter, int64_t result, int64_t stride, int64_t dilation,
        int64_t pad) noexcept
      : phase(phase), stride(stride), first(0), step(stride / greatest_divisor(stride, dilation)) {
    while (first < step && (phase + pad - first * dilation) % stride != 0) ++first;
    const int64_t taps = first < step && first < filter ? ceil_div(filter - first, step) : 0;
    axis = {result, phase < image ? ceil_div(image - phase, stride) : 0,
            taps,   (phase + pad - first * dilation) / stride,
            1,      -(step * dilation / stride)};
  }
};

// The rows of dx that belong to a phase.
template <class T>
struct PhaseRows {
  T* data;  // channel 0 of the group
  int64_t h, w, pixel;
  const Phase& y;
  const Phase& x;

  CKERAS_MEMBER T* row(int64_t n) const {
    const int64_t image = n / (y.axis.grid * x.axis.grid), i = n / x.axis.grid % y.axis.grid, j = n % x.axis.grid;
    return data + ((image * h + y.phase + i * y.stride) * w + x.phase + j * x.stride) * pixel;
  }
};

// A batch of products, one a phase of the strides and group.
template <class T>
struct InputGradient {
  ConvShape s;
  Batch batch;

  explicit InputGradient(const Call& call) noexcept
      : s(conv_shape(call.out[0], call.in[1], call.in[0], call.ints)), batch{s.sh * s.sw * s.groups, 0, 0} {
    for (int64_t phase = 0; phase < s.sh * s.sw; ++phase) {
      const GemmPlan plan = plan_of(rows(phase), columns(phase));
      batch.bytes = most(batch.bytes, plan.bytes());
      batch.work = most(batch.work, plan.m * plan.n * plan.k);
    }
  }

  Phase rows(int64_t phase) const noexcept { return {phase / s.sw, s.h, s.kh, s.oh, s.sh, s.dh, s.top}; }
  Phase columns(int64_t phase) const noexcept { return {phase % s.sw, s.w, s.kw, s.ow, s.sw, s.dw, s.left}; }
  GemmPlan plan_of(const Phase& y, const Phase& x) const noexcept {
    return plan_gemm<T>(s.n * y.axis.grid * x.axis.grid, s.cg, y.axis.taps * x.axis.taps * s.og, false);
  }

  int64_t bytes() const noexcept { return depthwise(s) ? 0 : batch.total_bytes(); }

  void run(const Call& call) const noexcept {
    const T* dy = call.in[0].as<const T>();
    const T* w = call.in[1].as<const T>();
    T* dx = call.out[0].as<T>();
    const Ending<T> nothing{nullptr, Epilogue::None};
    if (depthwise(s)) {
      for (int64_t phase = 0; phase < s.sh * s.sw; ++phase) {
        const Phase y = rows(phase), x = columns(phase);
        depthwise_apply(
            Image<T>{dy, s.o, s.o, y.axis, x.axis}, s.n * y.axis.grid * x.axis.grid,
            [&](int64_t u, int64_t v) { return w + ((y.first + u * y.step) * s.kw + x.first + v * x.step) * s.c; },
            PhaseRows<T>{dx, s.h, s.w, s.c, y, x}, nothing);
      }
      return;
    }
    batch.run(call.workspace, [&](int64_t i, void* workspace) {
      const int64_t g = i / (s.sh * s.sw);
      const Phase y = rows(i % (s.sh * s.sw)), x = columns(i % (s.sh * s.sw));
      const ImagePixels<T> pixels{{dy + g * s.og, s.o, s.og, y.axis, x.axis}};
      const TurnedFilters<T> filters{w + g * s.og, s.kw,    s.cg,   s.o,    s.og,
                                     y.first,      x.first, y.step, x.step, x.axis.taps};
      const PhaseRows<T> results{dx + g * s.cg, s.h, s.w, s.c, y, x};
      multiply_matrices(plan_of(y, x), pixels, filters, results, nothing, workspace);
    });
  }
};

void conv2d(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) { Convolution<decltype(t)>(c).run(c); });
}
int64_t conv2d_bytes(const Call& call) noexcept {
  return bytes_float(call, [](const Call& c, auto t) { return Convolution<decltype(t)>(c).bytes(); });
}
void conv2d_grad_input(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) { InputGradient<decltype(t)>(c).run(c); });
}
int64_t conv2d_grad_input_bytes(const Call& call) noexcept {
  return bytes_float(call, [](const Call& c, auto t) { return InputGradient<decltype(t)>(c).bytes(); });
}

}  // namespace

extern const Kernel kernel_conv2d, kernel_conv2d_grad_input;
constinit const Kernel kernel_conv2d = {conv2d, conv2d_bytes, nullptr};
constinit const Kernel kernel_conv2d_grad_input = {conv2d_grad_input, conv2d_grad_input_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
