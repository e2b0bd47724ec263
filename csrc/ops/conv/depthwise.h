// Depthwise convolution, one filter a channel: direct loops, vectors along the channels. Only for .isa.cpp files.
#pragma once
#include "gemm/epilogue.h"
#include "ops/conv/panels.h"

namespace ckeras::CKERAS_ISA {

CKERAS_INLINE bool depthwise(const ConvShape& s) { return s.groups > 1 && s.cg == 1 && s.og == 1; }

namespace {

inline constexpr int kDepthVectors = 4;

// out.row(n)[c] = ending(sum over taps t, u, v of image * weights(t, u, v)[c]) for `pixels` pixels of the image's
// grids. Each element is one chain of fused multiply-adds over the taps inside the image, in rising t, u, v. The
// image's pixel is all its channels.
template <class T, class Weights, class Out>
void depthwise_apply(const Image<T>& image, int64_t pixels, const Weights& weights, const Out& out,
                     Ending<T> ending) noexcept {
  using Vector = VecOf<T>;
  constexpr int64_t kLanes = Vector::kLanes;
  const int64_t channels = image.pixel, taps = most(1, image.taps());
  parallel_for(pixels, most(1, (int64_t{1} << 16) / most(1, channels * taps)), [&](int64_t begin, int64_t end) {
    auto place = image.place(begin);
    for (int64_t n = begin; n < end; ++n, image.next(place)) {
      T* to = out.row(n);
      for (int64_t c0 = 0; c0 < channels; c0 += kDepthVectors * kLanes) {
        const int64_t count = least(kDepthVectors * kLanes, channels - c0);
        const int64_t vectors = ceil_div(count, kLanes);
        Vector sum[kDepthVectors];
        for (int64_t j = 0; j < kDepthVectors; ++j) sum[j] = Vector(T{0});
        image.each_tap(place, [&](const T* pixel, int64_t t, int64_t u, int64_t v) {
          const T* const from = pixel + c0;
          const T* const weight = weights(t, u, v) + c0;
          if (count == kDepthVectors * kLanes) {
#pragma GCC unroll 4
            for (int64_t j = 0; j < kDepthVectors; ++j) {
              sum[j] = fma(Vector::load(from + j * kLanes), Vector::load(weight + j * kLanes), sum[j]);
            }
          } else {
            for (int64_t j = 0; j < vectors; ++j) {
              const int64_t rest = count - j * kLanes;
              sum[j] = fma(Vector::load(from + j * kLanes, rest), Vector::load(weight + j * kLanes, rest), sum[j]);
            }
          }
        });
        for (int64_t j = 0; j < vectors; ++j) sum[j].store(to + c0 + j * kLanes, count - j * kLanes);
      }
      if (!ending.nothing()) end_block(ending, &to, 1, channels);
    }
  });
}

// to[tap * channels + c] = sum of image * dy over the pixels [begin, end): one chain in rising order.
template <class T>
void depthwise_filter_part(const Image<T>& image, const T* dy, int64_t begin, int64_t end, T* to) noexcept {
  using Vector = VecOf<T>;
  const int64_t channels = image.pixel;
  for (int64_t i = 0; i < image.taps() * channels; ++i) to[i] = 0;
  auto place = image.place(begin);
  for (int64_t n = begin; n < end; ++n, image.next(place)) {
    image.each_tap(place, [&](const T* from, int64_t t, int64_t u, int64_t v) {
      T* const sum = to + ((t * image.y.taps + u) * image.x.taps + v) * channels;
      for (int64_t c = 0; c < channels; c += Vector::kLanes) {
        const int64_t rest = channels - c;
        fma(Vector::load(from + c, rest), Vector::load(dy + n * channels + c, rest), Vector::load(sum + c, rest))
            .store(sum + c, rest);
      }
    });
  }
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
