// conv_grad_filter by the tiles of ops/conv/direct_tile.h: pixels are read where they lie, or from a copy of a few rows
// with the padding around them (no more than a piece of work needs); dy is packed where its vectors ask for it. Only
// for .isa.cpp files.
//
// Vectors lie along filters. Where these would leave many lanes empty the product is turned over: vectors lie along a
// row of taps with their channels, the rows of a tile are filters, whose numbers of dy are read where they lie, and dw
// is turned back at the end. Bits are the same.
//
// Where the caller asks for it taps are taken one by one, each with those of the piece's results that it
// meets inside the image: nothing is copied, and no padding multiplied.
//
// The order of a sum: a piece's pixels (about kFilterPixels) are one chain in rising order; the pieces of a part are
// added in order, then the parts.
#pragma once
#include "gemm/gemm.h"
#include "ops/conv/direct.h"
#include "ops/conv/planes.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int64_t kDirectBuffer = int64_t{1} << 15;        // elements of a copy, about
inline constexpr int64_t kDirectColumns = 32;                     // of a piece at least, whatever they take
inline constexpr int64_t kDirectSlots = 32;                       // copies at most
inline constexpr int64_t kFilterPixels = 256;                     // of a piece, about
inline constexpr int64_t kFilterParts = 32;                       // times groups, at most
inline constexpr int64_t kFilterPartElements = int64_t{1} << 22;  // of all parts' results
inline constexpr int64_t kPackedFilterRows = 64;  // of dw: so many read dy often enough for packing to pay
inline constexpr int64_t kFilterStrips = 8;       // of the rows of dw, times parts and groups, where those are few
inline constexpr int64_t kTurnedGain = 16;   // a product is turned over if that spares one in so many multiply-adds
inline constexpr int64_t kTurnedStrip = 64;  // rows of dw that are turned back together

// How the grid of results is cut, by the shape alone: pieces of rows x columns of one plane of an image.
struct DirectCut {
  RisingAxis z, y, x;
  int64_t images, channels, pixel;  // of a group; elements from a pixel to the next
  bool apart;                       // taps one by one
  bool copies;                      // the padding is not in the image
  int64_t rows, columns;            // of a piece
  int64_t row_pieces, column_pieces;

  // `work`: multiply-adds of one result. `enough`: pieces beyond which they grow, while a copy stays small.
  CKERAS_MEMBER DirectCut(const Axis& z, const Axis& y, const Axis& x, int64_t images, int64_t channels, int64_t pixel,
                          int64_t work, int64_t enough = int64_t{1} << 40, bool planes = false, bool apart = false)
      : z(z), y(y), x(x), images(images), channels(channels), pixel(pixel), apart(apart) {
    copies = !apart && (planes || !(this->z.inside() && this->y.inside() && this->x.inside()));
    columns = most(1, x.grid);
    if (apart) {
      rows = most(1, least(y.grid, kPieceWork / 4 / most(1, work * columns)));
      row_pieces = ceil_div(y.grid, rows);
      column_pieces = 1;
      return;
    }
    const int64_t deep = most(1, z.taps * channels);
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
  CKERAS_MEMBER int64_t copy_elements() const {
    return copies ? z.axis.taps * y.extent(rows) * x.extent(columns) * channels : 0;
  }
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

// Rows of dw in order: tap by tap, the channels of each. Offsets are those of their elements from tap 0's channel 0.
struct FilterRows {
  int64_t channels, columns, rows, plane_step, row_step, column_step;
  int64_t t = 0, u = 0, v = 0, c = 0;

  CKERAS_MEMBER int64_t offset() const { return t * plane_step + u * row_step + v * column_step + c; }
  CKERAS_MEMBER void move(int64_t number) {
    c = number % channels;
    number /= channels;
    v = number % columns;
    number /= columns;
    u = number % rows;
    t = number / rows;
  }
  CKERAS_MEMBER void next() {
    if (++c < channels) return;
    c = 0;
    if (++v < columns) return;
    v = 0;
    if (++u < rows) return;
    u = 0;
    ++t;
  }
};

namespace {

// The piece's pixels in place, or copied with zeros for the padding, or from planes. `x`: channel 0 of the group.
template <class T>
DirectImage<T> direct_image(const DirectCut& cut, const DirectPiece& piece, const T* x, const Planes& planes,
                            T* copy) noexcept {
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
      const int64_t number = piece.n * z.size + plane, place = (row0 + r) * c.size + column0;
      zero_run(to, left * channels);
      zero_run(to + end * channels, (columns - end) * channels);
      if (planes.first()) {
        turn(x + planes.plane(number, y.size * c.size) + place + left, planes.channel, channels, end - left,
             to + left * channels, channels);
        continue;
      }
      const T* from = x + (number * y.size * c.size + place) * cut.pixel;
      if (cut.pixel == channels) {
        copy_run(to + left * channels, from + left * channels, (end - left) * channels);
      } else {
        for (int64_t k = left; k < end; ++k) copy_run(to + k * channels, from + k * cut.pixel, channels);
      }
    }
  }
  return {copy, rows * columns * channels, columns * channels, channels};
}

// to[i] = the sum of all[p * size + i] for p < parts, in rising order, for i < n. `to` may be `all`.
template <class T>
void sum_run(const T* all, int64_t parts, int64_t size, T* to, int64_t n) noexcept {
  using Vector = VecOf<T>;
  const auto add = [&](const auto& load, int64_t i) __attribute__((always_inline)) {
    Vector sum = load(all + i);
    for (int64_t p = 1; p < parts; ++p) sum = sum + load(all + p * size + i);
    return sum;
  };
  int64_t i = 0;
  for (; i + Vector::kLanes <= n; i += Vector::kLanes) {
    add([](const T* p) __attribute__((always_inline)) { return Vector::load(p); }, i).store(to + i);
  }
  if (i == n) return;
  add([=](const T* p) __attribute__((always_inline)) { return Vector::load(p, n - i); }, i).store(to + i, n - i);
}

// dw's rows of `columns` elements, `stride` apart, as the sums of so many parts of `size` elements in rising order.
template <class T>
void sum_parts(const T* all, int64_t parts, int64_t size, T* dw, int64_t columns, int64_t stride) noexcept {
  const int64_t width = columns == stride ? size : columns, rows = size / most(1, width);
  const int64_t cut = least(width, 4096), cuts = ceil_div(width, most(1, cut));
  parallel_for(rows * cuts, most(1, 4096 / most(1, cut)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / cuts, first = i % cuts * cut;
      sum_run(all + row * width + first, parts, size, dw + row * stride + first, least(cut, width - first));
    }
  });
}

}  // namespace

template <class T>
struct DirectFilter {
  DirectCut cut;
  int64_t groups, results, stride;  // filters of a group; elements from a pixel of dy to the next
  Planes in, out;                   // of x, of dy
  int64_t m, parts, strips;         // rows of a group's dw
  int64_t slots, width;             // width: columns of a panel of dy
  int64_t span;                     // rows of dw that lie side by side in what pieces read
  bool turned;

  CKERAS_MEMBER DirectFilter(const Axis& z, const Axis& y, const Axis& x, int64_t images, int64_t channels,
                             int64_t pixel, int64_t groups, int64_t results, const Planes& in, const Planes& out,
                             bool apart)
      : cut(z, y, x, images, channels, pixel, kPieceWork / (4 * kFilterPixels), int64_t{1} << 40, in.first(), apart),
        groups(groups),
        results(results),
        stride(groups * results),
        in(in),
        out(out),
        m(cut.taps() * channels) {
    parts = least(most(1, kFilterParts / groups), kFilterPartElements / most(1, m * stride));
    parts = most(1, least(parts, cut.pieces()));
    strips = least(most(1, kFilterStrips / (groups * parts)), ceil_div(m, kTileRows));
    slots = least(kDirectSlots, items());
    width = direct_width<T>(results);
    span = x.step == 1 && (cut.copies || pixel == channels || x.taps == 1) ? x.taps * channels : channels;
    turned = !cut.apart && turned_halves() * kTurnedGain <= m * panel_halves(results) * (kTurnedGain - 1);
  }

  CKERAS_MEMBER int64_t items() const { return groups * parts * strips; }
  CKERAS_MEMBER int64_t size() const { return m * results; }
  // dy is packed in panels where it has no whole vectors to read, or several panels whose lines would share few sets of
  // the cache.
  CKERAS_MEMBER bool packs() const {
    if (turned) return false;
    const bool crowded = stride * static_cast<int64_t>(sizeof(T)) % (kCrowdedB / 4) == 0;
    const int64_t vector = direct_vectors<T>(results) > 0 ? VecOf<T>::kLanes : VecOf<T>::kLanes / 2;
    return out.first() || results % vector != 0 || (results > width && (crowded || m > kPackedFilterRows));
  }
  CKERAS_MEMBER int64_t wide() const { return round_up(results, width); }
  CKERAS_MEMBER int64_t results_bytes() const {
    return parts > 1 || turned ? round_up(groups * parts * size() * static_cast<int64_t>(sizeof(T)), 64) : 0;
  }
  // Turned, vectors reach beyond the last pixel: of a copy, or of all images, where a panel is copied.
  CKERAS_MEMBER int64_t copy_elements() const {
    const int64_t beyond = cut.copies ? VecOf<T>::kLanes : cut.rows * cut.columns * end_width();
    return round_up(cut.copy_elements() + (turned ? beyond : 0), 16);
  }
  CKERAS_MEMBER int64_t slot_bytes() const {
    const int64_t dy = packs() ? cut.rows * cut.columns * wide() : 0;
    return round_up((copy_elements() + dy) * static_cast<int64_t>(sizeof(T)), 64);
  }
  CKERAS_MEMBER int64_t bytes() const { return results_bytes() + slots * slot_bytes(); }

  void run(const T* x, const T* dy, T* dw, void* workspace) const noexcept {
    T* const all = static_cast<T*>(workspace);
    char* const buffers = static_cast<char*>(workspace) + results_bytes();
    parallel_for(slots, 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        T* buffer = reinterpret_cast<T*>(buffers + slot * slot_bytes());
        for (int64_t i = items() * slot / slots; i < items() * (slot + 1) / slots; ++i) {
          const int64_t strip = i % strips, part = i / strips % parts, g = i / strips / parts;
          const Rows<T> to = parts > 1 || turned ? Rows<T>{all + (g * parts + part) * size(), turned ? m : results}
                                                 : Rows<T>{dw + g * results, stride};
          for (int64_t first = cut.pieces() * part / parts, p = first; p < cut.pieces() * (part + 1) / parts; ++p) {
            const T *const own = x + in.group(g * cut.channels), *const b = dy + out.group(g * results);
            const DirectPiece piece(cut, p);
            if (turned) {
              run_turned(piece, own, b, to, strip, p == first, buffer);
            } else if (cut.apart) {
              run_apart(piece, own, b, to, strip, p == first, buffer);
            } else {
              run_piece(piece, own, b, to, strip, p == first, buffer);
            }
          }
        }
      }
    });
    if (parts > 1 || turned) add_parts(all, dw);
  }

 private:
  CKERAS_MEMBER int64_t end_width() const { return round_up(direct_width<T>(span), VecOf<T>::kLanes); }
  // Half vectors that n columns take.
  CKERAS_MEMBER static int64_t panel_halves(int64_t n) {
    const int64_t wide = direct_width<T>(n), rest = n % wide, vectors = direct_vectors<T>(rest);
    return (n - rest) / (VecOf<T>::kLanes / 2) + (rest == 0 ? 0 : vectors == 0 ? 1 : 2 * vectors);
  }
  // Those of all filters and rows of dw, turned over.
  CKERAS_MEMBER int64_t turned_halves() const {
    const int64_t vectors = direct_vectors<T>(least(span, direct_width<T>(span))), tile = direct_rows(0, vectors);
    const int64_t rest = results % tile;
    const int64_t rows = results - rest + (rest > 0 ? direct_rows(direct_size(rest, vectors), vectors) : 0);
    return m / most(1, span) * panel_halves(span) * rows;
  }
  CKERAS_MEMBER const T* images_end(const T* x) const {
    return x + (cut.images * cut.z.axis.size * cut.y.axis.size * cut.x.axis.size - 1) * cut.pixel + cut.channels;
  }
  // Whether a tile's rows lie side by side, and what it reads of them, up to `last` further, ends before `end`.
  CKERAS_MEMBER static bool adjacent(const T* const* a, int64_t count, int64_t tile, int64_t last, const T* end) {
    return a[count - 1] - a[0] == count - 1 && end - a[0] >= last + tile;
  }
  // Where a piece's results begin: of the images, of a plane of dy.
  CKERAS_MEMBER const T* results_of(const DirectPiece& piece, const T* dy) const {
    const Axis &z = cut.z.axis, &y = cut.y.axis, &x = cut.x.axis;
    const int64_t number = piece.n * z.grid + piece.h, place = piece.i * x.grid + piece.j;
    return out.first() ? dy + out.plane(number, y.grid * x.grid) + place
                       : dy + (number * y.grid * x.grid + place) * stride;
  }

  // Its tiles read dy a number at a time, in place. Strips are of panels of rows of dw.
  void run_turned(const DirectPiece& piece, const T* x, const T* dy, const Rows<T>& to, int64_t strip, bool first,
                  T* buffer) const {
    const Axis &z = cut.z.axis, &y = cut.y.axis, &c = cut.x.axis;
    const DirectImage<T> from = direct_image(cut, piece, x, in, buffer);
    const T* const filters = results_of(piece, dy);
    const int64_t number_step = out.first() ? 1 : stride, filter_step = out.first() ? out.channel : 1;
    const int64_t row_step = y.stride * from.row, pixel_step = c.stride * from.pixel;
    // From a tap of the piece's first pixel to that of its last one; where no vector of an image may pass. Those of dy.
    const int64_t to_last = (piece.rows - 1) * row_step + (piece.columns - 1) * pixel_step;
    const T* const end = images_end(x);
    const int64_t filters_last = ((piece.rows - 1) * c.grid + piece.columns - 1) * number_step;
    const T* const filters_end = dy + (cut.images * z.grid * y.grid * c.grid - 1) * stride + results;
    int64_t offsets[kKBlock], b_offsets[kKBlock];
    const int64_t wide = direct_width<T>(span), of_span = ceil_div(span, wide), panels = m / span * of_span;
    for (int64_t panel = panels * strip / strips; panel < panels * (strip + 1) / strips; ++panel) {
      const int64_t column = panel % of_span * wide, row = panel / of_span * span + column;
      const int64_t n = least(wide, span - column), vectors = direct_vectors<T>(n), tile = direct_rows(0, vectors);
      FilterRows rows{cut.channels, c.taps, y.taps, from.plane, y.step * from.row, c.step * from.pixel};
      rows.move(row);
      const T* b = from.data + rows.offset();
      const bool packs = !cut.copies && end - b < to_last + round_up(n, VecOf<T>::kLanes);
      const int64_t b_step = packs ? end_width() : pixel_step, b_row = packs ? piece.columns * b_step : row_step;
      for (int64_t r = 0; r < piece.rows; ++r) {
        offsets[r] = r * c.grid * number_step;
        b_offsets[r] = r * b_row;
        for (int64_t k = 0; packs && k < piece.columns; ++k) {
          pack_row(buffer + r * b_row + k * b_step, b + r * row_step + k * pixel_step, n);
        }
      }
      if (packs) b = buffer;
      DirectRun run{offsets, b_offsets, piece.rows, piece.columns, number_step, b_step};
      for (int64_t o = 0; o < results; o += tile) {
        const int64_t count = least(tile, results - o);
        const T* a[kDirectRows];
        T* at[kDirectRows];
        for (int64_t i = 0; i < count; ++i) {
          a[i] = filters + (o + i) * filter_step;
          at[i] = to.row(o + i) + row;
        }
        for (int64_t i = count; i < tile; ++i) a[i] = a[0];
        run.adjacent = !out.first() && adjacent(a, count, tile, filters_last, filters_end);
        DirectTiles<T>::table.kernels[direct_size(count, vectors)][vectors](run, a, b, at, count, n, first);
      }
    }
  }
  // A piece's results as B: `panel` elements from a panel of `width` columns to the next, `row` from a row to the next.
  struct Filters {
    const T* data;
    int64_t panel, row, ldb;
  };
  Filters filters_of(const DirectPiece& piece, const T* dy, T* buffer) const {
    const T* const b = results_of(piece, dy);
    const int64_t row = cut.x.axis.grid * stride;
    if (!packs()) return {b, width, row, stride};
    T* const packed = buffer + copy_elements();
    const int64_t panel = piece.rows * piece.columns * width;
    for (int64_t column = 0; column < results; column += width) {
      T* line = packed + column / width * panel;
      const int64_t n = least(width, results - column);
      if (out.first()) {
        read_planes(b + column * out.channel, out, cut.x.axis.grid, piece.rows, piece.columns, n, line, width);
        continue;
      }
      for (int64_t r = 0; r < piece.rows; ++r) {
        const T* pixel = b + r * row + column;
        for (int64_t k = 0; k < piece.columns; ++k, pixel += stride, line += width) {
          width % VecOf<T>::kLanes == 0 ? pack_row(line, pixel, n) : copy_few(line, pixel, n);
        }
      }
    }
    return {packed, panel, piece.columns * width, width};
  }
  void run_piece(const DirectPiece& piece, const T* x, const T* dy, const Rows<T>& to, int64_t strip, bool first,
                 T* buffer) const {
    const Axis &y = cut.y.axis, &c = cut.x.axis;
    const DirectImage<T> from = direct_image(cut, piece, x, in, buffer);
    const Filters filters = filters_of(piece, dy, buffer);
    const T* b = filters.data;
    int64_t offsets[kKBlock], b_offsets[kKBlock];
    for (int64_t r = 0; r < piece.rows; ++r) {
      offsets[r] = r * y.stride * from.row;
      b_offsets[r] = r * filters.row;
    }
    DirectRun run{offsets, b_offsets, piece.rows, piece.columns, c.stride * from.pixel, filters.ldb};
    const int64_t to_last = (piece.rows - 1) * y.stride * from.row + (piece.columns - 1) * run.step;
    const T* const end = cut.copies ? buffer + copy_elements() : images_end(x);
    const int64_t row0 = m * strip / strips, row1 = m * (strip + 1) / strips;
    for (int64_t column = 0; column < results; column += width, b += filters.panel) {
      const int64_t n = least(width, results - column), vectors = direct_vectors<T>(n);
      const int64_t tile = direct_rows(0, vectors), height = ceil_div(row1 - row0, ceil_div(row1 - row0, tile));
      FilterRows rows{cut.channels, c.taps, y.taps, from.plane, y.step * from.row, c.step * from.pixel};
      rows.move(row0);
      for (int64_t row = row0; row < row1; row += height) {
        const int64_t count = least(height, row1 - row);
        const T* a[kDirectRows];
        T* at[kDirectRows];
        for (int64_t i = 0; i < count; ++i, rows.next()) {
          a[i] = from.data + rows.offset();
          at[i] = to.row(row + i) + column;
        }
        for (int64_t i = count; i < tile; ++i) a[i] = a[0];
        run.adjacent = adjacent(a, count, tile, to_last, end);
        DirectTiles<T>::table.kernels[direct_size(count, vectors)][vectors](run, a, b, at, count, n, first);
      }
    }
  }

  // Results [begin, end) of a run of `count` from `first` on that a tap meets inside the image.
  struct Met {
    int64_t begin, end;
    Met(const Axis& axis, int64_t tap, int64_t first, int64_t count) {
      const int64_t at = axis.at(0, tap);
      begin = most(first, at < 0 ? ceil_div(-at, axis.stride) : 0);
      end = least(first + count, at < axis.size ? (axis.size - 1 - at) / axis.stride + 1 : 0);
    }
  };
  void run_apart(const DirectPiece& piece, const T* x, const T* dy, const Rows<T>& to, int64_t strip, bool first,
                 T* buffer) const {
    const Axis &z = cut.z.axis, &y = cut.y.axis, &c = cut.x.axis;
    const Filters filters = filters_of(piece, dy, buffer);
    const int64_t row_pixels = c.size * cut.pixel, pixel_step = c.stride * cut.pixel;
    const T* const end = images_end(x);
    int64_t offsets[kKBlock], b_offsets[kKBlock];
    for (int64_t row = m * strip / strips, row1 = m * (strip + 1) / strips, next; row < row1; row = next) {
      const int64_t tap = row / cut.channels, channel = row % cut.channels, u = tap / c.taps % y.taps, v = tap % c.taps;
      const int64_t plane = z.at(piece.h, tap / c.taps / y.taps);
      next = least(row1, row - channel + cut.channels);
      const Met i(y, u, piece.i, piece.rows), j(c, v, piece.j, piece.columns);
      const int64_t rows = i.end - i.begin, columns = j.end - j.begin;
      if (!z.inside(plane) || rows <= 0 || columns <= 0) {
        for (int64_t r = row; first && r < next; ++r) zero_run(to.row(r), results);
        continue;
      }
      const int64_t number = (piece.n * z.size + plane) * y.size + y.at(i.begin, u);
      const T* const pixel = x + (number * c.size + c.at(j.begin, v)) * cut.pixel + channel;
      const T* b = filters.data + (i.begin - piece.i) * filters.row + (j.begin - piece.j) * filters.ldb;
      for (int64_t r = 0; r < rows; ++r) {
        offsets[r] = r * y.stride * row_pixels;
        b_offsets[r] = r * filters.row;
      }
      DirectRun run{offsets, b_offsets, rows, columns, pixel_step, filters.ldb};
      const int64_t to_last = offsets[rows - 1] + (columns - 1) * pixel_step;
      for (int64_t column = 0; column < results; column += width, b += filters.panel) {
        const int64_t n = least(width, results - column), vectors = direct_vectors<T>(n);
        const int64_t tile = direct_rows(0, vectors), height = ceil_div(next - row, ceil_div(next - row, tile));
        for (int64_t top = row; top < next; top += height) {
          const int64_t count = least(height, next - top);
          const T* a[kDirectRows];
          T* at[kDirectRows];
          for (int64_t k = 0; k < count; ++k) {
            a[k] = pixel + (top - row) + k;
            at[k] = to.row(top + k) + column;
          }
          for (int64_t k = count; k < tile; ++k) a[k] = a[0];
          run.adjacent = adjacent(a, count, tile, to_last, end);
          DirectTiles<T>::table.kernels[direct_size(count, vectors)][vectors](run, a, b, at, count, n, first);
        }
      }
    }
  }

  void add_parts(T* all, T* dw) const {
    if (turned) return turn_parts(all, dw);
    for (int64_t g = 0; g < groups; ++g) {
      sum_parts(all + g * parts * size(), parts, size(), dw + g * results, results, stride);
    }
  }
  // The same of [filters, rows of dw]: summed where the first part lies, then turned back.
  void turn_parts(T* all, T* dw) const {
    const int64_t cuts = ceil_div(m, kTurnedStrip);
    parallel_for(groups * cuts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t g = i / cuts, row = i % cuts * kTurnedStrip, n = least(kTurnedStrip, m - row);
        T* const own = all + g * parts * size() + row;
        for (int64_t o = 0; parts > 1 && o < results; ++o) sum_run(own + o * m, parts, size(), own + o * m, n);
        turn(own, m, results, n, dw + row * stride + g * results, stride);
      }
    });
  }
};

}  // namespace ckeras::CKERAS_ISA
