// Random numbers: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), and the
// mapping from (seed, element) to numbers. A golden file holds what this page says: it never changes.
//
// Key: (seed[0], seed[1]). Counter of block b: (b mod 2^32, b / 2^32, 0, 0). A block gives four words w0 ... w3.
// Sixteen blocks lie side by side, so that sixteen lanes write neighbours:
//
//   32-bit numbers   element i is word (i / 16) % 4 of block 16 * (i / 64) + i % 16
//   64-bit numbers   element i is words 2h, 2h + 1 of block 16 * (i / 32) + i % 16, h = (i / 16) % 2
//
//   random_bits      w
//   uniform          u = (w >> 8) * 2^-24; float64: u = (((w << 32) | next w) >> 11) * 2^-53
//                    low + u * (high - low) in one rounding, at most the greatest number below high (below 0: the
//                    least that is not denormal in float32)
//   normal           Box-Muller on the pairs (w0, w1), (w2, w3) of a block, whose elements are 16 apart: with
//                    v = (w0 + 1/2) * 2^-32 and turn t = (w1 >> 8) * 2^-24, sqrt(-2 log v) times cos(2 pi t) for the
//                    first and sin(2 pi t) for the second; float64: v = (u53 + 1/2) * 2^-53 of (w0, w1), t = u53 *
//                    2^-53 of (w2, w3).  mean + z * stddev in one rounding
//   truncated normal z = sqrt(2) * erfinv(erf(sqrt(2)) * t), t = (2 * (w >> 8) + 1) * 2^-24 - 1; float64 with the upper
//                    52 bits and 2^-52: an inverse, so nothing is rejected and |z| <= 2
//   dropout          element i is kept when its word w >= rate * 2^32, for every dtype
//
// Halves are the float32 number, rounded; a uniform one never reaches high.
#pragma once
#include <cstdint>

#include "base/inline.h"

namespace ckeras {

inline constexpr uint32_t kPhiloxMultipliers[2] = {0xD2511F53u, 0xCD9E8D57u};
inline constexpr uint32_t kPhiloxWeyl[2] = {0x9E3779B9u, 0xBB67AE85u};
inline constexpr int kPhiloxRounds = 10;

// One block, in place: counter to words. The definition; kernels do sixteen at a time.
CKERAS_INLINE void philox_block(uint32_t (&c)[4], uint32_t key0, uint32_t key1) {
  constexpr uint32_t kStep0 = kPhiloxWeyl[0], kStep1 = kPhiloxWeyl[1];
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint64_t a = uint64_t{kPhiloxMultipliers[0]} * c[0], b = uint64_t{kPhiloxMultipliers[1]} * c[2];
    const uint32_t c1 = c[1], c3 = c[3];
    c[0] = static_cast<uint32_t>(b >> 32) ^ c1 ^ key0;
    c[1] = static_cast<uint32_t>(b);
    c[2] = static_cast<uint32_t>(a >> 32) ^ c3 ^ key1;
    c[3] = static_cast<uint32_t>(a);
    key0 += kStep0;
    key1 += kStep1;
  }
}

// dropout keeps words of at least this; rate in [0, 1).
CKERAS_INLINE uint32_t dropout_threshold(double rate) {
  const double t = rate * 4294967296.0;
  return t >= 4294967295.0 ? 4294967295u : static_cast<uint32_t>(t);
}

}  // namespace ckeras
