// A block has 64 queries, or for dk and dv 64 keys, each of its four warps 16 of them as the rows of its products; what
// they meet comes in blocks of 64, the next one or two on their way (cp.async). Scores stay in registers: what mma
// gives of one product is, as halves, what it takes for the next. float32 sums, maxima and weights; one order of
// everything.
#include "cuda/attention_halves.h"

#include "cuda/mma.h"

namespace ckeras::cuda {
namespace {

constexpr int kSide = 64, kWarpRows = 16, kThreads = kSide / kWarpRows * kWarp;
constexpr int kColumns = kSide / 8;  // tiles of a warp's scores

using Scores = float[kColumns][4];
template <int kDepth>
using Sums = float[kDepth / 8][4];

// 64 rows in shared memory.
template <int kDepth>
struct Rows {
  static constexpr int kStep = kDepth + kPad, kHalves = kSide * kStep;
  static __device__ void load(uint16_t* to, const uint16_t* from, int64_t step, int64_t rows, int64_t depth) {
    for (int i = static_cast<int>(threadIdx.x); i < kSide * kDepth / 8; i += kThreads) {
      const int r = i / (kDepth / 8), d = i % (kDepth / 8) * 8;
      const bool there = r < rows && d < depth;
      copy_async(to + r * kStep + d, there ? from + r * step + d : from, there);
    }
  }
};

// Element e of tile j of a warp's products lies in this row and column of the block's.
__device__ inline int row_of(int e) {
  return static_cast<int>(threadIdx.x) / kWarp * kWarpRows + static_cast<int>(threadIdx.x) % kWarp / 4 + e / 2 * 8;
}
__device__ inline int column_of(int j, int e) { return 8 * j + static_cast<int>(threadIdx.x) % 4 * 2 + e % 2; }

// f(j, e) for all of them.
template <class F>
__device__ void each_score(const F& f) {
  CKERAS_UNROLL
  for (int j = 0; j < kColumns; ++j) {
    CKERAS_UNROLL
    for (int e = 0; e < 4; ++e) f(j, e);
  }
}

// The warp's rows of `left` times all rows of `right`.
template <class S, int kDepth>
__device__ void multiply_rows(Scores& sum, const uint16_t* left, const uint16_t* right) {
  constexpr int kStep = Rows<kDepth>::kStep;
  each_score([&](int j, int e) { sum[j][e] = 0; });
  CKERAS_UNROLL
  for (int d = 0; d < kDepth; d += 16) {
    uint32_t a[4];
    load_square<true, true>(a, left, kStep, static_cast<int>(threadIdx.x) / kWarp * kWarpRows, d);
    CKERAS_UNROLL
    for (int j = 0; j < kColumns; j += 2) {
      uint32_t b[4];
      load_square<true, false>(b, right, kStep, 8 * j, d);
      multiply_add<S>(sum[j], a, {b[0], b[1]});
      multiply_add<S>(sum[j + 1], a, {b[2], b[3]});
    }
  }
}

// sum += the warp's scores, as halves, times the rows of `right`.
template <class S, int kDepth>
__device__ void add_rows(Sums<kDepth>& sum, const Scores& scores, const uint16_t* right) {
  CKERAS_UNROLL
  for (int k = 0; k < kColumns; k += 2) {
    const uint32_t a[4] = {pack<S>(scores[k][0], scores[k][1]), pack<S>(scores[k][2], scores[k][3]),
                           pack<S>(scores[k + 1][0], scores[k + 1][1]), pack<S>(scores[k + 1][2], scores[k + 1][3])};
    CKERAS_UNROLL
    for (int j = 0; j < kDepth / 8; j += 2) {
      uint32_t b[4];
      load_square<false, false>(b, right, Rows<kDepth>::kStep, 8 * j, 8 * k);
      multiply_add<S>(sum[j], a, {b[0], b[1]});
      multiply_add<S>(sum[j + 1], a, {b[2], b[3]});
    }
  }
}

// The warp's rows below `rows`, by their factors.
template <class S, int kDepth>
__device__ void store_rows(uint16_t* to, int64_t step, int64_t rows, int64_t depth, const Sums<kDepth>& sum,
                           const float (&factor)[2]) {
  CKERAS_UNROLL
  for (int j = 0; j < kDepth / 8; ++j) {
    CKERAS_UNROLL
    for (int e = 0; e < 4; e += 2) {
      if (row_of(e) >= rows || 8 * j >= depth) continue;
      const uint32_t pair = pack<S>(sum[j][e] * factor[e / 2], sum[j][e + 1] * factor[e / 2]);
      *reinterpret_cast<uint32_t*>(to + row_of(e) * step + column_of(j, 0)) = pair;
    }
  }
}

// Over the four lanes of a row.
template <class F>
__device__ float fold_row(float value, const F& fold) {
  value = fold(value, __shfl_xor_sync(kWholeWarp, value, 2));
  return fold(value, __shfl_xor_sync(kWholeWarp, value, 1));
}

// body(piece, its memory) for each of `pieces`, which load(piece, to) begins to bring kStages - 1 before.
template <int kStages, class Load, class Body>
__device__ void in_stages(int64_t pieces, uint16_t* memory, int64_t halves, const Load& load, const Body& body) {
  const auto begin = [&](int64_t piece) {
    if (piece < pieces) load(piece, memory + piece % kStages * halves);
    end_group();
  };
  begin(0);
  for (int64_t piece = 0; piece < pieces; ++piece) {
    if (kStages > 1) begin(piece + 1);
    wait_for_groups<kStages - 1>();
    __syncthreads();
    body(piece, memory + piece % kStages * halves);
    __syncthreads();  // nobody reads it any more
    if (kStages == 1) begin(piece + 1);
  }
  wait_for_groups<0>();
}

// Blocks of keys that queries before `end` meet.
template <class S>
CKERAS_INLINE int64_t key_blocks(const Heads<S>& h, int64_t end) {
  return ceil_div(h.skips(end, h.keys - 1) ? end : h.keys, kSide);
}

template <class S, int kDepth>
__global__ void __launch_bounds__(kThreads)
    forward_kernel(const __grid_constant__ Heads<S> h, uint16_t* y, float* tops, float* totals, int64_t tasks) {
  using R = Rows<kDepth>;
  CKERAS_DYNAMIC_SHARED(uint16_t, queries);
  for (int64_t i = blockIdx.x; i < tasks; i += gridDim.x) {
    const Task at = task_of(i, h.heads, h.queries, kSide, 1, 0);
    const int64_t rows = least(kSide, h.queries - at.t), query = h.query(at.b, at.n, at.t);
    const int64_t group = at.n / (h.heads / h.groups);
    Sums<kDepth> sum = {};
    float top[2] = {-TraitsOf<One<float>>::kInf, -TraitsOf<One<float>>::kInf}, total[2] = {};
    R::load(queries, h.q + query, h.query_step(), rows, h.depth);
    const auto load = [&](int64_t piece, uint16_t* to) {
      const int64_t key = h.key(at.b, group, piece * kSide), left = h.keys - piece * kSide;
      R::load(to, h.k + key, h.key_step(), left, h.depth);
      R::load(to + R::kHalves, h.v + key, h.key_step(), left, h.depth);
    };
    in_stages<2>(key_blocks(h, at.t + rows), queries + R::kHalves, 2 * R::kHalves, load,
                 [&](int64_t piece, const uint16_t* keys) {
                   Scores l;
                   multiply_rows<S, kDepth>(l, queries, keys);
                   float most[2] = {top[0], top[1]};
                   each_score([&](int j, int e) {
                     const int64_t t = at.t + row_of(e), s = piece * kSide + column_of(j, e);
                     l[j][e] = t < h.queries && s < h.keys ? h.logit(h.capped(l[j][e]), at.b, at.n, t, s)
                                                           : -TraitsOf<One<float>>::kInf;
                     most[e / 2] = MaxOf()(l[j][e], most[e / 2]);
                   });
                   CKERAS_UNROLL
                   for (int r = 0; r < 2; ++r) {
                     most[r] = fold_row(most[r], MaxOf());
                     const float base = most[r] == -TraitsOf<One<float>>::kInf ? 0 : most[r];  // all hidden so far
                     const float factor = h.grown(top[r] - base);
                     top[r] = most[r];
                     total[r] *= factor;
                     CKERAS_UNROLL
                     for (int j = 0; j < kColumns; ++j) {
                       CKERAS_UNROLL
                       for (int e = 2 * r; e < 2 * r + 2; ++e) total[r] += l[j][e] = h.grown(l[j][e] - base);
                     }
                     CKERAS_UNROLL
                     for (int j = 0; j < kDepth / 8; ++j) {
                       sum[j][2 * r] *= factor;
                       sum[j][2 * r + 1] *= factor;
                     }
                   }
                   add_rows<S, kDepth>(sum, l, keys + R::kHalves);
                 });
    float share[2];
    CKERAS_UNROLL
    for (int r = 0; r < 2; ++r) {
      total[r] = fold_row(total[r], SumOf());
      share[r] = 1 / total[r];
      if (row_of(2 * r) < rows && threadIdx.x % 4 == 0) {
        tops[h.row(at.b, at.n, at.t + row_of(2 * r))] = top[r];
        totals[h.row(at.b, at.n, at.t + row_of(2 * r))] = total[r];
      }
    }
    store_rows<S, kDepth>(y + query, h.query_step(), rows, h.depth, sum, share);
  }
}

// Two arrays of 64 rows that stay, and kStages times two.
template <int kDepth>
inline constexpr int kBackStages = kDepth <= 64 ? 2 : 1;
template <int kDepth>
inline constexpr int64_t kBackBytes = int64_t{2} * (2 + 2 * kBackStages<kDepth>)*Rows<kDepth>::kHalves;

template <class S, int kDepth>
__global__ void __launch_bounds__(kThreads) query_grad_kernel(const __grid_constant__ Heads<S> h, const Back<S> back,
                                                              uint16_t* dq, float* dbias, int64_t tasks) {
  using R = Rows<kDepth>;
  CKERAS_DYNAMIC_SHARED(uint16_t, queries);
  for (int64_t i = blockIdx.x; i < tasks; i += gridDim.x) {
    const Task at = task_of(i, h.heads, h.queries, kSide, 1, 0);
    const int64_t rows = least(kSide, h.queries - at.t), query = h.query(at.b, at.n, at.t);
    const int64_t group = at.n / (h.heads / h.groups);
    Sums<kDepth> sum = {};
    ScoreRow<float> row[2] = {};
    CKERAS_UNROLL
    for (int r = 0; r < 2; ++r) {
      if (row_of(2 * r) < rows) row[r] = back.of_row(h.row(at.b, at.n, at.t + row_of(2 * r)));
    }
    R::load(queries, h.q + query, h.query_step(), rows, h.depth);
    R::load(queries + R::kHalves, back.dy + query, h.query_step(), rows, h.depth);
    const auto load = [&](int64_t piece, uint16_t* to) {
      const int64_t key = h.key(at.b, group, piece * kSide), left = h.keys - piece * kSide;
      R::load(to, h.k + key, h.key_step(), left, h.depth);
      R::load(to + R::kHalves, h.v + key, h.key_step(), left, h.depth);
    };
    const int64_t pieces = dbias != nullptr ? ceil_div(h.keys, kSide) : key_blocks(h, at.t + rows);
    in_stages<kBackStages<kDepth>>(pieces, queries + 2 * R::kHalves, 2 * R::kHalves, load,
                                   [&](int64_t piece, const uint16_t* keys) {
                                     Scores scores, across;
                                     multiply_rows<S, kDepth>(scores, queries, keys);
                                     multiply_rows<S, kDepth>(across, queries + R::kHalves, keys + R::kHalves);
                                     each_score([&](int j, int e) {
                                       const int64_t t = at.t + row_of(e), s = piece * kSide + column_of(j, e);
                                       Slope<float> slope = {0, 0, 0};
                                       if (t < h.queries && s < h.keys) {
                                         slope = slope_of(h, row[e / 2], scores[j][e], across[j][e], at.b, at.n, t, s);
                                         if (dbias != nullptr) dbias[h.row(at.b, at.n, t) * h.keys + s] = slope.dl;
                                       }
                                       scores[j][e] = slope.dc;
                                     });
                                     add_rows<S, kDepth>(sum, scores, keys);
                                   });
    store_rows<S, kDepth>(dq + query, h.query_step(), rows, h.depth, sum, {1, 1});
  }
}

template <class S, int kDepth>
__global__ void __launch_bounds__(kThreads)
    key_grad_kernel(const __grid_constant__ Heads<S> h, const Back<S> back, uint16_t* dk, uint16_t* dv, int64_t tasks) {
  using R = Rows<kDepth>;
  CKERAS_DYNAMIC_SHARED(uint16_t, keys);
  for (int64_t i = blockIdx.x; i < tasks; i += gridDim.x) {
    const Task at = task_of(i, h.groups, h.keys, kSide, 1, 0);  // n: the group, t: the first key
    const int64_t columns = least(kSide, h.keys - at.t), key = h.key(at.b, at.n, at.t), shared_by = h.heads / h.groups;
    // Of each head that shares the keys, the blocks of queries that meet them.
    const int64_t blocks = ceil_div(h.queries, kSide), first = h.skips(at.t, at.t) ? least(at.t / kSide, blocks) : 0;
    const int64_t each = blocks - first;
    Sums<kDepth> dkeys = {}, dvalues = {};
    R::load(keys, h.k + key, h.key_step(), columns, h.depth);
    R::load(keys + R::kHalves, h.v + key, h.key_step(), columns, h.depth);
    const auto head = [&](int64_t piece) { return at.n * shared_by + piece / each; };
    const auto time = [&](int64_t piece) { return (first + piece % each) * kSide; };
    const auto load = [&](int64_t piece, uint16_t* to) {
      const int64_t query = h.query(at.b, head(piece), time(piece)), left = h.queries - time(piece);
      R::load(to, h.q + query, h.query_step(), left, h.depth);
      R::load(to + R::kHalves, back.dy + query, h.query_step(), left, h.depth);
    };
    in_stages<kBackStages<kDepth>>(
        shared_by * each, keys + 2 * R::kHalves, 2 * R::kHalves, load, [&](int64_t piece, const uint16_t* queries) {
          Scores weights, slopes;
          multiply_rows<S, kDepth>(weights, keys, queries);
          multiply_rows<S, kDepth>(slopes, keys + R::kHalves, queries + R::kHalves);
          const int64_t n = head(piece);
          each_score([&](int j, int e) {
            const int64_t s = at.t + row_of(e), t = time(piece) + column_of(j, e);
            Slope<float> slope = {0, 0, 0};
            if (t < h.queries && s < h.keys) {
              slope = slope_of(h, back.of_row(h.row(at.b, n, t)), weights[j][e], slopes[j][e], at.b, n, t, s);
            }
            weights[j][e] = slope.p;
            slopes[j][e] = slope.dc;
          });
          add_rows<S, kDepth>(dvalues, weights, queries + R::kHalves);
          add_rows<S, kDepth>(dkeys, slopes, queries);
        });
    store_rows<S, kDepth>(dk + key, h.key_step(), columns, h.depth, dkeys, {1, 1});
    store_rows<S, kDepth>(dv + key, h.key_step(), columns, h.depth, dvalues, {1, 1});
  }
}

template <class F>
void with_depth(int64_t depth, const F& f) {
  depth <= 64 ? f(std::integral_constant<int, 64>()) : f(std::integral_constant<int, 128>());
}

}  // namespace

template <class S>
void attention_halves(Queue& queue, const Heads<S>& h, uint16_t* y, float* tops, float* totals) {
  const int64_t tasks = h.batch * h.heads * ceil_div(h.queries, kSide);
  with_depth(h.depth, [&](auto depth) {
    constexpr int kDepth = decltype(depth)::value;
    launch(queue, {blocks_for(tasks, 1)}, {kThreads}, int64_t{2} * 5 * Rows<kDepth>::kHalves, forward_kernel<S, kDepth>,
           h, y, tops, totals, tasks);
  });
}
template <class S>
void attention_grad_halves(Queue& queue, const Heads<S>& h, const Back<S>& back, const Gradients<S>& to) {
  with_depth(h.depth, [&](auto depth) {
    constexpr int kDepth = decltype(depth)::value;
    int64_t tasks = h.batch * h.heads * ceil_div(h.queries, kSide);
    launch(queue, {blocks_for(tasks, 1)}, {kThreads}, kBackBytes<kDepth>, query_grad_kernel<S, kDepth>, h, back, to.dq,
           to.dbias, tasks);
    tasks = h.batch * h.groups * ceil_div(h.keys, kSide);
    launch(queue, {blocks_for(tasks, 1)}, {kThreads}, kBackBytes<kDepth>, key_grad_kernel<S, kDepth>, h, back, to.dk,
           to.dv, tasks);
  });
}

#define CKERAS_ATTENTION_HALVES(S)                                                    \
  template void attention_halves(Queue&, const Heads<S>&, uint16_t*, float*, float*); \
  template void attention_grad_halves(Queue&, const Heads<S>&, const Back<S>&, const Gradients<S>&);
CKERAS_ATTENTION_HALVES(Half<F16Bits>)
CKERAS_ATTENTION_HALVES(Half<BF16Bits>)

}  // namespace ckeras::cuda
