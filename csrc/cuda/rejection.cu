// random_gamma and random_binomial: the CPU's numbers (ops/random/rejection.h), a thread an element, in float64.
#include "ops/random/rejection.h"

#include "cuda/elements.h"

namespace ckeras::cuda {
namespace {

constexpr int kThreads = 128;

CKERAS_INLINE double root_of(double x) { return lane_sqrt(x); }
CKERAS_INLINE double whole_of(double x) { return lane_floor(x); }

CKERAS_COLD double log_of(double x) { return log(V8(x)).x; }
CKERAS_COLD double exp_of(double x) { return exp(V8(x)).x; }
CKERAS_COLD double cos_of(double x) { return cos(V8(x)).x; }

struct Lane : OneLane {
  static CKERAS_MEMBER double log(double x) { return log_of(x); }
  static CKERAS_MEMBER double exp(double x) { return exp_of(x); }
  static CKERAS_MEMBER double sqrt(double x) { return root_of(x); }
  static CKERAS_MEMBER double floor(double x) { return whole_of(x); }
  static CKERAS_MEMBER double cos_turn(double t) { return cos_of(t * 6.283185307179586477); }
};

// A gamma number of alpha `a`, or a binomial one of counts `a` and probabilities `b`.
template <bool kGamma>
__global__ void __launch_bounds__(kThreads)
    draw_kernel(const uint32_t* seed, const void* a, const void* b, void* y, DType dtype, int64_t n) {
  for (int64_t i = first_element(); i < n; i += all_threads()) {
    const RejectionStream stream{seed[0], seed[1], i};
    const double x = element_as<double>(a, i, dtype);
    double value;
    if constexpr (kGamma) {
      value = draw_gamma<Lane>(stream, x);
    } else {
      value = draw_binomial<Lane>(stream, x, element_as<double>(b, i, dtype));
    }
    if (is_half(dtype)) {
      put_element(y, i, dtype, static_cast<float>(value));
    } else {
      put_element(y, i, dtype, value);
    }
  }
}

template <bool kGamma>
Status run(const Call& call, Queue& queue) {
  const View& y = call.out[0];
  const int64_t n = y.size();
  if (n == 0) return Status::Launched;
  launch(queue, {blocks_for(n, kThreads)}, {kThreads}, 0, draw_kernel<kGamma>, call.in[0].as<const uint32_t>(),
         call.in[1].data, kGamma ? nullptr : call.in[2].data, y.data, y.dtype, n);
  return Status::Launched;
}

}  // namespace

extern const DeviceKernel kernel_random_gamma, kernel_random_binomial;
const DeviceKernel kernel_random_gamma = {"random_gamma", run<true>, nullptr};
const DeviceKernel kernel_random_binomial = {"random_binomial", run<false>, nullptr};

}  // namespace ckeras::cuda
