// Convolution to few channels from many, as decoders end: no product has columns enough for it, so each pixel of the
// result is a row of dot products, vectors along the image's channels. Only for .isa.cpp files.
//
// An element is one chain of fused multiply-adds a lane, over the taps inside the image and the vectors of their
// channels in rising order; then the tree of cpu/vec.h.
#pragma once
#include "gemm/epilogue.h"
#include "ops/conv/panels.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int64_t kFew = 4;

// `results` and `channels` of one group.
CKERAS_INLINE bool few_results(int64_t results, int64_t channels) { return results <= kFew && channels >= 8; }

namespace {

// out.row(n)[q] = ending(sum over taps and channels of image * weights(t, u, v)[q * stride + channel]), q < Q.
template <class T, int Q, class Weights, class Out>
void dot_pixels(const Image<T>& image, int64_t pixels, const Weights& weights, int64_t stride, const Out& out,
                Ending<T> ending) noexcept {
  using Vector = VecOf<T>;
  const int64_t channels = image.channels, work = most(1, image.taps() * channels * Q);
  parallel_for(pixels, most(1, (int64_t{1} << 17) / work), [&](int64_t begin, int64_t end) {
    auto place = image.place(begin);
    for (int64_t n = begin; n < end; ++n, image.next(place)) {
      Vector sum[Q];
      for (Vector& s : sum) s = Vector(T{0});
      image.each_tap(place, [&](const T* pixel, int64_t t, int64_t u, int64_t v) {
        const T* const weight = weights(t, u, v);
        int64_t c = 0;
        for (; c + Vector::kLanes <= channels; c += Vector::kLanes) {
          const Vector x = Vector::load(pixel + c);
#pragma GCC unroll 4
          for (int q = 0; q < Q; ++q) sum[q] = fma(x, Vector::load(weight + q * stride + c), sum[q]);
        }
        if (c == channels) return;
        const Vector x = Vector::load(pixel + c, channels - c);
#pragma GCC unroll 4
        for (int q = 0; q < Q; ++q) sum[q] = fma(x, Vector::load(weight + q * stride + c, channels - c), sum[q]);
      });
      T* to = out.row(n);
      for (int q = 0; q < Q; ++q) to[q] = reduce_add(sum[q]);
      if (!ending.nothing()) end_block(ending, &to, 1, Q);
    }
  });
}

template <class T, class Weights, class Out>
void dot_pixels(const Image<T>& image, int64_t pixels, int64_t results, const Weights& weights, int64_t stride,
                const Out& out, Ending<T> ending) noexcept {
  switch (results) {
    case 1:
      return dot_pixels<T, 1>(image, pixels, weights, stride, out, ending);
    case 2:
      return dot_pixels<T, 2>(image, pixels, weights, stride, out, ending);
    case 3:
      return dot_pixels<T, 3>(image, pixels, weights, stride, out, ending);
    case 4:
      return dot_pixels<T, 4>(image, pixels, weights, stride, out, ending);
    default:
      return;
  }
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
