// ctc_loss (ops/ctc/ctc.h): a block an example, its threads side by side over the states of one time after the other.
#include "ops/ctc/ctc.h"

#include "cuda/block.h"
#include "cuda/elements.h"

namespace ckeras::cuda {
namespace {

CKERAS_COLD double log_of(double x) { return log(V8(x)).x; }
CKERAS_COLD double exp_of(double x) { return exp(V8(x)).x; }

constexpr double kInf = __builtin_inf();
CKERAS_INLINE bool infinite(double x) { return x == kInf || x == -kInf; }
CKERAS_INLINE double log_sum(double a, double b) {
  const double top = a > b ? a : b;
  return infinite(top) ? top : top + log_of(exp_of(a - top) + exp_of(b - top));
}

struct Problem {
  const void* logp;
  const int32_t *labels, *label_lengths, *lengths;
  void *loss, *grad;
  DType dtype;
  int64_t batch, times, classes, most, blank, states;
  double *alpha, *beta;  // [batch, times, states], [batch, 2, states]

  explicit Problem(const Call& call)
      : logp(call.in[0].data),
        labels(call.in[1].as<const int32_t>()),
        label_lengths(call.in[2].as<const int32_t>()),
        lengths(call.in[3].as<const int32_t>()),
        loss(call.out[0].data),
        grad(call.out[1].data),
        dtype(call.in[0].dtype),
        batch(call.in[0].shape[0]),
        times(call.in[0].shape[1]),
        classes(call.in[0].shape[2]),
        most(call.in[1].shape[1]),
        blank(call.ints[0]),
        states(2 * most + 1),
        alpha(static_cast<double*>(call.workspace)),
        beta(nullptr) {
    if (alpha != nullptr) beta = alpha + batch * times * states;
  }
  int64_t bytes() const { return 8 * batch * (times + 2) * states; }
};

// The first bad number in the order of ctc_check: of an example its two lengths, then its labels. One block.
__global__ void __launch_bounds__(1024) ctc_check_kernel(const __grid_constant__ Problem p, Fault* fault) {
  const int64_t each = p.most + 2, count = p.batch * each;
  int64_t first = count, value = 0, limit = 0;
  for (int64_t i = threadIdx.x; i < count && first == count; i += blockDim.x) {
    const int64_t b = i / each, j = i % each, n = p.label_lengths[b], t = p.lengths[b];
    bool bad = false;
    if (j == 0) {
      bad = n < 0 || n > p.most;
      value = n;
      limit = p.most + 1;
    } else if (j == 1) {
      bad = t < 0 || t > p.times;
      value = t;
      limit = p.times + 1;
    } else if (j - 2 < n) {
      value = p.labels[b * p.most + j - 2];
      bad = value < 0 || value >= p.classes || value == p.blank;
      limit = p.classes;
    }
    if (bad) first = i;
  }
  const int64_t least_bad = fold_block(first, MinOf());
  if (least_bad == count || first != least_bad || fault->code != 0) return;
  fault->code = 1;
  fault->value = value;
  fault->limit = limit;
}

// One example.
struct Example {
  const Problem& p;
  int64_t b, n, times;

  CKERAS_MEMBER int64_t states() const { return 2 * n + 1; }
  CKERAS_MEMBER int64_t label(int64_t s) const { return p.labels[b * p.most + s / 2]; }
  CKERAS_MEMBER int64_t class_of(int64_t s) const { return s % 2 != 0 ? label(s) : p.blank; }
  CKERAS_MEMBER bool skips(int64_t s) const { return s % 2 != 0 && s > 1 && label(s) != label(s - 2); }
  CKERAS_MEMBER int64_t place(int64_t t, int64_t c) const { return (b * p.times + t) * p.classes + c; }
  CKERAS_MEMBER double emitted(int64_t t, int64_t s) const {
    return element_as<double>(p.logp, place(t, class_of(s)), p.dtype);
  }
  CKERAS_MEMBER double* alpha(int64_t t) const { return p.alpha + (b * p.times + t) * p.states; }
  CKERAS_MEMBER double* beta(int64_t t) const { return p.beta + (2 * b + t % 2) * p.states; }

  CKERAS_MEMBER double forward(int64_t t, int64_t s) const {
    if (t == 0) return s < 2 ? emitted(t, s) : -kInf;
    const double* before = alpha(t - 1);
    double sum = before[s];
    if (s > 0) sum = log_sum(sum, before[s - 1]);
    if (skips(s)) sum = log_sum(sum, before[s - 2]);
    return sum + emitted(t, s);
  }
  CKERAS_MEMBER double backward(int64_t t, int64_t s) const {
    if (t == times - 1) return s >= states() - 2 ? emitted(t, s) : -kInf;
    const double* after = beta(t + 1);
    double sum = after[s];
    if (s + 1 < states()) sum = log_sum(sum, after[s + 1]);
    if (s + 2 < states() && skips(s + 2)) sum = log_sum(sum, after[s + 2]);
    return sum + emitted(t, s);
  }
  CKERAS_MEMBER double log_p() const {
    if (times == 0) return n != 0 ? -kInf : 0;
    const double* last = alpha(times - 1);
    return n != 0 ? log_sum(last[states() - 1], last[states() - 2]) : last[0];
  }
  // The sum over the states of s's class, of which s must be the first; 0 for another.
  CKERAS_MEMBER double share(int64_t t, int64_t s, double log_p) const {
    for (int64_t before = s % 2; before < s; before += 2) {
      if (class_of(before) == class_of(s)) return 0;
    }
    double sum = 0;
    for (int64_t at = s; at < states(); at += 2) {
      const double both = alpha(t)[at] + beta(t)[at];
      if (class_of(at) == class_of(s) && !infinite(both)) sum -= exp_of(both - emitted(t, at) - log_p);
    }
    return sum;
  }
};

__global__ void __launch_bounds__(kRowThreads) ctc_kernel(const __grid_constant__ Problem p, const Fault* fault) {
  if (fault->code != 0) return;
  for (int64_t b = blockIdx.x; b < p.batch; b += gridDim.x) {
    const Example e = {p, b, p.label_lengths[b], p.lengths[b]};
    for (int64_t t = 0; t < e.times; ++t) {
      for (int64_t s = threadIdx.x; s < e.states(); s += blockDim.x) e.alpha(t)[s] = e.forward(t, s);
      __syncthreads();
    }
    const double log_p = e.log_p();
    if (threadIdx.x == 0) put_element(p.loss, b, p.dtype, -log_p);
    for (int64_t i = threadIdx.x; i < p.times * p.classes; i += blockDim.x) {
      put_element(p.grad, e.place(0, 0) + i, p.dtype, 0.0);
    }
    __syncthreads();
    for (int64_t t = e.times - 1; t >= 0 && !infinite(log_p); --t) {
      for (int64_t s = threadIdx.x; s < e.states(); s += blockDim.x) e.beta(t)[s] = e.backward(t, s);
      __syncthreads();
      for (int64_t s = threadIdx.x; s < e.states(); s += blockDim.x) {
        const double share = e.share(t, s, log_p);
        if (share != 0) put_element(p.grad, e.place(t, e.class_of(s)), p.dtype, share);
      }
      __syncthreads();
    }
  }
}

Status run(const Call& call, Queue& queue) {
  const Problem p(call);
  if (p.batch == 0) return Status::Launched;
  launch(queue, {1}, {1024}, 0, ctc_check_kernel, p, call.fault);
  launch(queue, {blocks_for(p.batch, 1)}, {kRowThreads}, 0, ctc_kernel, p, call.fault);
  return Status::Launched;
}
int64_t workspace(const Call& call) noexcept { return Problem(call).bytes(); }

}  // namespace

extern const DeviceKernel kernel_ctc_loss;
const DeviceKernel kernel_ctc_loss = {"ctc_loss", run, workspace, kMayFault};

}  // namespace ckeras::cuda
