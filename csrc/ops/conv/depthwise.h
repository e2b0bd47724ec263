// Depthwise convolution, one filter a channel: direct loops, vectors along the channels. Only for .isa.cpp files.
#pragma once
#include "gemm/epilogue.h"
#include "ops/conv/panels.h"

namespace ckeras::CKERAS_ISA {

CKERAS_INLINE bool depthwise(const ConvShape& s) { return s.groups > 1 && s.cg == 1 && s.og == 1; }

namespace {

inline constexpr int kDepthVectors = tile_vectors(kTileRows);

// What neighbouring pixels of a tile share of their taps along a row: `kTaps` neighbours, `kStride` from a pixel to the
// next, in falling order when kTurned. kTaps = 0: nothing known.
template <int kTapsNow, int kStrideNow, bool kTurnedNow>
struct DepthRow {
  static constexpr int kTaps = kTapsNow, kStride = kStrideNow;
  static constexpr bool kTurned = kTurnedNow;
};

// Channels [c, c + count) of P neighbouring pixels of a row, `apart` from one result to the next, all of whose taps
// along it are inside the image when P > 1. `count` is V vectors when kWhole, else less than one.
template <class Row, int P, int V, bool kWhole, class T, class Weights>
CKERAS_INLINE void depthwise_tile(const Image<T>& image, const typename Image<T>::Place& place, const Weights& weights,
                                  T* to, int64_t apart, int64_t c, int64_t count) {
  using Vector = VecOf<T>;
  constexpr int64_t kLanes = Vector::kLanes;
  const int64_t pixel = image.pixel, stride = image.x.stride * pixel, step = image.x.step * pixel;
  const auto load = [=](const T* p)
                        __attribute__((always_inline)) { return kWhole ? Vector::load(p) : Vector::load(p, count); };
  Vector sum[P][V];
#pragma GCC unroll 8
  for (int k = 0; k < P; ++k) {
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) sum[k][j] = Vector(T{0});
  }
  for (int64_t t = 0; t < image.z.taps; ++t) {
    for (int64_t u = 0; u < image.y.taps; ++u) {
      const Tap first = image.tap(t, u, 0);
      if (!image.z.inside(place.z + first.z) || !image.y.inside(place.y + first.y)) continue;
      const T* from = image.data + place.offset + first.offset + c;
      if constexpr (P > 1 && Row::kTaps > 0) {
        constexpr int N = Row::kTaps, S = Row::kStride;
        if constexpr (Row::kTurned) from -= (N - 1) * pixel;
        Vector w[N][V];
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) {
          const T* const weight = weights(t, u, v) + c;
#pragma GCC unroll 4
          for (int j = 0; j < V; ++j) w[v][j] = load(weight + j * kLanes);
        }
        // Pixel by pixel of the image: it meets its taps of all results, the last ones first, so that a result's taps
        // come in rising order (kTurned: the results in order, and the image from its end).
#pragma GCC unroll 16
        for (int n = 0; n < (P - 1) * S + N; ++n) {
          const int i = Row::kTurned ? (P - 1) * S + N - 1 - n : n;
#pragma GCC unroll 4
          for (int j = 0; j < V; ++j) {
            const Vector x = load(from + i * pixel + j * kLanes);
#pragma GCC unroll 8
            for (int k = 0; k < P; ++k) {
              const int place_in = i - k * S;
              if (place_in < 0 || place_in >= N) continue;
              sum[k][j] = fma(x, w[Row::kTurned ? N - 1 - place_in : place_in][j], sum[k][j]);
            }
          }
        }
      } else {
        for (int64_t v = 0; v < image.x.taps; ++v, from += step) {
          if (P == 1 && !image.x.inside(place.x + v * image.x.step)) continue;
          const T* const weight = weights(t, u, v) + c;
#pragma GCC unroll 4
          for (int j = 0; j < V; ++j) {
            const Vector w = load(weight + j * kLanes);
#pragma GCC unroll 8
            for (int k = 0; k < P; ++k) sum[k][j] = fma(load(from + k * stride + j * kLanes), w, sum[k][j]);
          }
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int k = 0; k < P; ++k) {
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) {
      if (kWhole) {
        sum[k][j].store(to + k * apart + c + j * kLanes);
      } else {
        sum[k][j].store(to + k * apart + c, count);
      }
    }
  }
}

template <class Row, int P, class T, class Weights>
void depthwise_pixels(const Image<T>& image, const typename Image<T>::Place& place, const Weights& weights, T* to,
                      int64_t apart) noexcept {
  constexpr int64_t kLanes = VecOf<T>::kLanes;
  constexpr int V = P == 1 || Row::kTaps == 0 ? kDepthVectors : 1;
  int64_t c = 0;
  if constexpr (V > 1) {
    for (; c + V * kLanes <= image.pixel; c += V * kLanes) {
      depthwise_tile<Row, P, V, true>(image, place, weights, to, apart, c, V * kLanes);
    }
  }
  for (; c + kLanes <= image.pixel; c += kLanes) {
    depthwise_tile<Row, P, 1, true>(image, place, weights, to, apart, c, kLanes);
  }
  if (c < image.pixel) depthwise_tile<Row, P, 1, false>(image, place, weights, to, apart, c, image.pixel - c);
}

// out.row(n)[c] = ending(sum over taps t, u, v of image * weights(t, u, v)[c]) for `pixels` pixels of the image's
// grids. Each element is one chain of fused multiply-adds over the taps inside the image, in rising t, u, v. The
// image's pixel is all its channels.
template <class Row, int P, class T, class Weights, class Out>
void depthwise_lines(const Image<T>& image, int64_t pixels, const Weights& weights, const Out& out,
                     Ending<T> ending) noexcept {
  const Axis& x = image.x;
  const int64_t channels = image.pixel, line_work = most(1, channels * image.taps() * x.grid);
  if (pixels == 0) return;
  parallel_for(pixels / x.grid, most(1, (int64_t{1} << 18) / line_work), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      auto place = image.place(line * x.grid);
      T* const to = out.row(line * x.grid);
      const int64_t apart = x.grid > 1 ? out.row(line * x.grid + 1) - to : 0;
      for (int64_t j = 0; j < x.grid;) {
        auto last = place;
        last.x += (P - 1) * x.stride;
        const bool tile = j + P <= x.grid && image.row_inside(place) && image.row_inside(last);
        if (tile) {
          depthwise_pixels<Row, P>(image, place, weights, to + j * apart, apart);
        } else {
          depthwise_pixels<Row, 1>(image, place, weights, to + j * apart, apart);
        }
        const int64_t count = tile ? P : 1;
        if (!ending.nothing()) {
          T* rows[P];
          for (int64_t k = 0; k < count; ++k) rows[k] = to + (j + k) * apart;
          end_block(ending, rows, count, channels);
        }
        j += count;
        place.j += count;
        place.x += count * x.stride;
        place.offset += count * x.stride * channels;
      }
    }
  });
}

template <class T, class Weights, class Out>
void depthwise_apply(const Image<T>& image, int64_t pixels, const Weights& weights, const Out& out,
                     Ending<T> ending) noexcept {
  const Axis& x = image.x;
  if (x.taps == 3 && x.stride == 1 && x.step == 1) {
    depthwise_lines<DepthRow<3, 1, false>, 6>(image, pixels, weights, out, ending);
  } else if (x.taps == 3 && x.stride == 1 && x.step == -1) {
    depthwise_lines<DepthRow<3, 1, true>, 6>(image, pixels, weights, out, ending);
  } else if (x.taps == 3 && x.stride == 2 && x.step == 1) {
    depthwise_lines<DepthRow<3, 2, false>, 4>(image, pixels, weights, out, ending);
  } else if (x.taps == 5 && x.stride == 1 && x.step == 1) {
    depthwise_lines<DepthRow<5, 1, false>, 6>(image, pixels, weights, out, ending);
  } else if (x.taps == 5 && x.stride == 1 && x.step == -1) {
    depthwise_lines<DepthRow<5, 1, true>, 6>(image, pixels, weights, out, ending);
  } else {
    depthwise_lines<DepthRow<0, 0, false>, 4>(image, pixels, weights, out, ending);
  }
}

// sum[v * apart], v < N: chains that go on over `pixels` pixels of a row. x: the first pixel's first tap.
template <int N, int V, bool kWhole, class T>
CKERAS_INLINE void depthwise_row(const T* x, int64_t x_pixel, int64_t x_tap, const T* dy, int64_t dy_pixel,
                                 int64_t pixels, T* sum, int64_t apart, int64_t count) {
  using Vector = VecOf<T>;
  constexpr int64_t kLanes = Vector::kLanes;
  const auto load = [&](const T* p)
                        __attribute__((always_inline)) { return kWhole ? Vector::load(p) : Vector::load(p, count); };
  Vector sums[N][V];
#pragma GCC unroll 4
  for (int v = 0; v < N; ++v) {
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) sums[v][j] = load(sum + v * apart + j * kLanes);
  }
  for (int64_t i = 0; i < pixels; ++i, x += x_pixel, dy += dy_pixel) {
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) {
      const Vector g = load(dy + j * kLanes);
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) sums[v][j] = fma(load(x + v * x_tap + j * kLanes), g, sums[v][j]);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < N; ++v) {
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) {
      if (kWhole) {
        sums[v][j].store(sum + v * apart + j * kLanes);
      } else {
        sums[v][j].store(sum + v * apart, count);
      }
    }
  }
}
// All channels.
template <int N, class T>
void depthwise_rows(const T* x, int64_t x_pixel, int64_t x_tap, const T* dy, int64_t pixels, T* sum,
                    int64_t channels) noexcept {
  constexpr int64_t kLanes = VecOf<T>::kLanes;
  int64_t c = 0;
  for (; c + kDepthVectors * kLanes <= channels; c += kDepthVectors * kLanes) {
    depthwise_row<N, kDepthVectors, true>(x + c, x_pixel, x_tap, dy + c, channels, pixels, sum + c, channels, 0);
  }
  for (; c + kLanes <= channels; c += kLanes) {
    depthwise_row<N, 1, true>(x + c, x_pixel, x_tap, dy + c, channels, pixels, sum + c, channels, 0);
  }
  if (c < channels) {
    depthwise_row<N, 1, false>(x + c, x_pixel, x_tap, dy + c, channels, pixels, sum + c, channels, channels - c);
  }
}

// to[tap * channels + c] = sum of image * dy over the pixels [begin, end): one chain in rising order.
template <class T>
void depthwise_filter_part(const Image<T>& image, const T* dy, int64_t begin, int64_t end, T* to) noexcept {
  const int64_t channels = image.pixel, x_pixel = image.x.stride * channels, x_tap = image.x.step * channels;
  for (int64_t i = 0; i < image.taps() * channels; ++i) to[i] = 0;
  for (int64_t n = begin; n < end;) {
    const auto place = image.place(n);
    const int64_t pixels = least(end - n, image.x.grid - place.j);
    // Pixels [0, left) and [right, pixels) of the stretch miss taps.
    int64_t left = 0;
    while (left < pixels && place.x + left * image.x.stride < 0) ++left;
    int64_t right = pixels;
    while (right > left && place.x + (right - 1) * image.x.stride + (image.x.taps - 1) * image.x.step >= image.x.size) {
      --right;
    }
    for (int64_t t = 0; t < image.z.taps; ++t) {
      for (int64_t u = 0; u < image.y.taps; ++u) {
        const Tap first = image.tap(t, u, 0);
        if (!image.z.inside(place.z + first.z) || !image.y.inside(place.y + first.y)) continue;
        const T* const x = image.data + place.offset + first.offset;
        const T* const g = dy + n * channels;
        T* const sum = to + (t * image.y.taps + u) * image.x.taps * channels;
        const auto edge = [&](int64_t i) {
          for (int64_t v = 0; v < image.x.taps; ++v) {
            if (!image.x.inside(place.x + i * image.x.stride + v * image.x.step)) continue;
            depthwise_rows<1>(x + i * x_pixel + v * x_tap, x_pixel, x_tap, g + i * channels, 1, sum + v * channels,
                              channels);
          }
        };
        for (int64_t i = 0; i < left; ++i) edge(i);
        const T* const inner = x + left * x_pixel;
        int64_t v = 0;
        for (; v + 3 <= image.x.taps; v += 3) {
          depthwise_rows<3>(inner + v * x_tap, x_pixel, x_tap, g + left * channels, right - left, sum + v * channels,
                            channels);
        }
        for (; v < image.x.taps; ++v) {
          depthwise_rows<1>(inner + v * x_tap, x_pixel, x_tap, g + left * channels, right - left, sum + v * channels,
                            channels);
        }
        for (int64_t i = right; i < pixels; ++i) edge(i);
      }
    }
    n += pixels;
  }
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
