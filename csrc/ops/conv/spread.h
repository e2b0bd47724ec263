// Convolution in groups of few channels, as a depthwise one of three dimensions: the image is spread, so that plane i
// has channel i of each filter's own group where that filter's results lie. Vectors go along all filters, where those
// of one group would fill few lanes. Only for .isa.cpp files.
//
// The order of a sum: channels of the group, then taps, as one chain (ops/conv/depthwise_tile.h).
#pragma once
#include "ops/conv/depthwise.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int64_t kSpreadPlanes = 7, kSpreadFan = 4;       // at most
inline constexpr int64_t kSpreadElements = int64_t{1} << 20;      // of spread images in work, about
inline constexpr int64_t kSpreadParts = 16, kSpreadPixels = 128;  // of a gradient of filters; of a part at least

// Whether it wins, where results are sums over `own` channels of their group, and `fan` of them share these.
CKERAS_INLINE bool goes_spread(const ConvShape& s, int64_t own, int64_t fan) {
  return s.groups > 1 && !depthwise(s) && s.z.same() && own > 0 && own <= kSpreadPlanes && fan > 0 && fan <= kSpreadFan;
}

// Images of `pixels` pixels of `groups` times `own` channels as images of `own` planes of `pixels` pixels of `groups`
// times `fan` channels.
template <class T>
struct Spread {
  int64_t images, pixels, groups, own, fan;

  CKERAS_MEMBER int64_t elements() const { return own * pixels * groups * fan; }  // of an image
  CKERAS_MEMBER int64_t at_once() const { return most(1, least(images, kSpreadElements / most(1, elements()))); }
  CKERAS_MEMBER int64_t bytes() const { return round_up(at_once() * elements() * static_cast<int64_t>(sizeof(T)), 64); }
  CKERAS_MEMBER Axis planes() const { return {own, 1, own, 0, 1, 1}; }

  // body(first, count) for images [first, first + count), which `to` has now.
  template <class Body>
  void each(const T* from, T* to, const Body& body) const noexcept {
    for (int64_t first = 0; first < images; first += at_once()) {
      const int64_t count = least(at_once(), images - first);
      const T* const here = from + first * pixels * groups * own;
      parallel_for(count * pixels, most(1, (int64_t{1} << 15) / most(1, own * groups * fan)),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t p = begin; p < end; ++p) {
                       spread_pixel(here + p * groups * own, to + p / pixels * elements() + p % pixels * groups * fan);
                     }
                   });
      body(first, count);
    }
  }

 private:
  // Stores of four, each over what the one before had too many.
  void spread_pixel(const T* from, T* to) const {
    using Four = Raw<T, 4>;
    const int64_t channels = groups * fan;
    for (int64_t i = 0; i < own; ++i, ++from, to += pixels * channels) {
      int64_t g = 0;
      for (; g * fan + 4 <= channels; ++g) store_raw(to + g * fan, Four{} + from[g * own]);
      for (; g < groups; ++g) {
        for (int64_t f = 0; f < fan; ++f) to[g * fan + f] = from[g * own];
      }
    }
  }
};

}  // namespace ckeras::CKERAS_ISA
