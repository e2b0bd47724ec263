// matmul: C = activation(A B + bias) + residual, one product or a batch of them.
//
//   in   a [M, K] or [B, M, K]; b [K, N] or [B, K, N], the same B and dtype; optional bias [N];
//        optional residual, shaped as out, the last input
//   out  [M, N] or [B, M, N]
//   ints transpose_a (a is stored [K, M]), transpose_b (b is stored [N, K]), activation (gemm/activation.h),
//        has residual
//
// dtypes f16 bf16 f32 f64; halves accumulate in float32 and round the sum, then after each step of the ending, as ops
// of their own would. Any size may be 0: K = 0 gives activation(bias) + residual. The order of the sum over K is
// gemm/gemm.h's.
#pragma once
#include "runtime/kernel.h"

namespace ckeras {

struct MatmulShape {
  int64_t batch, m, n, k;
  bool transpose_a, transpose_b;
  int64_t activation;
  const View *bias, *residual;  // or null
};

CKERAS_INLINE MatmulShape matmul_shape(const Call& call) {
  const View& a = call.in[0];
  const View& c = call.out[0];
  const bool transpose_a = call.ints[0] != 0, has_residual = call.ints[3] != 0;
  return {c.rank == 3 ? c.shape[0] : 1,
          c.shape[c.rank - 2],
          c.shape[c.rank - 1],
          a.shape[transpose_a ? a.rank - 2 : a.rank - 1],
          transpose_a,
          call.ints[1] != 0,
          call.ints[2],
          call.n_in - has_residual == 3 ? &call.in[2] : nullptr,
          has_residual ? &call.in[call.n_in - 1] : nullptr};
}

}  // namespace ckeras
