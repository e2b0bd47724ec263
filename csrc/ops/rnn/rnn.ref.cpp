#include "ops/rnn/rnn.h"

#include <algorithm>
#include <cmath>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// One entry of the batch at a time, all in double: `memory` holds h, c, z and a product, of which z has 4 U elements.
struct Memory {
  double *h, *c, *z, *product;

  Memory(const Call& call, int64_t units) {
    h = static_cast<double*>(call.workspace);
    c = h + units;
    z = c + units;
    product = z + 4 * units;
  }
  static int64_t bytes(int64_t units) { return 7 * units * static_cast<int64_t>(sizeof(double)); }
};

// The input's product, and the recurrent one, of column j.
template <class T>
double times(const T* row, int64_t n, const T* matrix, int64_t columns, int64_t j) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += row[i].get() * matrix[i * columns + j].get();
  return sum;
}
template <class T>
double times(const double* row, int64_t n, const T* matrix, int64_t columns, int64_t j) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += row[i] * matrix[i * columns + j].get();
  return sum;
}

template <class T>
void forward(RnnKind kind, const Call& call, T) noexcept {
  const RnnShape s = rnn_shape(kind, call);
  const RnnForward<T> f = rnn_forward<T>(kind, call);
  const int64_t u = s.units, w = s.columns;
  const Memory m(call, u);
  const bool gru = kind == RnnKind::Gru, after = gru && s.reset_after;
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t j = 0; j < u; ++j) {
      m.h[j] = f.h0[b * u + j].get();
      if (f.c0 != nullptr) m.c[j] = f.c0[b * u + j].get();
    }
    for (int64_t step = 0; step < s.time; ++step) {
      const int64_t p = b * s.time + s.at(step);
      const bool live = f.mask == nullptr || f.mask[p] != 0;
      if (live) {
        for (int64_t j = 0; j < w; ++j) {
          const double x = times(f.x + p * s.inputs, s.inputs, f.kernel, w, j) + f.bias[j].get();
          const double more = after ? f.bias[w + j].get() : 0;
          const bool candidate = gru && j >= 2 * u;
          const double h = candidate && !after ? 0 : times(m.h, u, f.recurrent, w, j) + more;
          m.z[j] = candidate ? x : x + h;
          if (candidate) m.z[u + j] = h;
        }
        for (int64_t j = 0; j < u; ++j) {
          double* z = m.z + j;
          if (kind == RnnKind::Lstm) {
            z[0] = sigmoid(z[0]);
            z[u] = sigmoid(z[u]);
            z[2 * u] = std::tanh(z[2 * u]);
            z[3 * u] = sigmoid(z[3 * u]);
            m.c[j] = z[u] * m.c[j] + z[0] * z[2 * u];
            m.h[j] = z[3 * u] * std::tanh(m.c[j]);
          } else if (gru) {
            z[0] = sigmoid(z[0]);
            z[u] = sigmoid(z[u]);
            if (!after) z[3 * u] = z[u] * m.h[j];
          } else {
            m.h[j] = std::tanh(z[0]);
          }
        }
        for (int64_t j = 0; gru && j < u; ++j) {
          m.product[j] = after ? m.z[u + j] * m.z[3 * u + j] : times(m.z + 3 * u, u, f.recurrent, w, 2 * u + j);
        }
        for (int64_t j = 0; gru && j < u; ++j) {
          m.z[2 * u + j] = std::tanh(m.z[2 * u + j] + m.product[j]);
          m.h[j] = m.z[j] * m.h[j] + (1 - m.z[j]) * m.z[2 * u + j];
        }
      }
      for (int64_t j = 0; j < u; ++j) {
        f.y[p * u + j].set(m.h[j]);
        if (f.cells != nullptr) f.cells[p * u + j].set(m.c[j]);
      }
      for (int64_t j = 0; kind != RnnKind::Simple && j < s.slots; ++j) f.gates[p * s.slots + j].set(live ? m.z[j] : 0);
    }
    for (int64_t j = 0; j < u; ++j) {
      f.h[b * u + j].set(m.h[j]);
      if (f.c != nullptr) f.c[b * u + j].set(m.c[j]);
    }
  }
}

// The gradients of the gates: `d` [B, T, slots] in double, in the columns of gates.
template <class T>
void gate_gradients(RnnKind kind, const RnnShape& s, const RnnBackward<T>& g, const Memory& m, double* d) {
  const int64_t u = s.units, w = s.columns;
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t j = 0; j < u; ++j) {
      m.h[j] = g.gh[b * u + j].get();
      if (g.gc != nullptr) m.c[j] = g.gc[b * u + j].get();
    }
    for (int64_t step = s.time - 1; step >= 0; --step) {
      const int64_t p = b * s.time + s.at(step), before = s.before(p);
      const T* h_before = before < 0 ? g.h0 + b * u : g.y + before * u;
      double* row = d + p * s.slots;
      for (int64_t j = 0; g.gy != nullptr && j < u; ++j) m.h[j] += g.gy[p * u + j].get();
      std::fill_n(row, s.slots, 0.0);
      if (g.mask != nullptr && g.mask[p] == 0) continue;
      for (int64_t j = 0; j < u; ++j) {
        const T* at = g.gates + p * s.slots + j;
        if (kind == RnnKind::Lstm) {
          const double i = at[0].get(), f = at[u].get(), c = at[2 * u].get(), o = at[3 * u].get();
          const double tanh_c = std::tanh(g.cells[p * u + j].get());
          const double dc = m.c[j] + m.h[j] * o * (1 - tanh_c * tanh_c);
          row[j] = dc * c * i * (1 - i);
          row[u + j] = dc * (before < 0 ? g.c0[b * u + j] : g.cells[before * u + j]).get() * f * (1 - f);
          row[2 * u + j] = dc * i * (1 - c * c);
          row[3 * u + j] = m.h[j] * tanh_c * o * (1 - o);
          m.c[j] = dc * f;
          m.h[j] = 0;
        } else if (kind == RnnKind::Gru) {
          const double z = at[0].get(), r = at[u].get(), c = at[2 * u].get();
          row[j] = m.h[j] * (h_before[j].get() - c) * z * (1 - z);
          const double dc = m.h[j] * (1 - z) * (1 - c * c);
          row[2 * u + j] = dc;
          if (s.reset_after) {
            row[u + j] = dc * at[3 * u].get() * r * (1 - r);
            row[3 * u + j] = dc * r;
          }
          m.h[j] *= z;
        } else {
          row[j] = m.h[j] * (1 - at[0].get() * at[0].get());
          m.h[j] = 0;
        }
      }
      if (kind == RnnKind::Gru && !s.reset_after) {
        for (int64_t j = 0; j < u; ++j) {
          double sum = 0;
          for (int64_t i = 0; i < u; ++i) sum += row[2 * u + i] * g.recurrent[j * w + 2 * u + i].get();
          const double r = g.gates[p * s.slots + u + j].get();
          row[3 * u + j] = sum;
          row[u + j] = sum * h_before[j].get() * r * (1 - r);
          m.h[j] += sum * r;
        }
      }
      // From the gates to the state: the candidate of a GRU got there on its own way, or goes by its fourth column.
      for (int64_t j = 0; j < u; ++j) {
        for (int64_t i = 0; i < w; ++i) {
          if (kind == RnnKind::Gru && i >= 2 * u && !s.reset_after) continue;
          m.h[j] += row[kind == RnnKind::Gru && i >= 2 * u ? i + u : i] * g.recurrent[j * w + i].get();
        }
      }
    }
    for (int64_t j = 0; j < u; ++j) {
      g.dh0[b * u + j].set(m.h[j]);
      if (g.dc0 != nullptr) g.dc0[b * u + j].set(m.c[j]);
    }
  }
}

template <class T>
void backward(RnnKind kind, const Call& call, T) noexcept {
  const RnnShape s = rnn_shape(kind, call);
  const RnnBackward<T> g = rnn_backward<T>(kind, call);
  const int64_t u = s.units, w = s.columns, rows = s.batch * s.time;
  const Memory m(call, u);
  double* d = m.h + 7 * u;
  gate_gradients(kind, s, g, m, d);
  const bool gru = kind == RnnKind::Gru;
  for (int64_t j = 0; j < w; ++j) {
    // Where the gradient of column j's recurrent product is, and what that product multiplied.
    const bool candidate = gru && j >= 2 * u;
    const int64_t from = candidate && s.reset_after ? j + u : j;
    double bias = 0, recurrent_bias = 0;
    for (int64_t p = 0; p < rows; ++p) {
      bias += d[p * s.slots + j];
      recurrent_bias += d[p * s.slots + from];
    }
    g.dbias[j].set(bias);
    if (gru && s.reset_after) g.dbias[w + j].set(recurrent_bias);
    for (int64_t i = 0; i < s.inputs; ++i) {
      double sum = 0;
      for (int64_t p = 0; p < rows; ++p) sum += g.x[p * s.inputs + i].get() * d[p * s.slots + j];
      g.dkernel[i * w + j].set(sum);
    }
    for (int64_t i = 0; i < u; ++i) {
      double sum = 0;
      for (int64_t p = 0; p < rows; ++p) {
        const int64_t before = s.before(p);
        const T h = before < 0 ? g.h0[p / s.time * u + i] : g.y[before * u + i];
        sum += (candidate && !s.reset_after ? g.gates[p * s.slots + 3 * u + i] : h).get() * d[p * s.slots + from];
      }
      g.drecurrent[i * w + j].set(sum);
    }
  }
  if (g.dx == nullptr) return;
  for (int64_t p = 0; p < rows; ++p) {
    for (int64_t i = 0; i < s.inputs; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < w; ++j) sum += d[p * s.slots + j] * g.kernel[i * w + j].get();
      g.dx[p * s.inputs + i].set(sum);
    }
  }
}

template <RnnKind kKind>
void run(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) { forward(kKind, call, t); });
}
template <RnnKind kKind>
void run_grad(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) { backward(kKind, call, t); });
}
template <RnnKind kKind>
int64_t bytes(const Call& call) noexcept {
  return Memory::bytes(rnn_shape(kKind, call).units);
}
template <RnnKind kKind>
int64_t grad_bytes(const Call& call) noexcept {
  const RnnShape s = rnn_shape(kKind, call);
  return Memory::bytes(s.units) + s.batch * s.time * s.slots * static_cast<int64_t>(sizeof(double));
}

}  // namespace

extern const Kernel kernel_lstm, kernel_lstm_grad, kernel_gru, kernel_gru_grad, kernel_simple_rnn,
    kernel_simple_rnn_grad;
constinit const Kernel kernel_lstm = {run<RnnKind::Lstm>, bytes<RnnKind::Lstm>, nullptr};
constinit const Kernel kernel_lstm_grad = {run_grad<RnnKind::Lstm>, grad_bytes<RnnKind::Lstm>, nullptr};
constinit const Kernel kernel_gru = {run<RnnKind::Gru>, bytes<RnnKind::Gru>, nullptr};
constinit const Kernel kernel_gru_grad = {run_grad<RnnKind::Gru>, grad_bytes<RnnKind::Gru>, nullptr};
constinit const Kernel kernel_simple_rnn = {run<RnnKind::Simple>, bytes<RnnKind::Simple>, nullptr};
constinit const Kernel kernel_simple_rnn_grad = {run_grad<RnnKind::Simple>, grad_bytes<RnnKind::Simple>, nullptr};

}  // namespace ckeras::reference
