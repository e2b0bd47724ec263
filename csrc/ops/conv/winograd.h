// Winograd's minimal filtering for windows of 3 x 3 at stride 1: tiles of 4 x 4 results, 6 x 6 pixels, and one product
// of matrices for each of their 36 points take the place of 9 products of 4 x 4 results, a quarter of the
// multiplications. Only for .isa.cpp files.
//
//   tile of pixels d, filter g   y = A [(B d B') * (G g G')] A', summed over the channels between the brackets
//   gradient of the filter       the same with tiles of dy, 4 x 4, for the filter, and 3 x 3 results
//
// The points are 0, 3/4, -3/4, 3/2, -3/2 and infinity: an error of about twice that of the sum it replaces, where the
// usual 0, 1, -1, 2, -2 have four times (A. Lavin and S. Gray, Fast algorithms for convolutional neural networks, 2015;
// B. Barabasz and others, Error analysis and improving the accuracy of Winograd convolution, 2020).
//
// The order of a sum: channels (tiles, for the gradient) in blocks, each one chain of fused multiply-adds, added in
// order; then the transformation of the points, columns before rows.
#pragma once
#include "ops/conv/buffers.h"
#include "ops/conv/direct.h"
#include "ops/conv/planes.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int kWinogradTile = 4;
inline constexpr int kWinogradSide = 6;
inline constexpr int kPoints = kWinogradSide * kWinogradSide;

// One way of B, G and A.
struct ToPoints {
  template <class V>
  CKERAS_MEMBER void operator()(const V (&d)[6], V (&p)[6]) const {
    using T = typename V::Lane;
    const V a(T(0.75)), b(T(1.5)), aa(T(0.5625)), bb(T(2.25)), sum(T(2.8125)), product(T(1.265625));
    const V even_a = fnma(bb, d[2], d[4]), odd_a = fnma(bb, d[1], d[3]);
    const V even_b = fnma(aa, d[2], d[4]), odd_b = fnma(aa, d[1], d[3]);
    p[0] = fma(product, d[0], fnma(sum, d[2], d[4]));
    p[1] = fma(a, odd_a, even_a);
    p[2] = fnma(a, odd_a, even_a);
    p[3] = fma(b, odd_b, even_b);
    p[4] = fnma(b, odd_b, even_b);
    p[5] = fma(product, d[1], fnma(sum, d[3], d[5]));
  }
};
// N = 3 taps, or 4 of a tile of dy.
template <int N>
struct FilterToPoints {
  template <class V>
  CKERAS_MEMBER void operator()(const V (&g)[N], V (&p)[6]) const {
    using T = typename V::Lane;
    const V a(T(0.75)), b(T(1.5)), aa(T(0.5625)), bb(T(2.25));
    const V by_0(T(64) / T(81)), by_a(T(-128) / T(243)), by_b(T(32) / T(243));
    const V even_a = fma(aa, g[2], g[0]), even_b = fma(bb, g[2], g[0]);
    V odd_a = g[1], odd_b = g[1];
    if constexpr (N == 4) {
      odd_a = fma(aa, g[3], odd_a);
      odd_b = fma(bb, g[3], odd_b);
    }
    p[0] = g[0] * by_0;
    p[1] = fma(a, odd_a, even_a) * by_a;
    p[2] = fnma(a, odd_a, even_a) * by_a;
    p[3] = fma(b, odd_b, even_b) * by_b;
    p[4] = fnma(b, odd_b, even_b) * by_b;
    p[5] = g[N - 1];
  }
};
// N = 4 results, or 3 of a filter's gradient.
template <int N>
struct FromPoints {
  template <class V>
  CKERAS_MEMBER void operator()(const V (&p)[6], V (&y)[N]) const {
    using T = typename V::Lane;
    const V a(T(0.75)), b(T(1.5)), aa(T(0.5625)), bb(T(2.25)), aaa(T(0.421875)), bbb(T(3.375));
    const V even_a = p[1] + p[2], odd_a = p[1] - p[2], even_b = p[3] + p[4], odd_b = p[3] - p[4];
    y[0] = p[0] + even_a + even_b;
    y[1] = fma(a, odd_a, b * odd_b);
    if constexpr (N == 4) {
      y[2] = fma(aa, even_a, bb * even_b);
      y[3] = fma(aaa, odd_a, fma(bbb, odd_b, p[5]));
    } else {
      y[2] = fma(aa, even_a, fma(bb, even_b, p[5]));
    }
  }
};

// store(i, j, element) for the R x R elements of f applied to the columns, then the rows, of load(i, j), N x N.
template <class V, int N, int R, class F, class Load, class Store>
CKERAS_INLINE void both_ways(const F& f, const Load& load, const Store& store) {
  V between[R][N];
#pragma GCC unroll 1  // else all addresses are made beforehand, and kept in memory
  for (int j = 0; j < N; ++j) {
    V in[N], out[R];
#pragma GCC unroll 6
    for (int i = 0; i < N; ++i) in[i] = load(i, j);
    f(in, out);
#pragma GCC unroll 6
    for (int i = 0; i < R; ++i) between[i][j] = out[i];
  }
#pragma GCC unroll 1
  for (int i = 0; i < R; ++i) {
    V out[R];
    f(between[i], out);
#pragma GCC unroll 6
    for (int j = 0; j < R; ++j) store(i, j, out[j]);
  }
}

// The results of all images in tiles, numbered in row-major order.
struct Tiling {
  RisingAxis y, x;
  int64_t images, rows, columns;  // tiles of an image

  CKERAS_MEMBER Tiling(const Axis& y, const Axis& x, int64_t images)
      : y(y), x(x), images(images), rows(ceil_div(y.grid, kWinogradTile)), columns(ceil_div(x.grid, kWinogradTile)) {}
  CKERAS_MEMBER int64_t tiles() const { return images * rows * columns; }
  // body(first, count) for the tiles [begin, end), those side by side together, at most `most`.
  template <class Body>
  CKERAS_MEMBER void each_run(int64_t begin, int64_t end, int64_t most, const Body& body) const {
    for (int64_t t = begin, count; t < end; t += count) {
      count = least(least(most, end - t), columns - t % columns);
      body(t, count);
    }
  }
};

// A tile's first result, and how many of its rows and columns there are.
struct TilePlace {
  int64_t image, i, j, rows, columns;

  CKERAS_MEMBER TilePlace(const Tiling& t, int64_t number)
      : image(number / t.columns / t.rows),
        i(number / t.columns % t.rows * kWinogradTile),
        j(number % t.columns * kWinogradTile),
        rows(least(kWinogradTile, t.y.axis.grid - i)),
        columns(least(kWinogradTile, t.x.axis.grid - j)) {}
};

// Elements from a pixel's points to the next one's: whole vectors, and not so many that few sets of the cache have all.
CKERAS_INLINE int64_t points_row(int64_t channels) {
  const int64_t whole = round_up(channels, 16);
  return whole % 64 == 0 ? whole + 16 : whole;
}

inline constexpr int64_t kWinogradTurned = 32;  // channels that are turned together, whose pixels the first cache has

// Elements of the pixels of `tiles` tiles side by side, of channels turned together.
CKERAS_INLINE int64_t run_pixels(int64_t tiles, int64_t channels) {
  return kWinogradSide * (tiles * kWinogradTile + kWinogradSide - kWinogradTile) *
         least(kWinogradTurned, round_up(channels, 16));
}

namespace {

// to[point * apart + c] for the channels of a square of `kSide` x kSide pixels, up to the next whole vector. Those of
// rows [i0, i1) and columns [j0, j1) are there, the others zero; `from` is where the first one is or would be.
template <int kSide, class F, class T>
void square_to_points(const F& f, const T* from, int64_t row, int64_t pixel, int64_t i0, int64_t i1, int64_t j0,
                      int64_t j1, int64_t channels, T* to, int64_t apart) noexcept {
  using Vector = VecOf<T>;
  const bool inside = i0 == 0 && j0 == 0 && i1 == kSide && j1 == kSide;
  for (int64_t c = 0; c < channels; c += Vector::kLanes) {
    const auto store = [&](int i, int j, Vector v)
                           __attribute__((always_inline)) { v.store(to + (i * kWinogradSide + j) * apart + c); };
    if (inside && c + Vector::kLanes <= channels) {
      both_ways<Vector, kSide, kWinogradSide>(
          f, [&](int i, int j) __attribute__((always_inline)) { return Vector::load(from + i * row + j * pixel + c); },
          store);
    } else {
      both_ways<Vector, kSide, kWinogradSide>(
          f,
          [&](int i, int j) __attribute__((always_inline)) {
            return i < i0 || i >= i1 || j < j0 || j >= j1 ? Vector(T{0})
                                                          : Vector::load(from + i * row + j * pixel + c, channels - c);
          },
          store);
    }
  }
}

// The pixels that a tile's results need. `image`: channel 0 of the group.
template <class T>
CKERAS_INLINE void pixels_to_points(const Tiling& t, const TilePlace& place, const T* image, int64_t pixel,
                                    int64_t channels, T* to, int64_t apart) {
  const Axis &y = t.y.axis, &x = t.x.axis;
  const int64_t i = y.at(place.i, 0), j = x.at(place.j, 0);
  square_to_points<kWinogradSide>(ToPoints{}, image + ((place.image * y.size + i) * x.size + j) * pixel, x.size * pixel,
                                  pixel, most(0, -i), least(kWinogradSide, y.size - i), most(0, -j),
                                  least(kWinogradSide, x.size - j), channels, to, apart);
}

// The same for `tiles` tiles side by side, from row i and column j of a plane on, of images whose channels come first.
// Their pixels are turned over into `pixels` (run_pixels), kWinogradTurned channels at a time.
template <int kSide, class F, class T>
void planes_to_points(const F& f, const Planes& planes, const T* image, int64_t number, int64_t height, int64_t width,
                      int64_t i, int64_t j, int64_t tiles, int64_t channels, T* pixels, T* to, int64_t row,
                      int64_t apart) noexcept {
  const int64_t last = j + (tiles - 1) * kWinogradTile + kSide, i0 = most(0, i), j0 = most(0, j);
  const int64_t rows = least(height, i + kSide) - i0, columns = least(width, last) - j0;
  image += planes.plane(number, height * width) + i0 * width + j0;
  for (int64_t c = 0; c < channels; c += kWinogradTurned, image += kWinogradTurned * planes.channel) {
    const int64_t count = least(kWinogradTurned, channels - c), step = round_up(count, 16);
    if (rows > 0 && columns > 0) read_planes(image, planes, width, rows, columns, count, pixels, step);
    for (int64_t t = 0, at = j; t < tiles; ++t, at += kWinogradTile) {
      square_to_points<kSide>(f, pixels + ((i - i0) * columns + at - j0) * step, columns * step, step, most(0, -i),
                              least(kSide, height - i), most(0, -at), least(kSide, width - at), count, to + t * row + c,
                              apart);
    }
  }
}
template <class T>
CKERAS_INLINE void pixels_to_points(const Tiling& t, const TilePlace& place, const Planes& planes, const T* image,
                                    int64_t tiles, int64_t channels, T* pixels, T* to, int64_t row, int64_t apart) {
  const Axis &y = t.y.axis, &x = t.x.axis;
  planes_to_points<kWinogradSide>(ToPoints{}, planes, image, place.image, y.size, x.size, y.at(place.i, 0),
                                  x.at(place.j, 0), tiles, channels, pixels, to, row, apart);
}

// c rows of whole vectors, at most kDirectVectors, += a b over the run: row i of A is at a + i * a_row.
template <class T>
CKERAS_INLINE void multiply_points(const DirectRun& run, const T* a, int64_t a_row, int64_t rows, const T* b, T* c,
                                   int64_t c_row, int64_t vectors, bool first) {
  const int64_t tiles = ceil_div(rows, kTileRows), height = ceil_div(rows, tiles);
  for (int64_t r = 0; r < rows; r += height) {
    const int64_t count = least(height, rows - r);
    const T* from[kTileRows];
    T* to[kTileRows];
    for (int64_t i = 0; i < kTileRows; ++i) {
      from[i] = a + (r + least(i, count - 1)) * a_row;
      to[i] = c + (r + least(i, count - 1)) * c_row;
    }
    DirectTiles<T>::table.kernels[direct_size(count, vectors)][vectors](run, from, b, to, count,
                                                                        vectors * VecOf<T>::kLanes, first);
  }
}
// The same over k, the elements of a row of A a_step apart.
template <class T>
CKERAS_INLINE void multiply_points(int64_t k, const T* a, int64_t a_row, int64_t a_step, int64_t rows, const T* b,
                                   int64_t ldb, T* c, int64_t c_row, int64_t vectors, bool first) {
  const int64_t zero = 0;
  multiply_points(DirectRun{&zero, &zero, 1, k, a_step, ldb}, a, a_row, rows, b, c, c_row, vectors, first);
}

}  // namespace

inline constexpr int64_t kWinogradBlock = 56;                 // tiles of a block at most
inline constexpr int64_t kWinogradBytes = int64_t{1} << 19;   // of their points, about
inline constexpr int64_t kWinogradSlots = 32;                 // blocks in work at most
inline constexpr int64_t kWinogradCache = int64_t{1} << 18;   // points of both operands of a gradient, or more
inline constexpr int64_t kWinogradMemory = int64_t{1} << 21;  // at most
inline constexpr int64_t kWinogradChain = 256;                // tiles of a chain of a gradient
inline constexpr int64_t kWinogradRun = 8;                    // tiles side by side whose pixels are turned together

CKERAS_INLINE bool winograd_axis(const Axis& a) {
  return a.taps == 3 && a.stride == 1 && (a.step == 1 || a.step == -1) && a.grid > 0 && a.size > 0;
}
CKERAS_INLINE int64_t winograd_tiles(const Axis& z, const Axis& y, const Axis& x, int64_t images) {
  return images * z.size * ceil_div(y.grid, kWinogradTile) * ceil_div(x.grid, kWinogradTile);
}
// Whether it can be taken, where a group has `channels` and `results`, and wins in gradients to filters.
CKERAS_INLINE bool fits_winograd(const Axis& z, const Axis& y, const Axis& x, int64_t images, int64_t channels,
                                 int64_t results) {
  if (z.taps != 1 || z.stride != 1 || z.start != 0 || z.grid != z.size) return false;
  if (!winograd_axis(y) || !winograd_axis(x)) return false;
  return channels >= 12 && results >= 12 && y.grid >= 4 && x.grid >= 4 && winograd_tiles(z, y, x, images) >= 32;
}
// Whether it wins in the others. Products of points are 0.6 as fast as direct ones, and filters at the points take a
// time of their own, the longer the less of them is in a cache: both in steps along the channels, as measured.
CKERAS_INLINE bool goes_winograd(const Axis& z, const Axis& y, const Axis& x, int64_t images, int64_t channels,
                                 int64_t results) {
  const int64_t points = 8 * kPoints * winograd_tiles(z, y, x, images) / 5, filters = 2000 + channels * results / 128;
  return fits_winograd(z, y, x, images, channels, results) && 9 * images * z.size * y.grid * x.grid > points + filters;
}

// conv and conv_grad_input, called as Direct is.
template <class T>
struct Winograd {
  Tiling tiling;
  int64_t channels, pixel, groups, results;  // of a group; elements from a pixel to the next
  Planes in = {}, out = {};                  // of the image, of the grid
  int64_t planes = 1;                        // of taps

  static constexpr int64_t kLanes = VecOf<T>::kLanes;
  static constexpr int64_t kWidth = kDirectVectors * kLanes;

  CKERAS_MEMBER int64_t row() const { return points_row(channels); }
  CKERAS_MEMBER int64_t panels() const { return ceil_div(results, kWidth); }
  CKERAS_MEMBER int64_t depth() const { return planes * channels; }
  CKERAS_MEMBER int64_t panel() const { return kPoints * depth() * kWidth; }
  CKERAS_MEMBER int64_t filter_bytes() const {
    return round_up(groups * panels() * panel() * static_cast<int64_t>(sizeof(T)), 64);
  }
  CKERAS_MEMBER int64_t block() const {
    const int64_t fits = kWinogradBytes / (kPoints * row() * static_cast<int64_t>(sizeof(T)));
    return least(kWinogradBlock, most(14, fits / 14 * 14));
  }
  CKERAS_MEMBER int64_t items() const { return groups * ceil_div(tiling.tiles(), block()); }
  CKERAS_MEMBER int64_t slots() const { return least(kWinogradSlots, items()); }
  CKERAS_MEMBER int64_t apart() const { return block() * row() + 16; }
  CKERAS_MEMBER int64_t result_apart() const { return block() * kWidth + 16; }
  CKERAS_MEMBER int64_t slot_bytes() const {
    const int64_t points = kPoints * (apart() + result_apart());
    return round_up((points + turned_elements(block())) * static_cast<int64_t>(sizeof(T)), 64);
  }
  // Pixels on their way from or to planes.
  CKERAS_MEMBER int64_t turned_elements(int64_t block) const {
    const int64_t tiles = least(block, tiling.columns);
    const int64_t pixels = in.first() ? run_pixels(tiles, channels) : 0;
    return most(pixels, out.first() ? kWinogradTile * kWinogradTile * tiles * kWidth : 0);
  }
  CKERAS_MEMBER int64_t bytes() const { return 64 + filter_bytes() + slots() * slot_bytes(); }

  template <class FilterOf, class ImageOf, class GridOf, class EndingOf>
  void run(void* workspace, const FilterOf& filters, const ImageOf& image, const GridOf& grid,
           const EndingOf& ending) const noexcept {
    T* const packed = reinterpret_cast<T*>(static_cast<char*>(workspace) + 64);
    pack_filters(filters, RisingAxis(Axis{1, 1, 1, 0, 1, 1}), packed);
    // Groups of the same tiles one after another: their pixels share lines, and what is fetched with them.
    each_item(workspace, slots(), items(), slot_bytes(), [&](int64_t i, T* buffer) {
      const int64_t g = i % groups;
      run_block(i / groups * block(), image(g), packed + g * panels() * panel(), grid(g), ending(g), buffer);
    });
  }

 protected:
  // body(item, buffer) for all items, of which `slots` are in work at once.
  template <class Body>
  void each_item(void* workspace, int64_t slots, int64_t items, int64_t slot_bytes, const Body& body) const {
    const Buffers buffers{static_cast<uint64_t*>(workspace)};
    char* const slot0 = static_cast<char*>(workspace) + 64 + filter_bytes();
    buffers.open(slots);
    parallel_for(slots, 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        const int buffer = buffers.take();
        for (int64_t i = items * slot / slots; i < items * (slot + 1) / slots; ++i) {
          body(i, reinterpret_cast<T*>(slot0 + buffer * slot_bytes));
        }
        buffers.give(buffer);
      }
    });
  }

  // Filters' points: a panel has kPoints * depth() rows, those of a point in the order of the image's planes.
  template <class FilterOf>
  void pack_filters(const FilterOf& filters, const RisingAxis& z, T* packed) const {
    constexpr int64_t kChunk = 16;
    const int64_t chunks = ceil_div(channels, kChunk);
    parallel_for(groups * panels() * planes * chunks, 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t number = i / chunks / planes, t = i / chunks % planes, c0 = i % chunks * kChunk;
        filter_points(filters(number / panels()), number % panels() * kWidth, z.tap(t), c0,
                      least(kChunk, channels - c0), packed + number * panel() + t * channels * kWidth);
      }
    });
  }
  // Channels [c0, c0 + count) of plane `plane` of a panel: taps are packed where the last nine points will be, then
  // transformed in place.
  template <class Filters>
  void filter_points(const Filters& from, int64_t column, int64_t plane, int64_t c0, int64_t count, T* to) const {
    using Vector = VecOf<T>;
    const int64_t apart = depth() * kWidth;
    T* const taps = to + (kPoints - 9) * apart;
    for (int64_t t = 0; t < 9; ++t) {
      const int64_t own = plane * 9 + tiling.y.tap(t / 3) * 3 + tiling.x.tap(t % 3);
      from.pack(taps + t * apart + c0 * kWidth, kWidth, column, least(kWidth, results - column), own * channels + c0,
                count);
    }
    const int64_t filled = least(kWidth, round_up(results - column, kLanes));
    for (int64_t c = c0; c < c0 + count; ++c) {
      for (int64_t j = 0; j < filled; j += kLanes) {
        const int64_t at = c * kWidth + j;
        both_ways<Vector, 3, kWinogradSide>(
            FilterToPoints<3>{},
            [&](int u, int v) __attribute__((always_inline)) { return Vector::load(taps + (u * 3 + v) * apart + at); },
            [&](int u, int v, Vector p)
                __attribute__((always_inline)) { p.store(to + (u * kWinogradSide + v) * apart + at); });
      }
    }
  }

  void run_block(int64_t first, const T* image, const T* packed, const DirectGrid<T>& grid, const Ending<T>& ending,
                 T* buffer) const {
    const int64_t count = least(block(), tiling.tiles() - first);
    T* const points = buffer;
    T* const sums = buffer + kPoints * apart();
    T* const turned = sums + kPoints * result_apart();
    to_points(first, count, image, turned, points, apart());
    for (int64_t column = 0; column < results; column += kWidth, packed += panel()) {
      const int64_t n = least(kWidth, results - column), vectors = ceil_div(n, kLanes);
      for (int64_t p = 0; p < kPoints; ++p) {
        for (int64_t k = 0; k < channels; k += kKBlock) {
          multiply_points(least(kKBlock, channels - k), points + p * apart() + k, row(), 1, count,
                          packed + (p * channels + k) * kWidth, kWidth, sums + p * result_apart(), kWidth, vectors,
                          k == 0);
        }
      }
      end_tiles(first, count, sums, result_apart(), grid, column, n, ending, turned);
    }
  }

  // The points of tiles [first, first + count), a row() each, those of the next point `apart` further.
  void to_points(int64_t first, int64_t count, const T* image, T* turned, T* points, int64_t apart) const {
    if (in.first()) {
      tiling.each_run(first, first + count, count, [&](int64_t t, int64_t n) {
        pixels_to_points(tiling, TilePlace(tiling, t), in, image, n, channels, turned, points + (t - first) * row(),
                         row(), apart);
      });
    } else {
      for (int64_t t = 0; t < count; ++t) {
        pixels_to_points(tiling, TilePlace(tiling, first + t), image, pixel, channels, points + t * row(), apart);
      }
    }
  }
  // Their results [column, column + n).
  void end_tiles(int64_t first, int64_t count, const T* sums, int64_t apart, const DirectGrid<T>& grid, int64_t column,
                 int64_t n, const Ending<T>& ending, T* turned) const {
    const Ending<T> own = ending.at(0, column);
    if (out.first()) {
      tiling.each_run(first, first + count, count, [&](int64_t t, int64_t tiles) {
        end_run(t, tiles, sums + (t - first) * kWidth, apart, grid.data + column * out.channel, n, own, turned);
      });
      return;
    }
    for (int64_t t = 0; t < count; ++t) {
      end_tile(TilePlace(tiling, first + t), sums + t * kWidth, apart, grid, column, n, own);
    }
  }

  // Tiles side by side, of which `data` has the results' channels first.
  void end_run(int64_t first, int64_t tiles, const T* sums, int64_t apart, T* data, int64_t n, const Ending<T>& ending,
               T* turned) const {
    const TilePlace place(tiling, first);
    const int64_t height = tiling.y.axis.grid, width = tiling.x.axis.grid;
    const int64_t columns = least(tiles * kWinogradTile, width - place.j);
    const DirectGrid<T> grid{turned - (place.i * columns + place.j) * kWidth, 0, 0, columns * kWidth, kWidth};
    for (int64_t t = 0; t < tiles; ++t) {
      end_tile(TilePlace(tiling, first + t), sums + t * kWidth, apart, grid, 0, n, ending);
    }
    write_planes(turned, kWidth, place.rows, columns, n,
                 data + out.plane(place.image, height * width) + place.i * width + place.j, out, width);
  }

  void end_tile(const TilePlace& place, const T* sums, int64_t apart, const DirectGrid<T>& grid, int64_t column,
                int64_t n, const Ending<T>& ending) const {
    using Vector = VecOf<T>;
    T* const origin = grid.data + place.image * grid.plane + place.i * grid.row + place.j * grid.pixel + column;
    for (int64_t c = 0; c < n; c += kLanes) {
      both_ways<Vector, kWinogradSide, kWinogradTile>(
          FromPoints<kWinogradTile>{},
          [&](int i, int j)
              __attribute__((always_inline)) { return Vector::load(sums + (i * kWinogradSide + j) * apart + c); },
          [&](int i, int j, Vector y) __attribute__((always_inline)) {
            if (i >= place.rows || j >= place.columns) return;
            T* const to = origin + i * grid.row + j * grid.pixel + c;
            if (c + kLanes <= n) {
              y.store(to);
            } else {
              y.store(to, n - c);
            }
          });
    }
    if (ending.nothing()) return;
    T* rows[kWinogradTile * kWinogradTile];
    int64_t used = 0;
    for (int64_t i = 0; i < place.rows; ++i) {
      for (int64_t j = 0; j < place.columns; ++j) rows[used++] = origin + i * grid.row + j * grid.pixel;
    }
    end_block(ending, rows, used, n);
  }
};

// conv_grad_filter, a group at a time: chunks of tiles are transformed, then multiplied point by point.
template <class T>
struct WinogradFilter {
  Tiling tiling;
  int64_t channels, pixel, results, stride;  // of a group; elements from a pixel of x, of dy, to the next
  Planes x_planes = {}, y_planes = {};

  static constexpr int64_t kLanes = VecOf<T>::kLanes;
  static constexpr int64_t kWidth = kDirectVectors * kLanes;

  CKERAS_MEMBER int64_t x_row() const { return points_row(channels); }
  CKERAS_MEMBER int64_t y_row() const { return points_row(results); }
  CKERAS_MEMBER int64_t wide() const { return round_up(results, kLanes); }
  // Tiles of a chunk: so few that their points stay in the cache, but so many that the sums are read and written
  // seldom.
  CKERAS_MEMBER int64_t chunk() const {
    const int64_t of_one = kPoints * (x_row() + y_row()), seldom = 4 * channels * results / (channels + results);
    const int64_t fits = least(kWinogradMemory / of_one, most(kWinogradCache / of_one, seldom));
    return least(least(most(fits, 32), kWinogradChain), tiling.tiles());
  }
  CKERAS_MEMBER int64_t bytes() const {
    const int64_t elements = chunk() * (x_row() + y_row()) + 32 + channels * wide();
    const int64_t turned = 16 + slots() * turned_elements();
    return round_up((kPoints * elements + turned) * static_cast<int64_t>(sizeof(T)), 64);
  }
  // Where channels come first, tiles are transformed in so many pieces, in runs of at most kWinogradRun.
  CKERAS_MEMBER int64_t slots() const {
    return x_planes.first() || y_planes.first() ? least(kWinogradSlots / 2, ceil_div(chunk(), kWinogradRun)) : 0;
  }
  CKERAS_MEMBER int64_t turned_elements() const { return run_pixels(kWinogradRun, most(channels, results)); }

  // Where piece `number` of `pieces` of `count` tiles begins: with a row of tiles, where these are not long.
  CKERAS_MEMBER int64_t piece(int64_t first, int64_t count, int64_t number, int64_t pieces) const {
    const int64_t at = first + count * number / pieces;
    if (number == 0 || number == pieces || tiling.columns > kWinogradRun) return at;
    return most(first, at - at % tiling.columns);
  }

  // x and dy: channel and filter 0 of the group; dw: filter 0, its rows `dw_row` apart.
  void run(const T* x, const T* dy, T* dw, int64_t dw_row, void* workspace) const noexcept {
    const int64_t x_apart = chunk() * x_row() + 16, y_apart = chunk() * y_row() + 16, apart = channels * wide();
    T* const x_points = static_cast<T*>(workspace);
    T* const y_points = x_points + kPoints * x_apart;
    T* const sums = y_points + kPoints * y_apart;
    const int64_t panels = ceil_div(results, kWidth);
    for (int64_t first = 0; first < tiling.tiles(); first += chunk()) {
      const int64_t count = least(chunk(), tiling.tiles() - first);
      const auto x_points_of = [&](int64_t t) { return x_points + (t - first) * x_row(); };
      const auto y_points_of = [&](int64_t t) { return y_points + (t - first) * y_row(); };
      const auto transform = [&](int64_t begin, int64_t end, T* pixels) {
        if (x_planes.first()) {
          tiling.each_run(begin, end, kWinogradRun, [&](int64_t t, int64_t n) {
            pixels_to_points(tiling, TilePlace(tiling, t), x_planes, x, n, channels, pixels, x_points_of(t), x_row(),
                             x_apart);
          });
        } else {
          for (int64_t t = begin; t < end; ++t) {
            pixels_to_points(tiling, TilePlace(tiling, t), x, pixel, channels, x_points_of(t), x_apart);
          }
        }
        const int64_t height = tiling.y.axis.grid, width = tiling.x.axis.grid, row = width * stride;
        const FilterToPoints<kWinogradTile> f;
        if (y_planes.first()) {
          tiling.each_run(begin, end, kWinogradRun, [&](int64_t t, int64_t n) {
            const TilePlace place(tiling, t);
            planes_to_points<kWinogradTile>(f, y_planes, dy, place.image, height, width, place.i, place.j, n, results,
                                            pixels, y_points_of(t), y_row(), y_apart);
          });
          return;
        }
        for (int64_t t = begin; t < end; ++t) {
          const TilePlace place(tiling, t);
          square_to_points<kWinogradTile>(f, dy + (place.image * height + place.i) * row + place.j * stride, row,
                                          stride, 0, place.rows, 0, place.columns, results, y_points_of(t), y_apart);
        }
      };
      if (const int64_t n = slots(); n > 0) {
        const Buffers buffers{reinterpret_cast<uint64_t*>(sums + kPoints * apart)};
        buffers.open(n);
        parallel_for(n, 1, [&](int64_t begin, int64_t end) {
          for (int64_t slot = begin; slot < end; ++slot) {
            const int buffer = buffers.take();
            transform(piece(first, count, slot, n), piece(first, count, slot + 1, n),
                      sums + kPoints * apart + 16 + buffer * turned_elements());
            buffers.give(buffer);
          }
        });
      } else {
        parallel_for(count, 8, [&](int64_t begin, int64_t end) { transform(first + begin, first + end, nullptr); });
      }
      parallel_for(kPoints * panels, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t p = i / panels, column = i % panels * kWidth;
          const int64_t vectors = ceil_div(least(kWidth, results - column), kLanes);
          for (int64_t k = 0; k < count; k += kWinogradChain) {
            multiply_points(least(kWinogradChain, count - k), x_points + p * x_apart + k * x_row(), 1, x_row(),
                            channels, y_points + p * y_apart + k * y_row() + column, y_row(), sums + p * apart + column,
                            wide(), vectors, first + k == 0);
          }
        }
      });
    }
    parallel_for(channels, most(1, 1024 / wide()), [&](int64_t begin, int64_t end) {
      using Vector = VecOf<T>;
      for (int64_t c = begin; c < end; ++c) {
        for (int64_t o = 0; o < results; o += kLanes) {
          both_ways<Vector, kWinogradSide, 3>(
              FromPoints<3>{},
              [&](int i, int j) __attribute__((always_inline)) {
                return Vector::load(sums + (i * kWinogradSide + j) * apart + c * wide() + o);
              },
              [&](int u, int v, Vector y) __attribute__((always_inline)) {
                y.store(dw + ((u * 3 + v) * channels + c) * dw_row + o, results - o);
              });
        }
      }
    });
  }
};

}  // namespace ckeras::CKERAS_ISA
