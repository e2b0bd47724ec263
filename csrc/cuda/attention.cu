// attention and its gradient, block by block, so that no T x S array is made: the running softmax of M. Milakov and
// N. Gimelshein (2018), as tiles of T. Dao et al. (2022). float32 and float64, plain fused multiply-adds.
//
// A block has kSide queries, or for dk and dv kSide keys, and kWide columns of the depth; deeper heads take more
// blocks, each of which computes the scores again. Thread (row, lane) has scores row x {lane, lane + 8, ...}, and in
// sums row x {lane, lane + 8, ...} of the columns.
#include "ops/attention/attention.h"

#include "cuda/block.h"

namespace ckeras::cuda {
namespace {

constexpr int kSide = 32;
constexpr int kLanes = 8;  // threads of a row
constexpr int kThreads = kSide * kLanes;
constexpr int kScores = kSide / kLanes;

template <class T>
inline constexpr int kWide = sizeof(T) == 8 ? 32 : 64;
template <class T>
inline constexpr int kColumns = kWide<T> / kLanes;

template <class T>
struct Square {
  T of[kSide][kSide + 1];
};
template <class T>
struct Wide {
  T of[kSide][kWide<T>];
};

// An array [B,N,T,S] of which dimensions may be 1.
template <class E>
struct Scattered {
  const E* data;
  int64_t step[4];
  explicit Scattered(const View* view) : data(view == nullptr ? nullptr : view->as<const E>()), step() {
    if (view == nullptr) return;
    int64_t size = 1;
    for (int d = 3; d >= 0; --d) {
      step[d] = view->shape[d] == 1 ? 0 : size;
      size *= view->shape[d];
    }
  }
  CKERAS_MEMBER E at(int64_t b, int64_t n, int64_t t, int64_t s) const {
    return data[b * step[0] + n * step[1] + t * step[2] + s * step[3]];
  }
};

template <class T>
struct Heads {
  int64_t batch, queries, heads, depth, keys, groups;
  T scale, cap;
  bool causal;
  const T *q, *k, *v;
  Scattered<T> bias;
  Scattered<uint8_t> mask;

  Heads(const Call& call, int first)
      : batch(call.in[0].shape[0]),
        queries(call.in[0].shape[1]),
        heads(call.in[0].shape[2]),
        depth(call.in[0].shape[3]),
        keys(call.in[1].shape[1]),
        groups(call.in[1].shape[2]),
        scale(static_cast<T>(call.floats[0])),
        cap(static_cast<T>(call.floats[1])),
        causal(call.ints[0] != 0),
        q(call.in[0].as<const T>()),
        k(call.in[1].as<const T>()),
        v(call.in[2].as<const T>()),
        bias(call.ints[1] ? call.in + first : nullptr),
        mask(call.ints[2] ? call.in + first + call.ints[1] : nullptr) {}

  int64_t slices() const { return ceil_div(depth, kWide<T>); }
  CKERAS_MEMBER int64_t query(int64_t b, int64_t n, int64_t t) const { return ((b * queries + t) * heads + n) * depth; }
  CKERAS_MEMBER int64_t key(int64_t b, int64_t group, int64_t s) const {
    return ((b * keys + s) * groups + group) * depth;
  }
  CKERAS_MEMBER int64_t query_step() const { return heads * depth; }
  CKERAS_MEMBER int64_t key_step() const { return groups * depth; }
  CKERAS_MEMBER int64_t row(int64_t b, int64_t n, int64_t t) const { return (b * heads + n) * queries + t; }
  // Whether queries before `end` see none of the keys from s on. (With a mask, even hidden keys may count: where all
  // are.)
  CKERAS_MEMBER bool skips(int64_t end, int64_t s) const { return causal && mask.data == nullptr && s >= end; }
  CKERAS_MEMBER bool hidden(int64_t b, int64_t n, int64_t t, int64_t s) const {
    return (causal && s > t) || (mask.data != nullptr && mask.at(b, n, t, s) == 0);
  }
  CKERAS_MEMBER T capped(T dot) const {
    const T c = scale * dot;
    return cap != 0 ? cap * tanh(One<T>(c / cap)).x : c;
  }
  // The logit of a capped score.
  CKERAS_MEMBER T logit(T c, int64_t b, int64_t n, int64_t t, int64_t s) const {
    if (hidden(b, n, t, s)) return static_cast<T>(sizeof(T) == 8 ? -0.7 * 1.7e308 : -0.7 * 3.4028234663852886e38);
    return bias.data != nullptr ? c + bias.at(b, n, t, s) : c;
  }
};

// sum[j] = a's row `row` times b's row lane + kLanes j. Rows from a_rows or b_rows on are zeros.
template <class T>
__device__ void dots(const T* a, int64_t a_step, int64_t a_rows, const T* b, int64_t b_step, int64_t b_rows,
                     int64_t depth, Square<T>& left, Square<T>& right, T (&sum)[kScores]) {
  const int thread = static_cast<int>(threadIdx.x), row = thread / kLanes, lane = thread % kLanes;
  for (int j = 0; j < kScores; ++j) sum[j] = 0;
  for (int64_t d0 = 0; d0 < depth; d0 += kSide) {
    for (int i = thread; i < kSide * kSide; i += kThreads) {
      const int r = i / kSide, d = i % kSide;
      left.of[r][d] = r < a_rows && d0 + d < depth ? a[r * a_step + d0 + d] : T{0};
      right.of[r][d] = r < b_rows && d0 + d < depth ? b[r * b_step + d0 + d] : T{0};
    }
    __syncthreads();
    for (int d = 0; d < kSide; ++d) {
      const T x = left.of[row][d];
      CKERAS_UNROLL
      for (int j = 0; j < kScores; ++j) sum[j] = lane_fma(x, right.of[lane + kLanes * j][d], sum[j]);
    }
    __syncthreads();
  }
}

// Columns [d0, d0 + kWide) of `rows` rows; zeros beyond.
template <class T>
__device__ void load_wide(const T* a, int64_t step, int64_t rows, int64_t d0, int64_t depth, Wide<T>& to) {
  for (int i = static_cast<int>(threadIdx.x); i < kSide * kWide<T>; i += kThreads) {
    const int r = i / kWide<T>, d = i % kWide<T>;
    to.of[r][d] = r < rows && d0 + d < depth ? a[r * step + d0 + d] : T{0};
  }
}

// Over the kLanes threads of a row.
template <class T, class F>
__device__ T fold_row(T value, const F& fold) {
  for (int lanes = kLanes / 2; lanes > 0; lanes /= 2) value = fold(value, __shfl_xor_sync(kWholeWarp, value, lanes));
  return value;
}

// What block number i does: batch entry, head, first row and column.
struct Task {
  int64_t b, n, t, d;
};
CKERAS_INLINE Task task_of(int64_t i, int64_t heads, int64_t tiles, int64_t slices, int wide) {
  return {i / slices / tiles / heads, i / slices / tiles % heads, i / slices % tiles * kSide, i % slices * wide};
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    attention_kernel(const __grid_constant__ Heads<T> h, T* y, T* tops, T* totals, int64_t tasks, int64_t slices) {
  CKERAS_SHARED(Square<T>, left);
  CKERAS_SHARED(Square<T>, right);
  CKERAS_SHARED(Square<T>, weights);
  CKERAS_SHARED(Wide<T>, values);
  const int row = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
  for (int64_t i = blockIdx.x; i < tasks; i += gridDim.x) {
    const Task at = task_of(i, h.heads, ceil_div(h.queries, kSide), slices, kWide<T>);
    const int64_t rows = least(kSide, h.queries - at.t), group = at.n / (h.heads / h.groups), t = at.t + row;
    T sum[kColumns<T>] = {}, top = -TraitsOf<One<T>>::kInf, total = 0;
    for (int64_t s0 = 0; s0 < h.keys && !h.skips(at.t + rows, s0); s0 += kSide) {
      const int64_t columns = least(kSide, h.keys - s0);
      T l[kScores], most = top;
      dots(h.q + h.query(at.b, at.n, at.t), h.query_step(), rows, h.k + h.key(at.b, group, s0), h.key_step(), columns,
           h.depth, left, right, l);
      for (int j = 0; j < kScores; ++j) {
        const int column = lane + kLanes * j;
        if (row >= rows || column >= columns) continue;
        l[j] = h.logit(h.capped(l[j]), at.b, at.n, t, s0 + column);
        most = MaxOf()(l[j], most);
      }
      most = fold_row(most, MaxOf());
      const T base = most == -TraitsOf<One<T>>::kInf ? T{0} : most;  // all hidden so far: no infinity from another
      T more = 0;
      for (int j = 0; j < kScores; ++j) {
        const int column = lane + kLanes * j;
        const T p = row < rows && column < columns ? exp(One<T>(l[j]) - One<T>(base)).x : T{0};
        weights.of[row][column] = p;
        more += p;
      }
      const T factor = exp(One<T>(top) - One<T>(base)).x;
      total = lane_fma(total, factor, fold_row(more, SumOf()));
      top = most;
      load_wide(h.v + h.key(at.b, group, s0), h.key_step(), columns, at.d, h.depth, values);
      __syncthreads();
      for (int j = 0; j < kColumns<T>; ++j) sum[j] *= factor;
      for (int s = 0; s < kSide; ++s) {
        const T p = weights.of[row][s];
        CKERAS_UNROLL
        for (int j = 0; j < kColumns<T>; ++j) sum[j] = lane_fma(p, values.of[s][lane + kLanes * j], sum[j]);
      }
      __syncthreads();  // the next keys
    }
    if (row >= rows) continue;
    for (int j = 0; j < kColumns<T>; ++j) {
      const int64_t d = at.d + lane + kLanes * j;
      if (d < h.depth) y[h.query(at.b, at.n, t) + d] = sum[j] / total;
    }
    if (at.d == 0 && lane == 0) {
      tops[h.row(at.b, at.n, t)] = top;
      totals[h.row(at.b, at.n, t)] = total;
    }
  }
}

// ---- gradients

template <class T>
struct Back {
  const T *y, *dy, *tops, *totals;
  T* shifts;  // dy.y of every row
};

template <class T>
__global__ void __launch_bounds__(kThreads)
    shift_kernel(const __grid_constant__ Heads<T> h, const Back<T> back, int64_t rows) {
  for (int64_t first = int64_t{blockIdx.x} * kSide; first < rows; first += int64_t{gridDim.x} * kSide) {
    const int64_t i = least(first + threadIdx.x / kLanes, rows - 1);  // the last row more than once: warps stay whole
    const int64_t t = i % h.queries, n = i / h.queries % h.heads, at = h.query(i / h.queries / h.heads, n, t);
    T sum = 0;
    for (int64_t d = threadIdx.x % kLanes; d < h.depth; d += kLanes)
      sum = lane_fma(back.dy[at + d], back.y[at + d], sum);
    sum = fold_row(sum, SumOf());
    if (threadIdx.x % kLanes == 0) back.shifts[i] = sum;
  }
}

template <class T>
struct Slope {
  T p, dl, dc;  // weight, gradient of the logit and of the dot product
};
// Of query t and key s, from the dot products q.k and dy.v.
template <class T>
CKERAS_INLINE Slope<T> slope_of(const Heads<T>& h, const Back<T>& back, T score, T across, int64_t b, int64_t n,
                                int64_t t, int64_t s) {
  const int64_t row = h.row(b, n, t);
  const T c = h.capped(score);
  const T p = exp(One<T>(h.logit(c, b, n, t, s)) - One<T>(back.tops[row])).x / back.totals[row];
  const T dl = h.hidden(b, n, t, s) ? T{0} : p * (across - back.shifts[row]);
  const T part = h.cap != 0 ? c / h.cap : T{0};
  return {p, dl, dl * (1 - part * part) * h.scale};
}

template <class T>
__global__ void __launch_bounds__(kThreads) query_grad_kernel(const __grid_constant__ Heads<T> h, const Back<T> back,
                                                              T* dq, T* dbias, int64_t tasks, int64_t slices) {
  CKERAS_SHARED(Square<T>, left);
  CKERAS_SHARED(Square<T>, right);
  CKERAS_SHARED(Square<T>, slopes);
  CKERAS_SHARED(Wide<T>, keys);
  const int row = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
  for (int64_t i = blockIdx.x; i < tasks; i += gridDim.x) {
    const Task at = task_of(i, h.heads, ceil_div(h.queries, kSide), slices, kWide<T>);
    const int64_t rows = least(kSide, h.queries - at.t), group = at.n / (h.heads / h.groups), t = at.t + row;
    const int64_t query = h.query(at.b, at.n, at.t);
    T sum[kColumns<T>] = {};
    for (int64_t s0 = 0; s0 < h.keys; s0 += kSide) {
      if (dbias == nullptr && h.skips(at.t + rows, s0)) break;
      const int64_t columns = least(kSide, h.keys - s0), key = h.key(at.b, group, s0);
      T scores[kScores], across[kScores];
      dots(h.q + query, h.query_step(), rows, h.k + key, h.key_step(), columns, h.depth, left, right, scores);
      dots(back.dy + query, h.query_step(), rows, h.v + key, h.key_step(), columns, h.depth, left, right, across);
      for (int j = 0; j < kScores; ++j) {
        const int column = lane + kLanes * j;
        Slope<T> slope = {0, 0, 0};
        if (row < rows && column < columns) {
          slope = slope_of(h, back, scores[j], across[j], at.b, at.n, t, s0 + column);
          if (dbias != nullptr && at.d == 0) dbias[h.row(at.b, at.n, t) * h.keys + s0 + column] = slope.dl;
        }
        slopes.of[row][column] = slope.dc;
      }
      load_wide(h.k + key, h.key_step(), columns, at.d, h.depth, keys);
      __syncthreads();
      for (int s = 0; s < kSide; ++s) {
        const T x = slopes.of[row][s];
        CKERAS_UNROLL
        for (int j = 0; j < kColumns<T>; ++j) sum[j] = lane_fma(x, keys.of[s][lane + kLanes * j], sum[j]);
      }
      __syncthreads();  // the next keys
    }
    for (int j = 0; j < kColumns<T> && row < rows; ++j) {
      const int64_t d = at.d + lane + kLanes * j;
      if (d < h.depth) dq[h.query(at.b, at.n, t) + d] = sum[j];
    }
  }
}

// sum[j] += the column `row` of square times the wide tile's columns.
template <class T>
__device__ void add_columns(const Square<T>& square, const Wide<T>& tile, T (&sum)[kColumns<T>]) {
  const int row = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
  for (int t = 0; t < kSide; ++t) {
    const T x = square.of[t][row];
    CKERAS_UNROLL
    for (int j = 0; j < kColumns<T>; ++j) sum[j] = lane_fma(x, tile.of[t][lane + kLanes * j], sum[j]);
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads) key_grad_kernel(const __grid_constant__ Heads<T> h, const Back<T> back,
                                                            T* dk, T* dv, int64_t tasks, int64_t slices) {
  CKERAS_SHARED(Square<T>, left);
  CKERAS_SHARED(Square<T>, right);
  CKERAS_SHARED(Square<T>, weights);
  CKERAS_SHARED(Square<T>, slopes);
  CKERAS_SHARED(Wide<T>, tile);
  const int row = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
  const int64_t shared_by = h.heads / h.groups;
  for (int64_t i = blockIdx.x; i < tasks; i += gridDim.x) {
    const Task at = task_of(i, h.groups, ceil_div(h.keys, kSide), slices, kWide<T>);  // n: the group, t: the first key
    const int64_t columns = least(kSide, h.keys - at.t), key = h.key(at.b, at.n, at.t);
    T keys[kColumns<T>] = {}, values[kColumns<T>] = {};
    for (int64_t n = at.n * shared_by; n < (at.n + 1) * shared_by; ++n) {
      for (int64_t t0 = 0; t0 < h.queries; t0 += kSide) {
        const int64_t rows = least(kSide, h.queries - t0), query = h.query(at.b, n, t0);
        if (h.skips(t0 + rows, at.t)) continue;
        T scores[kScores], across[kScores];
        dots(h.q + query, h.query_step(), rows, h.k + key, h.key_step(), columns, h.depth, left, right, scores);
        dots(back.dy + query, h.query_step(), rows, h.v + key, h.key_step(), columns, h.depth, left, right, across);
        for (int j = 0; j < kScores; ++j) {
          const int column = lane + kLanes * j;
          Slope<T> slope = {0, 0, 0};
          if (row < rows && column < columns) {
            slope = slope_of(h, back, scores[j], across[j], at.b, n, t0 + row, at.t + column);
          }
          weights.of[row][column] = slope.p;
          slopes.of[row][column] = slope.dc;
        }
        load_wide(back.dy + query, h.query_step(), rows, at.d, h.depth, tile);
        __syncthreads();
        add_columns(weights, tile, values);
        __syncthreads();
        load_wide(h.q + query, h.query_step(), rows, at.d, h.depth, tile);
        __syncthreads();
        add_columns(slopes, tile, keys);
        __syncthreads();  // the next queries
      }
    }
    for (int j = 0; j < kColumns<T> && row < columns; ++j) {
      const int64_t d = at.d + lane + kLanes * j, to = h.key(at.b, at.n, at.t + row) + d;
      if (d >= h.depth) continue;
      dk[to] = keys[j];
      dv[to] = values[j];
    }
  }
}

Status run_attention(const Call& call, Queue& queue) {
  return with_reals(call.in[0].dtype, [&](auto t) {
    using T = decltype(t);
    const Heads<T> h(call, 3);
    const int64_t tasks = h.batch * h.heads * ceil_div(h.queries, kSide) * h.slices();
    launch(queue, {blocks_for(tasks, 1)}, {kThreads}, 0, attention_kernel<T>, h, call.out[0].as<T>(),
           call.out[1].as<T>(), call.out[2].as<T>(), tasks, h.slices());
  });
}

int64_t attention_grad_workspace(const Call& call) noexcept { return call.in[5].nbytes(); }
Status run_attention_grad(const Call& call, Queue& queue) {
  return with_reals(call.in[0].dtype, [&](auto t) {
    using T = decltype(t);
    const Heads<T> h(call, 7);
    const Back<T> back = {call.in[3].as<const T>(), call.in[4].as<const T>(), call.in[5].as<const T>(),
                          call.in[6].as<const T>(), static_cast<T*>(call.workspace)};
    const int64_t rows = h.batch * h.heads * h.queries;
    launch(queue, {blocks_for(rows, kSide)}, {kThreads}, 0, shift_kernel<T>, h, back, rows);
    int64_t tasks = h.batch * h.heads * ceil_div(h.queries, kSide) * h.slices();
    launch(queue, {blocks_for(tasks, 1)}, {kThreads}, 0, query_grad_kernel<T>, h, back, call.out[0].as<T>(),
           call.n_out == 4 ? call.out[3].as<T>() : nullptr, tasks, h.slices());
    tasks = h.batch * h.groups * ceil_div(h.keys, kSide) * h.slices();
    launch(queue, {blocks_for(tasks, 1)}, {kThreads}, 0, key_grad_kernel<T>, h, back, call.out[1].as<T>(),
           call.out[2].as<T>(), tasks, h.slices());
  });
}

}  // namespace

extern const DeviceKernel kernel_attention, kernel_attention_grad;
const DeviceKernel kernel_attention = {"attention", run_attention, nullptr};
const DeviceKernel kernel_attention_grad = {"attention_grad", run_attention_grad, attention_grad_workspace};

}  // namespace ckeras::cuda
