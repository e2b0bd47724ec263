// lamb_update, adafactor_update, muon_update (ops/updates/scaled.h), one variable after the other: sums over a variable
// are those of its pieces, in float64, added in rising order by whoever needs them. Matrix products are tile.h's.
#include "ops/updates/scaled.h"

#include "cuda/block.h"
#include "cuda/elements.h"
#include "cuda/move.h"
#include "cuda/tile.h"

namespace ckeras::cuda {
namespace {

constexpr int64_t kPiece = 4096;

CKERAS_INLINE double larger(double a, double b) { return a > b ? a : b; }

struct Scalar {
  const void* p;
  DType dtype;
  explicit Scalar(const View& view) : p(view.data), dtype(view.dtype) {}
  CKERAS_MEMBER double operator()() const { return element_as<double>(p, 0, dtype); }
};

// An array of floats.
struct Floats {
  void* p;
  DType dtype;
  int64_t size;
  explicit Floats(const View& view) : p(view.data), dtype(view.dtype), size(view.size()) {}
  CKERAS_MEMBER double get(int64_t i) const { return element_as<double>(p, i, dtype); }
  // Rounded as it is stored: halves through float32, as on the CPU.
  CKERAS_MEMBER void put(int64_t i, double x) const {
    is_half(dtype) ? put_element(p, i, dtype, static_cast<float>(x)) : put_element(p, i, dtype, x);
  }
};

int64_t pieces_of(int64_t n) { return ceil_div(n, kPiece); }

// parts[2 * piece], [.. + 1]: the piece's sums of two.at(i).a and .b, squared. Two may store what it computes.
struct Both {
  double a, b;
};
template <class Two>
__global__ void __launch_bounds__(kRowThreads)
    sums_kernel(const __grid_constant__ Two two, int64_t n, double* parts, int64_t pieces) {
  for (int64_t piece = blockIdx.x; piece < pieces; piece += gridDim.x) {
    double a = 0, b = 0;
    for (int64_t i = piece * kPiece + threadIdx.x; i < least((piece + 1) * kPiece, n); i += blockDim.x) {
      const Both x = two.at(i);
      a = lane_fma(x.a, x.a, a);
      b = lane_fma(x.b, x.b, b);
    }
    a = fold_block(a, SumOf());
    b = fold_block(b, SumOf());
    if (threadIdx.x == 0) {
      parts[2 * piece] = a;
      parts[2 * piece + 1] = b;
    }
  }
}
CKERAS_INLINE Both total_of(const double* parts, int64_t pieces) {
  Both sum = {0, 0};
  for (int64_t i = 0; i < pieces; ++i) {
    sum.a += parts[2 * i];
    sum.b += parts[2 * i + 1];
  }
  return sum;
}
// each.put(i, the two sums)
template <class Each>
__global__ void __launch_bounds__(kRowThreads)
    each_kernel(const __grid_constant__ Each each, int64_t n, const double* parts, int64_t pieces) {
  const Both sums = total_of(parts, pieces);
  for (int64_t i = first_element(); i < n; i += all_threads()) each.put(i, sums);
}

// One that sums, and one that ends with the sums.
template <class Two, class Each>
void sum_then(Queue& queue, int64_t n, double* parts, const Two& two, const Each& each) {
  const int64_t pieces = pieces_of(n);
  if (n == 0) return;
  launch(queue, {blocks_for(pieces, 1)}, {kRowThreads}, 0, sums_kernel<Two>, two, n, parts, pieces);
  launch(queue, {blocks_for(n, kRowThreads)}, {kRowThreads}, 0, each_kernel<Each>, each, n, parts, pieces);
}

// ---- lamb

struct Lamb {
  Floats p, g, m, v, moved, new_m, new_v;
  Scalar lr, k1, k2;
  double one_less_beta1, one_less_beta2, epsilon;

  CKERAS_MEMBER double ratio(int64_t i) const {
    return new_m.get(i) / k1() / (lane_sqrt(new_v.get(i) / k2()) + epsilon);
  }
  CKERAS_MEMBER Both at(int64_t i) const {
    const double gradient = g.get(i), mean = m.get(i), square = v.get(i);
    new_m.put(i, mean + (gradient - mean) * one_less_beta1);
    new_v.put(i, square + (gradient * gradient - square) * one_less_beta2);
    return {p.get(i), ratio(i)};
  }
  CKERAS_MEMBER void put(int64_t i, Both sums) const {
    const double scale = sums.a > 0 && sums.b > 0 ? lane_sqrt(sums.a) / lane_sqrt(sums.b) : 1;
    moved.put(i, p.get(i) - lr() * scale * ratio(i));
  }
};
Status run_lamb(const Call& call, Queue& queue) {
  for (int i = 0; i < call.n_out / 3; ++i) {
    const View *in = call.in + 3 + 4 * i, *out = call.out + 3 * i;
    const Lamb rule = {Floats(in[0]),  Floats(in[1]),  Floats(in[2]),      Floats(in[3]),      Floats(out[0]),
                       Floats(out[1]), Floats(out[2]), Scalar(call.in[0]), Scalar(call.in[1]), Scalar(call.in[2]),
                       call.floats[0], call.floats[1], call.floats[2]};
    sum_then(queue, out[0].size(), static_cast<double*>(call.workspace), rule, rule);
  }
  return Status::Launched;
}

// ---- adafactor: of a matrix, rows and columns first

struct Adafactor {
  Floats p, g, rows, columns, squares, moved, new_rows, new_columns, new_squares;
  Scalar rate, kept;
  double epsilon1, epsilon2, threshold;
  bool matrix;
  int64_t high, wide;
  double* stack_means;  // of a stack of matrices: the mean of its new rows

  CKERAS_MEMBER double square(int64_t i) const {
    const double x = g.get(i);
    return x * x + epsilon1;
  }
  CKERAS_MEMBER double mixed(double slot, double value) const { return slot * kept() + value * (1 - kept()); }
  CKERAS_MEMBER Both at(int64_t i) const {
    const int64_t row = matrix ? i / wide : 0, stack = matrix ? row / high : 0;
    new_squares.put(i, matrix ? new_rows.get(row) / stack_means[stack] * new_columns.get(stack * wide + i % wide)
                              : mixed(squares.get(i), square(i)));
    return {p.get(i), step(i)};
  }
  CKERAS_MEMBER double step(int64_t i) const { return g.get(i) / lane_sqrt(new_squares.get(i)); }
  CKERAS_MEMBER void put(int64_t i, Both sums) const {
    const double n = static_cast<double>(p.size);
    const double over = larger(lane_sqrt(sums.b / n) / threshold, 1);
    const double factor = rate() * larger(lane_sqrt(sums.a / n), epsilon2);
    moved.put(i, p.get(i) - step(i) / over * factor);
  }
};
__global__ void __launch_bounds__(kRowThreads) adafactor_rows_kernel(const __grid_constant__ Adafactor rule) {
  for (int64_t row = blockIdx.x; row < rule.rows.size; row += gridDim.x) {
    double sum = 0;
    for (int64_t c = threadIdx.x; c < rule.wide; c += blockDim.x) sum += rule.square(row * rule.wide + c);
    sum = fold_block(sum, SumOf());
    if (threadIdx.x == 0) {
      rule.new_rows.put(row, rule.mixed(rule.rows.get(row), sum / static_cast<double>(rule.wide)));
    }
  }
}
__global__ void __launch_bounds__(kRowThreads) adafactor_columns_kernel(const __grid_constant__ Adafactor rule) {
  for (int64_t c = first_element(); c < rule.columns.size; c += all_threads()) {
    double sum = 0;
    for (int64_t r = 0; r < rule.high; ++r)
      sum += rule.square((c / rule.wide * rule.high + r) * rule.wide + c % rule.wide);
    rule.new_columns.put(c, rule.mixed(rule.columns.get(c), sum / static_cast<double>(rule.high)));
  }
}
__global__ void __launch_bounds__(kRowThreads) adafactor_stacks_kernel(const __grid_constant__ Adafactor rule) {
  for (int64_t stack = blockIdx.x; stack < rule.rows.size / rule.high; stack += gridDim.x) {
    double sum = 0;
    for (int64_t r = threadIdx.x; r < rule.high; r += blockDim.x) sum += rule.new_rows.get(stack * rule.high + r);
    sum = fold_block(sum, SumOf());
    if (threadIdx.x == 0) rule.stack_means[stack] = sum / static_cast<double>(rule.high);
  }
}

Status run_adafactor(const Call& call, Queue& queue) {
  for (int i = 0; i < call.n_out / 4; ++i) {
    const View *in = call.in + 2 + 5 * i, *out = call.out + 4 * i;
    const bool matrix = in[0].rank >= 2;
    const int64_t high = matrix ? in[0].shape[in[0].rank - 2] : 1, wide = matrix ? in[0].shape[in[0].rank - 1] : 1;
    double* parts = static_cast<double*>(call.workspace);
    const Adafactor rule = {Floats(in[0]),
                            Floats(in[1]),
                            Floats(in[2]),
                            Floats(in[3]),
                            Floats(in[4]),
                            Floats(out[0]),
                            Floats(out[1]),
                            Floats(out[2]),
                            Floats(out[3]),
                            Scalar(call.in[0]),
                            Scalar(call.in[1]),
                            call.floats[0],
                            call.floats[1],
                            call.floats[2],
                            matrix,
                            high,
                            wide,
                            parts + 2 * pieces_of(in[0].size())};
    if (matrix && in[0].size() > 0) {
      launch(queue, {blocks_for(rule.rows.size, 1)}, {kRowThreads}, 0, adafactor_rows_kernel, rule);
      launch(queue, {blocks_for(rule.columns.size, kRowThreads)}, {kRowThreads}, 0, adafactor_columns_kernel, rule);
      launch(queue, {blocks_for(rule.rows.size / high, 1)}, {kRowThreads}, 0, adafactor_stacks_kernel, rule);
    } else if (!matrix) {
      for (int j = 1; j < 3; ++j) {  // rank 0, and they stay
        if (out[j].data != in[1 + j].data) copy_bytes(queue, out[j].data, in[1 + j].data, out[j].nbytes());
      }
    }
    sum_then(queue, in[0].size(), parts, rule, rule);
  }
  return Status::Launched;
}

// ---- muon

// c = product scale * a b + keep * kept, of arrays in T.
template <class Number>
struct StridedProduct {
  using T = Number;
  static constexpr bool kAcross = false;
  int64_t rows, columns, depth, batch;
  const T *x, *w;
  int64_t x_row, x_step, w_row, w_step;  // of an operand, from one row to the next, from one column
  const T* kept;
  T keep, scale;
  T* y;
  CKERAS_MEMBER T a(int64_t, int64_t m, int64_t k) const { return x[m * x_row + k * x_step]; }
  CKERAS_MEMBER T b(int64_t, int64_t k, int64_t n) const { return w[k * w_row + n * w_step]; }
  CKERAS_MEMBER void end(int64_t, int64_t m, int64_t n, T sum) const {
    const int64_t i = m * columns + n;
    y[i] = kept == nullptr ? sum : lane_fma(keep, kept[i], scale * sum);
  }
};

// The way of the step, normalised, as [side, longer].
template <class T>
struct Muon {
  Floats p, g, m, moved, new_m;
  Scalar lr;
  double momentum, scale;
  bool nesterov;
  int64_t rows, columns;
  T* x;

  CKERAS_MEMBER double way(int64_t i) const { return nesterov ? g.get(i) + new_m.get(i) * momentum : new_m.get(i); }
  CKERAS_MEMBER Both at(int64_t i) const {
    new_m.put(i, m.get(i) * momentum + g.get(i));
    return {way(i), 0};
  }
  CKERAS_MEMBER int64_t turned(int64_t i) const { return rows > columns ? i % columns * rows + i / columns : i; }
  CKERAS_MEMBER void put(int64_t i, Both sums) const {
    x[turned(i)] = static_cast<T>(way(i) / (lane_sqrt(sums.a) + 1e-7));
  }
};
template <class T>
__global__ void __launch_bounds__(kRowThreads) muon_kernel(const __grid_constant__ Muon<T> rule, const T* x) {
  for (int64_t i = first_element(); i < rule.p.size; i += all_threads()) {
    rule.moved.put(i, rule.p.get(i) - static_cast<double>(x[rule.turned(i)]) * rule.lr() * rule.scale);
  }
}

struct MuonRoom {
  int64_t side, longer;
  explicit MuonRoom(const View& p) : side(least(p.shape[0], p.shape[1])), longer(most(p.shape[0], p.shape[1])) {}
  // The sums' parts, two x and two squares.
  int64_t bytes() const { return 16 * pieces_of(side * longer) + 8 * 2 * (side * longer + side * side); }
};

template <class T>
void run_muon_on(const Call& call, Queue& queue, const View* in, const View* out) {
  const MuonRoom room(in[0]);
  const int64_t n = in[0].size(), side = room.side, longer = room.longer;
  if (n == 0) return;
  double* parts = static_cast<double*>(call.workspace);
  T* x = reinterpret_cast<T*>(parts + 2 * pieces_of(n));
  T *other = x + n, *a = other + n, *b = a + side * side;
  const double rate = call.ints[2] ? call.floats[4] * lane_sqrt(static_cast<double>(longer)) : 1;
  const Muon<T> rule = {Floats(in[0]),     Floats(in[1]),      Floats(in[2]),  Floats(out[0]),
                        Floats(out[1]),    Scalar(call.in[0]), call.floats[0], rate,
                        call.ints[0] != 0, in[0].shape[0],     in[0].shape[1], x};
  sum_then(queue, n, parts, rule, rule);
  const T ka = static_cast<T>(call.floats[1]), kb = static_cast<T>(call.floats[2]), kc = static_cast<T>(call.floats[3]);
  for (int64_t turn = 0; turn < call.ints[1]; ++turn) {
    launch_tiles(queue, StridedProduct<T>{side, side, longer, 1, x, x, longer, 1, 1, longer, nullptr, 0, 1, a});
    launch_tiles(queue, StridedProduct<T>{side, side, side, 1, a, a, side, 1, side, 1, a, kb, kc, b});
    launch_tiles(queue, StridedProduct<T>{side, longer, side, 1, b, x, side, 1, longer, 1, x, ka, 1, other});
    T* const next = other;
    other = x;
    x = next;
  }
  launch(queue, {blocks_for(n, kRowThreads)}, {kRowThreads}, 0, muon_kernel<T>, rule, x);
}
Status run_muon(const Call& call, Queue& queue) {
  for (int i = 0; i < call.n_out / 2; ++i) {
    const View *in = call.in + 1 + 3 * i, *out = call.out + 2 * i;
    in[0].dtype == DType::F64 ? run_muon_on<double>(call, queue, in, out) : run_muon_on<float>(call, queue, in, out);
  }
  return Status::Launched;
}

// The most that a variable needs: they take turns. first, inputs: of variables; bytes(p).
template <class Bytes>
int64_t most_bytes(const Call& call, int first, int inputs, const Bytes& bytes) {
  int64_t all = 0;
  for (int i = first; i < call.n_in; i += inputs) all = most(all, bytes(call.in[i]));
  return all;
}
int64_t lamb_workspace(const Call& call) noexcept {
  return most_bytes(call, 3, 4, [](const View& p) { return 16 * pieces_of(p.size()); });
}
int64_t adafactor_workspace(const Call& call) noexcept {
  return most_bytes(call, 2, 5, [](const View& p) {
    int64_t stacks = 1;
    for (int d = 0; d + 2 < p.rank; ++d) stacks *= p.shape[d];
    return 16 * pieces_of(p.size()) + 8 * stacks;
  });
}
int64_t muon_workspace(const Call& call) noexcept {
  return most_bytes(call, 1, 3, [](const View& p) { return MuonRoom(p).bytes(); });
}

}  // namespace

extern const DeviceKernel kernel_lamb_update, kernel_adafactor_update, kernel_muon_update;
const DeviceKernel kernel_lamb_update = {"lamb_update", run_lamb, lamb_workspace};
const DeviceKernel kernel_adafactor_update = {"adafactor_update", run_adafactor, adafactor_workspace};
const DeviceKernel kernel_muon_update = {"muon_update", run_muon, muon_workspace};

}  // namespace ckeras::cuda
