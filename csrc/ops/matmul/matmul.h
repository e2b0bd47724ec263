// matmul: C = activation(A B + bias), one product or a batch of them.
//
//   in   a [M, K] or [B, M, K]; b [K, N] or [B, K, N], the same B and dtype; optional bias [N]
//   out  [M, N] or [B, M, N]
//   ints transpose_a (a is stored [K, M]), transpose_b (b is stored [N, K]), activation (gemm/activation.h)
//
// dtypes f16 bf16 f32 f64; halves accumulate in float32 and round once, after the activation. Any size may be 0: K = 0
// gives activation(bias). The order of the sum over K is gemm/gemm.h's.
#pragma once
#include "runtime/kernel.h"

namespace ckeras {

struct MatmulShape {
  int64_t batch, m, n, k;
  bool transpose_a, transpose_b;
  int64_t activation;
};

CKERAS_INLINE MatmulShape matmul_shape(const Call& call) {
  const View& a = call.in[0];
  const View& c = call.out[0];
  const bool transpose_a = call.ints[0] != 0;
  return {c.rank == 3 ? c.shape[0] : 1,
          c.shape[c.rank - 2],
          c.shape[c.rank - 1],
          a.shape[transpose_a ? a.rank - 2 : a.rank - 1],
          transpose_a,
          call.ints[1] != 0,
          call.ints[2]};
}

}  // namespace ckeras
