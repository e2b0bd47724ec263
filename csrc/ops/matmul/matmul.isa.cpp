#include "ops/matmul/matmul.h"

#include "gemm/batch.h"
#include "gemm/gemm.h"
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
        plan(plan_gemm<T>(s.m, s.n, s.k, !s.transpose_b)),
        batch{s.batch, s.m * s.n * s.k, plan.bytes()} {}

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
      const Matrix<T> left{a + i * s.m * s.k, s.transpose_a ? s.m : s.k, !s.transpose_a};
      const Matrix<T> right{b + i * s.k * s.n, s.transpose_b ? s.k : s.n, s.transpose_b};
      multiply_matrices(plan, left, right, Rows<T>{c + i * s.m * s.n, s.n}, at(ending, i), workspace);
    });
  }
};

void matmul(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) { Matmul<decltype(t)>(c).run(c); });
}
int64_t matmul_bytes(const Call& call) noexcept {
  return bytes_float(call, [](const Call& c, auto t) { return Matmul<decltype(t)>(c).batch.total_bytes(); });
}

}  // namespace

extern const Kernel kernel_matmul;
constinit const Kernel kernel_matmul = {matmul, matmul_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
