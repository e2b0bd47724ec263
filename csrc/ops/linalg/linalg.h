// Linear algebra beyond products. These kernels have no row in ops.def: the primitives are computed on the host
// (python/ckeras/_core/host.py), which finds them here by name. The calling convention is runtime/kernel.h's.
//
//   name               in -> out, all f32 or all f64, leading dimensions are a batch [..]      ints
//   qr                 x[.., m, n] -> Q[.., m, k], R[.., k, n]; k = min(m, n), or m when Q is asked for whole
//   cholesky           x[.., n, n] -> L[.., n, n] of the mean of x and its transpose
//   solve              a[.., n, n], b[.., n, k] -> x[.., n, k]
//   solve_triangular   a[.., n, n], b[.., n, k] -> x[.., n, k]; the other triangle is not read   lower
//   lu_factor          x[.., m, n] -> L and U in one [.., m, n], exchanges of rows int32 [.., min(m, n)]
//   slogdet            x[.., n, n] -> sign[..], log of the size[..]
//   det                x[.., n, n] -> [..]
//   eigh               x[.., n, n] -> eigenvalues[.., n] of the mean of x and its transpose, rising, and vectors, as
//                      columns [.., n, n]
//   svd                x[.., m, n] -> U[.., m, u], s[.., k] falling, V^T[.., v, n]; k = min(m, n), and u, v too, or
//                      u = m, v = n
//   singular_values    x[.., m, n] -> s[.., k]
//   pinv               x[.., m, n] -> [.., n, m]; floats: values up to this share of the largest count as zero
//
// Conventions: Q R as LAPACK's, R[i, i] = -sign(alpha) |column| of the column left by the reflections before it, alpha
// its first element; a column that is zero below alpha is not reflected. Pivots: the largest of the column, of equals
// the first, and the first NaN before all. Signs of eigenvectors, of the columns of U, and of those vectors of U or V
// that only complete a square: the component of the largest size, the first of equals, is positive.
//
// Fault codes: see below, kNoConvergence for infinities and NaN too; `value` is the number of the first column that
// stopped, `limit` how many there are.
//
// Sums: products go by product.h, dots by vectors.h; blocks are of kSolverBlock columns. So bits depend on shapes and
// values alone. Denormals are flushed.
#pragma once
#include "runtime/kernel.h"

namespace ckeras {

inline constexpr int32_t kSingular = 2, kNotDefinite = 3, kNoConvergence = 4;

struct LinalgRow {
  const char* name;
  const Kernel* kernel;
};

inline constexpr int kLinalgRows = 0
#define CKERAS_LINALG(name) +1
#include "ops/linalg/linalg.def"
    ;

}  // namespace ckeras
