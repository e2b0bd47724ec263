#include "cpu/parallel.h"
#include "cpu/vmath.h"
#include "ops/ctc/ctc.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr double kNone = FloatTraits<double>::kInf;  // of the path that does not exist: minus this

// log(exp(a) + exp(b) + exp(c)) of logarithms, -infinity among them.
CKERAS_INLINE V8 log_of_sums(V8 a, V8 b, V8 c) {
  const V8 top = max(max(max(a, b), c), V8(-1e300));
  return top + log(exp(a - top) + exp(b - top) + exp(c - top));
}

// One example. alpha [times + 1, row] (the last row is beta's), emitted, skip and next [row] lie in the workspace.
template <class T>
struct Example {
  const T* logp;
  const int32_t* labels;
  int64_t times, n, classes, blank, row;
  double *alpha, *beta, *emitted, *skip, *next;

  CKERAS_MEMBER int64_t states() const { return 2 * n + 1; }
  CKERAS_MEMBER double* place(double* line) const { return line + kCtcPad; }

  void fill(double* line) const {
    for (int64_t i = 0; i < row; i += 8) V8(-kNone).store(line + i);
  }
  // logp of each state's class at time t.
  void emit(int64_t t) const {
    const T* const from = logp + t * classes;
    double* const to = place(emitted);
    const double none = static_cast<double>(from[blank]);
    to[0] = none;
    for (int64_t i = 0; i < n; ++i) {
      to[2 * i + 1] = static_cast<double>(from[labels[i]]);
      to[2 * i + 2] = none;
    }
  }
  // 0 where state s may be reached from s - 2, else -infinity.
  void find_skips() const {
    fill(skip);
    for (int64_t s = 3; s < states(); s += 2) {
      if (labels[s / 2] != labels[s / 2 - 1]) place(skip)[s] = 0;
    }
  }
  void forward() const {
    for (int64_t t = 0; t < times; ++t) {
      double* now = alpha + t * row;
      fill(now);
      emit(t);
      if (t == 0) {
        for (int64_t s = 0; s < (n ? 2 : 1); ++s) place(now)[s] = place(emitted)[s];
        continue;
      }
      const double* before = place(now - row);
      for (int64_t s = 0; s < states(); s += 8) {
        const V8 sum = log_of_sums(V8::load(before + s), V8::load(before + s - 1),
                                   V8::load(before + s - 2) + V8::load(place(skip) + s));
        (sum + V8::load(place(emitted) + s)).store(place(now) + s);
      }
    }
  }
  // log p(labels): the paths that end in the last label or the blank after it.
  double total() const {
    if (times == 0) return n ? -kNone : 0;
    const double* last = place(alpha + (times - 1) * row) + states() - 1;
    double lanes[8];
    log_of_sums(V8(last[0]), V8(n ? last[-1] : -kNone), V8(-kNone)).store(lanes);
    return lanes[0];
  }
  // Every class's own in rising order. The blank's sum stays in a register, where it waits for no store.
  void subtract(const double* share, T* grad) const {
    T none = grad[blank];
    for (int64_t i = 0; i <= n; ++i) none = static_cast<T>(static_cast<double>(none) - share[2 * i]);
    grad[blank] = none;
    for (int64_t i = 0; i < n; ++i) {
      T& g = grad[labels[i]];
      g = static_cast<T>(static_cast<double>(g) - share[2 * i + 1]);
    }
  }
  // grad[t, c] -= share of the paths; now[s] holds the paths from time t on, that of t included.
  void backward(double log_p, T* grad) const {
    double *now = beta, *later = next;
    for (int64_t t = times - 1; t >= 0; --t) {
      emit(t);
      fill(now);
      if (t == times - 1) {
        for (int64_t s = states() - (n ? 2 : 1); s < states(); ++s) place(now)[s] = place(emitted)[s];
      } else {
        for (int64_t s = 0; s < states(); s += 8) {
          const double* after = place(later) + s;
          const V8 sum =
              log_of_sums(V8::load(after), V8::load(after + 1), V8::load(after + 2) + V8::load(place(skip) + s + 2));
          (sum + V8::load(place(emitted) + s)).store(place(now) + s);
        }
      }
      double* share = emitted;  // its values were read for the last time, but for the subtraction here
      for (int64_t s = 0; s < states(); s += 8) {
        const V8 both = V8::load(place(alpha + t * row) + s) + V8::load(place(now) + s);
        const V8 one = max(V8::load(place(emitted) + s), V8(-1e300));
        exp(both - one - V8(log_p)).store(place(share) + s);
      }
      subtract(place(share), grad + t * classes);
      double* const free = later;
      later = now;
      now = free;
    }
  }
};

int64_t ctc_workspace(const Call& call) noexcept {
  const View& logp = call.in[0];
  return least(logp.shape[0], kCtcGroup) * (logp.shape[1] + 4) * ctc_row(call.in[1].shape[1]) * 8;
}

template <class T>
void examples(const Call& call) {
  const View& logp = call.in[0];
  const int64_t batch = logp.shape[0], times = logp.shape[1], classes = logp.shape[2], most = call.in[1].shape[1];
  const int64_t row = ctc_row(most), size = (times + 4) * row;
  for (int64_t group = 0; group < batch; group += kCtcGroup) {
    parallel_for(least(kCtcGroup, batch - group), 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        const int64_t b = group + slot;
        double* space = static_cast<double*>(call.workspace) + slot * size;
        double* lines = space + times * row;
        const Example<T> one{logp.as<const T>() + b * times * classes,
                             call.in[1].as<const int32_t>() + b * most,
                             call.in[3].as<const int32_t>()[b],
                             call.in[2].as<const int32_t>()[b],
                             classes,
                             call.ints[0],
                             row,
                             space,
                             lines,
                             lines + row,
                             lines + 2 * row,
                             lines + 3 * row};
        one.fill(one.emitted);
        one.find_skips();
        one.forward();
        const double log_p = one.total();
        T* grad = call.out[1].as<T>() + b * times * classes;
        for (int64_t i = 0; i < times * classes; ++i) grad[i] = 0;
        const bool possible = log_p > -kNone;  // also not NaN
        call.out[0].as<T>()[b] = static_cast<T>(possible || log_p == -kNone ? -log_p : log_p);
        if (possible) one.backward(log_p, grad);
      }
    });
  }
}

void ctc_loss(const Call& call) noexcept {
  if (!ctc_check(call)) return;
  if (call.in[0].dtype == DType::F64) return examples<double>(call);
  examples<float>(call);
}

}  // namespace

extern const Kernel kernel_ctc_loss;
constinit const Kernel kernel_ctc_loss = {ctc_loss, ctc_workspace, nullptr};

}  // namespace ckeras::CKERAS_ISA
