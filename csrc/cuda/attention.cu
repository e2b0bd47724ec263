// attention and its gradient, block by block, so that no T x S array is made: the running softmax of M. Milakov and
// N. Gimelshein (2018), as tiles of T. Dao et al. (2022), with plain fused multiply-adds; halves of whole vectors go to
// attention_halves.cu.
//
// A block has kSide queries, or for dk and dv kSide keys, and kWide columns of the depth; deeper heads take more
// blocks, each of which computes the scores again. Thread (row, lane) has scores row x {lane, lane + 8, ...}, and in
// sums row x {lane, lane + 8, ...} of the columns.
#include "cuda/attention_halves.h"

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

// sum[j] = a's row `row` times b's row lane + kLanes j. Rows from a_rows or b_rows on are zeros.
template <class S, class T = typename S::T>
__device__ void dots(const typename S::Element* a, int64_t a_step, int64_t a_rows, const typename S::Element* b,
                     int64_t b_step, int64_t b_rows, int64_t depth, Square<T>& left, Square<T>& right,
                     T (&sum)[kScores]) {
  const int thread = static_cast<int>(threadIdx.x), row = thread / kLanes, lane = thread % kLanes;
  for (int j = 0; j < kScores; ++j) sum[j] = 0;
  for (int64_t d0 = 0; d0 < depth; d0 += kSide) {
    for (int i = thread; i < kSide * kSide; i += kThreads) {
      const int r = i / kSide, d = i % kSide;
      left.of[r][d] = r < a_rows && d0 + d < depth ? S::get(a[r * a_step + d0 + d]) : T{0};
      right.of[r][d] = r < b_rows && d0 + d < depth ? S::get(b[r * b_step + d0 + d]) : T{0};
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
template <class S, class T = typename S::T>
__device__ void load_wide(const typename S::Element* a, int64_t step, int64_t rows, int64_t d0, int64_t depth,
                          Wide<T>& to) {
  for (int i = static_cast<int>(threadIdx.x); i < kSide * kWide<T>; i += kThreads) {
    const int r = i / kWide<T>, d = i % kWide<T>;
    to.of[r][d] = r < rows && d0 + d < depth ? S::get(a[r * step + d0 + d]) : T{0};
  }
}

// Over the kLanes threads of a row.
template <class T, class F>
__device__ T fold_row(T value, const F& fold) {
  for (int lanes = kLanes / 2; lanes > 0; lanes /= 2) value = fold(value, __shfl_xor_sync(kWholeWarp, value, lanes));
  return value;
}

template <class S, class T = typename S::T>
__global__ void __launch_bounds__(kThreads) attention_kernel(const __grid_constant__ Heads<S> h, typename S::Element* y,
                                                             T* tops, T* totals, int64_t tasks, int64_t slices) {
  CKERAS_SHARED(Square<T>, left);
  CKERAS_SHARED(Square<T>, right);
  CKERAS_SHARED(Square<T>, weights);
  CKERAS_SHARED(Wide<T>, values);
  const int row = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
  for (int64_t i = blockIdx.x; i < tasks; i += gridDim.x) {
    const Task at = task_of(i, h.heads, h.queries, kSide, slices, kWide<T>);
    const int64_t rows = least(kSide, h.queries - at.t), group = at.n / (h.heads / h.groups), t = at.t + row;
    T sum[kColumns<T>] = {}, top = -TraitsOf<One<T>>::kInf, total = 0;
    for (int64_t s0 = 0; s0 < h.keys && !h.skips(at.t + rows, s0); s0 += kSide) {
      const int64_t columns = least(kSide, h.keys - s0);
      T l[kScores], most = top;
      dots<S>(h.q + h.query(at.b, at.n, at.t), h.query_step(), rows, h.k + h.key(at.b, group, s0), h.key_step(),
              columns, h.depth, left, right, l);
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
        const T p = row < rows && column < columns ? h.grown(l[j] - base) : T{0};
        weights.of[row][column] = p;
        more += p;
      }
      const T factor = h.grown(top - base);
      total = lane_fma(total, factor, fold_row(more, SumOf()));
      top = most;
      load_wide<S>(h.v + h.key(at.b, group, s0), h.key_step(), columns, at.d, h.depth, values);
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
      if (d < h.depth) y[h.query(at.b, at.n, t) + d] = S::put(sum[j] / total);
    }
    if (at.d == 0 && lane == 0) {
      tops[h.row(at.b, at.n, t)] = top;
      totals[h.row(at.b, at.n, t)] = total;
    }
  }
}

// ---- gradients

template <class S, class T = typename S::T>
__global__ void __launch_bounds__(kThreads)
    shift_kernel(const __grid_constant__ Heads<S> h, const Back<S> back, int64_t rows) {
  for (int64_t first = int64_t{blockIdx.x} * kSide; first < rows; first += int64_t{gridDim.x} * kSide) {
    const int64_t i = least(first + threadIdx.x / kLanes, rows - 1);  // the last row more than once: warps stay whole
    const int64_t t = i % h.queries, n = i / h.queries % h.heads, at = h.query(i / h.queries / h.heads, n, t);
    T sum = 0;
    for (int64_t d = threadIdx.x % kLanes; d < h.depth; d += kLanes)
      sum = lane_fma(S::get(back.dy[at + d]), S::get(back.y[at + d]), sum);
    sum = fold_row(sum, SumOf());
    if (threadIdx.x % kLanes == 0) back.shifts[i] = sum;
  }
}

template <class S, class T = typename S::T>
__global__ void __launch_bounds__(kThreads)
    query_grad_kernel(const __grid_constant__ Heads<S> h, const Back<S> back, typename S::Element* dq, T* dbias,
                      int64_t tasks, int64_t slices) {
  CKERAS_SHARED(Square<T>, left);
  CKERAS_SHARED(Square<T>, right);
  CKERAS_SHARED(Square<T>, slopes);
  CKERAS_SHARED(Wide<T>, keys);
  const int row = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
  for (int64_t i = blockIdx.x; i < tasks; i += gridDim.x) {
    const Task at = task_of(i, h.heads, h.queries, kSide, slices, kWide<T>);
    const int64_t rows = least(kSide, h.queries - at.t), group = at.n / (h.heads / h.groups), t = at.t + row;
    const int64_t query = h.query(at.b, at.n, at.t);
    T sum[kColumns<T>] = {};
    for (int64_t s0 = 0; s0 < h.keys; s0 += kSide) {
      if (dbias == nullptr && h.skips(at.t + rows, s0)) break;
      const int64_t columns = least(kSide, h.keys - s0), key = h.key(at.b, group, s0);
      T scores[kScores], across[kScores];
      dots<S>(h.q + query, h.query_step(), rows, h.k + key, h.key_step(), columns, h.depth, left, right, scores);
      dots<S>(back.dy + query, h.query_step(), rows, h.v + key, h.key_step(), columns, h.depth, left, right, across);
      for (int j = 0; j < kScores; ++j) {
        const int column = lane + kLanes * j;
        Slope<T> slope = {0, 0, 0};
        if (row < rows && column < columns) {
          slope = slope_of(h, back.of_row(h.row(at.b, at.n, t)), scores[j], across[j], at.b, at.n, t, s0 + column);
          if (dbias != nullptr && at.d == 0) dbias[h.row(at.b, at.n, t) * h.keys + s0 + column] = slope.dl;
        }
        slopes.of[row][column] = slope.dc;
      }
      load_wide<S>(h.k + key, h.key_step(), columns, at.d, h.depth, keys);
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
      if (d < h.depth) dq[h.query(at.b, at.n, t) + d] = S::put(sum[j]);
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

template <class S, class T = typename S::T>
__global__ void __launch_bounds__(kThreads)
    key_grad_kernel(const __grid_constant__ Heads<S> h, const Back<S> back, typename S::Element* dk,
                    typename S::Element* dv, int64_t tasks, int64_t slices) {
  CKERAS_SHARED(Square<T>, left);
  CKERAS_SHARED(Square<T>, right);
  CKERAS_SHARED(Square<T>, weights);
  CKERAS_SHARED(Square<T>, slopes);
  CKERAS_SHARED(Wide<T>, tile);
  const int row = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
  const int64_t shared_by = h.heads / h.groups;
  for (int64_t i = blockIdx.x; i < tasks; i += gridDim.x) {
    const Task at = task_of(i, h.groups, h.keys, kSide, slices, kWide<T>);  // n: the group, t: the first key
    const int64_t columns = least(kSide, h.keys - at.t), key = h.key(at.b, at.n, at.t);
    T keys[kColumns<T>] = {}, values[kColumns<T>] = {};
    for (int64_t n = at.n * shared_by; n < (at.n + 1) * shared_by; ++n) {
      for (int64_t t0 = 0; t0 < h.queries; t0 += kSide) {
        const int64_t rows = least(kSide, h.queries - t0), query = h.query(at.b, n, t0);
        if (h.skips(t0 + rows, at.t)) continue;
        T scores[kScores], across[kScores];
        dots<S>(h.q + query, h.query_step(), rows, h.k + key, h.key_step(), columns, h.depth, left, right, scores);
        dots<S>(back.dy + query, h.query_step(), rows, h.v + key, h.key_step(), columns, h.depth, left, right, across);
        for (int j = 0; j < kScores; ++j) {
          const int column = lane + kLanes * j;
          Slope<T> slope = {0, 0, 0};
          if (row < rows && column < columns) {
            slope = slope_of(h, back.of_row(h.row(at.b, n, t0 + row)), scores[j], across[j], at.b, n, t0 + row,
                             at.t + column);
          }
          weights.of[row][column] = slope.p;
          slopes.of[row][column] = slope.dc;
        }
        load_wide<S>(back.dy + query, h.query_step(), rows, at.d, h.depth, tile);
        __syncthreads();
        add_columns(weights, tile, values);
        __syncthreads();
        load_wide<S>(h.q + query, h.query_step(), rows, at.d, h.depth, tile);
        __syncthreads();
        add_columns(slopes, tile, keys);
        __syncthreads();  // the next queries
      }
    }
    for (int j = 0; j < kColumns<T> && row < columns; ++j) {
      const int64_t d = at.d + lane + kLanes * j, to = h.key(at.b, at.n, at.t + row) + d;
      if (d >= h.depth) continue;
      dk[to] = S::put(keys[j]);
      dv[to] = S::put(values[j]);
    }
  }
}

template <class S>
int64_t slices_of_depth(const Heads<S>& h) {
  return ceil_div(h.depth, kWide<typename S::T>);
}

Status run_attention(const Call& call, Queue& queue) {
  return with_floats(call.in[0].dtype, [&](auto storage) {
    using S = decltype(storage);
    using E = typename S::Element;
    using T = typename S::T;
    const Heads<S> h(call, 3);
    E* y = call.out[0].as<E>();
    T *tops = call.out[1].as<T>(), *totals = call.out[2].as<T>();
    if constexpr (S::kHalf) {
      if (fits_tensor_cores(h, {y})) return attention_halves(queue, h, y, tops, totals);
    }
    const int64_t slices = slices_of_depth(h), tasks = h.batch * h.heads * ceil_div(h.queries, kSide) * slices;
    launch(queue, {blocks_for(tasks, 1)}, {kThreads}, 0, attention_kernel<S, T>, h, y, tops, totals, tasks, slices);
  });
}

int64_t attention_grad_workspace(const Call& call) noexcept { return call.in[5].nbytes(); }
Status run_attention_grad(const Call& call, Queue& queue) {
  return with_floats(call.in[0].dtype, [&](auto storage) {
    using S = decltype(storage);
    using E = typename S::Element;
    using T = typename S::T;
    const Heads<S> h(call, 7);
    const Back<S> back = {call.in[3].as<const E>(), call.in[4].as<const E>(), call.in[5].as<const T>(),
                          call.in[6].as<const T>(), static_cast<T*>(call.workspace)};
    const Gradients<S> to = {call.out[0].as<E>(), call.out[1].as<E>(), call.out[2].as<E>(),
                             call.n_out == 4 ? call.out[3].as<T>() : nullptr};
    const int64_t rows = h.batch * h.heads * h.queries;
    launch(queue, {blocks_for(rows, kSide)}, {kThreads}, 0, shift_kernel<S, T>, h, back, rows);
    if constexpr (S::kHalf) {
      if (fits_tensor_cores(h, {back.dy, to.dq, to.dk, to.dv})) return attention_grad_halves(queue, h, back, to);
    }
    const int64_t slices = slices_of_depth(h);
    int64_t tasks = h.batch * h.heads * ceil_div(h.queries, kSide) * slices;
    launch(queue, {blocks_for(tasks, 1)}, {kThreads}, 0, query_grad_kernel<S, T>, h, back, to.dq, to.dbias, tasks,
           slices);
    tasks = h.batch * h.groups * ceil_div(h.keys, kSide) * slices;
    launch(queue, {blocks_for(tasks, 1)}, {kThreads}, 0, key_grad_kernel<S, T>, h, back, to.dk, to.dv, tasks, slices);
  });
}

}  // namespace

extern const DeviceKernel kernel_attention, kernel_attention_grad;
const DeviceKernel kernel_attention = {"attention", run_attention, nullptr};
const DeviceKernel kernel_attention_grad = {"attention_grad", run_attention_grad, attention_grad_workspace};

}  // namespace ckeras::cuda
