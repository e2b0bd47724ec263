// reduce_sum reduce_prod reduce_max reduce_min reduce_any reduce_all. Whatever the dtype, a fold is one of float64,
// int64 or uint64, rounded once at its end: memory decides the time, and so few kernels serve all dtypes.
//
// As on the CPU, neighbouring dimensions merge and each reduced one, the last first, is folded as [outer, n, inner] ->
// [outer, chunks, inner], again until one chunk is left. Chunks depend on the shape alone.
#include "ops/reduce/reduce.h"

#include "cuda/block.h"
#include "cuda/elements.h"

namespace ckeras::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kRowPiece = 1 << 14;  // of a row that a block folds
constexpr int64_t kColumnPiece = 512;   // rows that a thread folds in its column

struct ProdOf {
  template <class T>
  CKERAS_MEMBER T operator()(T a, T b) const {
    return a * b;
  }
};
struct AnyOf {
  template <class T>
  CKERAS_MEMBER T operator()(T a, T b) const {
    return a | b;
  }
};
struct AllOf {
  template <class T>
  CKERAS_MEMBER T operator()(T a, T b) const {
    return a & b;
  }
};

// The result over no elements, which changes no other.
template <class F, class T>
struct Neutral;
template <class T>
struct Neutral<SumOf, T> {
  static constexpr T value = 0;
};
template <class T>
struct Neutral<AnyOf, T> {
  static constexpr T value = 0;
};
template <class T>
struct Neutral<ProdOf, T> {
  static constexpr T value = 1;
};
template <class T>
struct Neutral<AllOf, T> {
  static constexpr T value = 1;
};
template <class T>
struct Neutral<MaxOf, T> {
  static constexpr T value = static_cast<T>(-1) > 0 ? T{0} : static_cast<T>(-0x7fffffffffffffff - 1);
};
template <class T>
struct Neutral<MinOf, T> {
  static constexpr T value = static_cast<T>(-1) > 0 ? static_cast<T>(-1) : static_cast<T>(0x7fffffffffffffff);
};
template <>
struct Neutral<MaxOf, double> {
  static constexpr double value = -__builtin_inf();
};
template <>
struct Neutral<MinOf, double> {
  static constexpr double value = __builtin_inf();
};

struct Stage {
  const void* x;
  void* y;
  DType from, to;
  int64_t outer, n, inner, chunks, length;  // of a chunk
};

template <class F, class T>
__global__ void __launch_bounds__(kThreads) rows_kernel(const Stage s) {
  for (int64_t i = blockIdx.x; i < s.outer * s.chunks; i += gridDim.x) {
    const int64_t begin = i % s.chunks * s.length, end = least(begin + s.length, s.n);
    T value = Neutral<F, T>::value;
    for (int64_t j = begin + threadIdx.x; j < end; j += blockDim.x) {
      value = F()(value, element_as<T>(s.x, i / s.chunks * s.n + j, s.from));
    }
    value = fold_block(value, F());
    if (threadIdx.x == 0) put_element(s.y, i, s.to, value);
  }
}
template <class F, class T>
__global__ void __launch_bounds__(kThreads) columns_kernel(const Stage s) {
  for (int64_t i = first_element(); i < s.outer * s.chunks * s.inner; i += all_threads()) {
    const int64_t column = i % s.inner, chunk = i / s.inner % s.chunks, outer = i / s.inner / s.chunks;
    const int64_t begin = chunk * s.length, end = least(begin + s.length, s.n);
    T value = Neutral<F, T>::value;
    for (int64_t j = begin; j < end; ++j) {
      value = F()(value, element_as<T>(s.x, (outer * s.n + j) * s.inner + column, s.from));
    }
    put_element(s.y, i, s.to, value);
  }
}

// visit(stage, whether it is the last) for every launch, without the pointers.
template <class Visit>
void for_stages(const Call& call, const Visit& visit) {
  const View& x = call.in[0];
  int64_t sizes[kMaxRank + 1];
  bool reduced[kMaxRank + 1];
  int rank = 0;
  for (int d = 0; d < x.rank; ++d) {
    if (x.shape[d] == 1) continue;
    const bool flag = call.ints[d] != 0;
    if (rank > 0 && reduced[rank - 1] == flag) {
      sizes[rank - 1] *= x.shape[d];
    } else {
      sizes[rank] = x.shape[d];
      reduced[rank++] = flag;
    }
  }
  int left = 0;
  for (int d = 0; d < rank; ++d) left += reduced[d];
  if (left == 0) {  // nothing but dimensions of size 1: a copy
    sizes[rank] = 1;
    reduced[rank++] = true;
    left = 1;
  }
  int64_t inner = 1;
  for (int d = rank - 1; d >= 0; --d) {
    if (!reduced[d]) {
      inner *= sizes[d];
      continue;
    }
    --left;
    Stage s = {};
    s.outer = 1;
    s.inner = inner;
    for (int e = 0; e < d; ++e) s.outer *= sizes[e];
    s.length = inner == 1 ? kRowPiece : kColumnPiece;
    for (s.n = sizes[d];; s.n = s.chunks) {
      s.chunks = s.n <= s.length ? 1 : ceil_div(s.n, s.length);
      visit(s, s.chunks == 1 && left == 0);
      if (s.chunks == 1) break;
    }
  }
}

// Two buffers of 64-bit numbers, in turns.
int64_t buffer_bytes(const Call& call) {
  int64_t most = 0;
  for_stages(call, [&](const Stage& s, bool last) {
    const int64_t bytes = last ? 0 : s.outer * s.chunks * s.inner * int64_t{8};
    most = bytes > most ? bytes : most;
  });
  return ceil_div(most, 64) * 64;
}
int64_t reduce_workspace(const Call& call) noexcept { return 2 * buffer_bytes(call); }

template <class F, class T>
void run_fold(const Call& call, Queue& queue, DType wide) {
  const int64_t bytes = buffer_bytes(call);
  const void* from = call.in[0].data;
  DType dtype = call.in[0].dtype;
  int turn = 0;
  for_stages(call, [&](Stage s, bool last) {
    s.x = from;
    s.from = dtype;
    s.y = last ? call.out[0].data : static_cast<char*>(call.workspace) + turn * bytes;
    s.to = last ? call.out[0].dtype : wide;
    turn = 1 - turn;
    from = s.y;
    dtype = wide;
    const int64_t results = s.outer * s.chunks * s.inner;
    if (results == 0) return;
    if (s.inner == 1) {
      launch(queue, {blocks_for(results, 1)}, {kThreads}, 0, rows_kernel<F, T>, s);
    } else {
      launch(queue, {blocks_for(results, kThreads)}, {kThreads}, 0, columns_kernel<F, T>, s);
    }
  });
}

template <class F, bool kCompares>
Status run_numbers(const Call& call, Queue& queue) {
  const DType dtype = call.in[0].dtype;
  if (dtype >= DType::F16) {
    run_fold<F, double>(call, queue, DType::F64);
  } else if (kCompares && dtype >= DType::I8 && dtype <= DType::I64) {
    run_fold<F, int64_t>(call, queue, DType::I64);
  } else {
    run_fold<F, uint64_t>(call, queue, DType::U64);
  }
  return Status::Launched;
}
template <class F>
Status run_bools(const Call& call, Queue& queue) {
  run_fold<F, uint64_t>(call, queue, DType::U64);
  return Status::Launched;
}

}  // namespace

#define CKERAS_FOLD(name, run)             \
  extern const DeviceKernel kernel_##name; \
  const DeviceKernel kernel_##name = {#name, run, reduce_workspace};
CKERAS_FOLD(reduce_sum, (run_numbers<SumOf, false>))
CKERAS_FOLD(reduce_prod, (run_numbers<ProdOf, false>))
CKERAS_FOLD(reduce_max, (run_numbers<MaxOf, true>))
CKERAS_FOLD(reduce_min, (run_numbers<MinOf, true>))
CKERAS_FOLD(reduce_any, run_bools<AnyOf>)
CKERAS_FOLD(reduce_all, run_bools<AllOf>)
#undef CKERAS_FOLD

}  // namespace ckeras::cuda
