// lstm gru simple_rnn over whole sequences, and their gradients (ops/rnn/rnn.h). The products of the inputs, and those
// of the weights' gradients, are whole ones (tile.h); a step of time is one launch, of a gru without reset_after two: a
// block has 16 entries of the batch and 16 units, with all columns of a unit's gates, so products and gates are one
// kernel.
#include "ops/rnn/rnn.h"

#include "cuda/move.h"
#include "cuda/tile.h"

namespace ckeras::cuda {
namespace {

constexpr int kSide = 16;
constexpr int kThreads = kSide * kSide;

// A problem P has: T; batch, units, depth; kColumns, those of a unit; kTurned: w's neighbours in memory have
// neighbouring k; a(b, k), w(k, column, unit); end(b, unit, the columns' sums).
template <class P>
struct StepPanels {
  typename P::T a[kSide][kSide + 1];
  typename P::T w[kSide][P::kColumns][kSide + 1];
};
template <class P>
__global__ void __launch_bounds__(kThreads) step_kernel(const __grid_constant__ P p) {
  using T = typename P::T;
  CKERAS_SHARED(StepPanels<P>, panels);
  const int thread = static_cast<int>(threadIdx.x), high = thread / kSide, low = thread % kSide;
  const int wk = P::kTurned ? low : high, wu = P::kTurned ? high : low;
  const int64_t across = ceil_div(p.units, kSide), tiles = ceil_div(p.batch, kSide) * across;
  for (int64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const int64_t b = tile / across * kSide + high, u0 = tile % across * kSide;
    T sum[P::kColumns] = {};
    for (int64_t k0 = 0; k0 < p.depth; k0 += kSide) {
      panels.a[high][low] = b < p.batch && k0 + low < p.depth ? p.a(b, k0 + low) : T{0};
      for (int c = 0; c < P::kColumns; ++c) {
        panels.w[wk][c][wu] = k0 + wk < p.depth && u0 + wu < p.units ? p.w(k0 + wk, c, u0 + wu) : T{0};
      }
      __syncthreads();
      for (int k = 0; k < kSide; ++k) {
        const T x = panels.a[high][k];
        CKERAS_UNROLL
        for (int c = 0; c < P::kColumns; ++c) sum[c] = lane_fma(x, panels.w[k][c][low], sum[c]);
      }
      __syncthreads();  // the next panels
    }
    if (b < p.batch && u0 + low < p.units) p.end(b, u0 + low, sum);
  }
}
template <class P>
void launch_step(Queue& queue, const P& p) {
  const int64_t tiles = ceil_div(p.batch, kSide) * ceil_div(p.units, kSide);
  if (tiles > 0) launch(queue, {blocks_for(tiles, 1)}, {kThreads}, 0, step_kernel<P>, p);
}

template <class T>
CKERAS_INLINE T sigmoid_of(T x) {
  return sigmoid(One<T>(x)).x;
}
template <class T>
CKERAS_INLINE T tanh_of(T x) {
  return tanh(One<T>(x)).x;
}

// ---- forward

template <class Number>
struct Forward {
  using T = Number;
  static constexpr bool kTurned = false;
  int64_t batch, units, depth;
  RnnShape s;
  RnnForward<T> f;
  const T* x;  // products of the inputs and the bias, [B T, W]
  int64_t step;

  CKERAS_MEMBER int64_t place(int64_t b) const { return b * s.time + s.at(step); }
  CKERAS_MEMBER bool live(int64_t p) const { return f.mask == nullptr || f.mask[p] != 0; }
  // The state before, of an entry; its cells likewise.
  CKERAS_MEMBER const T* h(int64_t b) const {
    return step == 0 ? f.h0 + b * units : f.y + (b * s.time + s.at(step - 1)) * units;
  }
  CKERAS_MEMBER T cell(int64_t b, int64_t u) const {
    return step == 0 ? f.c0[b * units + u] : f.cells[(b * s.time + s.at(step - 1)) * units + u];
  }
  CKERAS_MEMBER T a(int64_t b, int64_t k) const { return h(b)[k]; }
  CKERAS_MEMBER T w(int64_t k, int column, int64_t u) const { return f.recurrent[k * s.columns + column * units + u]; }
  CKERAS_MEMBER T input(int64_t p, int column, int64_t u) const { return x[p * s.columns + column * units + u]; }
  CKERAS_MEMBER T* gate(int64_t p, int column, int64_t u) const { return f.gates + p * s.slots + column * units + u; }
  CKERAS_MEMBER void put_state(int64_t b, int64_t u, T state) const {
    f.y[place(b) * units + u] = state;
    if (step == s.time - 1) f.h[b * units + u] = state;
  }
};

template <class Number>
struct LstmStep : Forward<Number> {
  using T = Number;
  static constexpr int kColumns = 4;
  CKERAS_MEMBER void end(int64_t b, int64_t u, const T (&sum)[4]) const {
    const int64_t p = this->place(b);
    T c = this->cell(b, u), state = this->h(b)[u], gates[4] = {};
    if (this->live(p)) {
      for (int g = 0; g < 4; ++g) {
        const T z = this->input(p, g, u) + sum[g];
        gates[g] = g == 2 ? tanh_of(z) : sigmoid_of(z);
      }
      c = lane_fma(gates[1], c, gates[0] * gates[2]);
      state = gates[3] * tanh_of(c);
    }
    for (int g = 0; g < 4; ++g) *this->gate(p, g, u) = gates[g];
    this->f.cells[p * this->units + u] = c;
    if (this->step == this->s.time - 1) this->f.c[b * this->units + u] = c;
    this->put_state(b, u, state);
  }
};

template <class Number>
struct GruStep : Forward<Number> {  // reset_after
  using T = Number;
  static constexpr int kColumns = 3;
  CKERAS_MEMBER void end(int64_t b, int64_t u, const T (&sum)[3]) const {
    const int64_t p = this->place(b);
    const T* bias = this->f.bias + this->s.columns + u;
    T state = this->h(b)[u], gates[4] = {};
    if (this->live(p)) {
      for (int g = 0; g < 2; ++g) gates[g] = sigmoid_of(this->input(p, g, u) + (sum[g] + bias[g * this->units]));
      gates[3] = sum[2] + bias[2 * this->units];
      gates[2] = tanh_of(lane_fma(gates[1], gates[3], this->input(p, 2, u)));
      state = lane_fma(gates[0], state, (1 - gates[0]) * gates[2]);
    }
    for (int g = 0; g < 4; ++g) *this->gate(p, g, u) = gates[g];
    this->put_state(b, u, state);
  }
};
// Before: the gates z and r first, then the candidate from what r leaves of the state.
template <class Number>
struct GruGates : Forward<Number> {
  using T = Number;
  static constexpr int kColumns = 2;
  CKERAS_MEMBER void end(int64_t b, int64_t u, const T (&sum)[2]) const {
    const int64_t p = this->place(b);
    T gates[4] = {};
    if (this->live(p)) {
      for (int g = 0; g < 2; ++g) gates[g] = sigmoid_of(this->input(p, g, u) + sum[g]);
      gates[3] = gates[1] * this->h(b)[u];
    }
    for (int g = 0; g < 4; ++g) *this->gate(p, g, u) = gates[g];
  }
};
template <class Number>
struct GruCandidate : Forward<Number> {
  using T = Number;
  static constexpr int kColumns = 1;
  CKERAS_MEMBER T a(int64_t b, int64_t k) const { return *this->gate(this->place(b), 3, k); }
  CKERAS_MEMBER T w(int64_t k, int, int64_t u) const { return Forward<T>::w(k, 2, u); }
  CKERAS_MEMBER void end(int64_t b, int64_t u, const T (&sum)[1]) const {
    const int64_t p = this->place(b);
    T state = this->h(b)[u];
    if (this->live(p)) {
      const T z = *this->gate(p, 0, u), candidate = tanh_of(this->input(p, 2, u) + sum[0]);
      *this->gate(p, 2, u) = candidate;
      state = lane_fma(z, state, (1 - z) * candidate);
    }
    this->put_state(b, u, state);
  }
};

template <class Number>
struct SimpleStep : Forward<Number> {
  using T = Number;
  static constexpr int kColumns = 1;
  CKERAS_MEMBER void end(int64_t b, int64_t u, const T (&sum)[1]) const {
    const int64_t p = this->place(b);
    this->put_state(b, u, this->live(p) ? tanh_of(this->input(p, 0, u) + sum[0]) : this->h(b)[u]);
  }
};

// Whole products: rows x columns over depth, one problem.
template <class Number>
struct Whole {
  using T = Number;
  int64_t rows, columns, depth, batch;
  RnnShape s;
};

// x kernel + bias
template <class Number>
struct Inputs : Whole<Number> {
  using T = Number;
  static constexpr bool kAcross = false;
  RnnForward<T> f;
  T* to;
  CKERAS_MEMBER T a(int64_t, int64_t m, int64_t k) const { return f.x[m * this->depth + k]; }
  CKERAS_MEMBER T b(int64_t, int64_t k, int64_t n) const { return f.kernel[k * this->columns + n]; }
  CKERAS_MEMBER void end(int64_t, int64_t m, int64_t n, T sum) const { to[m * this->columns + n] = sum + f.bias[n]; }
};

template <RnnKind kKind>
int64_t workspace(const Call& call) noexcept {
  const RnnShape s = rnn_shape(kKind, call);
  return s.batch * s.time * s.columns * size_of(call.in[0].dtype);
}

template <RnnKind kKind>
Status run(const Call& call, Queue& queue) {
  const RnnShape s = rnn_shape(kKind, call);
  return with_reals(call.in[0].dtype, [&](auto t) {
    using T = decltype(t);
    const RnnForward<T> f = rnn_forward<T>(kKind, call);
    const int64_t bytes = s.batch * s.units * static_cast<int64_t>(sizeof(T)), rows = s.batch * s.time;
    if (bytes == 0) return;
    if (s.time == 0) {
      copy_bytes(queue, f.h, f.h0, bytes);
      if (f.c != nullptr) copy_bytes(queue, f.c, f.c0, bytes);
      return;
    }
    T* x = static_cast<T*>(call.workspace);
    launch_tiles(queue, Inputs<T>{{rows, s.columns, s.inputs, 1, s}, f, x});
    for (int64_t step = 0; step < s.time; ++step) {
      const Forward<T> now = {s.batch, s.units, s.units, s, f, x, step};
      if constexpr (kKind == RnnKind::Lstm) {
        launch_step(queue, LstmStep<T>{now});
      } else if constexpr (kKind == RnnKind::Simple) {
        launch_step(queue, SimpleStep<T>{now});
      } else if (s.reset_after) {
        launch_step(queue, GruStep<T>{now});
      } else {
        launch_step(queue, GruGates<T>{now});
        launch_step(queue, GruCandidate<T>{now});
      }
    }
  });
}

// ---- backward: d [B T, slots] are the gradients of the gates, one step of time after the other

template <class Number>
struct Backward {
  using T = Number;
  static constexpr bool kTurned = true;
  static constexpr int kColumns = 1;
  int64_t batch, units, depth;
  RnnShape s;
  RnnBackward<T> g;
  T *d, *carry, *cells;  // carry, cells [B, U]: what reaches the state before on other ways than products
  int64_t step;
  bool gru;

  CKERAS_MEMBER int64_t place(int64_t b, int64_t at) const { return b * s.time + s.at(at); }
  CKERAS_MEMBER bool first() const { return step == s.time - 1; }
  CKERAS_MEMBER bool live(int64_t p) const { return g.mask == nullptr || g.mask[p] != 0; }
  CKERAS_MEMBER T* slot(int64_t p, int column, int64_t u) const { return d + p * s.slots + column * units + u; }
  CKERAS_MEMBER T gate(int64_t p, int column, int64_t u) const { return g.gates[p * s.slots + column * units + u]; }
  CKERAS_MEMBER T before(int64_t b, int64_t u) const {
    return step == 0 ? g.h0[b * units + u] : g.y[place(b, step - 1) * units + u];
  }
  CKERAS_MEMBER T cell_before(int64_t b, int64_t u) const {
    return step == 0 ? g.c0[b * units + u] : g.cells[place(b, step - 1) * units + u];
  }
  // From the gates of the step that follows to the state.
  CKERAS_MEMBER T a(int64_t b, int64_t k) const {
    return d[place(b, step + 1) * s.slots + (gru && k >= 2 * units ? k + units : k)];
  }
  CKERAS_MEMBER T w(int64_t k, int, int64_t u) const { return g.recurrent[u * s.columns + k]; }
  // The gradient of the state after this step.
  CKERAS_MEMBER T arrived(int64_t b, int64_t u, T sum) const {
    const T kept = first() ? g.gh[b * units + u] : carry[b * units + u];
    return g.gy != nullptr ? sum + kept + g.gy[place(b, step) * units + u] : sum + kept;
  }
};

template <class Number>
struct LstmBack : Backward<Number> {
  using T = Number;
  CKERAS_MEMBER void end(int64_t b, int64_t u, const T (&sum)[1]) const {
    const int64_t p = this->place(b, this->step), at = b * this->units + u;
    const T dh = this->arrived(b, u, sum[0]), dc = this->first() ? this->g.gc[at] : this->cells[at];
    const bool live = this->live(p);
    T gates[4] = {}, cells = dc;
    if (live) {
      const T i = this->gate(p, 0, u), f = this->gate(p, 1, u), c = this->gate(p, 2, u), o = this->gate(p, 3, u);
      const T bent = tanh_of(this->g.cells[p * this->units + u]), all = dc + dh * o * (1 - bent * bent);
      gates[0] = all * c * i * (1 - i);
      gates[1] = all * this->cell_before(b, u) * f * (1 - f);
      gates[2] = all * i * (1 - c * c);
      gates[3] = dh * bent * o * (1 - o);
      cells = all * f;
    }
    for (int j = 0; j < 4; ++j) *this->slot(p, j, u) = gates[j];
    this->carry[at] = live ? T{0} : dh;
    this->cells[at] = cells;
  }
};

template <class Number>
struct GruBack : Backward<Number> {
  using T = Number;
  CKERAS_MEMBER void end(int64_t b, int64_t u, const T (&sum)[1]) const {
    const int64_t p = this->place(b, this->step), at = b * this->units + u;
    const T dh = this->arrived(b, u, sum[0]);
    T gates[4] = {}, kept = dh;
    if (this->live(p)) {
      const T z = this->gate(p, 0, u), r = this->gate(p, 1, u), c = this->gate(p, 2, u);
      gates[0] = dh * (this->before(b, u) - c) * z * (1 - z);
      gates[2] = dh * (1 - z) * (1 - c * c);
      if (this->s.reset_after) {
        gates[1] = gates[2] * this->gate(p, 3, u) * r * (1 - r);
        gates[3] = gates[2] * r;
      }
      kept = dh * z;
    }
    for (int j = 0; j < 4; ++j) *this->slot(p, j, u) = gates[j];
    this->carry[at] = kept;
  }
};
// Without reset_after: from the candidate through the product of r and the state.
template <class Number>
struct GruResetBack : Backward<Number> {
  using T = Number;
  CKERAS_MEMBER T a(int64_t b, int64_t k) const { return *this->slot(this->place(b, this->step), 2, k); }
  CKERAS_MEMBER T w(int64_t k, int, int64_t u) const {
    return this->g.recurrent[u * this->s.columns + 2 * this->units + k];
  }
  CKERAS_MEMBER void end(int64_t b, int64_t u, const T (&sum)[1]) const {
    const int64_t p = this->place(b, this->step);
    if (!this->live(p)) return;
    const T r = this->gate(p, 1, u);
    *this->slot(p, 3, u) = sum[0];
    *this->slot(p, 1, u) = sum[0] * this->before(b, u) * r * (1 - r);
    this->carry[b * this->units + u] += sum[0] * r;
  }
};

template <class Number>
struct SimpleBack : Backward<Number> {
  using T = Number;
  CKERAS_MEMBER void end(int64_t b, int64_t u, const T (&sum)[1]) const {
    const int64_t p = this->place(b, this->step);
    const T dh = this->arrived(b, u, sum[0]), y = this->gate(p, 0, u);
    const bool live = this->live(p);
    *this->slot(p, 0, u) = live ? dh * (1 - y * y) : T{0};
    this->carry[b * this->units + u] = live ? T{0} : dh;
  }
};

// After all steps (`step` is -1): the gradients of the initial states.
template <class Number>
struct StatesBack : Backward<Number> {
  using T = Number;
  CKERAS_MEMBER void end(int64_t b, int64_t u, const T (&sum)[1]) const {
    const int64_t at = b * this->units + u;
    this->g.dh0[at] = sum[0] + (this->s.time == 0 ? this->g.gh : this->carry)[at];
    if (this->g.dc0 != nullptr) this->g.dc0[at] = (this->s.time == 0 ? this->g.gc : this->cells)[at];
  }
};

// Of the kernel and, as its row below the last, of the bias.
template <class Number>
struct KernelBack : Whole<Number> {
  using T = Number;
  static constexpr bool kAcross = true;
  RnnBackward<T> g;
  const T* d;
  CKERAS_MEMBER T a(int64_t, int64_t m, int64_t k) const {
    return m < this->s.inputs ? g.x[k * this->s.inputs + m] : T{1};
  }
  CKERAS_MEMBER T b(int64_t, int64_t k, int64_t n) const { return d[k * this->s.slots + n]; }
  CKERAS_MEMBER void end(int64_t, int64_t m, int64_t n, T sum) const {
    (m < this->s.inputs ? g.dkernel + m * this->columns : g.dbias)[n] = sum;
  }
};
// Of columns [first, first + columns) of the recurrent kernel, whose gradients of products are at `from` in d; with
// reset_after the row below the last is the recurrent bias. `products`: what the state's product was, if not the state.
template <class Number>
struct RecurrentBack : Whole<Number> {
  using T = Number;
  static constexpr bool kAcross = true;
  RnnBackward<T> g;
  const T *d, *products;
  int64_t first, from;
  CKERAS_MEMBER T a(int64_t, int64_t m, int64_t k) const {
    const RnnShape& s = this->s;
    if (m >= s.units) return 1;
    if (products != nullptr) return products[k * s.slots + m];
    const int64_t before = s.before(k);
    return before < 0 ? g.h0[k / s.time * s.units + m] : g.y[before * s.units + m];
  }
  CKERAS_MEMBER T b(int64_t, int64_t k, int64_t n) const { return d[k * this->s.slots + from + n]; }
  CKERAS_MEMBER void end(int64_t, int64_t m, int64_t n, T sum) const {
    const RnnShape& s = this->s;
    (m < s.units ? g.drecurrent + m * s.columns : g.dbias + s.columns)[first + n] = sum;
  }
};
template <class Number>
struct InputsBack : Whole<Number> {
  using T = Number;
  static constexpr bool kAcross = false;
  RnnBackward<T> g;
  const T* d;
  CKERAS_MEMBER T a(int64_t, int64_t m, int64_t k) const { return d[m * this->s.slots + k]; }
  CKERAS_MEMBER T b(int64_t, int64_t k, int64_t n) const { return g.kernel[n * this->s.columns + k]; }
  CKERAS_MEMBER void end(int64_t, int64_t m, int64_t n, T sum) const { g.dx[m * this->columns + n] = sum; }
};

template <RnnKind kKind>
int64_t grad_workspace(const Call& call) noexcept {
  const RnnShape s = rnn_shape(kKind, call);
  return (s.batch * s.time * s.slots + 2 * s.batch * s.units) * size_of(call.in[0].dtype);
}

template <RnnKind kKind>
Status run_grad(const Call& call, Queue& queue) {
  const RnnShape s = rnn_shape(kKind, call);
  return with_reals(call.in[0].dtype, [&](auto t) {
    using T = decltype(t);
    constexpr bool kGru = kKind == RnnKind::Gru;
    const RnnBackward<T> g = rnn_backward<T>(kKind, call);
    const int64_t u = s.units, w = s.columns, rows = s.batch * s.time;
    T *d = static_cast<T*>(call.workspace), *carry = d + rows * s.slots, *cells = carry + s.batch * u;
    const int64_t depth = kGru && !s.reset_after ? 2 * u : w;  // of the products that lead to the state
    Backward<T> now = {s.batch, u, 0, s, g, d, carry, cells, 0, kGru};
    for (now.step = s.time - 1; now.step >= 0; --now.step) {
      now.depth = now.first() ? 0 : depth;
      if constexpr (kKind == RnnKind::Lstm) {
        launch_step(queue, LstmBack<T>{now});
      } else if constexpr (kKind == RnnKind::Simple) {
        launch_step(queue, SimpleBack<T>{now});
      } else {
        launch_step(queue, GruBack<T>{now});
        now.depth = u;
        if (!s.reset_after) launch_step(queue, GruResetBack<T>{now});
      }
    }
    now.step = -1;
    now.depth = s.time == 0 ? 0 : depth;
    launch_step(queue, StatesBack<T>{now});

    launch_tiles(queue, KernelBack<T>{{s.inputs + 1, w, rows, 1, s}, g, d});
    const int64_t below = kGru && s.reset_after ? 1 : 0, straight = kGru ? 2 * u : w;
    launch_tiles(queue, RecurrentBack<T>{{u + below, straight, rows, 1, s}, g, d, nullptr, 0, 0});
    if constexpr (kGru) {
      launch_tiles(queue, RecurrentBack<T>{{u + below, u, rows, 1, s},
                                           g,
                                           d,
                                           s.reset_after ? nullptr : g.gates + 3 * u,
                                           2 * u,
                                           s.reset_after ? 3 * u : 2 * u});
    }
    if (g.dx != nullptr) launch_tiles(queue, InputsBack<T>{{rows, s.inputs, w, 1, s}, g, d});
  });
}

}  // namespace

#define CKERAS_RNN(name, kind)                                                              \
  extern const DeviceKernel kernel_##name, kernel_##name##_grad;                            \
  const DeviceKernel kernel_##name = {#name, run<RnnKind::kind>, workspace<RnnKind::kind>}; \
  const DeviceKernel kernel_##name##_grad = {#name "_grad", run_grad<RnnKind::kind>, grad_workspace<RnnKind::kind>};
CKERAS_RNN(lstm, Lstm)
CKERAS_RNN(gru, Gru)
CKERAS_RNN(simple_rnn, Simple)
#undef CKERAS_RNN

}  // namespace ckeras::cuda
