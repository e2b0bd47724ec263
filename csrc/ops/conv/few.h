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

// `results` and `channels` of one group. From fewer channels tiles of half a vector (ops/conv/direct_tile.h) are
// faster.
CKERAS_INLINE bool few_results(int64_t results, int64_t channels) {
  return results <= kFew && channels >= 8 * most(1, results);
}

namespace {

// Pixels of a row whose sums are in registers together.
template <int Q>
inline constexpr int kFewPixels = 8 / Q;

// sum[p][q] += image * weights over the channels of one tap, which pixel p meets at pixel + p * apart.
template <class T, int P, int Q>
CKERAS_INLINE void dot_tap(VecOf<T> (&sum)[P][Q], const T* pixel, int64_t apart, const T* weight, int64_t stride,
                           int64_t channels) {
  using Vector = VecOf<T>;
  for (int64_t c = 0; c < channels; c += Vector::kLanes) {
    const int64_t n = least(Vector::kLanes, channels - c);
    const bool whole = n == Vector::kLanes;
    Vector w[Q];
#pragma GCC unroll 4
    for (int q = 0; q < Q; ++q) {
      const T* const at = weight + q * stride + c;
      w[q] = whole ? Vector::load(at) : Vector::load(at, n);
    }
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) {
      const T* const at = pixel + p * apart + c;
      const Vector x = whole ? Vector::load(at) : Vector::load(at, n);
#pragma GCC unroll 4
      for (int q = 0; q < Q; ++q) sum[p][q] = fma(x, w[q], sum[p][q]);
    }
  }
}

// Pixels n ... n + P - 1, of which `place` is the first and `each` gives body(what tap (t, u, v) of it meets, t, u, v).
template <class T, int P, int Q, class Each, class Weights, class Out>
CKERAS_INLINE void dot_together(const Image<T>& image, const Each& each, int64_t n, const Weights& weights,
                                int64_t stride, const Out& out, const Ending<T>& ending) {
  using Vector = VecOf<T>;
  Vector sum[P][Q];
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 4
    for (int q = 0; q < Q; ++q) sum[p][q] = Vector(T{0});
  }
  const int64_t apart = image.x.stride * image.pixel;
  each([&](const T* pixel, int64_t t, int64_t u, int64_t v) __attribute__((always_inline)) {
    dot_tap<T, P, Q>(sum, pixel, apart, weights(t, u, v), stride, image.channels);
  });
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    T* to = out.row(n + p);
#pragma GCC unroll 4
    for (int q = 0; q < Q; ++q) to[q] = reduce_add(sum[p][q]);
    if (!ending.nothing()) end_block(ending.at(n + p, 0), &to, 1, Q);
  }
}

// out.row(n)[q] = ending(sum over taps and channels of image * weights(t, u, v)[q * stride + channel]), q < Q.
template <class T, int Q, class Weights, class Out>
void dot_pixels(const Image<T>& image, int64_t pixels, const Weights& weights, int64_t stride, const Out& out,
                Ending<T> ending) noexcept {
  constexpr int P = kFewPixels<Q>;
  const int64_t work = most(1, image.taps() * image.channels * Q);
  parallel_for(pixels, most(1, (int64_t{1} << 17) / work), [&](int64_t begin, int64_t end) {
    auto place = image.place(begin);
    const auto each = [&](const auto& body) __attribute__((always_inline)) { image.each_tap(place, body); };
    for (int64_t n = begin; n < end;) {
      auto last = place;
      last.x += (P - 1) * image.x.stride;
      const bool together = n + P <= end && place.j + P <= image.x.grid && image.row_inside(place) &&
                            image.row_inside(last);  // then all taps of a row are inside for all of them
      if (together) {
        dot_together<T, P, Q>(image, each, n, weights, stride, out, ending);
      } else {
        dot_together<T, 1, Q>(image, each, n, weights, stride, out, ending);
      }
      for (const int64_t next = n + (together ? P : 1); n < next; ++n) image.next(place);
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
