// conv_grad_filter by the tiles of ops/conv/direct_tile.h: nothing is packed, but what the padding or the vectors ask
// for. Only for .isa.cpp files.
//
// The order of a sum: a piece's pixels (about kFilterPixels) are one chain in rising order; the pieces of a part are
// added in order, then the parts.
#pragma once
#include "gemm/gemm.h"
#include "ops/conv/direct.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int64_t kFilterPixels = 256;                     // of a piece, about
inline constexpr int64_t kFilterParts = 32;                       // times groups, at most
inline constexpr int64_t kFilterPartElements = int64_t{1} << 22;  // of all parts' results
inline constexpr int64_t kPackedFilterRows = 64;  // of dw: so many read dy often enough for packing to pay
inline constexpr int64_t kFilterStrips = 8;       // of the rows of dw, times parts and groups, where those are few

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

// dw's rows of `columns` elements, `stride` apart, as the sums of so many parts of `size` elements in rising order.
template <class T>
void sum_parts(const T* all, int64_t parts, int64_t size, T* dw, int64_t columns, int64_t stride) noexcept {
  using Vector = VecOf<T>;
  const int64_t width = columns == stride ? size : columns, rows = size / most(1, width);
  const int64_t cut = least(width, 4096), cuts = ceil_div(width, most(1, cut));
  parallel_for(rows * cuts, most(1, 4096 / most(1, cut)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / cuts, first = i % cuts * cut, count = least(cut, width - first);
      const T* const from = all + row * width + first;
      T* const to = dw + row * stride + first;
      for (int64_t c = 0; c < count; c += Vector::kLanes) {
        const int64_t n = count - c;
        const auto add = [&](const auto& load) __attribute__((always_inline)) {
          Vector sum = load(from + c);
          for (int64_t p = 1; p < parts; ++p) sum = sum + load(from + p * size + c);
          return sum;
        };
        if (n >= Vector::kLanes) {
          add([](const T* p) __attribute__((always_inline)) { return Vector::load(p); }).store(to + c);
        } else {
          add([=](const T* p) __attribute__((always_inline)) { return Vector::load(p, n); }).store(to + c, n);
        }
      }
    }
  });
}

}  // namespace

template <class T>
struct DirectFilter {
  DirectCut cut;
  int64_t groups, results, stride;  // filters of a group; elements from a pixel of dy to the next
  int64_t m, parts, strips;         // rows of a group's dw
  int64_t slots, width;             // width: columns of a panel of dy

  CKERAS_MEMBER DirectFilter(const Axis& z, const Axis& y, const Axis& x, int64_t images, int64_t channels,
                             int64_t pixel, int64_t groups, int64_t results)
      : cut(z, y, x, images, channels, pixel, kPieceWork / (4 * kFilterPixels)),
        groups(groups),
        results(results),
        stride(groups * results),
        m(cut.taps() * channels) {
    parts = least(most(1, kFilterParts / groups), kFilterPartElements / most(1, m * stride));
    parts = most(1, least(parts, cut.pieces()));
    strips = least(most(1, kFilterStrips / (groups * parts)), ceil_div(m, kTileRows));
    slots = least(kDirectSlots, items());
    width = direct_width<T>(results);
  }

  CKERAS_MEMBER int64_t items() const { return groups * parts * strips; }
  CKERAS_MEMBER int64_t size() const { return m * results; }
  // dy is packed in panels where it has no whole vectors to read, or several panels whose lines would share few sets of
  // the cache.
  CKERAS_MEMBER bool packs() const {
    const bool crowded = stride * static_cast<int64_t>(sizeof(T)) % (kCrowdedB / 4) == 0;
    return results % VecOf<T>::kLanes != 0 || (results > width && (crowded || m > kPackedFilterRows));
  }
  CKERAS_MEMBER int64_t wide() const { return round_up(results, width); }
  CKERAS_MEMBER int64_t results_bytes() const {
    return parts > 1 ? round_up(groups * parts * size() * static_cast<int64_t>(sizeof(T)), 64) : 0;
  }
  CKERAS_MEMBER int64_t copy_elements() const { return round_up(cut.copy_elements(), 16); }
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
          const Rows<T> to =
              parts > 1 ? Rows<T>{all + (g * parts + part) * size(), results} : Rows<T>{dw + g * results, stride};
          for (int64_t first = cut.pieces() * part / parts, p = first; p < cut.pieces() * (part + 1) / parts; ++p) {
            run_piece(DirectPiece(cut, p), x + g * cut.channels, dy + g * results, to, strip, p == first, buffer);
          }
        }
      }
    });
    if (parts > 1) add_parts(all, dw);
  }

 private:
  void run_piece(const DirectPiece& piece, const T* x, const T* dy, const Rows<T>& to, int64_t strip, bool first,
                 T* buffer) const {
    const Axis &z = cut.z.axis, &y = cut.y.axis, &c = cut.x.axis;
    const DirectImage<T> from = direct_image(cut, piece, x, buffer);
    const T* b = dy + (((piece.n * z.grid + piece.h) * y.grid + piece.i) * c.grid + piece.j) * stride;
    int64_t offsets[kKBlock], b_offsets[kKBlock];
    for (int64_t r = 0; r < piece.rows; ++r) {
      offsets[r] = r * y.stride * from.row;
      b_offsets[r] = r * c.grid * stride;
    }
    DirectRun run{offsets, b_offsets, piece.rows, piece.columns, c.stride * from.pixel, stride};
    int64_t panel = width;  // elements from a panel of b to the next
    if (packs()) {
      T* const packed = buffer + copy_elements();
      panel = piece.rows * piece.columns * width;
      for (int64_t column = 0; column < results; column += width) {
        T* line = packed + column / width * panel;
        for (int64_t r = 0; r < piece.rows; ++r) {
          const T* pixel = b + b_offsets[r] + column;
          for (int64_t k = 0; k < piece.columns; ++k, pixel += stride, line += width) {
            pack_row(line, pixel, least(width, results - column));
          }
        }
      }
      b = packed;
      run.ldb = width;
      for (int64_t r = 0; r < piece.rows; ++r) b_offsets[r] = r * piece.columns * width;
    }
    const int64_t row0 = m * strip / strips, row1 = m * (strip + 1) / strips;
    for (int64_t column = 0; column < results; column += width, b += panel) {
      const int64_t n = least(width, results - column), vectors = ceil_div(n, VecOf<T>::kLanes);
      const int64_t tile = direct_rows(0, vectors), height = ceil_div(row1 - row0, ceil_div(row1 - row0, tile));
      FilterRows rows{cut.channels, c.taps, y.taps, from.plane, y.step * from.row, c.step * from.pixel};
      rows.move(row0);
      for (int64_t row = row0; row < row1; row += height) {
        const int64_t count = least(height, row1 - row);
        const T* a[kTileRows];
        T* at[kTileRows];
        for (int64_t i = 0; i < count; ++i, rows.next()) {
          a[i] = from.data + rows.offset();
          at[i] = to.row(row + i) + column;
        }
        for (int64_t i = count; i < tile; ++i) a[i] = a[0];
        DirectTiles<T>::table.kernels[direct_size(count, vectors)][vectors - 1](run, a, b, at, count, n, first);
      }
    }
  }

  void add_parts(const T* all, T* dw) const {
    for (int64_t g = 0; g < groups; ++g) {
      sum_parts(all + g * parts * size(), parts, size(), dw + g * results, results, stride);
    }
  }
};

}  // namespace ckeras::CKERAS_ISA
