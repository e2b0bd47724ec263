// Convolution of images whose channels come first, without turning them over: vectors lie along pixels. The pixels that
// a piece of the results meets are copied into rows, one for each tap and channel, which a product of matrices takes
// as they lie; its rows are planes of results. Only for .isa.cpp files.
//
// The order of a sum: taps in row-major order and their channels, in blocks of kKBlock, each one chain of fused
// multiply-adds; blocks are added in order.
#pragma once
#include "cpu/stream_vec.h"
#include "gemm/epilogue.h"
#include "gemm/tile.h"
#include "ops/conv/buffers.h"
#include "ops/conv/panels.h"
#include "ops/conv/short_rows.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int64_t kPlanarNear = int64_t{24} << 10;  // bytes of a piece's rows and results in the first cache
inline constexpr int64_t kPlanarFar = int64_t{512} << 10;  // or in the second
inline constexpr int64_t kPlanarLeast = 96;                // pixels of a piece, where there are so many
inline constexpr int64_t kPlanarStrip = 512;               // results of a piece at most, about
inline constexpr int64_t kPlanarAlone = 36;                // pixels of an image that is a piece of its own
inline constexpr int64_t kPlanarSlots = 32;                // pieces in work at most
inline constexpr int64_t kPlanarPieces = 8;                // at least, where there is work for them

// Elements of a group's filters: more come from the second cache for every image, so that several images share them,
// unless their sums are of half as many steps as a short product may have.
inline constexpr int64_t kShortFilters = int64_t{1} << 14;

inline constexpr int64_t kPlanarChannels = 4, kPlanarResults = 32;  // of windows: from so few, to so many

// Whether a product along pixels takes windows of one pixel.
CKERAS_INLINE bool goes_planar(const ConvShape& s) {
  return s.layout == (kXFirst | kYFirst) && s.pointwise() && s.cg > 0 && s.og > 0 && !(s.cg == 1 && s.groups > 1);
}
// Whether it takes wider ones: copies of what they meet, one for each result, must cost less than turning the results.
CKERAS_INLINE bool copies_planar(const ConvShape& s) {
  return s.layout == (kXFirst | kYFirst) && s.taps() > 0 && s.cg > 0 && s.cg <= kPlanarChannels &&
         s.og >= kPlanarResults;
}

// Elements from a row of `pixels` to the next: whole vectors, an odd number of lines.
template <class T>
CKERAS_INLINE int64_t planar_pitch(int64_t pixels) {
  const int64_t lanes = VecOf<T>::kLanes, vectors = ceil_div(pixels, lanes);
  return (vectors + 1 - vectors % 2) * lanes;
}

// Images whose channels come first, as windows slide along them.
struct PlanarAxes {
  Axis z, y, x;

  CKERAS_MEMBER PlanarAxes(const Axis& z, const Axis& y, const Axis& x) : z(z), y(y), x(x) {
    const auto same = [](const Axis& a) { return a.taps == 1 && a.stride == 1 && a.start == 0 && a.grid == a.size; };
    if (!same(z) || !same(y) || !same(x)) return;
    const int64_t pixels = z.size * y.size * x.size;  // single pixels: all are one row
    constexpr Axis kOne{1, 1, 1, 0, 1, 1};
    this->z = kOne;
    this->y = kOne;
    this->x = {pixels, pixels, 1, 0, 1, 1};
  }
  CKERAS_MEMBER int64_t taps() const { return z.taps * y.taps * x.taps; }
  CKERAS_MEMBER int64_t pixels() const { return z.size * y.size * x.size; }   // of a channel
  CKERAS_MEMBER int64_t results() const { return z.grid * y.grid * x.grid; }  // of a channel
};

// Results [i, i + rows) x [j, j + columns) of plane h of images [n, n + images).
struct PlanarPiece {
  int64_t n, images, h, i, rows, j, columns;

  CKERAS_MEMBER int64_t of_image() const { return rows * columns; }
  CKERAS_MEMBER int64_t pixels() const { return images * rows * columns; }
};

// How the results are cut, by the shape alone: parts of rows, whole rows, or whole images. What is cut is contiguous in
// each plane.
struct PlanarCut {
  PlanarAxes axes;
  int64_t images;
  int64_t joined = 1, rows = 1, columns = 1;  // of a piece
  int64_t row_pieces = 0, column_pieces = 0;

  // About `target` pixels in each.
  CKERAS_MEMBER PlanarCut(const PlanarAxes& axes, int64_t images, int64_t target) : axes(axes), images(images) {
    const int64_t height = axes.y.grid, width = axes.x.grid, all = height * width;
    if (images * axes.z.grid * all == 0) return;
    columns = width;
    if (width > target + target / 4) {
      columns = least(width, round_up(ceil_div(width, ceil_div(width, target)), 16));
    } else if (all <= target + target / 4) {
      rows = height;
      if (axes.z.grid == 1) joined = most(1, least(images, (target + all / 4) / all));
    } else {
      int64_t unit = 16;  // rows that are whole lines together
      while (unit > 1 && width % (32 / unit) == 0) unit /= 2;
      const int64_t room = most(1, target / width);
      rows = ceil_div(height, ceil_div(height, room));
      if (room >= unit) rows = least(round_up(rows, unit), room - room % unit);
    }
    row_pieces = ceil_div(height, rows);
    column_pieces = ceil_div(width, columns);
  }

  CKERAS_MEMBER int64_t pieces() const { return ceil_div(images, joined) * axes.z.grid * row_pieces * column_pieces; }
  CKERAS_MEMBER int64_t pixels() const { return joined * rows * columns; }  // of a piece
  CKERAS_MEMBER PlanarPiece piece(int64_t number) const {
    const int64_t band = number / column_pieces, plane = band / row_pieces, n = plane / axes.z.grid * joined;
    const int64_t i = band % row_pieces * rows, j = number % column_pieces * columns;
    return {n, least(joined, images - n),      plane % axes.z.grid, i, least(rows, axes.y.grid - i),
            j, least(columns, axes.x.grid - j)};
  }
};

// A or B of conv_grad_filter for windows of one pixel: element (channel, pixel `start` + p of all images).
template <class T>
struct PlaneMatrix {
  const T* data;              // channel 0 of the group, of image 0
  int64_t step, pixels;       // elements from an image to the next, and of a channel of it
  int64_t start, stride = 0;  // read in place it is not

  CKERAS_MEMBER bool readable() const { return false; }
  CKERAS_MEMBER const T* at(int64_t, int64_t) const { return nullptr; }
  CKERAS_MEMBER void pack(T* to, int64_t width, int64_t i0, int64_t count, int64_t p0, int64_t k) const {
    for (int64_t p = start + p0, end = p + k, length; p < end; p += length, to += length * width) {
      const int64_t own = p % pixels;
      length = least(pixels - own, end - p);
      Matrix<T>{data + p / pixels * step, pixels, true}.pack(to, width, i0, count, own, length);
    }
  }
};

namespace {

// to[j] = from[j * stride] for j < n.
template <class T>
void copy_apart(T* to, const T* from, int64_t stride, int64_t n) noexcept {
  int64_t j = 0;
  if (stride == 2) {
    constexpr int kSide = kBlock<T>;
    for (; j + kSide < n; j += kSide) {  // a pair's second number may lie outside
      const auto low = load_raw<T, kSide>(from + 2 * j), high = load_raw<T, kSide>(from + 2 * j + kSide);
      if constexpr (kSide == 8) {
        store_raw(to + j, __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14));
      } else {
        store_raw(to + j, __builtin_shufflevector(low, high, 0, 2, 4, 6));
      }
    }
  }
  for (; j < n; ++j) to[j] = from[j * stride];
}
template <class T>
bool all_finite(const T* from, int64_t n) noexcept {
  using Vector = VecOf<T>;
  for (int64_t i = 0; i < n; i += Vector::kLanes) {
    const Vector v = Vector::load(from + i, n - i);
    if (isnan(v - v).any()) return false;
  }
  return true;
}
template <class T>
CKERAS_INLINE void copy_pixels(T* to, const T* from, int64_t n) {
  using Vector = VecOf<T>;
  int64_t i = 0;
  for (; i + Vector::kLanes <= n; i += Vector::kLanes) Vector::load(from + i).store(to + i);
  if (i < n) Vector::load(from + i, n - i).store(to + i, n - i);
}
template <class T>
CKERAS_INLINE void zero_pixels(T* to, int64_t n) {
  using Vector = VecOf<T>;
  for (int64_t i = 0; i < n; i += Vector::kLanes) Vector(T{0}).store(to + i, n - i);
}

// What the results of `piece` meet at one tap, of a plane of one channel.
template <class T>
void tap_pixels(const PlanarAxes& axes, const PlanarPiece& piece, const T* plane, int64_t u, int64_t v,
                T* to) noexcept {
  const Axis &y = axes.y, &x = axes.x;
  const int64_t at = x.at(piece.j, v), columns = piece.columns;
  const int64_t low = at < 0 ? least(columns, ceil_div(-at, x.stride)) : 0;
  const int64_t high = at < x.size ? most(low, least(columns, (x.size - 1 - at) / x.stride + 1)) : low;
  const bool whole = low < high && columns == x.size && x.stride == 1 && y.stride == 1;
  for (int64_t r = 0; r < piece.rows;) {
    const int64_t row = y.at(piece.i + r, u);
    int64_t count = 1;
    if (!y.inside(row)) {
      zero_pixels(to, columns);
    } else if (whole) {
      count = least(piece.rows - r, y.size - row);
      copy_pixels(to + low, plane + row * x.size + at + low, count * columns - low - (columns - high));
      for (int64_t i = 0; low > 0 && i < count; ++i) zero_pixels(to + i * columns, low);
      for (int64_t i = 0; high < columns && i < count; ++i) zero_pixels(to + i * columns + high, columns - high);
    } else {
      const T* const from = plane + row * x.size + at + low * x.stride;
      zero_pixels(to, low);
      x.stride == 1 ? copy_pixels(to + low, from, high - low) : copy_apart(to + low, from, x.stride, high - low);
      zero_pixels(to + high, columns - high);
    }
    r += count;
    to += count * columns;
  }
}

// Rows [p, p + k) of the piece's pixels, tap by tap the channels of each, `pitch` apart, with zeros up to whole
// vectors. `image`: channel 0 of the group, of image 0; `step`: elements from an image to the next.
template <class T>
void tap_rows(const PlanarAxes& axes, const PlanarPiece& piece, const T* image, int64_t step, int64_t channels,
              int64_t p, int64_t k, T* to, int64_t pitch) noexcept {
  const int64_t pixels = piece.pixels(), end = round_up(pixels, VecOf<T>::kLanes);
  for (const int64_t last = p + k; p < last; ++p, to += pitch) {
    const int64_t tap = p / channels, c = p % channels, line = tap / axes.x.taps;
    const int64_t plane = axes.z.at(piece.h, line / axes.y.taps);
    const T* from = image + piece.n * step + c * axes.pixels() + plane * axes.y.size * axes.x.size;
    for (int64_t n = 0; n < piece.images; ++n, from += step) {
      T* const own = to + n * piece.of_image();
      if (axes.z.inside(plane)) {
        tap_pixels(axes, piece, from, line % axes.y.taps, tap % axes.x.taps, own);
      } else {
        zero_pixels(own, piece.of_image());
      }
    }
    zero_pixels(to + pixels, end - pixels);
  }
}

// to[j] = from[j], ended, for j < n; past the caches in whole lines where `streamed`. The ending is that of one column,
// without a residual.
template <class T, class F>
CKERAS_INLINE void end_run(T* to, const T* from, int64_t n, const Ending<T>& ending, bool streamed, const F& f) {
  using Vector = VecOf<T>;
  const auto column = [](const T* p) { return Vector(p != nullptr ? *p : T{0}); };
  const Vector bias = column(ending.bias), scale = column(ending.scale), shift = column(ending.shift);
  const auto ended = [&](Vector v) __attribute__((always_inline)) {
    if (ending.bias != nullptr) v = v + bias;
    if (ending.scale != nullptr) v = v * scale + shift;
    return f(v);
  };
  int64_t j = 0;
  if (streamed) {
    const int64_t past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(to) % 64 / sizeof(T));
    if (past > 0) {
      j = least(n, Vector::kLanes - past);
      ended(Vector::load(from, j)).store(to, j);
    }
    for (; j + Vector::kLanes <= n; j += Vector::kLanes) stream(ended(Vector::load(from + j)), to + j);
  }
  for (; j + Vector::kLanes <= n; j += Vector::kLanes) ended(Vector::load(from + j)).store(to + j);
  if (j < n) ended(Vector::load(from + j, n - j)).store(to + j, n - j);
}
template <class T>
void end_run(T* to, const T* from, int64_t n, const Ending<T>& ending, bool streamed) noexcept {
  with_activation<VecOf<T>>(ending.epilogue, [&](const auto& f) { end_run(to, from, n, ending, streamed, f); });
}

}  // namespace

// conv, and conv_grad_input at stride 1.
template <class T>
struct Planar {
  PlanarAxes axes;
  int64_t images, channels, groups, results;  // of a group

  static constexpr int64_t kLanes = VecOf<T>::kLanes;

  CKERAS_MEMBER int64_t k() const { return axes.taps() * channels; }
  CKERAS_MEMBER int64_t panels() const { return ceil_div(results, kPanelRows); }
  CKERAS_MEMBER int64_t panel_rows() const { return ceil_div(results, most(1, panels())); }
  // Sums of few steps go from registers to where they belong (ops/conv/short_rows.h), one panel for all filters.
  CKERAS_MEMBER bool is_short() const {
    return k() <= (k() * results <= kShortFilters ? kShortSteps : kShortSteps / 2);
  }
  CKERAS_MEMBER int64_t packs() const { return is_short() ? 1 : panels(); }  // of a group
  CKERAS_MEMBER int64_t pack_rows() const { return is_short() ? results : panel_rows(); }
  CKERAS_MEMBER int64_t pack_stride() const { return is_short() ? round_up(results, kLanes) : kPanelStride; }
  CKERAS_MEMBER int64_t filter_elements() const { return packs() * k() * pack_stride(); }  // of a group
  CKERAS_MEMBER int64_t filter_bytes() const {
    return round_up(groups * filter_elements() * static_cast<int64_t>(sizeof(T)), 64);
  }
  // Taps of a column meet the same pixels some rows apart: then one copy with rows around it has all of them.
  CKERAS_MEMBER bool slides(int64_t rows) const {
    const Axis& y = axes.y;
    return is_short() && y.stride == 1 && y.step > 0 && y.step <= rows;
  }
  CKERAS_MEMBER int64_t slid_rows(int64_t rows) const { return rows + (axes.y.taps - 1) * axes.y.step; }
  CKERAS_MEMBER int64_t slid_pitch(int64_t rows, int64_t columns) const {
    return planar_pitch<T>(slid_rows(rows) * columns + kLanes);
  }
  CKERAS_MEMBER PlanarCut cut() const {
    if (is_short() && axes.y.grid * axes.x.grid >= kPlanarAlone) {
      const int64_t copied = k() / (axes.y.stride == 1 ? axes.y.taps : 1);
      const int64_t near = kPlanarNear / (static_cast<int64_t>(sizeof(T)) * copied);
      PlanarCut cut(axes, images, near >= kPlanarLeast ? near : most(kPlanarLeast, kPlanarFar / kPlanarNear * near));
      cut.joined = 1;
      return cut;
    }
    const int64_t deep = static_cast<int64_t>(sizeof(T)) * (least(k(), kKBlock) + least(results, kPlanarStrip));
    const int64_t near = kPlanarNear / deep;
    return {axes, images, near >= kPlanarLeast ? near : most(kPlanarLeast, kPlanarFar / deep)};
  }
  // Of the panels of results.
  CKERAS_MEMBER int64_t strips(const PlanarCut& cut) const {
    const int64_t work = cut.pixels() * results * k(), pieces = most(1, cut.pieces() * groups);
    const int64_t wanted = least(ceil_div(kPlanarPieces, pieces), most(1, work / kLeastPiece));
    return least(panels(), most(wanted, ceil_div(results, kPlanarStrip)));
  }
  CKERAS_MEMBER int64_t slots(const PlanarCut& cut) const {
    const int64_t items = cut.pieces() * groups * strips(cut);
    return least(least(kPlanarSlots, items),
                 ceil_div(items * (cut.pixels() * results * k() / strips(cut)), kLeastPiece));
  }
  CKERAS_MEMBER int64_t row_elements(const PlanarCut& cut) const {
    const int64_t slid = slides(cut.rows) ? k() / axes.y.taps * slid_pitch(cut.rows, cut.columns) : 0;
    return most(slid, least(k(), kKBlock) * planar_pitch<T>(cut.pixels()));
  }
  CKERAS_MEMBER int64_t slot_bytes(const PlanarCut& cut) const {
    const int64_t of_results = ceil_div(panels(), most(1, strips(cut))) * panel_rows() * planar_pitch<T>(cut.pixels());
    return round_up((row_elements(cut) + of_results) * static_cast<int64_t>(sizeof(T)), 64);
  }
  CKERAS_MEMBER int64_t bytes() const {
    const PlanarCut cut = this->cut();
    return 64 + filter_bytes() + slots(cut) * slot_bytes(cut);
  }

  // filters(g) packs as gemm/gemm.h's B, tap * channels + c along K. x, y: all images; the ending is that of all
  // results.
  template <class FilterOf>
  void run(void* workspace, const FilterOf& filters, const T* x, T* y, const Ending<T>& ending) const noexcept {
    const PlanarCut cut = this->cut();
    const int64_t items = cut.pieces() * groups * strips(cut), slots = this->slots(cut);
    if (items == 0) return;
    char* memory = static_cast<char*>(workspace);
    const Buffers buffers{static_cast<uint64_t*>(workspace)};
    buffers.open(slots);
    T* const packed = reinterpret_cast<T*>(memory + 64);
    memory += 64 + filter_bytes();
    const int64_t pack = k() * pack_stride();
    parallel_for(groups * packs(), most(1, (int64_t{1} << 16) / most(1, pack)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i % packs() * pack_rows();
        filters(i / packs()).pack(packed + i * pack, pack_stride(), first, least(pack_rows(), results - first), 0, k());
      }
    });
    const int64_t in_bytes = images * groups * channels * axes.pixels() * static_cast<int64_t>(sizeof(T));
    const int64_t out_bytes = images * groups * results * axes.results() * static_cast<int64_t>(sizeof(T));
    const bool streamed = kStreams && out_bytes >= kStreamBytes && in_bytes + out_bytes >= kStreamBytesInAll;
    parallel_for(slots, 1, [&](int64_t begin, int64_t end) {
      const int buffer = buffers.take();
      T* const rows = reinterpret_cast<T*>(memory + buffer * slot_bytes(cut));
      for (int64_t item = items * begin / slots; item < items * end / slots; ++item) {
        const int64_t strips = this->strips(cut), strip = item % strips, g = item / strips % groups;
        run_piece(cut.piece(item / strips / groups), g, panels() * strip / strips, panels() * (strip + 1) / strips,
                  packed + g * filter_elements(), x, y, ending, streamed, cut.rows, rows, rows + row_elements(cut));
      }
      if (streamed) end_stream();
      buffers.give(buffer);
    });
  }

 private:
  // Panels [first, last) of the group's results.
  void run_piece(const PlanarPiece& piece, int64_t g, int64_t first, int64_t last, const T* packed, const T* x, T* y,
                 const Ending<T>& ending, bool streamed, int64_t cut_rows, T* rows, T* sums) const {
    const int64_t pixels = piece.pixels(), pitch = planar_pitch<T>(pixels), height = panel_rows();
    const int64_t width = tile_vectors(static_cast<int>(height)) * kLanes;
    const int64_t pack = is_short() ? height : k() * kPanelStride;
    const T* const image = x + g * channels * axes.pixels();
    if (goes_short(piece, y, ending.epilogue, streamed)) {
      return run_short(piece, g, first * height, least(results, last * height), packed, image, y, ending, streamed,
                       rows, slides(cut_rows));
    }
    for (int64_t p = 0; p < k(); p += kKBlock) {
      const int64_t length = least(kKBlock, k() - p);
      tap_rows(axes, piece, image, groups * channels * axes.pixels(), channels, p, length, rows, pitch);
      for (int64_t j = 0; j < pixels; j += width) {
        const int64_t n = least(width, pixels - j);
        for (int64_t i = first; i < last; ++i) {
          const int64_t count = least(height, results - i * height);
          T* at[kPanelRows];
          for (int64_t r = 0; r < count; ++r) at[r] = sums + ((i - first) * height + r) * pitch + j;
          Tiles<T>::table.kernels[count - 1][ceil_div(n, kLanes) - 1](length, packed + i * pack + p * pack_stride(), 1,
                                                                      pack_stride(), rows + j, pitch, at, n, p == 0,
                                                                      Ahead{rows, 0});
        }
      }
    }
    const int64_t plane = axes.y.grid * axes.x.grid;
    for (int64_t o = first * height; o < least(results, last * height); ++o, sums += pitch) {
      const Ending<T> own = ending.at(0, g * results + o);
      for (int64_t n = 0; n < piece.images; ++n) {
        T* const to = y + (((piece.n + n) * groups + g) * results + o) * axes.results() + piece.h * plane +
                      piece.i * axes.x.grid + piece.j;
        end_run(to, sums + n * piece.of_image(), piece.of_image(), own, streamed);
      }
    }
  }

  // Whether the piece's results are one run of each plane, of whole lines where they go past the caches.
  CKERAS_MEMBER bool goes_short(const PlanarPiece& piece, const T* y, Epilogue epilogue, bool streamed) const {
    const auto lines = [](int64_t elements) { return elements % (64 / static_cast<int64_t>(sizeof(T))) == 0; };
    return is_short() && piece.images == 1 && is_cheap(epilogue) &&
           (!streamed || (reinterpret_cast<uintptr_t>(y) % 64 == 0 && lines(axes.results()) && lines(place(piece))));
  }
  CKERAS_MEMBER int64_t place(const PlanarPiece& piece) const {  // in a channel's results
    return (piece.h * axes.y.grid + piece.i) * axes.x.grid + piece.j;
  }
  // Results [begin, end) of the group.
  void run_short(const PlanarPiece& piece, int64_t g, int64_t begin, int64_t end, const T* packed, const T* image, T* y,
                 const Ending<T>& ending, bool streamed, T* rows, bool slides) const {
    const int64_t pitch = slides ? slid_pitch(piece.rows, piece.columns) : planar_pitch<T>(piece.pixels());
    const int64_t step = groups * channels * axes.pixels();
    int64_t a_offsets[kShortSteps], b_offsets[kShortSteps];
    for (int64_t p = 0; p < k(); ++p) a_offsets[p] = p * pack_stride();
    if (slides) {
      PlanarPiece around = piece;
      around.rows = slid_rows(piece.rows);
      PlanarAxes flat = axes;
      flat.y.taps = 1;
      tap_rows(flat, around, image, step, channels, 0, k() / axes.y.taps, rows, pitch);
      for (int64_t p = 0; p < k(); ++p) {
        const int64_t across = axes.x.taps * channels, line = p / across;
        const int64_t copy = line / axes.y.taps * across + p % across;
        b_offsets[p] = copy * pitch + line % axes.y.taps * axes.y.step * piece.columns;
      }
    } else {
      tap_rows(axes, piece, image, step, channels, 0, k(), rows, pitch);
      for (int64_t p = 0; p < k(); ++p) b_offsets[p] = p * pitch;
    }
    const int64_t plane = (piece.n * groups + g) * results + begin;
    ShortRows<T> run{a_offsets,
                     b_offsets,
                     k(),
                     packed + begin,
                     1,
                     rows,
                     y + plane * axes.results() + place(piece),
                     axes.results(),
                     end - begin,
                     0,
                     ending.at(0, g * results + begin),
                     true,
                     false};
    const int64_t width = short_vectors(k()) * kLanes;
    for (int64_t j = 0; j < piece.pixels(); j += width, run.b += width, run.c += width) {
      run.n = least(width, piece.pixels() - j);
      run.streamed = streamed && run.n % kLanes == 0;
      ShortTiles<T>::table.run(run);
    }
  }
};

}  // namespace ckeras::CKERAS_ISA
