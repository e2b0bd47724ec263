// dft: the discrete Fourier transform over the last dimension, without scaling, in the dtype of its numbers: the turns
// of float32 are rounded once from float64 (docs/decisions/0015).
//
//   in   re, im [..., n] f32 f64
//   out  re, im [..., n]: out[k] = sum of in[j] exp(sign 2 pi i j k / n)
//   ints sign, -1 or 1
//
// real_dft: the first half of that of real numbers, forward.
//
//   in   x [..., n] f32 f64
//   out  re, im [..., n / 2 + 1]
//
// Sizes 2^a 3^b 5^c 7^d by small radices (J. W. Cooley and J. W. Tukey, 1965): short rows side by side (lanes.h),
// longer ones each as a matrix (matrix.h); other sizes n as a convolution of a power of two m >= 2n - 1 (L. I.
// Bluestein, 1970). The sums have one order, that of the size.
#pragma once
#include "runtime/kernel.h"

namespace ckeras {

inline constexpr int64_t kDftRowSize = 256;       // from here on rows of 2^a 3^b 5^c 7^d numbers go one by one
inline constexpr int64_t kDftLaneSize = 1 << 14;  // up to here rows of other sizes go several at a time

CKERAS_INLINE bool is_power_of_2(int64_t n) { return n > 0 && (n & (n - 1)) == 0; }
// The size of the transforms that are made.
CKERAS_INLINE int64_t dft_size(int64_t n) {
  if (is_power_of_2(n)) return n;
  int64_t m = 1;
  while (m < 2 * n - 1) m *= 2;
  return m;
}

}  // namespace ckeras
