// Convolution to few channels from many, by products along pixels whose rows are taps: what each pixel has for the
// results that it reaches. Where a result finds its taps, these shares are added. Images have their channels first or
// last; the latter's are turned over, a few rows at a time. Only for .isa.cpp files.
//
// The order of a sum: at each tap the channels, in blocks of kKBlock, each one chain of fused multiply-adds, blocks
// added in order; then the taps inside the image, in row-major order, from 0.
#pragma once
#include "ops/conv/buffers.h"
#include "ops/conv/few.h"
#include "ops/conv/planar.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int64_t kShareElements = int64_t{1} << 17;  // of a piece, about
inline constexpr int64_t kShareColumns = 64;                 // of a piece at least, where there are so many
inline constexpr int64_t kShareSlots = 32, kSharePieces = 8;
inline constexpr int64_t kShareFew = 32, kShareChannels = 64;  // at most; these where a pixel has many shares
inline constexpr int64_t kSharesOfMany = 25;

// One axis: pixel s of the image has a share at tap t for result s * scale + first + t * step.
struct ShareAxis {
  int64_t size, grid, taps, scale, first, step;  // of the image; results

  CKERAS_MEMBER int64_t at(int64_t t) const { return first + t * step; }
  // The pixels [begin, end) that have shares at tap t for results [from, to).
  struct Range {
    int64_t begin, end;
  };
  CKERAS_MEMBER Range sources(int64_t from, int64_t to, int64_t t) const {
    const int64_t begin = most(0, ceil_div(from - at(t), scale));
    return {begin, most(begin, least(size, ceil_div(to - at(t), scale)))};
  }
  CKERAS_MEMBER Range sources(int64_t from, int64_t to) const {  // at any tap
    Range all{size, 0};
    for (int64_t t = 0; t < taps; ++t) {
      const Range own = sources(from, to, t);
      if (own.begin < own.end) all = {least(all.begin, own.begin), most(all.end, own.end)};
    }
    return all.begin < all.end ? all : Range{0, 0};
  }
  CKERAS_MEMBER int64_t at_tap(int64_t count) const { return ceil_div(count - 1, scale) + 1; }  // sources at most
  CKERAS_MEMBER int64_t in_all(int64_t count) const {
    return least(size, ceil_div(count - 1 + (taps - 1) * (step < 0 ? -step : step), scale) + 1);
  }
};

// Of a convolution at stride 1, and of the gradient to the image of any.
CKERAS_INLINE ShareAxis share_axis(const Dim& d) { return {d.size, d.result, d.window, 1, d.low, -d.dilation}; }
CKERAS_INLINE ShareAxis share_axis_back(const Dim& d) {
  return {d.result, d.size, d.window, d.stride, -d.low, d.dilation};
}

// Elements from an image, a channel, a pixel, to the next.
struct ShareSteps {
  int64_t image, channel, pixel;

  CKERAS_MEMBER ShareSteps(int64_t channels, int64_t pixels, bool first)
      : image(channels * pixels), channel(first ? pixels : 1), pixel(first ? 1 : channels) {}
};

// A of the products: element (tap * results + q, channel) is at data + (tap * results + q) * step + channel.
template <class T>
struct ShareFilters {
  const T* data;
  int64_t step;
};

// Whether it takes less than a row of dot products a result (ops/conv/few.h): turning many channels over costs more.
CKERAS_INLINE bool goes_shares(const ConvShape& s, int64_t results, int64_t channels) {
  return few_results(results, channels) && s.taps() > 1 &&
         channels <= (s.taps() * results < kSharesOfMany ? kShareFew : kShareChannels);
}

template <class T>
struct Shares {
  ShareAxis z, y, x;
  int64_t images, channels, groups, results;  // of a group
  bool first;                                 // channels, of both
  int64_t rows = 1, columns = 1;              // of a piece
  int64_t row_pieces = 0, column_pieces = 0;

  using Vector = VecOf<T>;
  static constexpr int64_t kLanes = Vector::kLanes;

  CKERAS_MEMBER Shares(const ShareAxis& z, const ShareAxis& y, const ShareAxis& x, int64_t images, int64_t channels,
                       int64_t groups, int64_t results, bool first)
      : z(z), y(y), x(x), images(images), channels(channels), groups(groups), results(results), first(first) {
    columns = most(1, x.grid);
    while (columns > kShareColumns * x.scale && elements(1, columns) > kShareElements) columns = halved(columns);
    rows = most(1, y.grid);
    for (int64_t n = 2; rows > 1 && elements(rows, columns) > kShareElements; ++n) rows = ceil_div(y.grid, n);
    const int64_t others = images * groups * z.grid * ceil_div(x.grid, columns);
    while (rows > 1 && others * ceil_div(y.grid, rows) < kSharePieces && work() > kLeastPiece) rows = ceil_div(rows, 2);
    row_pieces = ceil_div(y.grid, rows);
    column_pieces = ceil_div(x.grid, columns);
  }

  CKERAS_MEMBER int64_t pieces() const { return images * z.grid * row_pieces * column_pieces * groups; }
  CKERAS_MEMBER int64_t bytes() const { return 64 + slots() * slot_bytes(); }

  // filters(g), x, y: of all images; the ending is that of all results.
  template <class FilterOf>
  void run(void* workspace, const FilterOf& filters, const T* from, T* to, const Ending<T>& ending) const noexcept {
    const int64_t slots = this->slots(), pieces = this->pieces();
    if (pieces == 0) return;
    const Buffers buffers{static_cast<uint64_t*>(workspace)};
    buffers.open(slots);
    parallel_for(slots, 1, [&](int64_t begin, int64_t end) {
      const int buffer = buffers.take();
      char* const memory = static_cast<char*>(workspace) + 64 + buffer * slot_bytes();
      for (int64_t piece = pieces * begin / slots; piece < pieces * end / slots; ++piece) {
        const int64_t g = piece % groups;
        run_piece(piece / groups, g, filters(g), from, to, ending, reinterpret_cast<T*>(memory),
                  piece + 1 < pieces * end / slots);
      }
      buffers.give(buffer);
    });
  }

 private:
  // The pixels of a piece's image plane in work.
  struct Region {
    int64_t row0, row1, column0, column1;

    CKERAS_MEMBER int64_t width() const { return column1 - column0; }
  };
  // The image that will be read next, which products fetch.
  struct Next {
    const T *at, *end;

    CKERAS_MEMBER Ahead take(int64_t lines) {
      constexpr int64_t kLine = 64;
      if (end - at < lines * kLine / static_cast<int64_t>(sizeof(T))) return {this, 0};
      const T* const from = at;
      at += lines * kLine / static_cast<int64_t>(sizeof(T));
      return {from, kLine};
    }
  };
  // What a row of results adds: from[j] at its results [low, high).
  struct Line {
    const T* from;
    int64_t low, high;
  };

  // Rows of taps in a product: all, where they have few pixels that are not theirs, or one.
  CKERAS_MEMBER int64_t together() const { return joins(rows) ? y.taps : 1; }
  CKERAS_MEMBER bool joins(int64_t rows) const { return 4 * y.in_all(rows) <= 5 * y.at_tap(rows); }
  CKERAS_MEMBER int64_t source_rows(int64_t rows) const { return joins(rows) ? y.in_all(rows) : y.at_tap(rows); }
  CKERAS_MEMBER ShareAxis::Range sources(int64_t i0, int64_t i1, int64_t u) const {
    return joins(rows) ? y.sources(i0, i1) : y.sources(i0, i1, u);
  }
  CKERAS_MEMBER int64_t taps() const { return z.taps * y.taps * x.taps; }
  CKERAS_MEMBER int64_t halved(int64_t n) const { return round_up(ceil_div(n, 2), 16 * x.scale); }
  CKERAS_MEMBER int64_t source_columns() const { return columns == x.grid ? x.size : x.in_all(columns); }
  CKERAS_MEMBER int64_t share_pitch(int64_t rows, int64_t columns) const {
    return round_up(source_rows(rows) * columns, kLanes) + 2 * kLanes;
  }
  CKERAS_MEMBER int64_t elements(int64_t rows, int64_t columns) const {
    const int64_t all = x.in_all(columns);
    return taps() * results * source_rows(rows) * all + (first ? 0 : channels * y.in_all(rows) * all);
  }
  CKERAS_MEMBER int64_t work() const { return taps() * results * channels * y.at_tap(rows) * x.at_tap(columns); }
  CKERAS_MEMBER int64_t slots() const {
    return least(least(kShareSlots, pieces()), most(1, ceil_div(pieces() * work(), kLeastPiece)));
  }
  CKERAS_MEMBER int64_t plane_pitch() const { return planar_pitch<T>(y.in_all(rows) * source_columns()); }
  CKERAS_MEMBER int64_t plane_elements() const { return channels * (first ? kLanes : plane_pitch()); }
  CKERAS_MEMBER int64_t share_elements() const { return taps() * results * share_pitch(rows, source_columns()); }
  CKERAS_MEMBER int64_t line_elements() const { return round_up(ceil_div(columns, x.scale), kLanes); }
  CKERAS_MEMBER int64_t slot_bytes() const {
    return round_up((plane_elements() + share_elements() + line_elements()) * static_cast<int64_t>(sizeof(T)) +
                        taps() * static_cast<int64_t>(sizeof(Line)),
                    64);
  }

  void run_piece(int64_t number, int64_t g, const ShareFilters<T>& filters, const T* from, T* to,
                 const Ending<T>& ending, T* memory, bool more) const {
    const int64_t band = number / column_pieces, plane = band / row_pieces, n = plane / z.grid, h = plane % z.grid;
    const int64_t i0 = band % row_pieces * rows, i1 = least(y.grid, i0 + rows);
    const int64_t j0 = number % column_pieces * columns, j1 = least(x.grid, j0 + columns);
    const ShareSteps in(groups * channels, z.size * y.size * x.size, first);
    T *const shares = memory + plane_elements(), *const line = shares + share_elements();
    const auto all = y.sources(i0, i1), across = x.sources(j0, j1);
    const bool whole = columns == x.grid;
    const Region region{all.begin, all.end, whole ? 0 : across.begin, whole ? x.size : across.end};
    const int64_t pitch = share_pitch(rows, source_columns()), of_line = x.taps * results;
    Next next = more ? after(number, region, from, in) : Next{nullptr, nullptr};
    for (int64_t t = 0; t < z.taps; ++t) {
      const auto planes = z.sources(h, h + 1, t);
      if (planes.begin == planes.end || region.row0 == region.row1 || region.width() == 0) continue;
      const T* const image =
          from + n * in.image + g * channels * in.channel + planes.begin * y.size * x.size * in.pixel;
      if (!first) turn_rows(image, in.pixel, region, memory);
      // Elements of the last channel from this plane to the end of all images.
      const int64_t left =
          (((images - n) * groups - g - 1) * channels + 1) * in.channel - planes.begin * y.size * x.size;
      for (int64_t u = 0; u < y.taps; u += together()) {
        const auto own = sources(i0, i1, u);
        const int64_t tap = t * y.taps + u;
        const T* const a = filters.data + tap * of_line * filters.step;
        T* const c = shares + tap * of_line * pitch + kLanes;
        const bool joined = !first || region.width() == x.size;
        const int64_t length = joined ? (own.end - own.begin) * region.width() : region.width();
        for (int64_t r = own.begin; r < own.end; r += joined ? own.end - own.begin : 1) {
          const int64_t place = r * x.size + region.column0;
          const T* const b = first ? image + place : memory + (r - region.row0) * region.width();
          const bool ends = first && place + round_up(length, kLanes) > left;
          multiply(a, filters.step, together() * of_line, b, first ? in.channel : plane_pitch(), length,
                   c + (r - own.begin) * region.width(), pitch, ends ? memory : nullptr, next);
        }
      }
    }
    Line* const lines = reinterpret_cast<Line*>(line + line_elements());
    const ShareSteps out(groups * results, z.grid * y.grid * x.grid, first);
    for (int64_t q = 0; q < results; ++q) {
      const int64_t filter = g * results + q;
      const Ending<T> own = ending.at(0, filter);
      for (int64_t i = i0; i < i1; ++i) {
        T* const row = to + n * out.image + filter * out.channel + ((h * y.grid + i) * x.grid + j0) * out.pixel;
        for (int64_t phase = 0; phase < x.scale; ++phase) {
          const int64_t count = ceil_div(j1 - j0 - phase, x.scale), apart = x.scale * out.pixel;
          if (count <= 0) continue;
          const int64_t k = find_lines(region, h, i, i0, i1, j0 + phase, shares + kLanes + q * pitch, pitch, lines);
          T* const place = row + phase * out.pixel;
          T* const sums = apart == 1 ? place : line;
          add_lines(lines, k, count, sums);
          if (!own.nothing()) end_run(sums, sums, count, own, false);
          for (int64_t j = 0; apart != 1 && j < count; ++j) place[j * apart] = line[j];
        }
      }
    }
  }

  // What the piece after this one reads and it does not, where that is one stretch of memory.
  Next after(int64_t number, const Region& region, const T* from, const ShareSteps& in) const {
    if (z.size != 1 || z.grid != 1 || groups != 1 || column_pieces != 1 || (first && row_pieces != 1)) {
      return {nullptr, nullptr};
    }
    const int64_t n = (number + 1) / row_pieces, i = (number + 1) % row_pieces * rows;
    const auto own = y.sources(i, least(y.grid, i + rows));
    const int64_t begin = i == 0 ? own.begin : most(own.begin, region.row1),
                  row = x.size * (first ? channels : in.pixel);
    return {from + n * in.image + begin * row, from + n * in.image + own.end * row};
  }
  // Pixels with their channels last as planes.
  void turn_rows(const T* image, int64_t pixel, const Region& region, T* to) const {
    const int64_t width = region.width(), rows = region.row1 - region.row0;
    const T* from = image + (region.row0 * x.size + region.column0) * pixel;
    if (width == x.size) return turn(from, pixel, rows * width, channels, to, plane_pitch());
    for (int64_t r = 0; r < rows; ++r)
      turn(from + r * x.size * pixel, pixel, width, channels, to + r * width, plane_pitch());
  }

  // c[m][j] = sum over channels k of a[m * step + k] * b[k * ldb + j], m < height, j < n. `room`: a vector for each
  // channel, where b's may not be read beyond n.
  void multiply(const T* a, int64_t step, int64_t height, const T* b, int64_t ldb, int64_t n, T* c, int64_t pitch,
                T* room, Next& next) const {
    const int64_t panels = ceil_div(height, kPanelRows), most_rows = ceil_div(height, panels);
    const int64_t width = tile_vectors(static_cast<int>(most_rows)) * kLanes;
    for (int64_t j = 0, count; j < n; j += count) {
      count = least(width, n - j);
      const T* own = b + j;
      int64_t own_ldb = ldb;
      if (room != nullptr && count % kLanes != 0) {
        if (count > kLanes) {
          count -= count % kLanes;
        } else {
          for (int64_t k = 0; k < channels; ++k) Vector::load(own + k * ldb, count).store(room + k * kLanes);
          own = room;
          own_ldb = kLanes;
        }
      }
      for (int64_t m = 0; m < height; m += most_rows) {
        const int64_t rows = least(most_rows, height - m);
        T* at[kPanelRows];
        for (int64_t r = 0; r < rows; ++r) at[r] = c + (m + r) * pitch + j;
        const auto tile = Tiles<T>::table.kernels[rows - 1][ceil_div(count, kLanes) - 1];
        for (int64_t k = 0; k < channels; k += kKBlock) {
          const int64_t length = least(kKBlock, channels - k);
          tile(length, a + m * step + k, step, 1, own + k * own_ldb, own_ldb, at, count, k == 0, next.take(length));
        }
      }
    }
  }

  // The shares for results `column`, column + scale, ... of row i.
  int64_t find_lines(const Region& region, int64_t h, int64_t i, int64_t i0, int64_t i1, int64_t column,
                     const T* shares, int64_t pitch, Line* lines) const {
    int64_t k = 0;
    for (int64_t t = 0; t < z.taps; ++t) {
      const auto plane = z.sources(h, h + 1, t);
      if (plane.begin == plane.end) continue;
      for (int64_t u = 0; u < y.taps; ++u) {
        const auto row = y.sources(i, i + 1, u);
        if (row.begin == row.end) continue;
        const T* const own = shares + (t * y.taps + u) * x.taps * results * pitch +
                             (row.begin - sources(i0, i1, u).begin) * region.width();
        for (int64_t v = 0; v < x.taps; ++v) {
          const int64_t apart = column - x.at(v), source = apart / x.scale - region.column0;  // of the first
          if (apart % x.scale != 0) continue;
          lines[k++] = {own + v * results * pitch + source, -source, region.width() - source};
        }
      }
    }
    return k;
  }
  // to[j] = sum of the lines' numbers for j < n.
  static void add_lines(const Line* lines, int64_t k, int64_t n, T* to) {
    const Vector lane = Vector::iota();
    int64_t low = 0, high = n;
    for (int64_t i = 0; i < k; ++i) {
      low = most(low, lines[i].low);
      high = least(high, lines[i].high);
    }
    for (int64_t j = 0; j < n; j += kLanes) {
      Vector sum(T{0});
      if (j >= low && j + kLanes <= high) {
        for (int64_t i = 0; i < k; ++i) sum = sum + Vector::load(lines[i].from + j);
      } else {
        for (int64_t i = 0; i < k; ++i) {
          const int64_t begin = lines[i].low - j, end = lines[i].high - j;
          if (begin >= kLanes || end <= 0) continue;
          const auto inside = (lane >= Vector(static_cast<T>(begin))) & (lane < Vector(static_cast<T>(end)));
          sum = sum + select(inside, Vector::load(lines[i].from + j), Vector(T{0}));
        }
      }
      j + kLanes <= n ? sum.store(to + j) : sum.store(to + j, n - j);
    }
  }
};

}  // namespace ckeras::CKERAS_ISA
