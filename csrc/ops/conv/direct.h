// Convolution without panels of the image: tiles of results read their pixels where they lie. For filters so few that
// packing an image, as gemm/gemm.h does, would take as long as the product. Only for .isa.cpp files.
//
// Padding is never multiplied: a tile's results, of whatever rows and images, have the same taps inside the image.
//
// The order of a sum: taps in rising order of their place in the image and their channels, cut into blocks of whole
// segments (a row of taps, or one tap's channels) of about kKBlock; a block is one chain, blocks are added in order.
#pragma once
#include "cpu/stream_vec.h"
#include "gemm/batch.h"
#include "gemm/epilogue.h"
#include "ops/conv/direct_tile.h"
#include "ops/conv/panels.h"
#include "ops/conv/short_rows.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int64_t kDirectTiles = 4;                 // of a piece, or a multiple
inline constexpr int64_t kDirectPieces = 16;               // of fewer, pieces may have fewer tiles
inline constexpr int64_t kShortLeast = 8, kHeldLeast = 4;  // results of a row, or there are few side by side
inline constexpr int64_t kShortTwice = 3;        // steps of results of a row computed twice, for each of the row
inline constexpr int64_t kDirectNear = 1 << 19;  // bytes of results that stay in a cache

// Taps [begin, end) of `taps` ones, the first at place `at`, are inside.
struct TapsInside {
  int64_t begin, end;

  CKERAS_MEMBER TapsInside(const Axis& axis, int64_t at, int64_t taps)
      : begin(at < 0 ? ceil_div(-at, axis.step) : 0), end(at < axis.size ? (axis.size - 1 - at) / axis.step + 1 : 0) {
    begin = least(begin, taps);
    end = most(begin, least(end, taps));
  }
};

// Results [begin, end) of an axis, which have taps [first, last) inside.
struct TapRun {
  int64_t begin, end, first, last;
};

// An axis whose taps rise in the image, and whether they had to be turned for it.
struct RisingAxis {
  Axis axis;
  bool turned;

  CKERAS_MEMBER explicit RisingAxis(const Axis& a) : axis(a), turned(a.step < 0) {
    if (turned) {
      axis.start += (axis.taps - 1) * axis.step;
      axis.step = -axis.step;
    }
  }
  CKERAS_MEMBER int64_t tap(int64_t t) const { return turned ? axis.taps - 1 - t : t; }
  // Places of the image that `count` results need.
  CKERAS_MEMBER int64_t extent(int64_t count) const {
    return (count - 1) * axis.stride + (axis.taps - 1) * axis.step + 1;
  }
  CKERAS_MEMBER bool inside() const { return axis.start >= 0 && axis.start + extent(axis.grid) <= axis.size; }

  // visit(run) for all results in rising order.
  template <class Visit>
  CKERAS_MEMBER void each_run(const Visit& visit) const {
    for (int64_t i = 0, end; i < axis.grid; i = end) {
      const TapsInside taps(axis, axis.at(i, 0), axis.taps);
      end = i + 1;
      if (taps.begin == 0 && taps.end == axis.taps && taps.end > 0) {
        end = least(axis.grid, (axis.size - 1 - axis.at(0, axis.taps - 1)) / axis.stride + 1);
      } else {
        while (end < axis.grid) {
          const TapsInside next(axis, axis.at(end, 0), axis.taps);
          if (next.begin != taps.begin || next.end != taps.end) break;
          ++end;
        }
      }
      visit(TapRun{i, end, taps.begin, taps.end});
    }
  }
  CKERAS_MEMBER int64_t runs() const {
    int64_t n = 0;
    each_run([&](const TapRun&) { ++n; });
    return n;
  }
};

// Element (n, h, i, j) of the results' grid is at data + n * image + h * plane + i * row + j * pixel.
template <class T>
struct DirectGrid {
  T* data;
  int64_t image, plane, row, pixel;
};

namespace {

template <class T>
void copy_run(T* to, const T* from, int64_t n) {
  using Vector = VecOf<T>;
  int64_t i = 0;
  for (; i + Vector::kLanes <= n; i += Vector::kLanes) Vector::load(from + i).store(to + i);
  if (i < n) Vector::load(from + i, n - i).store(to + i, n - i);
}
template <class T>
void zero_run(T* to, int64_t n) {
  using Vector = VecOf<T>;
  const Vector zero(T{0});
  int64_t i = 0;
  for (; i + Vector::kLanes <= n; i += Vector::kLanes) zero.store(to + i);
  if (i < n) zero.store(to + i, n - i);
}

}  // namespace

// conv, and conv_grad_input a phase at a time.
template <class T>
struct Direct {
  RisingAxis z, y, x;
  int64_t images, channels, pixel;  // of a group; elements from a pixel to the next
  int64_t groups, results;          // of a group

  // Results that have the same taps inside: those of a run of each axis, of images that are computed together. `ends`:
  // how many pieces they and those before them make.
  struct Cells {
    TapRun *z, *y, *x;
    int64_t rows, columns;  // runs
    int64_t* ends;
    int64_t count;

    CKERAS_MEMBER int64_t pieces() const { return count == 0 ? 0 : ends[count - 1]; }
  };
  // The results of a cell, and where among them.
  struct Cell {
    TapRun z, y, x;
    int64_t n, h, i, j;

    CKERAS_MEMBER void move(int64_t number) {
      const int64_t columns = x.end - x.begin, rows = y.end - y.begin, planes = z.end - z.begin;
      j = x.begin + number % columns;
      i = y.begin + number / columns % rows;
      h = z.begin + number / columns / rows % planes;
      n = number / columns / rows / planes;
    }
    // True at the end of a row.
    CKERAS_MEMBER bool next() {
      if (++j < x.end) return false;
      j = x.begin;
      if (++i < y.end) return true;
      i = y.begin;
      if (++h < z.end) return true;
      h = z.begin;
      ++n;
      return true;
    }
  };

  CKERAS_MEMBER int64_t taps() const { return z.axis.taps * y.axis.taps * x.axis.taps; }
  CKERAS_MEMBER int64_t k() const { return taps() * channels; }
  CKERAS_MEMBER int64_t width() const { return direct_width<T>(results); }
  CKERAS_MEMBER int64_t panels() const { return ceil_div(results, width()); }
  CKERAS_MEMBER bool joined() const { return x.axis.step == 1 && pixel == channels; }  // a segment is a row of taps
  // Groups of few results go two at a time: adjacent columns.
  CKERAS_MEMBER bool twins() const { return groups > 1 && direct_vectors<T>(results) == 0; }
  CKERAS_MEMBER int64_t segments() const { return z.axis.taps * y.axis.taps * (joined() ? 1 : x.axis.taps); }
  CKERAS_MEMBER int64_t in_block() const {  // segments
    return most(1, kKBlock / (channels * (joined() ? x.axis.taps : 1)));
  }
  CKERAS_MEMBER int64_t piece() const {  // results
    const int64_t pixels = images * z.axis.grid * y.axis.grid * x.axis.grid;
    const int64_t tiles = most(1, least(kDirectTiles, pixels / (kDirectPieces * kTileRows)));
    return round_up(most(1, kPieceWork / most(1, k() * results)), tiles * kTileRows);
  }
  // Images one after another whose results stay in a cache: those at the borders lie among the others.
  CKERAS_MEMBER int64_t together() const {
    const int64_t bytes = z.axis.grid * y.axis.grid * x.axis.grid * groups * results * static_cast<int64_t>(sizeof(T));
    return ceil_div(images, ceil_div(images, most(1, least(images, kDirectNear / most(1, bytes)))));
  }
  CKERAS_MEMBER int64_t filter_bytes() const {
    return round_up(groups * panels() * k() * width() * static_cast<int64_t>(sizeof(T)), 64);
  }
  CKERAS_MEMBER int64_t bytes() const {
    const int64_t planes = z.runs(), rows = y.runs(), columns = x.runs();
    return filter_bytes() + (planes + rows + columns) * static_cast<int64_t>(sizeof(TapRun)) +
           planes * rows * columns * static_cast<int64_t>(sizeof(int64_t));
  }

  // filters(g) packs as gemm/gemm.h's B, tap * channels + c along K; image(g), grid(g), ending(g) are the group's.
  template <class FilterOf, class ImageOf, class GridOf, class EndingOf>
  void run(void* workspace, const FilterOf& filters, const ImageOf& image, const GridOf& grid,
           const EndingOf& ending) const noexcept {
    T* const packed = static_cast<T*>(workspace);
    const int64_t rows = y.axis.taps, columns = x.axis.taps, width = this->width(), panel = k() * width;
    const int64_t cuts = ceil_div(channels, kKBlock), shares = taps() * cuts;  // of a panel
    parallel_for(groups * panels() * shares, most(1, kPackGrain * shares / panel), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t number = i / shares, column = number % panels() * width, tap = i % shares / cuts;
        const int64_t c = i % cuts * kKBlock, count = least(kKBlock, channels - c);
        const int64_t own =
            (z.tap(tap / (rows * columns)) * rows + y.tap(tap / columns % rows)) * columns + x.tap(tap % columns);
        filters(number / panels())
            .pack(packed + number * panel + (tap * channels + c) * width, width, column, least(width, results - column),
                  own * channels + c, count);
      }
    });
    const Cells cells = cells_at(static_cast<char*>(workspace) + filter_bytes());
    const DirectGrid<T> whole = grid(0);
    const int64_t elements = images * z.axis.size * y.axis.size * x.axis.size * channels;
    const bool streamed = groups == 1 && segments() <= in_block() && results % VecOf<T>::kLanes == 0 &&
                          streams(whole.data, images * whole.image, elements, whole.pixel);
    const int64_t batches = images == 0 ? 0 : ceil_div(images, together());
    const int64_t turn = twins() ? 2 : 1, turns = ceil_div(groups, turn);
    parallel_for(batches * cells.pieces() * turns, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t g = i % turns * turn;
        run_piece(cells, i / turns, image(g), packed + g * panels() * panel, grid(g), ending(g), streamed,
                  twins() && g + 1 < groups);
      }
      if (streamed) end_stream();
    });
  }

 private:
  Cells cells_at(char* memory) const {
    const auto list = [&](const RisingAxis& axis, int64_t& count) {
      TapRun* const first = reinterpret_cast<TapRun*>(memory);
      TapRun* to = first;
      axis.each_run([&](const TapRun& run) { *to++ = run; });
      count = to - first;
      memory += count * static_cast<int64_t>(sizeof(TapRun));
      return first;
    };
    Cells cells;
    int64_t planes;
    cells.z = list(z, planes);
    cells.y = list(y, cells.rows);
    cells.x = list(x, cells.columns);
    cells.ends = reinterpret_cast<int64_t*>(memory);
    cells.count = 0;
    int64_t pieces = 0;
    for (int64_t c = 0; c < planes * cells.rows * cells.columns; ++c) {
      pieces += ceil_div(count(cell(cells, c), images == 0 ? 0 : together()), piece());
      cells.ends[cells.count++] = pieces;
    }
    return cells;
  }
  Cell cell(const Cells& cells, int64_t number) const {
    const int64_t row = number / cells.columns;
    return {cells.z[row / cells.rows], cells.y[row % cells.rows], cells.x[number % cells.columns], 0, 0, 0, 0};
  }
  static int64_t count(const Cell& c, int64_t images) {
    return images * (c.z.end - c.z.begin) * (c.y.end - c.y.begin) * (c.x.end - c.x.begin);
  }

  void run_piece(const Cells& cells, int64_t number, const T* image, const T* packed, const DirectGrid<T>& grid,
                 const Ending<T>& ending, bool streamed, bool twins) const {
    const int64_t image0 = number / cells.pieces() * together();
    number %= cells.pieces();
    int64_t low = 0, high = cells.count - 1;  // the first cell whose end is beyond
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (cells.ends[middle] > number) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    Cell own = cell(cells, low);
    const int64_t first = (number - (low == 0 ? 0 : cells.ends[low - 1])) * piece();
    const int64_t n = least(piece(), count(own, least(together(), images - image0)) - first);
    if (n <= 0) return;  // of the last images, which may be fewer
    own.move(first);
    own.n += image0;

    const int64_t segments = this->segments(), in_block = this->in_block(), width = this->width();
    const int64_t columns = joined() ? 1 : x.axis.taps, length = channels * (joined() ? own.x.last - own.x.first : 1);
    int64_t offsets[kKBlock], b_offsets[kKBlock];
    for (int64_t column = 0; column < results; column += width, packed += k() * width) {
      const int64_t count = least(width, results - column);
      const Ending<T> end = ending.at(0, column);
      bool first_block = true;
      for (int64_t s = 0; s < segments; s += in_block) {
        DirectRun run{offsets, b_offsets, 0, length, 1, width, channels, k() * width};
        for (int64_t i = s; i < least(segments, s + in_block); ++i) {
          const int64_t line = i / columns, t = line / y.axis.taps, u = line % y.axis.taps;
          const int64_t v = joined() ? own.x.first : i % columns;
          if (t < own.z.first || t >= own.z.last || u < own.y.first || u >= own.y.last) continue;
          if (v < own.x.first || v >= own.x.last) continue;
          offsets[run.segments] =
              ((t * z.axis.step * y.axis.size + u * y.axis.step) * x.axis.size + v * x.axis.step) * pixel;
          b_offsets[run.segments++] = (line * x.axis.taps + v) * channels * width;
        }
        const bool last = s + in_block >= segments;
        if (run.segments == 0 && !last) continue;
        if (first_block && last && !twins && is_short(run, own, count, end)) {
          run_rows(own, n, image, run, packed, grid, column, count, end, streamed);
          continue;
        }
        run_tiles(own, n, image, run, packed, grid, column, count, first_block, last && !end.nothing() ? &end : nullptr,
                  streamed, twins);
        first_block = false;
      }
    }
  }

  // Whether ops/conv/short_rows.h takes the whole sums of `n` results: it computes some of a row twice, but spares what
  // a tile of results from anywhere takes besides.
  static bool is_short(const DirectRun& run, const Cell& own, int64_t n, const Ending<T>& ending) {
    if (!is_cheap(ending.epilogue)) return false;
    const int64_t vectors = direct_vectors<T>(n), steps = run.segments * run.length;
    if (steps == 0 || steps > kShortSteps || vectors == 0 || vectors > kShortVectors) return false;
    const int64_t columns = own.x.end - own.x.begin, row = columns > 1 ? columns : own.y.end - own.y.begin;
    if (steps <= kHeldSteps) return row >= kHeldLeast;
    const int64_t tile = even_rows(row, vectors), twice = round_up(row, tile) - row;
    return row >= kShortLeast && twice * steps <= kShortTwice * row;
  }
  // The same as run_tiles, a row of neighbouring results at a time.
  void run_rows(Cell at, int64_t left, const T* image, const DirectRun& run, const T* b, const DirectGrid<T>& grid,
                int64_t column, int64_t n, const Ending<T>& ending, bool streamed) const {
    int64_t offsets[kShortSteps], b_offsets[kShortSteps], steps = 0;
    for (int64_t s = 0; s < run.segments; ++s) {
      for (int64_t p = 0; p < run.length; ++p, ++steps) {
        offsets[steps] = run.offsets[s] + p * run.step;
        b_offsets[steps] = run.b_offsets[s] + p * run.ldb;
      }
    }
    const bool down = at.x.end - at.x.begin == 1;  // single columns: neighbours are below
    ShortRows<T> rows{offsets,
                      b_offsets,
                      steps,
                      nullptr,
                      down ? y.axis.stride * x.axis.size * pixel : x.axis.stride * pixel,
                      b,
                      nullptr,
                      down ? grid.row : grid.pixel,
                      0,
                      n,
                      ending,
                      false,
                      streamed};
    while (left > 0) {
      const int64_t plane = at.n * z.axis.size + z.axis.at(at.h, 0), row = plane * y.axis.size + y.axis.at(at.i, 0);
      rows.a = image + (row * x.axis.size + x.axis.at(at.j, 0)) * pixel;
      rows.c = grid.data + at.n * grid.image + at.h * grid.plane + at.i * grid.row + at.j * grid.pixel + column;
      rows.ending.residual = ending.residual_behind(rows.c - (grid.data + column));
      rows.rows = least(left, down ? at.y.end - at.i : at.x.end - at.j);
      ShortTiles<T>::table.run(rows);
      left -= rows.rows;
      (down ? at.i : at.j) += rows.rows - 1;
      at.next();
    }
  }

  // `left` results from `at` on.
  void run_tiles(Cell at, int64_t left, const T* image, const DirectRun& run, const T* b, const DirectGrid<T>& grid,
                 int64_t column, int64_t n, bool first, const Ending<T>* ending, bool streamed, bool twins) const {
    const int64_t vectors = direct_vectors<T>(n), height = twins ? kTwinRows : direct_rows(0, vectors);
    const T* a[kDirectRows];
    T* c[kDirectRows];
    alignas(64) T block[kTileRows * kDirectMost * VecOf<T>::kLanes];  // that will be streamed
    T* to[kTileRows];
    for (int64_t i = 0; i < kTileRows; ++i) to[i] = block + i * n;
    const bool reads = run.segments > 0;  // else there may be no image
    const int64_t pixel_step = reads ? x.axis.stride * pixel : 0;
    const T* pixel_at = image;
    T* result_at = nullptr;
    const auto find = [&]() __attribute__((always_inline)) {
      const int64_t plane = at.n * z.axis.size + z.axis.at(at.h, 0), row = plane * y.axis.size + y.axis.at(at.i, 0);
      if (reads) pixel_at = image + (row * x.axis.size + x.axis.at(at.j, 0)) * pixel;
      result_at = grid.data + at.n * grid.image + at.h * grid.plane + at.i * grid.row + at.j * grid.pixel + column;
    };
    find();
    while (left > 0) {
      const int64_t count = least(left, height);
      for (int64_t i = 0; i < count; ++i) {
        a[i] = pixel_at;
        c[i] = result_at;
        if (at.next()) {
          find();
        } else {
          pixel_at += pixel_step;
          result_at += grid.pixel;
        }
      }
      for (int64_t i = count; i < height; ++i) a[i] = a[0];
      const DirectTable<T>& table = DirectTiles<T>::table;
      const DirectKernel<T> kernel =
          twins ? table.twins[twin_size(count)] : table.kernels[direct_size(count, vectors)][vectors];
      kernel(run, a, b, streamed ? to : c, count, n, first);
      // Where there is a residual, results follow one another as its rows do.
      if (ending != nullptr) {
        end_block(ending->behind(c[0] - (grid.data + column)), streamed ? to : c, count, twins ? 2 * n : n);
      }
      for (int64_t i = 0; streamed && i < count; ++i) {
        for (int64_t k = 0; k < n; k += VecOf<T>::kLanes) stream(VecOf<T>::load(to[i] + k), c[i] + k);
      }
      left -= count;
    }
  }
};

}  // namespace ckeras::CKERAS_ISA
