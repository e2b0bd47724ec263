// Large angles: the quadrant of x and its distance to the nearest multiple of pi/2, exact for every finite double, in
// integers, so that all instruction sets agree. Only for .isa.cpp files.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/inline.h"

namespace ckeras::CKERAS_ISA {

// The bits of 2/pi behind 64 bits of zero.
CKERAS_TABLE uint64_t kTwoOverPi[] = {0,
                                      0xa2f9836e4e441529,
                                      0xfc2757d1f534ddc0,
                                      0xdb6295993c439041,
                                      0xfe5163abdebbc561,
                                      0xb7246e3a424dd2e0,
                                      0x06492eea09d1921c,
                                      0xfe1deb1cb129a73e,
                                      0xe88235f52ebb4484,
                                      0xe99c7026b45f7e41,
                                      0x3991d639835339f4,
                                      0x9c845f8bbdf9283b,
                                      0x1ff897ffde05980f,
                                      0xef2f118b5a0a6d1f,
                                      0x6d367ecf27cb09b7,
                                      0x4f463f669e5fea2d,
                                      0x7527bac7ebe5f17b,
                                      0x3d0739f78a5292ea,
                                      0x6bfb5fb11f8d5d08,
                                      0x56033046fc7b6bab,
                                      0xf0cfbc209af4361d};

struct Angle {
  int quadrant;  // 0, 1, 2, 3
  double rest;   // in [-pi/4, pi/4]
};

// Payne and Hanek (1983). |x| = m 2^e with a whole m of 53 bits. Of 2/pi, the bits that make multiples of 4 are left
// out, and of the product with m the first 192 bits behind them are formed: two of the quadrant, 190 of the fraction.
// |x| at least 1 and finite.
CKERAS_COLD Angle reduce_large(double x) {
  __extension__ using Product = unsigned __int128;
  const uint64_t bits = __builtin_bit_cast(uint64_t, x);
  const uint64_t m = (bits & ((uint64_t{1} << 52) - 1)) | uint64_t{1} << 52;
  const int e = static_cast<int>(bits >> 52 & 0x7ff) - 1075;
  const int start = e - 2 + 64;  // the first bit of the table that counts; e >= -52
  const uint64_t* word = kTwoOverPi + start / 64;
  const int shift = start % 64;
  uint64_t w[3];
  for (int i = 0; i < 3; ++i) w[i] = word[i] << shift | (shift ? word[i + 1] >> (64 - shift) : 0);
  const Product low = Product{m} * w[2];
  const Product middle = Product{m} * w[1] + static_cast<uint64_t>(low >> 64);
  const uint64_t high = m * w[0] + static_cast<uint64_t>(middle >> 64);
  Product fraction = (Product{high} << 64 | static_cast<uint64_t>(middle)) << 2 | static_cast<uint64_t>(low) >> 62;
  int quadrant = static_cast<int>(high >> 62);
  const bool above = fraction >> 127 != 0;  // nearer to the next quadrant
  if (above) {
    ++quadrant;
    fraction = -fraction;
  }
  // A leading bit in place 127, and the exponent that says so.
  int lost = 0;
  while (lost < 127 && fraction >> 127 == 0) {
    fraction <<= 1;
    ++lost;
  }
  const uint64_t half_pi = 0xc90fdaa22168c235;  // 2^63 pi/2
  const uint64_t rest_bits = static_cast<uint64_t>((fraction >> 64) * half_pi >> 64);
  const double unit = __builtin_bit_cast(double, static_cast<uint64_t>(1023 - 63 - lost) << 52);
  double rest = static_cast<double>(rest_bits) * unit;
  if (above) rest = -rest;
  const bool negative = bits >> 63 != 0;
  return {(negative ? -quadrant : quadrant) & 3, negative ? -rest : rest};
}

// Replaces n and r of the lanes where |x| is over the limit and finite.
template <class T, size_t N>
CKERAS_COLD void reduce_large_lanes(const T (&x)[N], T limit, T (&n)[N], T (&r)[N]) {
  for (size_t i = 0; i < N; ++i) {
    const T a = x[i] < 0 ? -x[i] : x[i];
    if (!(a > limit && a - a == 0)) continue;
    const Angle angle = reduce_large(static_cast<double>(x[i]));
    n[i] = static_cast<T>(angle.quadrant);
    r[i] = static_cast<T>(angle.rest);
  }
}

}  // namespace ckeras::CKERAS_ISA
