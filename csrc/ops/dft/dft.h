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
// short_time_dft: real_dft of windows of the last dimension, which may overlap, each multiplied by the weights.
//
//   in   x [..., samples], weights [n] f32 f64
//   out  re, im [..., count, n / 2 + 1]: window i begins at i * step; (count - 1) * step + n <= samples
//   ints step
//
// Sizes 2^a 3^b 5^c 7^d by small radices (J. W. Cooley and J. W. Tukey, 1965): short rows side by side (lanes.h),
// longer ones each as a matrix (matrix.h); other sizes n as a convolution of a power of two m >= 2n - 1 (L. I.
// Bluestein, 1970). The sums have one order, that of the size.
#pragma once
#include "runtime/kernel.h"

namespace ckeras {

inline constexpr int64_t kDftRowSize = 256;       // from here on rows of 2^a 3^b 5^c 7^d numbers go one by one
inline constexpr int64_t kDftLaneSize = 1 << 14;  // up to here rows of other sizes go several at a time

// The rows of numbers that an op transforms.
struct DftRows {
  int64_t n, count;            // numbers of a row; rows
  int64_t group, apart, step;  // rows of a group; numbers between groups' first rows; between the rows of one
  CKERAS_MEMBER int64_t at(int64_t row) const { return row / group * apart + row % group * step; }
};
struct DftOperand {
  const View *re, *im, *weights;  // im: null of real numbers; weights: null, or what each row is multiplied by
  int64_t sign;                   // of the exponent
  DftRows rows;
};

CKERAS_INLINE DftRows dft_rows(const View& x) {
  const int64_t n = x.shape[x.rank - 1], count = n > 0 ? x.size() / n : 0;
  return {n, count, count, 0, n};
}
CKERAS_INLINE DftOperand dft_operand(const Call& call) {
  return {&call.in[0], &call.in[1], nullptr, call.ints[0], dft_rows(call.in[0])};
}
CKERAS_INLINE DftOperand real_dft_operand(const Call& call) {
  return {&call.in[0], nullptr, nullptr, -1, dft_rows(call.in[0])};
}
CKERAS_INLINE DftOperand short_time_dft_operand(const Call& call) {
  const View &x = call.in[0], &weights = call.in[1], &y = call.out[0];
  const int64_t n = weights.shape[0], count = y.size() / (n / 2 + 1);
  return {&x, nullptr, &weights, -1, {n, count, y.shape[y.rank - 2], x.shape[x.rank - 1], call.ints[0]}};
}

CKERAS_INLINE bool is_power_of_2(int64_t n) { return n > 0 && (n & (n - 1)) == 0; }
// The size of the transforms that are made.
CKERAS_INLINE int64_t dft_size(int64_t n) {
  if (is_power_of_2(n)) return n;
  int64_t m = 1;
  while (m < 2 * n - 1) m *= 2;
  return m;
}

}  // namespace ckeras
