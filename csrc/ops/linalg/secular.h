// The secular equation  base + sum over i of z[i]^2 / (p(d[i]) - p(x)) = 0,  whose n roots lie one right of each pole.
// p(x) = x for eigenvalues of diag(d) + z z^T / base; p(x) = x^2 for the singular values of diag(d), d >= 0, with a row
// z below it. Only for .isa.cpp files.
//
// The poles rise strictly, no z is zero, base > 0. Arrays of doubles are readable up to a whole vector after n, where
// d is kFarPole and z zero.
#pragma once
#include "cpu/vec.h"
#include "cpu/whole.h"

namespace ckeras::CKERAS_ISA {

enum class Poles { Plain, Squared };

inline constexpr double kFarPole = 0x1p200;
inline constexpr int64_t kPoleLanes = V8::kLanes;

// Root j is pole[j] + offset[j], pole[j] the nearer of the poles beside it: p(d[i]) - p(root) is a product of numbers
// that lose no digits.
struct Roots {
  double *pole, *offset;
};

// p(d) - p(pole + offset)
template <Poles kPoles, class V>
CKERAS_INLINE V pole_distance(V d, double pole, double offset) {
  const V near = (d - V(pole)) - V(offset);
  if constexpr (kPoles == Poles::Plain) return near;
  return near * ((d + V(pole)) + V(offset));
}

// z2: squares of z. A root is taken when the equation holds to `tolerance` of the sum of its terms' sizes.
template <Poles kPoles>
void find_roots(const double* d, const double* z2, int64_t n, double base, double tolerance, Roots roots) noexcept;

// z becomes the vector of the same signs for which these roots are exact (M. Gu and S. Eisenstat, "A stable and
// efficient algorithm for the rank-one modification of the symmetric eigenproblem", 1994), over sqrt(base). What
// is made of it is orthogonal, however inexact the roots are.
template <Poles kPoles>
void fit_weights(const double* d, int64_t n, Roots roots, double* z) noexcept;

}  // namespace ckeras::CKERAS_ISA
