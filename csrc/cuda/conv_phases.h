// The gradient of a strided convolution to its input: pixels that leave the same remainders by the strides meet the
// same taps, so that their gradient is that of a convolution of stride 1 with those taps alone. Nothing is multiplied
// by zeros.
#pragma once
#include <numeric>
#include <vector>

#include "cuda/device.h"
#include "ops/conv/conv.h"

namespace ckeras::cuda {

// Number i of a phase is number first + step * i of `size`.
struct Along {
  int64_t first, step, size;
  CKERAS_MEMBER int64_t operator()(int64_t i) const { return first + step * i; }
};
struct Grid3 {
  Along z, y, x;
  CKERAS_MEMBER int64_t at(int64_t iz, int64_t iy, int64_t ix) const {
    return (z(iz) * y.size + y(iy)) * x.size + x(ix);
  }
};
struct Phase {
  ConvShape s;  // its pixels and taps
  Grid3 pixels, taps;
};

struct PhaseDim {
  Dim dim;
  Along pixels, taps;
};
// Pixels first + stride * i. Tap t meets them where t * dilation leaves the remainder of first + low.
inline PhaseDim phase_of(const Dim& d, int64_t first) {
  const int64_t step = d.stride / std::gcd(d.stride, d.dilation), place = first + d.low;
  int64_t tap = 0;
  while (tap < step && tap < d.window && (place - tap * d.dilation) % d.stride != 0) ++tap;
  const bool met = tap < step && tap < d.window;
  const Dim dim = {ceil_div(d.size - first, d.stride), met ? ceil_div(d.window - tap, step) : 0,       d.result, 1,
                   step * d.dilation / d.stride,       met ? (place - tap * d.dilation) / d.stride : 0};
  return {dim, {first, d.stride, d.size}, {tap, step, d.window}};
}

// Not split where there would be very many: then a phase is all, with its strides.
inline bool splits(const ConvShape& s) {
  constexpr int64_t kMost = 64;
  return s.z.stride <= kMost && s.y.stride <= kMost && s.x.stride <= kMost &&
         s.z.stride * s.y.stride * s.x.stride <= kMost;
}
inline std::vector<Phase> phases_of(const ConvShape& s) {
  const auto all = [](const Dim& d) { return PhaseDim{d, {0, 1, d.size}, {0, 1, d.window}}; };
  const auto along = [&](const Dim& d) {
    std::vector<PhaseDim> phases;
    for (int64_t first = 0; splits(s) && first < least(d.stride, d.size); ++first) phases.push_back(phase_of(d, first));
    if (!splits(s)) phases.push_back(all(d));
    return phases;
  };
  std::vector<Phase> phases;
  for (const PhaseDim& z : along(s.z)) {
    for (const PhaseDim& y : along(s.y)) {
      for (const PhaseDim& x : along(s.x)) {
        Phase phase = {s, {z.pixels, y.pixels, x.pixels}, {z.taps, y.taps, x.taps}};
        phase.s.z = z.dim;
        phase.s.y = y.dim;
        phase.s.x = x.dim;
        phases.push_back(phase);
      }
    }
  }
  return phases;
}

}  // namespace ckeras::cuda
