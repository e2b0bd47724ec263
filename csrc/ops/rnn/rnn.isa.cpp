#include "ops/rnn/rnn.h"

#include "ops/rnn/resident.h"

namespace ckeras::CKERAS_ISA {
namespace {

// One step of a panel, a pointer a row. z: the row of gates, which holds what comes from the inputs.
template <class T>
struct Step {
  int64_t rows, units;
  const T *h_before[kRnnRows]{}, *c_before[kRnnRows]{};
  T *h[kRnnRows]{}, *c[kRnnRows]{}, *z[kRnnRows]{};
  bool live[kRnnRows]{};
  T* panel;     // room of add_product
  bool shared;  // by all threads
  const RnnMatrix<T>&first, &second;

  void add(const T* const* a, const RnnMatrix<T>& matrix, int64_t column) const {
    T* to[kRnnRows];
    for (int64_t r = 0; r < rows; ++r) to[r] = z[r] + column;
    add_product(rows, a, matrix, to, panel, shared);
  }
  // f(row, j, count) for the rows that the mask leaves.
  template <class F>
  CKERAS_MEMBER void each(const F& f) const {
    over_units<T>(rows, units, live, shared, f);
  }
};

template <class T>
void lstm_step(const Step<T>& s) noexcept {
  using V = VecOf<T>;
  const int64_t u = s.units;
  s.add(s.h_before, s.first, 0);
  s.each([&](int64_t r, int64_t j, int64_t n) __attribute__((always_inline)) {
    T* const z = s.z[r] + j;
    const V i = sigmoid(V::load(z, n)), f = sigmoid(V::load(z + u, n));
    const V g = tanh(V::load(z + 2 * u, n)), o = sigmoid(V::load(z + 3 * u, n));
    const V c = fma(f, V::load(s.c_before[r] + j, n), i * g);
    i.store(z, n);
    f.store(z + u, n);
    g.store(z + 2 * u, n);
    o.store(z + 3 * u, n);
    c.store(s.c[r] + j, n);
    (o * tanh(c)).store(s.h[r] + j, n);
  });
}

template <class T>
void simple_step(const Step<T>& s) noexcept {
  using V = VecOf<T>;
  s.add(s.h_before, s.first, 0);
  s.each([&](int64_t r, int64_t j, int64_t n)
             __attribute__((always_inline)) { tanh(V::load(s.z[r] + j, n)).store(s.h[r] + j, n); });
}

// h = z h' + (1 - z) g, with g = tanh(zh).
template <class T>
CKERAS_INLINE void gru_blend(const Step<T>& s, int64_t r, int64_t j, int64_t n, VecOf<T> z, VecOf<T> zh) {
  using V = VecOf<T>;
  const V g = tanh(zh);
  g.store(s.z[r] + 2 * s.units + j, n);
  fma(z, V::load(s.h_before[r] + j, n) - g, g).store(s.h[r] + j, n);
}

template <class T>
void gru_after_step(const Step<T>& s) noexcept {
  using V = VecOf<T>;
  const int64_t u = s.units;
  s.add(s.h_before, s.first, 0);
  s.add(s.h_before, s.second, 3 * u);
  s.each([&](int64_t r, int64_t j, int64_t n) __attribute__((always_inline)) {
    T* const at = s.z[r] + j;
    const V z = sigmoid(V::load(at, n)), reset = sigmoid(V::load(at + u, n));
    z.store(at, n);
    reset.store(at + u, n);
    gru_blend(s, r, j, n, z, fma(reset, V::load(at + 3 * u, n), V::load(at + 2 * u, n)));
  });
}

template <class T>
void gru_before_step(const Step<T>& s) noexcept {
  using V = VecOf<T>;
  const int64_t u = s.units;
  s.add(s.h_before, s.first, 0);
  const T* kept[kRnnRows];
  for (int64_t r = 0; r < s.rows; ++r) kept[r] = s.z[r] + 3 * u;
  s.each([&](int64_t r, int64_t j, int64_t n) __attribute__((always_inline)) {
    T* const at = s.z[r] + j;
    const V reset = sigmoid(V::load(at + u, n));
    sigmoid(V::load(at, n)).store(at, n);
    reset.store(at + u, n);
    (reset * V::load(s.h_before[r] + j, n)).store(at + 3 * u, n);
  });
  s.add(kept, s.second, 2 * u);
  s.each([&](int64_t r, int64_t j, int64_t n) __attribute__((always_inline)) {
    T* const at = s.z[r] + j;
    gru_blend(s, r, j, n, V::load(at, n), V::load(at + 2 * u, n));
  });
}

template <class T>
struct Forward {
  RnnKind kind;
  RnnShape s;
  RnnForward<T> f;
  GemmPlan plan;
  RnnCut cut;
  RnnMatrix<T> first, second;  // gru: columns z r, and those of the candidate
  // Each step multiplies its inputs, too, and the gates go to memory once: with small matrices, and panels enough for
  // several threads.
  bool stepwise;
  RnnMatrix<T> kernel;

  Forward(RnnKind kind, const Call& call) noexcept
      : kind(kind),
        s(rnn_shape(kind, call)),
        f(rnn_forward<T>(kind, call)),
        plan(plan_gemm<T>(s.batch * s.time, s.columns, s.inputs, true, kReadColumns)),
        cut(cut_batch(s, s.time)),
        first({f.recurrent, s.columns, false}, s.units, split(), cut.rows),
        second({f.recurrent == nullptr ? nullptr : f.recurrent + split(), s.columns, false}, s.units,
               s.columns - split(), cut.rows),
        stepwise(cut.panels >= 4 && s.inputs > 0 &&
                 (s.inputs + s.units) * s.columns * static_cast<int64_t>(sizeof(T)) <= kResidentBytes),
        kernel({f.kernel, s.columns, false}, s.inputs, stepwise ? s.columns : 0, cut.rows) {}

  int64_t split() const { return kind == RnnKind::Gru ? 2 * s.units : s.columns; }
  bool two_biases() const { return kind == RnnKind::Gru && s.reset_after; }
  int64_t bias_bytes() const { return two_biases() ? round_up(s.columns * static_cast<int64_t>(sizeof(T)), 64) : 0; }
  int64_t panel_bytes() const { return row_panel_bytes<T>(stepwise ? most(s.units, s.inputs) : s.units); }
  int64_t bytes() const {
    const int64_t steps = first.bytes() + second.bytes() + kernel.bytes() + cut.parts * panel_bytes();
    return most(stepwise ? 0 : plan.bytes(), steps) + bias_bytes();
  }

  // The bias of the inputs' product. With two biases the recurrent one of z and r is in it, and that of the candidate
  // goes to where its product will be.
  const T* place_biases(T* sum) const {
    if (!two_biases()) return f.bias;
    const T* recurrent = f.bias + s.columns;
    for (int64_t j = 0; j < s.columns; ++j) sum[j] = j < split() ? f.bias[j] + recurrent[j] : f.bias[j];
    for (int64_t p = 0; p < s.batch * s.time && !stepwise; ++p) place_candidate(f.gates + p * s.slots);
    return sum;
  }
  void place_candidate(T* gates) const { copy_row(gates + 3 * s.units, f.bias + s.columns + split(), s.units); }

  // What comes from the inputs of row r of a step, which are x[r].
  void multiply_inputs(const Step<T>& at, const T* const* x, const T* bias) const {
    add_product(at.rows, x, kernel, at.z, at.panel, false, true);
    for (int64_t r = 0; r < at.rows; ++r) {
      if (bias != nullptr) {
        over_columns<T>(s.columns, [&](int64_t j, int64_t n) {
          (VecOf<T>::load(at.z[r] + j, n) + VecOf<T>::load(bias + j, n)).store(at.z[r] + j, n);
        });
      }
      if (two_biases()) place_candidate(at.z[r]);
    }
  }

  void run(const Call& call, void (*step)(const Step<T>&) noexcept) {
    char* free = static_cast<char*>(call.workspace);
    const T* bias = place_biases(reinterpret_cast<T*>(free));
    free += bias_bytes();
    if (stepwise) {
      kernel.pack(&free);
    } else {
      multiply_matrices(plan, Matrix<T>{f.x, s.inputs, true}, Matrix<T>{f.kernel, s.columns, false},
                        Rows<T>{f.gates, s.slots}, Ending<T>{bias, Epilogue::None}, free);
    }
    first.pack(&free);
    second.pack(&free);
    for_panels(s, cut, free, panel_bytes(), [&](int64_t begin, int64_t rows, char* memory) {
      Step<T> at{.rows = rows,
                 .units = s.units,
                 .panel = reinterpret_cast<T*>(memory),
                 .shared = cut.shared,
                 .first = first,
                 .second = second};
      for (int64_t i = 0; i < s.time; ++i) {
        const T* x[kRnnRows];
        for (int64_t r = 0; r < rows; ++r) {
          place(at, r, begin + r, s.at(i));
          x[r] = f.x + ((begin + r) * s.time + s.at(i)) * s.inputs;
        }
        if (stepwise) multiply_inputs(at, x, bias);
        step(at);
        for (int64_t r = 0; r < rows; ++r) {
          if (!at.live[r]) pass_over(at, r);
        }
      }
      for (int64_t b = begin; b < begin + rows; ++b) {
        const int64_t last = b * s.time + s.at(s.time - 1);
        copy_row(f.h + b * s.units, (s.time > 0 ? f.y + last * s.units : f.h0 + b * s.units), s.units);
        if (f.c == nullptr) continue;
        copy_row(f.c + b * s.units, (s.time > 0 ? f.cells + last * s.units : f.c0 + b * s.units), s.units);
      }
    });
  }

  // A masked row: the state stays, the gates are 0.
  void pass_over(const Step<T>& at, int64_t r) const {
    if (kind != RnnKind::Simple) __builtin_memset(at.z[r], 0, s.slots * sizeof(T));
    copy_row(at.h[r], at.h_before[r], s.units);
    if (f.cells != nullptr) copy_row(at.c[r], at.c_before[r], s.units);
  }

  // Row r of a step: batch entry b at time t.
  void place(Step<T>& at, int64_t r, int64_t b, int64_t t) const {
    const int64_t p = b * s.time + t, before = s.before(p), u = s.units;
    at.z[r] = f.gates + p * s.slots;
    at.h[r] = f.y + p * u;
    at.h_before[r] = before < 0 ? f.h0 + b * u : f.y + before * u;
    at.live[r] = f.mask == nullptr || f.mask[p] != 0;
    if (f.cells != nullptr) {
      at.c[r] = f.cells + p * u;
      at.c_before[r] = before < 0 ? f.c0 + b * u : f.cells + before * u;
    }
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
    Forward<T> forward(kKind, call);
    if (is_resident<T>(kKind, forward.s)) {
      ResidentForward<T>(forward.s, forward.f).run(static_cast<char*>(call.workspace));
    } else {
      forward.run(call, step_of<kKind, T>(forward.s));
    }
  };
  call.out[0].dtype == DType::F64 ? run_as(double{}) : run_as(float{});
}
template <RnnKind kKind>
int64_t bytes(const Call& call) noexcept {
  auto bytes_as = [&](auto t) {
    using T = decltype(t);
    const Forward<T> forward(kKind, call);
    return is_resident<T>(kKind, forward.s) ? ResidentForward<T>(forward.s, forward.f).bytes() : forward.bytes();
  };
  return call.out[0].dtype == DType::F64 ? bytes_as(double{}) : bytes_as(float{});
}

}  // namespace

extern const Kernel kernel_lstm, kernel_gru, kernel_simple_rnn;
constinit const Kernel kernel_lstm = {run<RnnKind::Lstm>, bytes<RnnKind::Lstm>, nullptr};
constinit const Kernel kernel_gru = {run<RnnKind::Gru>, bytes<RnnKind::Gru>, nullptr};
constinit const Kernel kernel_simple_rnn = {run<RnnKind::Simple>, bytes<RnnKind::Simple>, nullptr};

}  // namespace ckeras::CKERAS_ISA
