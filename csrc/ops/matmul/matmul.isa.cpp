#include "ops/matmul/matmul.h"

#include "cpu/features.h"
#include "gemm/batch.h"
#include "gemm/gemm.h"
#include "gemm/half_ending.h"
#include "gemm/narrow.h"
#include "gemm/pairs.h"
#include "gemm/widen.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kTurned = 4096;  // a piece of work turns back so many elements
// Rows and length from which on a product of transposed rows is better turned though its columns fill vectors: those
// rows are then read on.
constexpr int64_t kManyRows = 384, kLong = 4096;

// Whether the lanes of a product should run over its rows. A transposed A is read in rows either way.
template <class T>
CKERAS_INLINE bool is_turned(const MatmulShape& s) {
  constexpr int64_t kLanes = VecOf<T>::kLanes;
  if (s.n == 1 && s.m > 1 && s.k >= kLanes && !s.transpose_a) return true;
  if (s.n == 0 || s.m < 4 * kPanelRows || s.k < 4 * kPanelRows) return false;
  if (s.n <= kFewRows) return true;
  if (!s.transpose_a || s.transpose_b) return false;
  const bool wasteful = s.m >= 4 * kLanes && s.m >= 4 * s.n && 4 * s.n <= 3 * round_up(s.n, kLanes);
  return wasteful || (s.k >= kLong && s.m >= kManyRows && s.m >= 2 * s.n);
}

// to[i * n + j] = from[j * m + i] for i in [begin, end).
template <class T>
CKERAS_INLINE void turn_back(T* to, const T* from, int64_t begin, int64_t end, int64_t m, int64_t n) {
  const int64_t blocks = n / kBlock<T> * kBlock<T>;
  pack_transposed(to + begin * n, n, blocks, blocks, end - begin, [=](int64_t j) { return from + j * m + begin; });
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t j = blocks; j < n; ++j) to[i * n + j] = from[j * m + i];
  }
}

template <class T>
struct Matmul {
  MatmulShape s;
  // The lanes run over the rows, since few columns waste most of a vector: the product is that of the operands turned
  // over, into `sums` [N, M].
  bool turned;
  GemmPlan plan;
  Batch batch;

  explicit Matmul(const Call& call) noexcept
      : s(matmul_shape(call)),
        turned(is_turned<T>(s)),
        plan(turned ? plan_gemm<T>(s.n, s.m, s.k, s.transpose_a, kReadColumns)
                    : plan_gemm<T>(s.m, s.n, s.k, !s.transpose_b,
                                   s.m == 1 ? kReadColumns : left(nullptr, s).read_columns())),
        batch{s.batch, cost(s),
              plan.bytes() + (turned ? round_up(s.m * s.n * static_cast<int64_t>(sizeof(T)), 64) : 0)} {}

  // In multiply-adds, with those of lanes that are not used, and with beginning a product and a tile.
  static int64_t cost(const MatmulShape& s) noexcept {
    constexpr int64_t kLanes = VecOf<T>::kLanes, kBeginning = int64_t{1} << 14;
    return kBeginning + (s.n == 1 ? round_up(s.m, kLanes) : s.m * round_up(s.n, kLanes)) * (s.k + kTileSteps);
  }
  bool narrow() const noexcept {
    return kUnrolls && s.batch > 1 && s.m > 0 && s.m <= kNarrowRows && s.n > 0 &&
           s.n <= kNarrowSums * VecOf<T>::kLanes && !turned && !s.transpose_b && (s.m == 1 || !s.transpose_a);
  }
  int64_t bytes() const noexcept { return narrow() ? 0 : batch.total_bytes(); }
  static CKERAS_MEMBER Matrix<T> left(const T* data, const MatmulShape& s) noexcept {
    return {data, s.transpose_a ? s.m : s.k, !s.transpose_a};
  }
  static CKERAS_MEMBER Matrix<T> right(const T* data, const MatmulShape& s) noexcept {
    return {data, s.transpose_b ? s.k : s.n, s.transpose_b};
  }
  // Of product i of the batch: all have one bias.
  Ending<T> at(Ending<T> ending, int64_t i) const noexcept {
    if (ending.residual != nullptr) ending.residual += i * s.m * s.n;
    return ending;
  }

  // One column: the sums lie where the result does, as a row.
  void multiply_column(Matrix<T> a, Matrix<T> b, T* c, Ending<T> ending, void* workspace) const noexcept {
    multiply_matrices(plan, b, a, Rows<T>{c, s.m}, Ending<T>{nullptr, Epilogue::None}, workspace);
    if (ending.nothing()) return;
    parallel_for(s.m, kTurned, [&](int64_t begin, int64_t end) {
      T bias[kTurned];
      for (int64_t i = 0; ending.bias != nullptr && i < end - begin; ++i) bias[i] = *ending.bias;
      T* const to = c + begin;
      end_block(Ending<T>{ending.bias != nullptr ? bias : nullptr, ending.epilogue,
                          ending.residual != nullptr ? ending.residual + begin : nullptr, 0},
                &to, 1, end - begin);
    });
  }

  void multiply_turned(Matrix<T> a, Matrix<T> b, T* c, Ending<T> ending, void* workspace) const noexcept {
    T* const sums = reinterpret_cast<T*>(static_cast<char*>(workspace) + plan.bytes());
    multiply_matrices(plan, b, a, Rows<T>{sums, s.m}, Ending<T>{nullptr, Epilogue::None}, workspace);
    parallel_for(s.m, most(1, kTurned / s.n), [&](int64_t begin, int64_t end) {
      turn_back(c, sums, begin, end, s.m, s.n);
      if (ending.nothing()) return;
      T* rows[kTurned];
      for (int64_t i = begin; i < end; ++i) rows[i - begin] = c + i * s.n;
      end_block(ending.at(begin, 0), rows, end - begin, s.n);
    });
  }

  void run(const Call& call) const noexcept {
    const T* a = call.in[0].as<const T>();
    const T* b = call.in[1].as<const T>();
    T* c = call.out[0].as<T>();
    const Ending<T> ending{s.bias != nullptr ? s.bias->as<const T>() : nullptr, static_cast<Epilogue>(s.activation),
                           s.residual != nullptr ? s.residual->as<const T>() : nullptr, s.n};
    if constexpr (kUnrolls) {
      if (narrow()) return NarrowRows<T>{s.batch, s.m, s.k, s.n, a, b, c, ending}.run();
    }
    batch.run(call.workspace, [&](int64_t i, void* workspace) {
      const Matrix<T> rows = left(a + i * s.m * s.k, s), columns = right(b + i * s.k * s.n, s);
      T* const to = c + i * s.m * s.n;
      if (turned && s.n == 1) return multiply_column(rows, columns, to, at(ending, i), workspace);
      if (turned) return multiply_turned(rows, columns, to, at(ending, i), workspace);
      multiply_matrices(plan, rows, columns, Rows<T>{to, s.n}, at(ending, i), workspace);
    });
  }
};

template <class S>
HalfEnding<S> half_ending(const MatmulShape& s) noexcept {
  return {s.bias != nullptr ? s.bias->as<const uint16_t>() : nullptr, static_cast<Epilogue>(s.activation),
          s.residual != nullptr ? s.residual->as<const uint16_t>() : nullptr, s.n};
}

#if defined(CKERAS_ISA_AVX512)
// Of bfloat16, by pairs: the bits of WideMatmul, in half the multiplications.
struct PairMatmul {
  MatmulShape s;
  GemmPlan plan;
  bool passing;  // one K block: sums need no memory
  Batch batch;

  explicit PairMatmul(const Call& call) noexcept
      : s(matmul_shape(call)),
        plan(plan_gemm<HalfPair>(s.m, s.n, ceil_div(s.k, 2), false)),
        passing(s.k <= kKBlock),
        batch{s.batch, s.m * s.n * s.k / 2,
              plan.bytes() + (passing ? 0 : round_up(s.m * s.n * static_cast<int64_t>(sizeof(float)), 64))} {}

  int64_t bytes() const noexcept { return batch.total_bytes(); }

  // One row is bound by memory.
  static bool takes(const Call& call) noexcept {
    if (call.out[0].dtype != DType::BF16 || !cpu::has_bfloat16_dots()) return false;
    const MatmulShape s = matmul_shape(call);
    return s.m > 1 && s.k > 0;
  }

  void run(const Call& call) const noexcept {
    const uint16_t* a = call.in[0].as<const uint16_t>();
    const uint16_t* b = call.in[1].as<const uint16_t>();
    uint16_t* c = call.out[0].as<uint16_t>();
    const auto ending = half_ending<Half<BF16Bits>>(s);
    constexpr uint16_t kMinusZero = 0x8000;
    batch.run(call.workspace, [&](int64_t i, void* workspace) {
      const HalfMatrix left{a + i * s.m * s.k, s.transpose_a ? s.m : s.k, !s.transpose_a, s.k, kMinusZero};
      const HalfMatrix right{b + i * s.k * s.n, s.transpose_b ? s.k : s.n, s.transpose_b, s.k, 0};
      char* const sums = static_cast<char*>(workspace) + plan.bytes();
      const HalfRows result{passing ? nullptr : reinterpret_cast<float*>(sums), c + i * s.m * s.n, s.n,
                            ending.at(i * s.m, 0)};
      multiply_panels<HalfPair>(plan, left, right, result, Ending<float>{nullptr, Epilogue::None}, workspace);
    });
  }
};
#endif

// Of halves through float32.
struct WideMatmul {
  int64_t ints[4];
  Call half;
  Widened wide;

  explicit WideMatmul(const Call& call) noexcept
      : ints{call.ints[0], call.ints[1], 0, 0}, half(product(call, ints)), wide(half) {}
  // Without what ends it.
  static Call product(Call call, const int64_t* ints) noexcept {
    call.n_in = 2;
    call.ints = ints;
    return call;
  }
  int64_t bytes() const noexcept { return wide.bytes + Matmul<float>(wide.call).batch.total_bytes(); }

  template <class S>
  void end(const MatmulShape& s, uint16_t* to) const noexcept {
    const HalfEnding<S> ending = half_ending<S>(s);
    const float* const sums = wide.out[0].as<const float>();
    parallel_for(s.batch * s.m, most(1, kConvertGrain / most(1, s.n)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const float* const row = sums + i * s.n;
        end_halves(ending.at(i, 0), &row, to + i * s.n, s.n, 1, s.n);
      }
    });
  }
  void run(const Call& call) const noexcept {
    widen_inputs(half, wide);
    Matmul<float>(wide.call).run(wide.call);
    uint16_t* const to = call.out[0].as<uint16_t>();
    const MatmulShape s = matmul_shape(call);
    call.out[0].dtype == DType::F16 ? end<Half<F16Bits>>(s, to) : end<Half<BF16Bits>>(s, to);
  }
};

// f of the kernel that takes the call.
template <class F>
CKERAS_INLINE auto with_matmul(const Call& call, const F& f) {
#if defined(CKERAS_ISA_AVX512)
  if (PairMatmul::takes(call)) return f(PairMatmul(call));
#endif
  if (call.out[0].dtype == DType::F64) return f(Matmul<double>(call));
  if (call.out[0].dtype == DType::F32) return f(Matmul<float>(call));
  return f(WideMatmul(call));
}

void matmul(const Call& call) noexcept {
  with_matmul(call, [&](const auto& kernel) { kernel.run(call); });
}
int64_t matmul_bytes(const Call& call) noexcept {
  return with_matmul(call, [](const auto& kernel) { return kernel.bytes(); });
}

}  // namespace

extern const Kernel kernel_matmul;
constinit const Kernel kernel_matmul = {matmul, matmul_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
