#include "ops/matmul/matmul.h"

#include "cpu/features.h"
#include "gemm/batch.h"
#include "gemm/gemm.h"
#include "gemm/pairs.h"
#include "gemm/widen.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <class T>
struct Matmul {
  MatmulShape s;
  GemmPlan plan;
  Batch batch;

  explicit Matmul(const Call& call) noexcept
      : s(matmul_shape(call)),
        plan(plan_gemm<T>(s.m, s.n, s.k, !s.transpose_b, !left(nullptr, s).crowded())),
        batch{s.batch, s.m * s.n * s.k, plan.bytes()} {}

  static CKERAS_MEMBER Matrix<T> left(const T* data, const MatmulShape& s) noexcept {
    return {data, s.transpose_a ? s.m : s.k, !s.transpose_a};
  }
  // Of product i of the batch: all have one bias.
  Ending<T> at(Ending<T> ending, int64_t i) const noexcept {
    if (ending.residual != nullptr) ending.residual += i * s.m * s.n;
    return ending;
  }

  void run(const Call& call) const noexcept {
    const T* a = call.in[0].as<const T>();
    const T* b = call.in[1].as<const T>();
    T* c = call.out[0].as<T>();
    const Ending<T> ending{s.bias != nullptr ? s.bias->as<const T>() : nullptr, static_cast<Epilogue>(s.activation),
                           s.residual != nullptr ? s.residual->as<const T>() : nullptr, s.n};
    batch.run(call.workspace, [&](int64_t i, void* workspace) {
      const Matrix<T> right{b + i * s.k * s.n, s.transpose_b ? s.k : s.n, s.transpose_b};
      multiply_matrices(plan, left(a + i * s.m * s.k, s), right, Rows<T>{c + i * s.m * s.n, s.n}, at(ending, i),
                        workspace);
    });
  }
};

#if defined(CKERAS_ISA_AVX512)
// Of bfloat16, by pairs: the bits of Matmul<float> on widened operands, in half the multiplications.
struct PairMatmul {
  MatmulShape s;
  GemmPlan plan;
  Batch batch;

  explicit PairMatmul(const Call& call) noexcept
      : s(matmul_shape(call)),
        plan(plan_gemm<HalfPair>(s.m, s.n, ceil_div(s.k, 2), false)),
        batch{s.batch, s.m * s.n * s.k / 2,
              plan.bytes() + round_up(s.m * s.n * static_cast<int64_t>(sizeof(float)), 64)} {}

  // One row is bound by memory; a bias or residual of a half would have to be widened.
  static bool takes(const Call& call) noexcept {
    if (call.out[0].dtype != DType::BF16 || !cpu::has_bfloat16_dots()) return false;
    const MatmulShape s = matmul_shape(call);
    return s.m > 1 && s.k > 0 && s.bias == nullptr && s.residual == nullptr;
  }

  void run(const Call& call) const noexcept {
    const uint16_t* a = call.in[0].as<const uint16_t>();
    const uint16_t* b = call.in[1].as<const uint16_t>();
    uint16_t* c = call.out[0].as<uint16_t>();
    constexpr uint16_t kMinusZero = 0x8000;
    batch.run(call.workspace, [&](int64_t i, void* workspace) {
      const HalfMatrix left{a + i * s.m * s.k, s.transpose_a ? s.m : s.k, !s.transpose_a, s.k, kMinusZero};
      const HalfMatrix right{b + i * s.k * s.n, s.transpose_b ? s.k : s.n, s.transpose_b, s.k, 0};
      float* const sums = reinterpret_cast<float*>(static_cast<char*>(workspace) + plan.bytes());
      multiply_panels<HalfPair>(plan, left, right, HalfRows{sums, c + i * s.m * s.n, s.n},
                                Ending<float>{nullptr, static_cast<Epilogue>(s.activation)}, workspace);
    });
  }
};
#endif

void matmul(const Call& call) noexcept {
#if defined(CKERAS_ISA_AVX512)
  if (PairMatmul::takes(call)) return PairMatmul(call).run(call);
#endif
  run_float(call, [](const Call& c, auto t) { Matmul<decltype(t)>(c).run(c); });
}
int64_t matmul_bytes(const Call& call) noexcept {
#if defined(CKERAS_ISA_AVX512)
  if (PairMatmul::takes(call)) return PairMatmul(call).batch.total_bytes();
#endif
  return bytes_float(call, [](const Call& c, auto t) { return Matmul<decltype(t)>(c).batch.total_bytes(); });
}

}  // namespace

extern const Kernel kernel_matmul;
constinit const Kernel kernel_matmul = {matmul, matmul_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
