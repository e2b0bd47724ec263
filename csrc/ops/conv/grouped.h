// Convolutions by 3 x 3 taps, every pixel or every other one, in groups of four or eight channels and as many results,
// or of sixteen where every other pixel is, and their gradients: a vector has several groups or one, and each number of
// an image is spread over the lanes of its group once for all taps of a row. Only for .isa.cpp files.
//
// The order of a sum: taps in rising order, the channels of each, as one chain; taps beyond the image are left out. Of
// a gradient to filters: pixels of a piece of rows as one chain, pieces of a part, then the parts.
#pragma once
#include "gemm/blocking.h"
#include "gemm/chain.h"
#include "gemm/epilogue.h"
#include "ops/conv/direct_filter.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int64_t kGroupedColumns = 7;                  // of results, at least
inline constexpr int64_t kGroupedWork = int64_t{1} << 20;      // multiply-adds of a piece, about
inline constexpr int64_t kGroupedPixels = 256;                 // of a piece of a gradient to filters, about
inline constexpr int64_t kGroupedParts = 32;                   // of it, at most
inline constexpr int64_t kGroupedElements = int64_t{1} << 22;  // of all parts' results
inline constexpr int kGroupedRun = kTileRows, kGroupedShort = (kTileRows + 1) / 2;  // results of a tile

// No more than one place lies beyond either end.
CKERAS_INLINE bool grouped_axis(const Axis& axis) {
  const Axis a = RisingAxis(axis).axis;
  return a.grid > 0 && (a.taps == 1 || a.step == 1) && a.start >= -1 && a.at(a.grid - 1, a.taps - 1) <= a.size;
}
// Whether groups of `channels` channels and `results` results are taken.
template <class T>
CKERAS_INLINE bool goes_grouped(const ConvShape& s) {
  if (!kUnrolls) return false;  // the baseline: a third of a megabyte of code for machines that nobody measures
  const auto three = [](const Dim& d) { return d.window == 3 && d.dilation == 1 && d.stride <= 2; };
  const bool strided = s.y.stride == 2 && s.x.stride == 2;  // else groups of sixteen go by points
  return s.groups > 1 && s.cg == s.og && (s.cg == 4 || s.cg == 8 || (s.cg == 16 && strided)) &&
         s.c % VecOf<T>::kLanes == 0 && s.z.same() && three(s.y) && three(s.x) && grouped_axis(axis_of(s.y)) &&
         grouped_axis(axis_of(s.x)) && least(s.x.result, s.x.size / s.x.stride) >= kGroupedColumns;
}

namespace {

template <int kSize, int kOne, class T, int N, int... I>
CKERAS_INLINE Reg<T, N> spread_raw(Reg<T, N> v, Indices<I...>) {
  return Reg<T, N>::from(__builtin_shufflevector(v.r, v.r, (I / kSize * kSize + kOne)...));
}
// Lane kOne of each kSize lanes in all of these.
template <int kSize, int kOne, class T, int N>
CKERAS_INLINE Reg<T, N> spread_lane(Reg<T, N> v) {
  return spread_raw<kSize, kOne>(v, IndicesTo<N>{});
}
template <int kSize, int kOne, class H>
CKERAS_INLINE Pair<H> spread_lane(Pair<H> v) {
  if constexpr (H::kLanes >= kSize) {
    return {spread_lane<kSize, kOne>(v.lo), spread_lane<kSize, kOne>(v.hi)};
  } else {
    constexpr bool kHigh = kOne >= H::kLanes;
    const H half = spread_lane<H::kLanes, kOne % H::kLanes>(kHigh ? v.hi : v.lo);
    return {half, half};
  }
}

// Number kOne of each group of kSize channels of the pixel at `p`, where a vector's groups begin.
template <int kSize, int kOne, class T>
CKERAS_INLINE VecOf<T> spread_number(const T* p) {
  if constexpr (kSize >= VecOf<T>::kLanes) {
    return VecOf<T>(p[kOne]);
  } else {
    return spread_lane<kSize, kOne>(VecOf<T>::load(p));
  }
}

template <int... I, class Visit>
CKERAS_INLINE void each_index(Indices<I...>, const Visit& visit) {
  (visit(Known<I>{}), ...);
}

// to[j] = the sums over the groups' kSize channels of pixels rows[u] + first + (j * kStride + v) * pixel, tap (u, v) of
// taps x kTaps. A row is null where it is no pixel; `left`, `right`: whether its first pixel and the last are ones.
template <class T, int kSize, int kTaps, int kStride, int R>
void grouped_tile(const T* const* rows, int64_t taps, int64_t first, bool left, bool right, int64_t pixel,
                  const T* weights, VecOf<T> (&to)[R]) noexcept {
  using V = VecOf<T>;
  constexpr int kPlaces = (R - 1) * kStride + kTaps;
  V sum[R];
#pragma GCC unroll 16
  for (int j = 0; j < R; ++j) sum[j] = V(0);
  for (int64_t u = 0; u < taps; ++u, weights += kTaps * kSize * V::kLanes) {
    if (rows[u] == nullptr) continue;
    const T* const at = rows[u] + first;
    const auto meets = [&](auto q, auto one) __attribute__((always_inline)) {
      const V x = spread_number<kSize, one.value>(at + q.value * pixel);
#pragma GCC unroll 3
      for (int v = 0; v < kTaps; ++v) {
        const int j = (q.value - v) / kStride;
        if (q.value < v || (q.value - v) % kStride != 0 || j >= R) continue;
        sum[j] = fma(x, V::load(weights + (v * kSize + one.value) * V::kLanes), sum[j]);
      }
    };
    each_index(IndicesTo<kPlaces>{}, [&](auto q) __attribute__((always_inline)) {
      if ((q.value == 0 && !left) || (q.value == kPlaces - 1 && !right)) return;
      each_index(IndicesTo<kSize>{}, [&](auto one) __attribute__((always_inline)) { meets(q, one); });
    });
  }
#pragma GCC unroll 16
  for (int j = 0; j < R; ++j) to[j] = sum[j];
}

// Pixels that a gradient to filters meets: of x from tap (u, 0) of the results in `dy` on.
template <class T>
struct GroupedRows {
  const T *x, *dy;  // of the first row of results, x at its row 0 and the place of tap 0
  const RisingAxis& y;
  int64_t first, last, columns, line, pixel;  // rows of results; elements of a row of x, of a pixel
  bool left, right;                           // whether the first place of x and the last are pixels
};

// to[(v * kSize + c) * pixel + ...] (+)= sum of x[.., j * kStride + v][c of the group] * dy[.., j] for kTaps v from kV
// on, kOnes c from kC on.
template <class T, int kSize, int kStride, int kV, int kTaps, int kC, int kOnes>
CKERAS_INLINE void grouped_filter_tile(const GroupedRows<T>& rows, int u, bool set, T* to) {
  using V = VecOf<T>;
  V sum[kTaps][kOnes];
  each_index(IndicesTo<kTaps * kOnes>{},
             [&](auto i) __attribute__((always_inline)) { sum[i.value / kOnes][i.value % kOnes] = V(0); });
  const int64_t n = rows.columns, pixel = rows.pixel;
  for (int64_t i = rows.first; i < rows.last; ++i) {
    const int64_t row = rows.y.axis.at(i, u);
    if (!rows.y.axis.inside(row)) continue;
    const T *const x = rows.x + row * rows.line, *const dy = rows.dy + (i - rows.first) * n * pixel;
    // Place q of x and the results at those taps from it that are bits of `mask`.
    const auto meet = [&](int64_t q, auto mask) __attribute__((always_inline)) {
      constexpr int kMask = static_cast<int>(mask.value) >> kV & ((1 << kTaps) - 1);
      if constexpr (kMask != 0) {
        V g[kTaps];
#pragma GCC unroll 3
        for (int v = 0; v < kTaps; ++v) {
          if (kMask >> v & 1) g[v] = V::load(dy + (q - kV - v) / kStride * pixel);
        }
        each_index(IndicesTo<kOnes>{}, [&](auto one) __attribute__((always_inline)) {
          const V spread = spread_number<kSize, kC + one.value>(x + q * pixel);
#pragma GCC unroll 3
          for (int v = 0; v < kTaps; ++v) {
            if (kMask >> v & 1) sum[v][one.value] = fma(spread, g[v], sum[v][one.value]);
          }
        });
      }
    };
    if (rows.left) meet(0, Known<1>{});
    if constexpr (kStride == 1) {
      meet(1, Known<3>{});
      for (int64_t q = 2; q < n; ++q) meet(q, Known<7>{});
      meet(n, Known<6>{});
      if (rows.right) meet(n + 1, Known<4>{});
    } else {
      meet(1, Known<2>{});
      for (int64_t q = 2; q < 2 * n; q += 2) {
        meet(q, Known<5>{});
        meet(q + 1, Known<2>{});
      }
      if (rows.right) meet(2 * n, Known<4>{});
    }
  }
  each_index(IndicesTo<kTaps * kOnes>{}, [&](auto i) __attribute__((always_inline)) {
    T* const own = to + ((kV + i.value / kOnes) * kSize + kC + i.value % kOnes) * pixel;
    const V v = sum[i.value / kOnes][i.value % kOnes];
    (set ? v : V::load(own) + v).store(own);
  });
}
// All taps of row u of three: as many sums at once as there are registers for.
template <class T, int kSize, int kStride>
void grouped_filter_row(const GroupedRows<T>& rows, int u, bool set, T* to) noexcept {
  constexpr int kTaps = kTileRows > 8 ? 3 : 1, kOnes = kTileRows <= 8 ? 4 : kSize < 8 ? kSize : 8;
  each_index(IndicesTo<3 / kTaps>{}, [&](auto v) __attribute__((always_inline)) {
    each_index(IndicesTo<kSize / kOnes>{}, [&](auto c) __attribute__((always_inline)) {
      grouped_filter_tile<T, kSize, kStride, v.value * kTaps, kTaps, c.value * kOnes, kOnes>(rows, u, set, to);
    });
  });
}

}  // namespace

template <class T>
struct Grouped {
  RisingAxis y, x;
  int64_t images, channels;  // of all groups
  int64_t size;              // channels of a group

  static constexpr int64_t kLanes = VecOf<T>::kLanes;

  CKERAS_MEMBER int64_t steps() const { return y.axis.taps * x.axis.taps * size; }
  CKERAS_MEMBER int64_t bytes() const { return steps() * channels * static_cast<int64_t>(sizeof(T)); }

  // pack(u, v, c, channel, to): what channel c of a group gives the results from `channel` on at a tap of the axes, as
  // many as a vector has lanes.
  template <class Pack>
  void run(void* workspace, const T* image, const Pack& pack, const DirectGrid<T>& to,
           const Ending<T>& ending) const noexcept {
    T* const packed = static_cast<T*>(workspace);  // [vectors of channels, taps, size, lanes]
    parallel_for(channels / kLanes, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * steps(); i < end * steps(); ++i) {
        const int64_t step = i % steps(), tap = step / size;
        pack(y.tap(tap / x.axis.taps), x.tap(tap % x.axis.taps), step % size, i / steps() * kLanes,
             packed + i * kLanes);
      }
    });
    const int64_t work = x.axis.grid * channels * steps();
    const int64_t high = most(1, least(y.axis.grid, kGroupedWork / work)), pieces = ceil_div(y.axis.grid, high);
    parallel_for(images * pieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece) {
        const int64_t first = piece % pieces * high, last = least(y.axis.grid, first + high), n = piece / pieces;
        for (int64_t i = first; i < last; ++i) {
          for (int64_t channel = 0; channel < channels; channel += kLanes) {
            T* const row = to.data + n * to.image + i * to.row + channel;
            run_row(image + n * y.axis.size * x.axis.size * channels + channel / size * size, i,
                    packed + channel * steps(), row, to.pixel, ending.at(0, channel).behind(row - channel - to.data));
          }
        }
      }
    });
  }

 private:
  void run_row(const T* image, int64_t i, const T* weights, T* to, int64_t step, const Ending<T>& ending) const {
    const T* rows[3];
    for (int64_t u = 0; u < y.axis.taps; ++u) {
      const int64_t row = y.axis.at(i, u);
      rows[u] = y.axis.inside(row) ? image + (row * x.axis.size + x.axis.start) * channels : nullptr;
    }
    const int64_t n = x.axis.grid;
    if (round_up(n, kGroupedRun) <= round_up(n, kGroupedShort) && n >= kGroupedRun) {
      run_tiles<kGroupedRun>(rows, weights, to, step, ending);
    } else {
      run_tiles<kGroupedShort>(rows, weights, to, step, ending);
    }
  }
  // The last tile may begin among the results of the one before.
  template <int R>
  void run_tiles(const T* const* rows, const T* weights, T* to, int64_t step, const Ending<T>& ending) const {
    const int64_t n = x.axis.grid;
    for (int64_t done = 0; done < n; done += R) {
      const int64_t j = least(done, n - R);
      VecOf<T> sum[R];
      size == 4   ? run_tile<4>(rows, j, weights, sum)
      : size == 8 ? run_tile<8>(rows, j, weights, sum)
                  : run_tile<16>(rows, j, weights, sum);
      T* const own = to + j * step;
#pragma GCC unroll 16
      for (int k = 0; k < R; ++k) {
        if (j + k >= done) sum[k].store(own + k * step);
      }
      if (!ending.nothing()) {
        T* at[R];
        for (int k = 0; k < R; ++k) at[k] = own + k * step;
        end_block(ending.behind(done * step), at + (done - j), R - (done - j), kLanes);
      }
    }
  }
  template <int kSize, int R>
  void run_tile(const T* const* rows, int64_t j, const T* weights, VecOf<T> (&sum)[R]) const {
    const Axis& a = x.axis;
    const bool left = a.inside(a.at(j, 0)), right = a.inside(a.at(j + R - 1, a.taps - 1));
    const auto run = [&](auto taps, auto stride) __attribute__((always_inline)) {
      grouped_tile<T, kSize, taps.value, stride.value>(rows, y.axis.taps, j * stride.value * channels, left, right,
                                                       channels, weights, sum);
    };
    if (a.stride == 2) return run(Known<3>{}, Known<2>{});
    if (a.taps == 3) return run(Known<3>{}, Known<1>{});
    a.taps == 2 ? run(Known<2>{}, Known<1>{}) : run(Known<1>{}, Known<1>{});
  }
};

template <class T>
struct GroupedFilter {
  RisingAxis y, x;
  int64_t images, channels;  // of all groups
  int64_t size;              // channels of a group

  static constexpr int64_t kLanes = VecOf<T>::kLanes;

  CKERAS_MEMBER int64_t elements() const { return 9 * size * channels; }
  CKERAS_MEMBER int64_t high() const { return least(y.axis.grid, ceil_div(kGroupedPixels, x.axis.grid)); }
  CKERAS_MEMBER int64_t pieces() const { return images * ceil_div(y.axis.grid, high()); }
  CKERAS_MEMBER int64_t parts() const {
    return most(1, least(least(kGroupedParts, kGroupedElements / elements()), pieces()));
  }
  CKERAS_MEMBER int64_t bytes() const {
    return parts() > 1 ? parts() * elements() * static_cast<int64_t>(sizeof(T)) : 0;
  }

  void run(const T* image, const T* dy, T* dw, void* workspace) const noexcept {
    const int64_t parts = this->parts();
    T* const all = parts > 1 ? static_cast<T*>(workspace) : dw;
    if (pieces() == 0) return zero_run(dw, elements());
    parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        const int64_t first = pieces() * part / parts, last = pieces() * (part + 1) / parts;
        for (int64_t piece = first; piece < last; ++piece) {
          run_piece(image, dy, piece, piece == first, all + part * elements());
        }
      }
    });
    if (parts > 1) sum_parts(all, parts, elements(), dw, elements(), elements());
  }

 private:
  void run_piece(const T* image, const T* dy, int64_t piece, bool set, T* to) const {
    const int64_t bands = ceil_div(y.axis.grid, high()), n = piece / bands, first = piece % bands * high();
    const int64_t line = x.axis.size * channels;
    for (int64_t channel = 0; channel < channels; channel += kLanes) {
      const GroupedRows<T> rows{image + n * y.axis.size * line + x.axis.start * channels + channel / size * size,
                                dy + (n * y.axis.grid + first) * x.axis.grid * channels + channel,
                                y,
                                first,
                                least(y.axis.grid, first + high()),
                                x.axis.grid,
                                line,
                                channels,
                                x.axis.inside(x.axis.at(0, 0)),
                                x.axis.inside(x.axis.at(x.axis.grid - 1, 2))};
      for (int u = 0; u < 3; ++u) {
        T* const own = to + 3 * u * size * channels + channel;
        run_row(rows, u, set, own);
      }
    }
  }
  void run_row(const GroupedRows<T>& rows, int u, bool set, T* to) const {
    const auto run = [&](auto of, auto stride) __attribute__((always_inline)) {
      grouped_filter_row<T, of.value, stride.value>(rows, u, set, to);
    };
    if (size == 16) return run(Known<16>{}, Known<2>{});
    if (size == 8) return x.axis.stride == 1 ? run(Known<8>{}, Known<1>{}) : run(Known<8>{}, Known<2>{});
    x.axis.stride == 1 ? run(Known<4>{}, Known<1>{}) : run(Known<4>{}, Known<2>{});
  }
};

}  // namespace ckeras::CKERAS_ISA
