// lstm, gru and simple_rnn over whole sequences, and their gradients.
//
//   B batch, T time, I inputs, U units, W columns of the weights: lstm 4 U (i f c o), gru 3 U (z r h), simple_rnn U
//
// lstm        in x [B,T,I], h0, c0 [B,U], kernel [I,W], recurrent [U,W], bias [W], [mask bool [B,T]]
//             out y [B,T,U], h, c [B,U], cells [B,T,U], gates [B,T,4U]
// gru         in x, h0, kernel, recurrent, bias [W] or, with reset_after, [2,W] (inputs', recurrent's), [mask]
//             out y, h, gates [B,T,4U]: z, r, the candidate, and what r multiplies (after) or r h (before)
// simple_rnn  in x, h0, kernel, recurrent, bias [W], [mask];  out y, h
//
//   lstm        c = f c' + i tanh(zc), h = o tanh(c);  i f o = sigmoid(z), z = x K + h' R + b
//   gru         h = z h' + (1 - z) tanh(zh);  zh = xh + r (h' Rh + bh) after, xh + (r h') Rh before
//   simple_rnn  h = tanh(z)
//
// y[b, t] is the state after the step of time t, also when reversed: then time runs from T - 1 to 0. A step whose mask
// is false keeps the state, and its `gates` are 0. h and c are the last states. cells and gates are there for the
// gradient.
//
// <op>_grad   in x, h0, [c0,] kernel, recurrent, y, [cells,] [gates,] gh, [gc,] then, as the flags say, mask, gy
//             out dh0, [dc0,] dkernel, drecurrent, dbias, [dx]
//
//   ints      reversed, has mask, reset_after, and for gradients: has gy, wants dx
//
// dtypes f32 f64. Sums over W and U go as gemm/gemm.h's, the recurrent one added to the finished one of the inputs;
// those over B and T (weights) in rising b T + t. Those of lstm with small weights and many sequences: as resident.h
// and resident_grad.h say. B and T may be 0.
#pragma once
#include "runtime/kernel.h"

namespace ckeras {

enum class RnnKind { Lstm, Gru, Simple };

struct RnnShape {
  int64_t batch, time, inputs, units, columns;  // columns: W
  int64_t slots;                                // columns of gates, or of y for simple_rnn
  bool reversed, masked, reset_after;

  // The time of step s, and the row of y (of any [B, T, ...]) before row p = b T + t; -1: the initial state.
  CKERAS_MEMBER int64_t at(int64_t step) const { return reversed ? time - 1 - step : step; }
  CKERAS_MEMBER int64_t before(int64_t p) const {
    if (p % time == at(0)) return -1;
    return reversed ? p + 1 : p - 1;
  }
};

// kernel is input 3 of lstm, 2 of the others.
CKERAS_INLINE RnnShape rnn_shape(RnnKind kind, const Call& call) {
  const View& x = call.in[0];
  const View& kernel = call.in[kind == RnnKind::Lstm ? 3 : 2];
  const int64_t units = call.in[1].shape[1];
  return {x.shape[0],        x.shape[1],
          x.shape[2],        units,
          kernel.shape[1],   kind == RnnKind::Simple ? units : 4 * units,
          call.ints[0] != 0, call.ints[1] != 0,
          call.ints[2] != 0};
}

// Operands in the order of the contract above; null where there is none.
template <class T>
struct RnnForward {
  const T *x, *h0, *c0 = nullptr, *kernel, *recurrent, *bias;
  const uint8_t* mask = nullptr;
  T *y, *h, *c = nullptr, *cells = nullptr, *gates;  // gates: y for simple_rnn
};

template <class T>
CKERAS_INLINE RnnForward<T> rnn_forward(RnnKind kind, const Call& call) {
  RnnForward<T> f{};
  int in = 0, out = 0;
  f.x = call.in[in++].as<const T>();
  f.h0 = call.in[in++].as<const T>();
  if (kind == RnnKind::Lstm) f.c0 = call.in[in++].as<const T>();
  f.kernel = call.in[in++].as<const T>();
  f.recurrent = call.in[in++].as<const T>();
  f.bias = call.in[in++].as<const T>();
  if (call.ints[1] != 0) f.mask = call.in[in++].as<const uint8_t>();
  f.y = call.out[out++].as<T>();
  f.h = call.out[out++].as<T>();
  if (kind == RnnKind::Lstm) {
    f.c = call.out[out++].as<T>();
    f.cells = call.out[out++].as<T>();
  }
  f.gates = kind == RnnKind::Simple ? f.y : call.out[out++].as<T>();
  return f;
}

template <class T>
struct RnnBackward {
  const T *x, *h0, *c0 = nullptr, *kernel, *recurrent, *y, *cells = nullptr, *gates;
  const T *gh, *gc = nullptr, *gy = nullptr;
  const uint8_t* mask = nullptr;
  T *dh0, *dc0 = nullptr, *dkernel, *drecurrent, *dbias, *dx = nullptr;
  bool wants_dx;  // known, as `dx` is not, where a plan asks for the bytes of the workspace
};

template <class T>
CKERAS_INLINE RnnBackward<T> rnn_backward(RnnKind kind, const Call& call) {
  RnnBackward<T> g{};
  int in = 0, out = 0;
  g.x = call.in[in++].as<const T>();
  g.h0 = call.in[in++].as<const T>();
  if (kind == RnnKind::Lstm) g.c0 = call.in[in++].as<const T>();
  g.kernel = call.in[in++].as<const T>();
  g.recurrent = call.in[in++].as<const T>();
  g.y = call.in[in++].as<const T>();
  if (kind == RnnKind::Lstm) g.cells = call.in[in++].as<const T>();
  g.gates = kind == RnnKind::Simple ? g.y : call.in[in++].as<const T>();
  g.gh = call.in[in++].as<const T>();
  if (kind == RnnKind::Lstm) g.gc = call.in[in++].as<const T>();
  if (call.ints[1] != 0) g.mask = call.in[in++].as<const uint8_t>();
  if (call.ints[3] != 0) g.gy = call.in[in++].as<const T>();
  g.dh0 = call.out[out++].as<T>();
  if (kind == RnnKind::Lstm) g.dc0 = call.out[out++].as<T>();
  g.dkernel = call.out[out++].as<T>();
  g.drecurrent = call.out[out++].as<T>();
  g.dbias = call.out[out++].as<T>();
  g.wants_dx = call.ints[4] != 0;
  if (g.wants_dx) g.dx = call.out[out++].as<T>();
  return g;
}

}  // namespace ckeras
