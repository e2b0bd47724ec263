// Images whose channels come first, for kernels that want them last: turned over as a whole. Only for .isa.cpp files.
#pragma once
#include "ops/conv/conv.h"
#include "ops/conv/planes.h"

namespace ckeras::CKERAS_ISA {
namespace {

CKERAS_INLINE Planes planes_of(int64_t z, int64_t y, int64_t x, int64_t channels, bool first) {
  return first ? Planes{z, z * y * x * channels, z * y * x} : Planes{};
}
CKERAS_INLINE Planes x_planes(const ConvShape& s) {
  return planes_of(s.z.size, s.y.size, s.x.size, s.c, (s.layout & kXFirst) != 0);
}
CKERAS_INLINE Planes y_planes(const ConvShape& s) {
  return planes_of(s.z.result, s.y.result, s.x.result, s.o, (s.layout & kYFirst) != 0);
}

inline constexpr int64_t kTurnedPixels = 128;  // of a piece of work
// body(image, first, count) for strips of pixels of the images of `last`.
template <class Body>
void each_strip(const View& last, const Body& body) noexcept {
  const int64_t pixels = pixels_of(last), strips = ceil_div(pixels, kTurnedPixels);
  const int64_t work = most(1, kTurnedPixels * last.shape[last.rank - 1]);
  parallel_for(last.shape[0] * strips, most(1, (int64_t{1} << 15) / work), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % strips * kTurnedPixels;
      body(i / strips, first, least(kTurnedPixels, pixels - first));
    }
  });
}
template <class T>
void turn_inputs(const Call& given, const LastCall& last) noexcept {
  for (int k = 0; k < given.n_in; ++k) {
    if (!last.turned[k]) continue;
    const T* const from = given.in[k].as<const T>();
    T* const to = last.in[k].as<T>();
    const int64_t channels = last.in[k].shape[last.in[k].rank - 1], pixels = pixels_of(last.in[k]);
    each_strip(last.in[k], [&](int64_t image, int64_t first, int64_t count) {
      turn(from + image * channels * pixels + first, pixels, channels, count, to + (image * pixels + first) * channels,
           channels);
    });
  }
}
template <class T>
void turn_output(const Call& given, const LastCall& last) noexcept {
  if (!last.out_turned) return;
  const T* const from = last.out.as<const T>();
  T* const to = given.out[0].as<T>();
  const int64_t channels = last.out.shape[last.out.rank - 1], pixels = pixels_of(last.out);
  each_strip(last.out, [&](int64_t image, int64_t first, int64_t count) {
    turn(from + (image * pixels + first) * channels, channels, count, channels, to + image * channels * pixels + first,
         pixels);
  });
}

template <class Kernel>
bool as_it_is(const Call& call, const Kernel& kernel) noexcept {
  return call.ints[layout_place(call.in[0].rank)] == 0 || kernel.any_layout();
}

// Kernel(call): `run(call)`, `bytes()`, `any_layout()`, `kFirsts` and `Element`; if it has that, `asks_filters()`,
// whether it runs as it is only where `takes_filters(call)`.
template <class Kernel>
void run_layout(const Call& call) noexcept {
  const Kernel kernel(call);
  bool taken = as_it_is(call, kernel);
  if constexpr (requires { kernel.takes_filters(call); }) taken = taken && kernel.takes_filters(call);
  if (taken) return kernel.run(call);
  using T = typename Kernel::Element;
  const LastCall last(call, Kernel::kFirsts, sizeof(T));
  turn_inputs<T>(call, last);
  Kernel(last.call).run(last.call);
  turn_output<T>(call, last);
}
template <class Kernel>
int64_t layout_bytes(const Call& call) noexcept {
  const Kernel kernel(call);
  const bool fits = as_it_is(call, kernel);
  bool asks = !fits;
  if constexpr (requires { kernel.asks_filters(); }) asks = asks || kernel.asks_filters();
  const int64_t own = fits ? kernel.bytes() : 0;
  if (!asks) return own;
  const LastCall last(call, Kernel::kFirsts, sizeof(typename Kernel::Element));
  return most(own, last.bytes + Kernel(last.call).bytes());
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
