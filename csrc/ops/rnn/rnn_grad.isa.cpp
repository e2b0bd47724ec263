#include "ops/rnn/resident_grad.h"
#include "ops/rnn/rnn.h"

namespace ckeras::CKERAS_ISA {
namespace {

// One step backwards of a panel, a pointer a row. dh, dc: the gradients of the state after the step, which become those
// of the state before it. d: the row of the gradients of the gates, in their columns.
template <class T>
struct Step {
  int64_t rows, units;
  const T *h_before[kRnnRows]{}, *c_before[kRnnRows]{}, *h[kRnnRows]{}, *c[kRnnRows]{}, *gates[kRnnRows]{};
  T *dh[kRnnRows]{}, *dc[kRnnRows]{}, *d[kRnnRows]{};
  bool live[kRnnRows]{};
  T* panel;     // room of add_product
  bool shared;  // by all threads
  const RnnMatrix<T>&first, &second;

  // to += d's columns from `column` on times the matrix.
  void add(int64_t column, const RnnMatrix<T>& matrix, T* const* to) const {
    const T* from[kRnnRows];
    for (int64_t r = 0; r < rows; ++r) from[r] = d[r] + column;
    add_product(rows, from, matrix, to, panel, shared);
  }
  template <class F>
  CKERAS_MEMBER void each(const F& f) const {
    over_units<T>(rows, units, live, shared, f);
  }
};

template <class T>
void lstm_step(const Step<T>& s) noexcept {
  using V = VecOf<T>;
  const int64_t u = s.units;
  s.each([&](int64_t r, int64_t j, int64_t n) __attribute__((always_inline)) {
    const T* const at = s.gates[r] + j;
    T* const d = s.d[r] + j;
    const V i = V::load(at, n), f = V::load(at + u, n), g = V::load(at + 2 * u, n), o = V::load(at + 3 * u, n);
    const V dh = V::load(s.dh[r] + j, n), c = tanh(V::load(s.c[r] + j, n));
    const V dc = fma(dh * o, tanh_slope(c), V::load(s.dc[r] + j, n));
    (dc * g * sigmoid_slope(i)).store(d, n);
    (dc * V::load(s.c_before[r] + j, n) * sigmoid_slope(f)).store(d + u, n);
    (dc * i * tanh_slope(g)).store(d + 2 * u, n);
    (dh * c * sigmoid_slope(o)).store(d + 3 * u, n);
    (dc * f).store(s.dc[r] + j, n);
    V(0).store(s.dh[r] + j, n);
  });
  s.add(0, s.first, s.dh);
}

template <class T>
void simple_step(const Step<T>& s) noexcept {
  using V = VecOf<T>;
  s.each([&](int64_t r, int64_t j, int64_t n) __attribute__((always_inline)) {
    (V::load(s.dh[r] + j, n) * tanh_slope(V::load(s.h[r] + j, n))).store(s.d[r] + j, n);
    V(0).store(s.dh[r] + j, n);
  });
  s.add(0, s.first, s.dh);
}

// The gradients of z and of the candidate; dh becomes dh z.
template <class T>
CKERAS_INLINE VecOf<T> gru_blend(const Step<T>& s, int64_t r, int64_t j, int64_t n) {
  using V = VecOf<T>;
  const T* const at = s.gates[r] + j;
  const V z = V::load(at, n), g = V::load(at + 2 * s.units, n), dh = V::load(s.dh[r] + j, n);
  (dh * (V::load(s.h_before[r] + j, n) - g) * sigmoid_slope(z)).store(s.d[r] + j, n);
  const V dg = dh * (V(1) - z) * tanh_slope(g);
  dg.store(s.d[r] + 2 * s.units + j, n);
  (dh * z).store(s.dh[r] + j, n);
  return dg;
}

template <class T>
void gru_after_step(const Step<T>& s) noexcept {
  using V = VecOf<T>;
  const int64_t u = s.units;
  s.each([&](int64_t r, int64_t j, int64_t n) __attribute__((always_inline)) {
    const V dg = gru_blend(s, r, j, n);
    const V reset = V::load(s.gates[r] + u + j, n);
    (dg * V::load(s.gates[r] + 3 * u + j, n) * sigmoid_slope(reset)).store(s.d[r] + u + j, n);
    (dg * reset).store(s.d[r] + 3 * u + j, n);
  });
  s.add(0, s.first, s.dh);
  s.add(3 * u, s.second, s.dh);
}

template <class T>
void gru_before_step(const Step<T>& s) noexcept {
  using V = VecOf<T>;
  const int64_t u = s.units;
  T* product[kRnnRows];
  for (int64_t r = 0; r < s.rows; ++r) product[r] = s.d[r] + 3 * u;
  s.each([&](int64_t r, int64_t j, int64_t n) __attribute__((always_inline)) {
    gru_blend(s, r, j, n);
    V(0).store(product[r] + j, n);
  });
  s.add(2 * u, s.second, product);
  s.each([&](int64_t r, int64_t j, int64_t n) __attribute__((always_inline)) {
    const V dproduct = V::load(product[r] + j, n), reset = V::load(s.gates[r] + u + j, n);
    (dproduct * V::load(s.h_before[r] + j, n) * sigmoid_slope(reset)).store(s.d[r] + u + j, n);
    fma(dproduct, reset, V::load(s.dh[r] + j, n)).store(s.dh[r] + j, n);
  });
  s.add(0, s.first, s.dh);
}

// The states before the steps, transposed: element (i, p) is unit i before row p. As Matrix in gemm/pack.h.
template <class T>
struct StatesBefore {
  const RnnShape& s;
  const T *h0, *y;

  CKERAS_MEMBER void pack(T* to, int64_t width, int64_t i0, int64_t count, int64_t p0, int64_t k) const {
    for (int64_t p = p0; p < p0 + k; ++p, to += width) {
      const int64_t before = s.before(p);
      copy_few(to, (before < 0 ? h0 + p / s.time * s.units : y + before * s.units) + i0, count);
    }
  }
};

// A row of ones: a product with it sums columns.
template <class T>
struct Ones {
  CKERAS_MEMBER void pack(T* to, int64_t width, int64_t, int64_t, int64_t, int64_t k) const {
    for (int64_t p = 0; p < k; ++p) to[p * width] = 1;
  }
};

template <class T>
struct Backward {
  RnnKind kind;
  RnnShape s;
  RnnBackward<T> g;
  RnnCut cut;
  RnnMatrix<T> first, second;  // transposed: from the gradients of the gates to that of the state

  Backward(RnnKind kind, const Call& call) noexcept
      : kind(kind),
        s(rnn_shape(kind, call)),
        g(rnn_backward<T>(kind, call)),
        cut(cut_batch(s, s.time)),
        first({g.recurrent, s.columns, true}, split(), s.units, cut.rows),
        second({g.recurrent == nullptr ? nullptr : g.recurrent + split(), s.columns, true}, s.columns - split(),
               s.units, cut.rows) {}

  bool gru() const { return kind == RnnKind::Gru; }
  int64_t split() const { return gru() ? 2 * s.units : s.columns; }
  int64_t steps() const { return s.batch * s.time; }

  // ---- memory: the gradients of the gates, then what the steps or one product needs

  int64_t gate_bytes() const { return round_up(steps() * s.slots * static_cast<int64_t>(sizeof(T)), 64); }
  int64_t sum_bytes() const { return round_up(s.slots * static_cast<int64_t>(sizeof(T)), 64); }
  int64_t step_bytes() const {
    return first.bytes() + second.bytes() + cut.parts * row_panel_bytes<T>(most(split(), s.units));
  }
  int64_t bytes() const {
    int64_t most_bytes = step_bytes();
    const int64_t widths[] = {split(), s.columns - split(), s.columns};
    for (int64_t n : widths) {
      most_bytes = most(most_bytes, weight_plan(s.units, n).bytes());
      most_bytes = most(most_bytes, weight_plan(s.inputs, n).bytes());
    }
    most_bytes = most(most_bytes, weight_plan(1, s.slots).bytes());
    most_bytes = most(most_bytes, input_plan().bytes());
    return gate_bytes() + sum_bytes() + most_bytes;
  }
  GemmPlan weight_plan(int64_t m, int64_t n) const { return plan_gemm<T>(m, n, steps(), true); }
  GemmPlan input_plan() const { return plan_gemm<T>(steps(), s.inputs, s.columns, false, kReadColumns); }

  // ---- work

  void run(const Call& call, void (*step)(const Step<T>&) noexcept) {
    char* free = static_cast<char*>(call.workspace);
    T* d = reinterpret_cast<T*>(free);
    free += gate_bytes();
    T* sums = reinterpret_cast<T*>(free);
    free += sum_bytes();
    run_steps(d, free, step);

    // The gradients of the weights: `to` = the operand's rows times columns of d.
    auto product = [&](const auto& operand, int64_t m, int64_t column, int64_t n, T* to, int64_t stride) {
      if (n == 0) return;
      multiply_matrices(weight_plan(m, n), operand, Matrix<T>{d + column, s.slots, false}, Rows<T>{to, stride},
                        Ending<T>{nullptr, Epilogue::None}, free);
    };
    product(Matrix<T>{g.x, s.inputs, false}, s.inputs, 0, s.columns, g.dkernel, s.columns);
    product(StatesBefore<T>{s, g.h0, g.y}, s.units, 0, split(), g.drecurrent, s.columns);
    if (gru() && s.reset_after) {
      product(StatesBefore<T>{s, g.h0, g.y}, s.units, 3 * s.units, s.units, g.drecurrent + split(), s.columns);
    } else if (gru()) {
      product(Matrix<T>{g.gates + 3 * s.units, s.slots, false}, s.units, 2 * s.units, s.units, g.drecurrent + split(),
              s.columns);
    }
    product(Ones<T>{}, 1, 0, s.slots, sums, s.slots);
    copy_row(g.dbias, sums, s.columns);
    if (gru() && s.reset_after) {
      copy_row(g.dbias + s.columns, sums, split());
      copy_row(g.dbias + s.columns + split(), sums + 3 * s.units, s.units);
    }
    if (g.dx == nullptr) return;
    multiply_matrices(input_plan(), Matrix<T>{d, s.slots, true}, Matrix<T>{g.kernel, s.columns, true},
                      Rows<T>{g.dx, s.inputs}, Ending<T>{nullptr, Epilogue::None}, free);
  }

  void run_steps(T* d, char* free, void (*step)(const Step<T>&) noexcept) {
    first.pack(&free);
    second.pack(&free);
    const int64_t room = row_panel_bytes<T>(most(split(), s.units));
    for_panels(s, cut, free, room, [&](int64_t begin, int64_t rows, char* memory) {
      const int64_t from = begin * s.units, count = rows * s.units;
      copy_row(g.dh0 + from, g.gh + from, count);
      if (g.dc0 != nullptr) copy_row(g.dc0 + from, g.gc + from, count);
      Step<T> at{.rows = rows,
                 .units = s.units,
                 .panel = reinterpret_cast<T*>(memory),
                 .shared = cut.shared,
                 .first = first,
                 .second = second};
      for (int64_t i = s.time - 1; i >= 0; --i) {
        for (int64_t r = 0; r < rows; ++r) place(at, d, r, begin + r, s.at(i));
        step(at);
      }
    });
  }

  // Row r of a step: batch entry b at time t; the gradient of y joins that of the state.
  void place(Step<T>& at, T* d, int64_t r, int64_t b, int64_t t) const {
    using V = VecOf<T>;
    const int64_t p = b * s.time + t, before = s.before(p), u = s.units;
    at.gates[r] = g.gates + p * s.slots;
    at.d[r] = d + p * s.slots;
    at.h[r] = g.y + p * u;
    at.h_before[r] = before < 0 ? g.h0 + b * u : g.y + before * u;
    at.dh[r] = g.dh0 + b * u;
    if (g.cells != nullptr) {
      at.c[r] = g.cells + p * u;
      at.c_before[r] = before < 0 ? g.c0 + b * u : g.cells + before * u;
      at.dc[r] = g.dc0 + b * u;
    }
    if (g.gy != nullptr) {
      T* const dh = at.dh[r];
      const T* const gy = g.gy + p * u;
      over_columns<T>(u, [&](int64_t j, int64_t n) { (V::load(dh + j, n) + V::load(gy + j, n)).store(dh + j, n); });
    }
    at.live[r] = g.mask == nullptr || g.mask[p] != 0;
    if (!at.live[r]) __builtin_memset(at.d[r], 0, s.slots * sizeof(T));
  }
};

template <class T>
using StepFn = void (*)(const Step<T>&) noexcept;

template <RnnKind kKind, class T>
StepFn<T> step_of(const RnnShape& s) {
  if constexpr (kKind == RnnKind::Lstm) return lstm_step<T>;
  if constexpr (kKind == RnnKind::Simple) return simple_step<T>;
  return s.reset_after ? gru_after_step<T> : gru_before_step<T>;
}

template <RnnKind kKind>
void run(const Call& call) noexcept {
  auto run_as = [&](auto t) {
    using T = decltype(t);
    Backward<T> backward(kKind, call);
    if (is_resident<T>(kKind, backward.s)) {
      ResidentBackward<T>(backward.s, backward.g).run(static_cast<char*>(call.workspace));
    } else {
      backward.run(call, step_of<kKind, T>(backward.s));
    }
  };
  call.out[0].dtype == DType::F64 ? run_as(double{}) : run_as(float{});
}
template <RnnKind kKind>
int64_t bytes(const Call& call) noexcept {
  auto bytes_as = [&](auto t) {
    using T = decltype(t);
    const Backward<T> backward(kKind, call);
    return is_resident<T>(kKind, backward.s) ? ResidentBackward<T>(backward.s, backward.g).bytes() : backward.bytes();
  };
  return call.out[0].dtype == DType::F64 ? bytes_as(double{}) : bytes_as(float{});
}

}  // namespace

extern const Kernel kernel_lstm_grad, kernel_gru_grad, kernel_simple_rnn_grad;
constinit const Kernel kernel_lstm_grad = {run<RnnKind::Lstm>, bytes<RnnKind::Lstm>, nullptr};
constinit const Kernel kernel_gru_grad = {run<RnnKind::Gru>, bytes<RnnKind::Gru>, nullptr};
constinit const Kernel kernel_simple_rnn_grad = {run<RnnKind::Simple>, bytes<RnnKind::Simple>, nullptr};

}  // namespace ckeras::CKERAS_ISA
