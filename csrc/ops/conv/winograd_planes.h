// Winograd's filtering (ops/conv/winograd.h) of images in three dimensions: windows of 3 x 3 in any number of planes.
// A plane of the image is transformed once for all results that it reaches, whose points are summed over the planes of
// taps before they are transformed back. Only for .isa.cpp files.
//
// The order of a sum: planes of taps inside the image in rising order and their channels, cut into blocks of whole
// planes of taps (or of kKBlock channels of one) of about kKBlock, each one chain of fused multiply-adds, added in
// order; then the transformation of the points, columns before rows.
#pragma once
#include "ops/conv/winograd.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int64_t kWinogradRunPlanes = 16;     // planes of results of a block, about
inline constexpr int64_t kWinogradPlanesTiles = 112;  // tiles of results of a block at most
// Multiplications of a filter that are spared, in windows: its own transformation takes as long as about so many.
inline constexpr int64_t kWinogradPlanesSpared = 288;
inline constexpr int64_t kWinogradPlanesLeast = 8;  // blocks, where planes can be cut for them

// Whether it wins, where a group has `channels` and `results`.
CKERAS_INLINE bool goes_winograd_planes(const Axis& z, const Axis& y, const Axis& x, int64_t images, int64_t channels,
                                        int64_t results) {
  if (z.taps < 2 || z.stride != 1 || z.grid <= 0 || z.size <= 0) return false;
  if (!winograd_axis(y) || !winograd_axis(x)) return false;
  const int64_t planes = images * z.grid, pixels = planes * y.grid * x.grid;
  const int64_t tiles = planes * ceil_div(y.grid, kWinogradTile) * ceil_div(x.grid, kWinogradTile);
  return channels >= 12 && results >= 12 && y.grid >= 4 && x.grid >= 4 && pixels - 4 * tiles >= kWinogradPlanesSpared;
}

// conv and conv_grad_input, called as Direct is.
template <class T>
struct WinogradPlanes : Winograd<T> {
  using Base = Winograd<T>;
  using Base::kWidth, Base::tiling, Base::channels, Base::groups, Base::results, Base::in, Base::out;
  RisingAxis z;
  int64_t images;
  int64_t side, height;  // of a block: tiles of a plane, planes of results

  CKERAS_MEMBER WinogradPlanes(const Axis& z, const Axis& y, const Axis& x, int64_t images, int64_t channels,
                               int64_t pixel, int64_t groups, int64_t results, const Planes& in, const Planes& out)
      : Base{{y, x, 1}, channels, pixel, groups, results, in, out, z.taps}, z(z), images(images) {
    const int64_t fits = kWinogradBytes / (kPoints * this->row() * static_cast<int64_t>(sizeof(T)));
    height = ceil_div(z.grid, ceil_div(z.grid, kWinogradRunPlanes));
    cut(fits);
    while (items() < kWinogradPlanesLeast && height >= 2 * z.taps) {
      height = ceil_div(height, 2);
      cut(fits);
    }
  }

  CKERAS_MEMBER int64_t items() const {
    return groups * images * ceil_div(tiling.tiles(), side) * ceil_div(z.axis.grid, height);
  }
  CKERAS_MEMBER int64_t slots() const { return least(kWinogradSlots, items()); }
  CKERAS_MEMBER int64_t apart() const { return extent() * side * this->row() + 16; }
  CKERAS_MEMBER int64_t result_apart() const { return height * side * kWidth + 16; }
  CKERAS_MEMBER int64_t slot_bytes() const {
    const int64_t elements = kPoints * (apart() + result_apart()) + this->turned_elements(side);
    return round_up(elements * static_cast<int64_t>(sizeof(T)), 64);
  }
  CKERAS_MEMBER int64_t bytes() const { return 64 + this->filter_bytes() + slots() * slot_bytes(); }

  template <class FilterOf, class ImageOf, class GridOf, class EndingOf>
  void run(void* workspace, const FilterOf& filters, const ImageOf& image, const GridOf& grid,
           const EndingOf& ending) const noexcept {
    T* const packed = reinterpret_cast<T*>(static_cast<char*>(workspace) + 64);
    this->pack_filters(filters, z, packed);
    const int64_t blocks = items() / groups;
    this->each_item(workspace, slots(), items(), slot_bytes(), [&](int64_t i, T* buffer) {
      const int64_t g = i / blocks;
      run_block(i % blocks, image(g), packed + g * this->panels() * this->panel(), grid(g), ending(g), buffer);
    });
  }

 private:
  // Planes of the image that a block needs.
  CKERAS_MEMBER int64_t extent() const { return least(z.axis.size, z.extent(height)); }
  // As many tiles of a plane as the cache has room for, evenly, but so many that filters are not read too often.
  CKERAS_MEMBER void cut(int64_t fits) {
    const int64_t room = most(fits / extent(), ceil_div(kWinogradBlock, height)), tiles = tiling.tiles();
    side = ceil_div(tiles, ceil_div(tiles, least(room, most(1, kWinogradPlanesTiles / height))));
  }

  void run_block(int64_t number, const T* image, const T* packed, const DirectGrid<T>& grid, const Ending<T>& ending,
                 T* buffer) const {
    const int64_t runs = ceil_div(z.axis.grid, height), sides = ceil_div(tiling.tiles(), side);
    const int64_t n = number / runs / sides, first = number / runs % sides * side;
    const int64_t tiles = least(side, tiling.tiles() - first);
    const int64_t begin = number % runs * height, end = least(begin + height, z.axis.grid);
    const int64_t low = most(0, z.axis.at(begin, 0)),
                  high = least(z.axis.size, z.axis.at(end - 1, z.axis.taps - 1) + 1);
    T* const points = buffer;
    T* const sums = buffer + kPoints * apart();
    T* const turned = sums + kPoints * result_apart();
    for (int64_t h = low; h < high; ++h) {
      this->to_points((n * z.axis.size + h) * tiling.tiles() + first, tiles, image, turned,
                      points + (h - low) * tiles * this->row(), apart());
    }
    for (int64_t column = 0; column < results; column += kWidth, packed += this->panel()) {
      const int64_t count = least(kWidth, results - column);
      z.each_run([&](const TapRun& run) {
        const TapRun own{most(run.begin, begin), least(run.end, end), run.first, run.last};
        if (own.begin >= own.end) return;
        multiply(own, z.axis.at(own.begin, 0) - low, tiles, points, packed, sums + (own.begin - begin) * tiles * kWidth,
                 ceil_div(count, Base::kLanes));
      });
      for (int64_t h = begin; h < end; ++h) {
        const T* const from = sums + (h - begin) * tiles * kWidth;
        if (out.first()) {
          this->end_tiles((n * z.axis.grid + h) * tiling.tiles() + first, tiles, from, result_apart(), grid, column,
                          count, ending, turned);
        } else {
          const DirectGrid<T> plane{grid.data + n * grid.image + h * grid.plane, 0, 0, grid.row, grid.pixel};
          this->end_tiles(first, tiles, from, result_apart(), plane, column, count, ending, turned);
        }
      }
    }
  }

  // The points of a run's results. The first one meets plane `place` of `points` at tap 0, which may not be there.
  void multiply(const TapRun& run, int64_t place, int64_t tiles, const T* points, const T* packed, T* sums,
                int64_t vectors) const {
    const int64_t row = this->row(), together = most(1, kKBlock / channels);
    int64_t offsets[kKBlock], b_offsets[kKBlock];
    for (int64_t p = 0; p < kPoints; ++p, points += apart(), packed += this->depth() * kWidth, sums += result_apart()) {
      bool first = true;
      for (int64_t t = run.first; t < run.last || first; t += together) {
        const int64_t segments = most(0, least(together, run.last - t));
        for (int64_t k = 0; k < channels; k += kKBlock, first = false) {
          for (int64_t i = 0; i < segments; ++i) {
            offsets[i] = (place + (t + i) * z.axis.step) * tiles * row + k;
            b_offsets[i] = ((t + i) * channels + k) * kWidth;
          }
          multiply_points(DirectRun{offsets, b_offsets, segments, least(kKBlock, channels - k), 1, kWidth}, points, row,
                          (run.end - run.begin) * tiles, packed, sums, kWidth, vectors, first);
        }
      }
    }
  }
};

}  // namespace ckeras::CKERAS_ISA
