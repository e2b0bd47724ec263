// The pixels of dx by their place modulo the strides: each phase is a product of its own. Only for .isa.cpp files.
#pragma once
#include "ops/conv/panels.h"

namespace ckeras::CKERAS_ISA {

CKERAS_INLINE int64_t greatest_divisor(int64_t a, int64_t b) {
  while (b != 0) {
    const int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

// Along one dimension, the places of dx that are `phase` modulo the stride: taps first, first + step, ... reach them,
// each from a whole place of dy.
struct Phase {
  int64_t phase, stride, first, step;
  int64_t size, window;  // of dx, of the filter
  Axis axis;             // of dy

  Phase() = default;
  CKERAS_MEMBER Phase(int64_t phase, const Dim& d)
      : phase(phase),
        stride(d.stride),
        first(0),
        step(stride / greatest_divisor(stride, d.dilation)),
        size(d.size),
        window(d.window) {
    while (first < step && (phase + d.low - first * d.dilation) % stride != 0) ++first;
    const int64_t taps = first < step && first < window ? ceil_div(window - first, step) : 0;
    axis = {d.result, phase < size ? ceil_div(size - phase, stride) : 0,
            taps,     (phase + d.low - first * d.dilation) / stride,
            1,        -(step * d.dilation / stride)};
  }

  CKERAS_MEMBER int64_t place(int64_t i) const { return phase + i * stride; }  // of dx
  CKERAS_MEMBER int64_t tap(int64_t t) const { return first + t * step; }      // of the filter
};

struct Phases {
  Phase z, y, x;

  CKERAS_MEMBER Phases(int64_t number, const ConvShape& s)
      : z(number / (s.y.stride * s.x.stride), s.z),
        y(number / s.x.stride % s.y.stride, s.y),
        x(number % s.x.stride, s.x) {}

  CKERAS_MEMBER int64_t taps() const { return z.axis.taps * y.axis.taps * x.axis.taps; }
  CKERAS_MEMBER int64_t pixels() const { return z.axis.grid * y.axis.grid * x.axis.grid; }
  // The number, in the filter, of the tap that is (t, u, v) of this phase.
  CKERAS_MEMBER int64_t tap(int64_t t, int64_t u, int64_t v) const {
    return (z.tap(t) * y.window + y.tap(u)) * x.window + x.tap(v);
  }
};

// The rows of dx that belong to a phase.
template <class T>
struct PhaseRows {
  T* data;  // channel 0 of the group
  int64_t pixel;
  const Phases& phases;

  CKERAS_MEMBER T* row(int64_t n) const {
    const auto& [z, y, x] = phases;
    const int64_t line = n / x.axis.grid, plane = line / y.axis.grid, image = plane / z.axis.grid;
    const int64_t h = z.place(plane % z.axis.grid), i = y.place(line % y.axis.grid), j = x.place(n % x.axis.grid);
    return data + (((image * z.size + h) * y.size + i) * x.size + j) * pixel;
  }
};

// B of conv_grad_input: element (tap of the phase * filters + o, channel c) of filters [window..., channels, all
// filters].
template <class T>
struct TurnedFilters {
  const T* data;  // filter 0 of the group
  int64_t channels, all_filters, filters;
  const Phases& phases;
  int64_t stride = 0;

  CKERAS_MEMBER bool readable() const { return false; }
  CKERAS_MEMBER const T* at(int64_t, int64_t) const { return nullptr; }
  CKERAS_MEMBER void pack(T* to, int64_t width, int64_t i0, int64_t count, int64_t p0, int64_t k) const {
    const int64_t filled = least(width, round_up(count, VecOf<T>::kLanes));
    const int64_t columns = phases.x.axis.taps, rows = phases.y.axis.taps;
    for (int64_t p = p0; p < p0 + k;) {
      const int64_t tap = p / filters, skip = p % filters, length = least(filters - skip, p0 + k - p);
      const int64_t number = phases.tap(tap / (rows * columns), tap / columns % rows, tap % columns);
      const T* from = data + (number * channels + i0) * all_filters + skip;
      pack_transposed(to, width, count, filled, length, [&](int64_t i) { return from + i * all_filters; });
      to += length * width;
      p += length;
    }
  }
};

}  // namespace ckeras::CKERAS_ISA
