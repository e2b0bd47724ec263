// The operands of a convolution as gemm/gemm.h's matrices, packed straight from images and filters. Only for .isa.cpp
// files.
//
//   product        A [M, K]                              B [K, N]
//   conv2d         M pixels of y, K taps x channels: x    filters as they lie
//   grad_input     M pixels of dx, K taps x filters: dy   filters, turned
//   grad_filter    M taps x channels, K pixels of y: x    dy as it lies
//
// Seen from a pixel of a grid and a tap, the image's pixel is affine in both; outside the image it is zero.
#pragma once
#include "gemm/pack.h"

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

template <class T>
struct Image {
  const T* data;     // channel 0 of the group
  int64_t pixel;     // elements from a pixel to the next
  int64_t channels;  // of the group
  Axis y, x;

  struct Place {
    int64_t image, i, j;
  };
  // Of the n-th pixel of the grids of all images.
  CKERAS_MEMBER Place place(int64_t n) const { return {n / (x.grid * y.grid), n / x.grid % y.grid, n % x.grid}; }
  CKERAS_MEMBER void next(Place& p) const {
    if (++p.j < x.grid) return;
    p.j = 0;
    if (++p.i < y.grid) return;
    p.i = 0;
    ++p.image;
  }

  // The image's row that p and tap u meet; null outside.
  CKERAS_MEMBER const T* row(const Place& p, int64_t u) const {
    const int64_t at = y.at(p.i, u);
    return y.inside(at) ? data + (p.image * y.size + at) * x.size * pixel : nullptr;
  }

  // Channels of neighbouring taps of a row lie one after the other when the taps do, and one group is all.
  CKERAS_MEMBER bool joined() const { return x.step == 1 && pixel == channels; }
  CKERAS_MEMBER bool row_inside(const Place& p) const {
    return x.inside(x.at(p.j, 0)) && x.inside(x.at(p.j, x.taps - 1));
  }
};

// A of conv2d and grad_input: element (pixel of the grid, (u * taps of x + v) * channels + c).
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
      const int64_t tap = p / run, u = tap / taps, v = tap % taps, skip = p - tap * run;
      const int64_t length = least(run - skip, p0 + k - p);
      for (int64_t i = 0; i < count; ++i) {
        const T* row = image.row(places[i], u);
        const int64_t column = image.x.at(places[i].j, v);
        from[i] = row != nullptr && image.x.inside(column) ? row + column * image.pixel + skip : nullptr;
      }
      pack_transposed(to, width, count, filled, length, [&](int64_t i) { return from[i]; });
      to += length * width;
      p += length;
    }
  }
};

// A of grad_filter: element ((u * taps of x + v) * channels + c, pixel `first` + p of the grid).
template <class T>
struct ImageTaps {
  Image<T> image;
  int64_t first = 0;

  // A stretch of the panel that lies in one piece in the image, wherever the pixel is not at its edge.
  struct Run {
    int64_t u, v, channel, at, length;
  };
  // `channels`: of one tap, or of a row of taps that is read as one tap. Returns how many runs.
  CKERAS_MEMBER int64_t cut(int64_t i0, int64_t count, int64_t taps, int64_t channels, Run* runs) const {
    int64_t n = 0;
    for (int64_t at = 0; at < count; at += runs[n++].length) {
      const int64_t tap = (i0 + at) / channels, channel = (i0 + at) % channels;
      runs[n] = {tap / taps, tap % taps, channel, at, least(channels - channel, count - at)};
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
        const T* row = image.row(place, runs[r].u);
        const int64_t column = image.x.at(place.j, runs[r].v);
        T* at = to + runs[r].at;
        if (row == nullptr || !image.x.inside(column)) {
          for (int64_t i = 0; i < runs[r].length; ++i) at[i] = 0;
        } else {
          copy_few(at, row + column * image.pixel + runs[r].channel, runs[r].length);
        }
      }
    }
  }
};

// B of grad_input: element ((u * taps of x + v) * filters + o, channel c) of filters [kh, kw, channels, all filters].
// Taps are every `step`-th of the filter's from `first` on.
template <class T>
struct TurnedFilters {
  const T* data;  // filter 0 of the group
  int64_t kw, channels, all_filters, filters;
  int64_t first_u, first_v, step_u, step_v, taps_v;
  int64_t stride = 0;

  CKERAS_MEMBER bool readable() const { return false; }
  CKERAS_MEMBER const T* at(int64_t, int64_t) const { return nullptr; }
  CKERAS_MEMBER void pack(T* to, int64_t width, int64_t i0, int64_t count, int64_t p0, int64_t k) const {
    const int64_t filled = least(width, round_up(count, VecOf<T>::kLanes));
    for (int64_t p = p0; p < p0 + k;) {
      const int64_t tap = p / filters, skip = p % filters, length = least(filters - skip, p0 + k - p);
      const int64_t u = first_u + tap / taps_v * step_u, v = first_v + tap % taps_v * step_v;
      const T* from = data + ((u * kw + v) * channels + i0) * all_filters + skip;
      pack_transposed(to, width, count, filled, length, [&](int64_t i) { return from + i * all_filters; });
      to += length * width;
      p += length;
    }
  }
};

}  // namespace ckeras::CKERAS_ISA
