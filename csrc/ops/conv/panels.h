// The operands of a convolution as gemm/gemm.h's matrices, packed straight from images and filters. Only for .isa.cpp
// files.
//
//   product           A [M, K]                              B [K, N]
//   conv              M pixels of y, K taps x channels: x    filters as they lie
//   conv_grad_input   M pixels of dx, K taps x filters: dy   filters, turned
//   conv_grad_filter  M taps x channels, K pixels of y: x    dy as it lies
//
// Seen from a pixel of a grid and a tap, the image's pixel is affine in both; outside the image it is zero. Taps and
// pixels are numbered in row-major order: planes, rows, columns.
#pragma once
#include "gemm/pack.h"
#include "ops/conv/conv.h"

namespace ckeras::CKERAS_ISA {

// One axis: grid position i and tap t meet image position start + i * stride + t * step.
struct Axis {
  int64_t size;  // of the image
  int64_t grid;
  int64_t taps;
  int64_t start, stride, step;

  CKERAS_MEMBER int64_t at(int64_t i, int64_t t) const { return start + i * stride + t * step; }
  CKERAS_MEMBER bool inside(int64_t position) const {
    return static_cast<uint64_t>(position) < static_cast<uint64_t>(size);
  }
};

CKERAS_INLINE Axis axis_of(const Dim& d) { return {d.size, d.result, d.window, -d.low, d.stride, d.dilation}; }

// From the pixel that tap 0 meets to the one that another tap meets.
struct Tap {
  int64_t z, y, x;
  int64_t offset;  // elements
};

template <class T>
struct Image {
  const T* data;     // channel 0 of the group
  int64_t pixel;     // elements from a pixel to the next
  int64_t channels;  // of the group
  Axis z, y, x;

  // A pixel of the grids.
  struct Place {
    int64_t image, h, i, j;
    int64_t z, y, x, offset;  // what tap 0 meets, maybe outside; its element
  };
  CKERAS_MEMBER int64_t taps() const { return z.taps * y.taps * x.taps; }
  CKERAS_MEMBER Place located(int64_t image, int64_t h, int64_t i, int64_t j) const {
    const int64_t plane = z.at(h, 0), row = y.at(i, 0), column = x.at(j, 0);
    const int64_t at = ((image * z.size + plane) * y.size + row) * x.size + column;
    return {image, h, i, j, plane, row, column, at * pixel};
  }
  // The n-th pixel of the grids of all images.
  CKERAS_MEMBER Place place(int64_t n) const {
    const int64_t row = n / x.grid, plane = row / y.grid;
    return located(plane / z.grid, plane % z.grid, row % y.grid, n % x.grid);
  }
  CKERAS_MEMBER void next(Place& p) const {
    if (p.j + 1 < x.grid) {
      ++p.j;
      p.x += x.stride;
      p.offset += x.stride * pixel;
    } else if (p.i + 1 < y.grid) {
      p = located(p.image, p.h, p.i + 1, 0);
    } else {
      p = p.h + 1 < z.grid ? located(p.image, p.h + 1, 0, 0) : located(p.image + 1, 0, 0, 0);
    }
  }

  CKERAS_MEMBER Tap tap(int64_t t, int64_t u, int64_t v) const {
    const int64_t plane = t * z.step, row = u * y.step, column = v * x.step;
    return {plane, row, column, ((plane * y.size + row) * x.size + column) * pixel};
  }
  // Tap `v` of the row of taps with this number.
  CKERAS_MEMBER Tap tap(int64_t row, int64_t v) const { return tap(row / y.taps, row % y.taps, v); }

  // The pixel that p and a tap meet; null outside.
  CKERAS_MEMBER const T* at(const Place& p, const Tap& tap) const {
    const bool inside = z.inside(p.z + tap.z) & y.inside(p.y + tap.y) & x.inside(p.x + tap.x);
    return inside ? data + p.offset + tap.offset : nullptr;
  }

  // body(pixel, t, u, v) for every tap of p inside the image, in order.
  template <class Body>
  CKERAS_MEMBER void each_tap(const Place& p, const Body& body) const {
    for (int64_t t = 0; t < z.taps; ++t) {
      for (int64_t u = 0; u < y.taps; ++u) {
        const Tap first = tap(t, u, 0);
        if (!z.inside(p.z + first.z) || !y.inside(p.y + first.y)) continue;
        const int64_t from = p.offset + first.offset;
        for (int64_t v = 0; v < x.taps; ++v) {
          if (x.inside(p.x + v * x.step)) body(data + from + v * x.step * pixel, t, u, v);
        }
      }
    }
  }

  // Channels of neighbouring taps of a row lie one after the other when the taps do, and one group is all.
  CKERAS_MEMBER bool joined() const { return x.step == 1 && pixel == channels; }
  CKERAS_MEMBER bool row_inside(const Place& p) const { return x.inside(p.x) && x.inside(p.x + (x.taps - 1) * x.step); }
};

// A of conv and conv_grad_input: element (pixel of the grid, tap * channels + c).
template <class T>
struct ImagePixels {
  Image<T> image;

  CKERAS_MEMBER void pack(T* to, int64_t width, int64_t i0, int64_t count, int64_t p0, int64_t k) const {
    typename Image<T>::Place places[kPackedRows];
    bool all_inside = image.joined();
    places[0] = image.place(i0);
    for (int64_t i = 0; i < count; ++i) {
      if (i > 0) {
        places[i] = places[i - 1];
        image.next(places[i]);
      }
      all_inside = all_inside && image.row_inside(places[i]);
    }
    // Runs of elements that lie one after the other in every row: a whole row of taps, or the channels of one tap.
    const int64_t taps = all_inside ? 1 : image.x.taps;
    const int64_t run = image.channels * (all_inside ? image.x.taps : 1);
    const int64_t filled = round_up(count, kBlock<T>);
    const T* from[kPackedRows];
    for (int64_t p = p0; p < p0 + k;) {
      const int64_t number = p / run, skip = p - number * run;
      const Tap tap = image.tap(number / taps, number % taps);
      const int64_t length = least(run - skip, p0 + k - p);
      for (int64_t i = 0; i < count; ++i) {
        const T* pixel = image.at(places[i], tap);
        from[i] = pixel != nullptr ? pixel + skip : nullptr;
      }
      pack_transposed(to, width, count, filled, length, [&](int64_t i) { return from[i]; });
      to += length * width;
      p += length;
    }
  }
};

// A of conv_grad_filter: element (tap * channels + c, pixel `first` + p of the grid).
template <class T>
struct ImageTaps {
  Image<T> image;
  int64_t first = 0;

  // A stretch of the panel that lies in one piece in the image, wherever the pixel is not at its edge.
  struct Run {
    Tap tap;
    int64_t channel, at, length;
  };
  // `channels`: of one tap, or of a row of taps that is read as one tap. Returns how many runs.
  CKERAS_MEMBER int64_t cut(int64_t i0, int64_t count, int64_t taps, int64_t channels, Run* runs) const {
    int64_t n = 0;
    for (int64_t at = 0; at < count; at += runs[n++].length) {
      const int64_t number = (i0 + at) / channels, channel = (i0 + at) % channels;
      runs[n] = {image.tap(number / taps, number % taps), channel, at, least(channels - channel, count - at)};
    }
    return n;
  }

  CKERAS_MEMBER void pack(T* to, int64_t width, int64_t i0, int64_t count, int64_t p0, int64_t k) const {
    Run single[kPackedRows], joined[kPackedRows];
    const int64_t n_single = cut(i0, count, image.x.taps, image.channels, single);
    const int64_t n_joined = cut(i0, count, 1, image.channels * image.x.taps, joined);
    auto place = image.place(first + p0);
    for (int64_t p = 0; p < k; ++p, to += width, image.next(place)) {
      const bool inside = image.joined() && image.row_inside(place);
      const Run* const runs = inside ? joined : single;
      for (int64_t r = 0; r < (inside ? n_joined : n_single); ++r) {
        const T* pixel = image.at(place, runs[r].tap);
        T* at = to + runs[r].at;
        if (pixel == nullptr) {
          for (int64_t i = 0; i < runs[r].length; ++i) at[i] = 0;
        } else {
          copy_few(at, pixel + runs[r].channel, runs[r].length);
        }
      }
    }
  }
};

}  // namespace ckeras::CKERAS_ISA
