// Convolution without panels of the image: tiles of results read their pixels where they lie, or from a copy of a few
// rows with the padding around them (no more than a piece of work needs). For filters so few that packing an image, as
// gemm/gemm.h does, would take as long as the product. Only for .isa.cpp files.
//
// The order of a sum: taps in rising order of their place in the image and their channels, cut into blocks of whole
// segments (a row of taps, or one tap's channels) of about kKBlock; a block is one chain, blocks are added in order.
// Segments that a row of results has wholly above or below its image are left out.
#pragma once
#include "cpu/stream_vec.h"
#include "gemm/batch.h"
#include "gemm/epilogue.h"
#include "ops/conv/direct_tile.h"
#include "ops/conv/panels.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int64_t kDirectBuffer = int64_t{1} << 15;  // elements of a copy, about
inline constexpr int64_t kDirectColumns = 32;               // of a piece at least, whatever they take
inline constexpr int64_t kDirectSlots = 32;                 // copies at most
inline constexpr int64_t kDirectResults = 256;              // filters of a group at most

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
  // Taps [first, end) of result i are inside.
  CKERAS_MEMBER int64_t first(int64_t i) const {
    int64_t t = 0;
    while (t < axis.taps && axis.at(i, t) < 0) ++t;
    return t;
  }
  CKERAS_MEMBER int64_t end(int64_t i) const {
    int64_t t = axis.taps;
    while (t > 0 && axis.at(i, t - 1) >= axis.size) --t;
    return t;
  }
  CKERAS_MEMBER bool inside() const { return axis.start >= 0 && axis.start + extent(axis.grid) <= axis.size; }
};

// How the grid of results is cut, by the shape alone: pieces of rows x columns of one plane of an image.
struct DirectCut {
  RisingAxis z, y, x;
  int64_t images, channels, pixel;  // of a group; elements from a pixel to the next
  bool copies;                      // the padding is not in the image
  bool joined;                      // a segment is a row of taps, else a tap
  int64_t rows, columns;            // of a piece
  int64_t row_pieces, column_pieces;

  // `work`: multiply-adds of one result. `enough`: pieces beyond which they grow, while a copy stays small.
  CKERAS_MEMBER DirectCut(const Axis& z, const Axis& y, const Axis& x, int64_t images, int64_t channels, int64_t pixel,
                          int64_t work, int64_t enough = int64_t{1} << 40)
      : z(z), y(y), x(x), images(images), channels(channels), pixel(pixel) {
    copies = !(this->z.inside() && this->y.inside() && this->x.inside());
    joined = this->x.axis.step == 1 && (copies || pixel == channels);
    const int64_t deep = most(1, z.taps * channels);
    columns = most(1, x.grid);
    while (columns > kDirectColumns && deep * this->y.extent(1) * this->x.extent(columns) > kDirectBuffer) {
      columns = ceil_div(columns, 2);
    }
    rows = most(1, least(y.grid, ceil_div(kPieceWork / 4, most(1, work * columns))));
    while (rows > 1 && deep * this->y.extent(rows) * this->x.extent(columns) > kDirectBuffer) rows = ceil_div(rows, 2);
    const int64_t bands = images * z.grid * ceil_div(x.grid, columns);
    while (rows < y.grid && bands * ceil_div(y.grid, rows + 1) >= enough &&
           deep * this->y.extent(rows + 1) * this->x.extent(columns) <= kDirectBuffer / 4) {
      ++rows;
    }
    row_pieces = ceil_div(y.grid, rows);
    column_pieces = ceil_div(x.grid, columns);
  }

  CKERAS_MEMBER int64_t taps() const { return z.axis.taps * y.axis.taps * x.axis.taps; }
  CKERAS_MEMBER int64_t pieces() const { return images * z.axis.grid * row_pieces * column_pieces; }
  CKERAS_MEMBER int64_t elements() const { return images * z.axis.size * y.axis.size * x.axis.size * channels; }
  CKERAS_MEMBER int64_t copy_elements() const {
    return copies ? z.axis.taps * y.extent(rows) * x.extent(columns) * channels : 0;
  }
  CKERAS_MEMBER int64_t segment_length() const { return channels * (joined ? x.axis.taps : 1); }
  CKERAS_MEMBER int64_t segments() const { return joined ? z.axis.taps * y.axis.taps : taps(); }
};

// A piece: results [i, i + rows) x [j, j + columns) of plane h of image n.
struct DirectPiece {
  int64_t n, h, i, j, rows, columns;

  CKERAS_MEMBER DirectPiece(const DirectCut& cut, int64_t number) {
    const int64_t band = number / cut.column_pieces, plane = band / cut.row_pieces;
    j = number % cut.column_pieces * cut.columns;
    i = band % cut.row_pieces * cut.rows;
    h = plane % cut.z.axis.grid;
    n = plane / cut.z.axis.grid;
    rows = least(cut.rows, cut.y.axis.grid - i);
    columns = least(cut.columns, cut.x.axis.grid - j);
  }
};

// Where the pixels of a piece lie: tap (t, u, v) of its result (i, j) is at data + t * plane + (i * stride + u * step)
// * row + (j * stride + v * step) * pixel.
template <class T>
struct DirectImage {
  const T* data;
  int64_t plane, row, pixel;
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

// The piece's pixels in place, or copied with zeros for the padding. `x`: channel 0 of the group.
template <class T>
DirectImage<T> direct_image(const DirectCut& cut, const DirectPiece& piece, const T* x, T* copy) noexcept {
  const Axis &z = cut.z.axis, &y = cut.y.axis, &c = cut.x.axis;
  const int64_t plane0 = z.at(piece.h, 0), row0 = y.at(piece.i, 0), column0 = c.at(piece.j, 0);
  if (!cut.copies) {
    return {x + (((piece.n * z.size + plane0) * y.size + row0) * c.size + column0) * cut.pixel,
            z.step * y.size * c.size * cut.pixel, c.size * cut.pixel, cut.pixel};
  }
  const int64_t rows = cut.y.extent(piece.rows), columns = cut.x.extent(piece.columns), channels = cut.channels;
  const int64_t left = least(columns, most(0, -column0)), end = most(left, least(columns, c.size - column0));
  T* to = copy;
  for (int64_t t = 0; t < z.taps; ++t) {
    const int64_t plane = plane0 + t * z.step;
    for (int64_t r = 0; r < rows; ++r, to += columns * channels) {
      if (!z.inside(plane) || !y.inside(row0 + r)) {
        zero_run(to, columns * channels);
        continue;
      }
      const T* from = x + (((piece.n * z.size + plane) * y.size + row0 + r) * c.size + column0) * cut.pixel;
      zero_run(to, left * channels);
      if (cut.pixel == channels) {
        copy_run(to + left * channels, from + left * channels, (end - left) * channels);
      } else {
        for (int64_t k = left; k < end; ++k) copy_run(to + k * channels, from + k * cut.pixel, channels);
      }
      zero_run(to + end * channels, (columns - end) * channels);
    }
  }
  return {copy, rows * columns * channels, columns * channels, channels};
}

}  // namespace

// Element (n, h, i, j) of the results' grid is at data + n * image + h * plane + i * row + j * pixel.
template <class T>
struct DirectGrid {
  T* data;
  int64_t image, plane, row, pixel;
};

// conv, and conv_grad_input a phase at a time.
template <class T>
struct Direct {
  DirectCut cut;
  int64_t groups, results;  // of a group

  CKERAS_MEMBER int64_t k() const { return cut.taps() * cut.channels; }
  CKERAS_MEMBER int64_t width() const { return direct_width<T>(results); }
  CKERAS_MEMBER int64_t panels() const { return ceil_div(results, width()); }
  CKERAS_MEMBER int64_t in_block() const { return most(1, kKBlock / cut.segment_length()); }  // segments
  CKERAS_MEMBER int64_t filter_bytes() const {
    return round_up(groups * panels() * k() * width() * static_cast<int64_t>(sizeof(T)), 64);
  }
  CKERAS_MEMBER int64_t slots() const { return least(kDirectSlots, most(1, cut.pieces() * groups)); }
  CKERAS_MEMBER int64_t copy_bytes() const {
    return round_up(cut.copy_elements() * static_cast<int64_t>(sizeof(T)), 64);
  }
  CKERAS_MEMBER int64_t bytes() const { return filter_bytes() + slots() * copy_bytes(); }

  // filters(g) packs as gemm/gemm.h's B, tap * channels + c along K; image(g), grid(g), ending(g) are the group's.
  template <class FilterOf, class ImageOf, class GridOf, class EndingOf>
  void run(void* workspace, const FilterOf& filters, const ImageOf& image, const GridOf& grid,
           const EndingOf& ending) const noexcept {
    T* const packed = static_cast<T*>(workspace);
    char* const copies = static_cast<char*>(workspace) + filter_bytes();
    const int64_t rows = cut.y.axis.taps, columns = cut.x.axis.taps, width = this->width(), panel = k() * width;
    parallel_for(groups * panels(), most(1, (int64_t{1} << 16) / most(1, panel)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const auto from = filters(i / panels());
        const int64_t column = i % panels() * width;
        T* to = packed + i * panel;
        for (int64_t tap = 0; tap < cut.taps(); ++tap, to += cut.channels * width) {
          const int64_t own = (cut.z.tap(tap / (rows * columns)) * rows + cut.y.tap(tap / columns % rows)) * columns +
                              cut.x.tap(tap % columns);
          from.pack(to, width, column, least(width, results - column), own * cut.channels, cut.channels);
        }
      }
    });
    const int64_t work = cut.pieces() * groups, n = slots();
    const DirectGrid<T> whole = grid(0);
    const bool streamed = groups == 1 && cut.segments() <= in_block() && results % VecOf<T>::kLanes == 0 &&
                          streams(whole.data, cut.images * whole.image, cut.elements(), whole.pixel);
    parallel_for(n, 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        T* copy = reinterpret_cast<T*>(copies + slot * copy_bytes());
        for (int64_t i = work * slot / n; i < work * (slot + 1) / n; ++i) {
          const int64_t g = i % groups;
          const DirectPiece piece(cut, i / groups);
          run_piece(piece, direct_image(cut, piece, image(g), copy), packed + g * panels() * panel, grid(g), ending(g),
                    streamed);
        }
      }
      if (streamed) end_stream();
    });
  }

 private:
  // Rows of the piece that have the same taps inside the image.
  void run_piece(const DirectPiece& piece, const DirectImage<T>& from, const T* packed, const DirectGrid<T>& grid,
                 const Ending<T>& ending, bool streamed) const {
    const RisingAxis& y = cut.y;
    for (int64_t i = 0, end; i < piece.rows; i = end) {
      const int64_t row = piece.i + i;
      end = i + 1;
      while (end < piece.rows && y.first(piece.i + end) == y.first(row) && y.end(piece.i + end) == y.end(row)) ++end;
      DirectPiece own = piece;
      own.i = row;
      own.rows = end - i;
      run_rows(own, {from.data + i * y.axis.stride * from.row, from.plane, from.row, from.pixel}, packed, grid, ending,
               streamed);
    }
  }

  void run_rows(const DirectPiece& piece, const DirectImage<T>& from, const T* packed, const DirectGrid<T>& grid,
                const Ending<T>& ending, bool streamed) const {
    const int64_t length = cut.segment_length(), segments = cut.segments(), width = this->width();
    const int64_t in_block = this->in_block(), columns = cut.joined ? 1 : cut.x.axis.taps;
    const int64_t t0 = cut.z.first(piece.h), t1 = cut.z.end(piece.h), u0 = cut.y.first(piece.i),
                  u1 = cut.y.end(piece.i);
    T* const origin =
        grid.data + piece.n * grid.image + piece.h * grid.plane + piece.i * grid.row + piece.j * grid.pixel;
    int64_t offsets[kKBlock], b_offsets[kKBlock];
    for (int64_t column = 0; column < results; column += width, packed += k() * width) {
      const int64_t count = least(width, results - column);
      const int64_t vectors = ceil_div(count, VecOf<T>::kLanes);
      const Ending<T> own{ending.bias != nullptr ? ending.bias + column : nullptr, ending.epilogue};
      bool first = true;
      for (int64_t s = 0; s < segments; s += in_block) {
        DirectRun run{offsets, b_offsets, 0, length, 1, width};
        for (int64_t i = s; i < least(segments, s + in_block); ++i) {
          const int64_t line = i / columns, t = line / cut.y.axis.taps, u = line % cut.y.axis.taps;
          if (t < t0 || t >= t1 || u < u0 || u >= u1) continue;
          offsets[run.segments] = offset(i, from);
          b_offsets[run.segments++] = i * length * width;
        }
        const bool last = s + in_block >= segments;
        if (run.segments == 0 && !last) continue;
        run_tiles(piece, from, run, packed, origin + column, grid, vectors, count, first,
                  last && !ending.nothing() ? &own : nullptr, streamed);
        first = false;
      }
    }
  }

  int64_t offset(int64_t segment, const DirectImage<T>& from) const {
    const int64_t columns = cut.joined ? 1 : cut.x.axis.taps, rows = cut.y.axis.taps;
    const int64_t line = segment / columns;
    return line / rows * from.plane + line % rows * cut.y.axis.step * from.row +
           segment % columns * cut.x.axis.step * from.pixel;
  }

  void run_tiles(const DirectPiece& piece, const DirectImage<T>& from, const DirectRun& run, const T* b, T* origin,
                 const DirectGrid<T>& grid, int64_t vectors, int64_t n, bool first, const Ending<T>* ending,
                 bool streamed) const {
    const int64_t row_step = cut.y.axis.stride * from.row, pixel_step = cut.x.axis.stride * from.pixel;
    const T* a[kTileRows];
    T* c[kTileRows];
    const T* a_row = from.data;
    T* c_row = origin;
    alignas(64) T block[kTileRows * kDirectMost * VecOf<T>::kLanes];  // that will be streamed
    T* at[kTileRows];
    for (int64_t i = 0; i < kTileRows; ++i) at[i] = block + i * n;
    int64_t j = 0;
    const int64_t height = direct_rows(0, vectors);
    for (int64_t left = piece.rows * piece.columns; left > 0;) {
      const int64_t count = least(left, height);
      for (int64_t i = 0; i < count; ++i) {
        a[i] = a_row + j * pixel_step;
        c[i] = c_row + j * grid.pixel;
        if (++j == piece.columns) {
          j = 0;
          a_row += row_step;
          c_row += grid.row;
        }
      }
      for (int64_t i = count; i < height; ++i) a[i] = a[0];
      DirectTiles<T>::table.kernels[direct_size(count, vectors)][vectors - 1](run, a, b, streamed ? at : c, count, n,
                                                                              first);
      if (ending != nullptr) end_block(*ending, streamed ? at : c, count, n);
      for (int64_t i = 0; streamed && i < count; ++i) {
        for (int64_t k = 0; k < n; k += VecOf<T>::kLanes) stream(VecOf<T>::load(at[i] + k), c[i] + k);
      }
      left -= count;
    }
  }
};

}  // namespace ckeras::CKERAS_ISA
