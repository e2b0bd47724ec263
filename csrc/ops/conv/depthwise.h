// Depthwise convolution, one filter a channel: vectors along the channels. Only for .isa.cpp files.
#pragma once
#include "cpu/stream_vec.h"
#include "gemm/epilogue.h"
#include "ops/conv/depthwise_tile.h"
#include "ops/conv/direct.h"
#include "ops/conv/phases.h"

namespace ckeras::CKERAS_ISA {

CKERAS_INLINE bool depthwise(const ConvShape& s) { return s.groups > 1 && s.cg == 1 && s.og == 1; }

inline constexpr int kDepthVectors = tile_vectors(kTileRows);

// An axis whose results and taps rise in the image; when turned, all of them are counted from the image's end. Results
// `phases` apart are a whole number of taps apart: `shift`.
struct DepthAxis {
  Axis axis;
  bool turned;
  int64_t shift, phases;

  CKERAS_MEMBER explicit DepthAxis(const Axis& a) : axis(a), turned(a.step < 0) {
    if (turned) {
      axis.start = axis.size - 1 - axis.at(axis.grid - 1, 0);
      axis.step = -axis.step;
    }
    const int64_t common = greatest_divisor(axis.stride, axis.step);
    shift = axis.stride / common;
    phases = axis.step / common;
  }

  CKERAS_MEMBER int64_t sign() const { return turned ? -1 : 1; }
  CKERAS_MEMBER int64_t count(int64_t phase) const {
    return phase < axis.grid ? ceil_div(axis.grid - phase, phases) : 0;
  }
  // As the image and the results number them.
  CKERAS_MEMBER int64_t place(int64_t at) const { return turned ? axis.size - 1 - at : at; }
  CKERAS_MEMBER int64_t result(int64_t i) const { return turned ? axis.grid - 1 - i : i; }
};

// Tap (t, u, v) has its weights at data + t * plane + u * row + v * pixel.
template <class T>
struct DepthWeights {
  const T* data;
  int64_t plane, row, pixel;
};

namespace {

// conv, and conv_grad_input a phase at a time; the image's pixel is all its channels. The order of a sum:
// ops/conv/depthwise_tile.h.
template <class T>
struct Depthwise {
  DepthAxis z, y, x;
  int64_t images, channels;
  const T* image;
  DepthWeights<T> weights;
  DirectGrid<T> grid;
  Ending<T> ending;

  void run() const noexcept {
    const int64_t line_work = most(1, channels * z.axis.taps * y.axis.taps * x.axis.taps * x.axis.grid);
    const bool known = kind() < kDepthKindCount;
    const int64_t height = known ? kDepthRows : 1, bands = y.phases * ceil_div(y.count(0), height);
    const bool in_tile = is_cheap(ending.epilogue);
    const int64_t read = images * z.axis.size * y.axis.size * x.axis.size * channels;
    const bool streamed = in_tile && streams(grid.data, images * grid.image, read, channels);
    DepthTile<T> tile{};
    tile.plane = z.sign() * z.axis.step * y.axis.size * x.axis.size * channels;
    tile.row = y.sign() * y.axis.step * x.axis.size * channels;
    tile.pixel = x.sign() * x.axis.step * channels;
    tile.w_plane = weights.plane;
    tile.w_row = weights.row;
    tile.w_pixel = weights.pixel;
    tile.y_row = y.sign() * y.phases * grid.row;
    tile.y_pixel = x.sign() * x.phases * grid.pixel;
    tile.w = weights.data;
    tile.taps_y = y.axis.taps;
    tile.taps_x = x.axis.taps;
    tile.shift_y = y.shift;
    tile.shift_x = x.shift;
    tile.channels = channels;
    tile.ending = in_tile ? ending : Ending<T>{nullptr, Epilogue::None};
    tile.streamed = streamed;
    const DepthKernel<T> kernel = known ? DepthTiles<T>::table.kinds[kind()] : DepthTiles<T>::table.any;
    parallel_for(images * z.axis.grid * bands, most(1, (int64_t{1} << 18) / (line_work * height)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     run_band(i / bands / z.axis.grid, i / bands % z.axis.grid, i % bands, height, kernel, tile,
                              in_tile);
                   }
                   if (streamed) end_stream();
                 });
  }

 private:
  CKERAS_MEMBER int kind() const {
    int i = 0;
    while (i < kDepthKindCount && (kDepthKinds[i].taps != x.axis.taps || kDepthKinds[i].shift != x.shift)) ++i;
    return kUnrolls && channels >= VecOf<T>::kLanes ? i : kDepthKindCount;
  }

  // Result plane h of image n: `height` results of one phase down a column of them.
  void run_band(int64_t n, int64_t h, int64_t band, int64_t height, DepthKernel<T> kernel, DepthTile<T> tile,
                bool in_tile) const {
    const int64_t phase = band % y.phases, skip = band / y.phases * height, i = phase + skip * y.phases;
    tile.rows = least(height, y.count(phase) - skip);
    if (tile.rows <= 0) return;
    const int64_t front = z.axis.at(h, 0), top = y.axis.at(i, 0);
    const TapsInside planes(z.axis, front, z.axis.taps);
    const TapsInside rows(y.axis, top, y.axis.taps + (tile.rows - 1) * y.shift);
    tile.plane0 = planes.begin;
    tile.plane1 = planes.end;
    tile.ahead = i + height * y.phases < y.axis.grid ? height * y.shift * tile.row : 0;
    tile.row0 = rows.begin;
    tile.row1 = rows.end;
    const int64_t line = (n * z.axis.size + z.place(front)) * y.axis.size + y.place(top);
    T* const to = grid.data + n * grid.image + z.result(h) * grid.plane + y.result(i) * grid.row;
    for (int64_t f = 0; f < x.phases; ++f) {
      const int64_t count = x.count(f);
      tile.pixels = least(count, kDepthPixels);
      for (int64_t k = 0; k < count; k += kDepthPixels) {
        // The last tile has some results of the one before again.
        const int64_t j = f + least(k, count - tile.pixels) * x.phases, left = x.axis.at(j, 0);
        const TapsInside columns(x.axis, left, x.axis.taps + (kDepthPixels - 1) * x.shift);
        tile.column0 = columns.begin;
        tile.column1 = columns.end;
        tile.x = image + (line * x.axis.size + x.place(left)) * channels;
        tile.y = to + x.result(j) * grid.pixel;
        kernel(tile);
        if (!in_tile) end_tile(tile);
      }
    }
  }

  void end_tile(const DepthTile<T>& tile) const {
    T* rows[kDepthRows * kDepthPixels];
    int64_t n = 0;
    for (int64_t r = 0; r < tile.rows; ++r) {
      for (int64_t k = 0; k < tile.pixels; ++k) rows[n++] = tile.y + r * tile.y_row + k * tile.y_pixel;
    }
    end_block(ending, rows, n, channels);
  }
};

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

// to[tap * channels + c] += sum of image * dy over the pixels [begin, end): the chain goes on in rising order.
template <class T>
void depthwise_filter_part(const Image<T>& image, const T* dy, int64_t begin, int64_t end, T* to) noexcept {
  const int64_t channels = image.pixel, x_pixel = image.x.stride * channels, x_tap = image.x.step * channels;
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
