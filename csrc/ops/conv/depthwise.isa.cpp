#include "cpu/stream_vec.h"
#include "ops/conv/depthwise_tile.h"

namespace ckeras::CKERAS_ISA {
namespace {

// Ends and stores channels [c, c + count) of row r of the results: whole vectors, or the first `count` lanes of one.
template <bool kWhole, class T>
CKERAS_INLINE void put(const DepthTile<T>& tile, VecOf<T> (&sum)[kDepthPixels], int64_t r, int64_t c, int64_t count) {
  using Vector = VecOf<T>;
  constexpr int P = kDepthPixels;
  const Ending<T>& ending = tile.ending;
  const auto each = [&](const auto& end) __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (int k = 0; k < P; ++k) sum[k] = end(sum[k]);
  };
  const auto own = [&](const T* from) __attribute__((always_inline)) {
    return kWhole ? Vector::load(from + c) : Vector::load(from + c, count);
  };
  if (ending.bias != nullptr) {
    const Vector bias = own(ending.bias);
    each([&](Vector v) __attribute__((always_inline)) { return v + bias; });
  }
  if (ending.scale != nullptr) {
    const Vector scale = own(ending.scale), shift = own(ending.shift);
    each([&](Vector v) __attribute__((always_inline)) { return v * scale + shift; });
  }
  if (ending.epilogue != Epilogue::None) {
    each([&](Vector v) __attribute__((always_inline)) { return max(v, Vector(T{0})); });
  }
  if (ending.epilogue == Epilogue::Relu6) {
    each([&](Vector v) __attribute__((always_inline)) { return min(v, Vector(T{6})); });
  }
  T* const to = tile.y + r * tile.y_row + c;
  if (kWhole && tile.streamed) {
#pragma GCC unroll 8
    for (int k = 0; k < P; ++k) {
      if (k < tile.pixels) stream(sum[k], to + k * tile.y_pixel);
    }
  } else if (kWhole && tile.pixels == P) {
#pragma GCC unroll 8
    for (int k = 0; k < P; ++k) sum[k].store(to + k * tile.y_pixel);
  } else {
#pragma GCC unroll 8
    for (int k = 0; k < P; ++k) {
      if (k < tile.pixels) sum[k].store(to + k * tile.y_pixel, count);
    }
  }
}

// Row i of the image's that the tile meets, for rows [A, B) of its results; `ahead` of it lies what comes later.
template <int N, int S, int A, int B, class T>
CKERAS_INLINE void depth_row(const DepthTile<T>& tile, const T* x, const T* w, int64_t ahead, uint32_t inside,
                             VecOf<T> (&sum)[kDepthRows][kDepthPixels]) {
  using Vector = VecOf<T>;
  constexpr int P = kDepthPixels;
  Vector taps[B - A][N];
#pragma GCC unroll 2
  for (int r = A; r < B; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) taps[r - A][v] = Vector::load(w - r * tile.shift_y * tile.w_row + v * tile.w_pixel);
  }
#pragma GCC unroll 32
  for (int j = 0; j < N + (P - 1) * S; ++j) {
    if (j < P * S) __builtin_prefetch(x + j * tile.pixel + ahead);
    if (!(inside >> j & 1)) continue;
    const Vector pixel = Vector::load(x + j * tile.pixel);
#pragma GCC unroll 2
    for (int r = A; r < B; ++r) {
#pragma GCC unroll 8
      for (int k = 0; k < P; ++k) {
        const int v = j - k * S;
        if (v < 0 || v >= N) continue;
        sum[r][k] = fma(pixel, taps[r - A][v], sum[r][k]);
      }
    }
  }
}

template <int N, int S, class T>
void depth_tile(const DepthTile<T>& tile) noexcept {
  using Vector = VecOf<T>;
  constexpr int R = kDepthRows, P = kDepthPixels, kColumns = N + (P - 1) * S;
  const uint32_t inside = ((uint32_t{1} << tile.column1) - 1) & ~((uint32_t{1} << tile.column0) - 1);
  static_assert(kColumns < 32);
  const int64_t known = tile.taps_y - tile.shift_y;  // rows that the tile above met
  for (int64_t at = 0; at < tile.channels; at += Vector::kLanes) {
    const int64_t c = at + Vector::kLanes <= tile.channels ? at : tile.channels - Vector::kLanes;
    Vector sum[R][P];
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int k = 0; k < P; ++k) sum[r][k] = Vector(T{0});
    }
    for (int64_t t = tile.plane0; t < tile.plane1; ++t) {
      const T* x = tile.x + t * tile.plane + tile.row0 * tile.row + c;
      const T* w = tile.w + t * tile.w_plane + tile.row0 * tile.w_row + c;
      for (int64_t i = tile.row0; i < tile.row1; ++i, x += tile.row, w += tile.w_row) {
        const int64_t ahead = i >= known ? tile.ahead : 0;
        if constexpr (R == 1) {
          depth_row<N, S, 0, 1>(tile, x, w, ahead, inside, sum);
        } else {
          const bool first = i < tile.taps_y, second = tile.rows == R && i >= tile.shift_y;
          if (first && second) {
            depth_row<N, S, 0, 2>(tile, x, w, ahead, inside, sum);
          } else if (first) {
            depth_row<N, S, 0, 1>(tile, x, w, ahead, inside, sum);
          } else if (second) {
            depth_row<N, S, 1, 2>(tile, x, w, ahead, inside, sum);
          }
        }
      }
    }
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) {
      if (r < tile.rows) put<true>(tile, sum[r], r, c, Vector::kLanes);
    }
  }
}

// One row of results.
template <bool kWhole, class T>
CKERAS_INLINE void any_channels(const DepthTile<T>& tile, int64_t c, int64_t count) {
  using Vector = VecOf<T>;
  constexpr int P = kDepthPixels;
  const auto load = [=](const T* p)
                        __attribute__((always_inline)) { return kWhole ? Vector::load(p) : Vector::load(p, count); };
  const int64_t apart = tile.shift_x * tile.pixel;
  const int64_t columns = tile.taps_x + (P - 1) * tile.shift_x, inside = tile.column1 - tile.column0;
  Vector sum[P];
#pragma GCC unroll 8
  for (int k = 0; k < P; ++k) sum[k] = Vector(T{0});
  for (int64_t t = tile.plane0; t < tile.plane1; ++t) {
    for (int64_t u = tile.row0; u < tile.row1; ++u) {
      const T* x = tile.x + t * tile.plane + u * tile.row + c;
      const T* w = tile.w + t * tile.w_plane + u * tile.w_row + c;
      for (int64_t v = 0; v < tile.taps_x; ++v, x += tile.pixel, w += tile.w_pixel) {
        const Vector tap = load(w);
        if (inside == columns) {
#pragma GCC unroll 8
          for (int k = 0; k < P; ++k) sum[k] = fma(load(x + k * apart), tap, sum[k]);
        } else {
#pragma GCC unroll 8
          for (int k = 0; k < P; ++k) {
            const int64_t j = v + k * tile.shift_x;
            if (j >= tile.column0 && j < tile.column1) sum[k] = fma(load(x + k * apart), tap, sum[k]);
          }
        }
      }
    }
  }
  put<kWhole>(tile, sum, 0, c, kWhole ? Vector::kLanes : count);
}
template <class T>
void any_tile(const DepthTile<T>& tile) noexcept {
  constexpr int64_t kLanes = VecOf<T>::kLanes;
  int64_t c = 0;
  for (; c + kLanes <= tile.channels; c += kLanes) any_channels<true>(tile, c, kLanes);
  if (c < tile.channels) any_channels<false>(tile, c, tile.channels - c);
}

template <class T, int I>
constexpr void fill(DepthTable<T>& table) {
  if constexpr (kUnrolls && I < kDepthKindCount) {
    table.kinds[I] = depth_tile<kDepthKinds[I].taps, kDepthKinds[I].shift, T>;
    fill<T, I + 1>(table);
  }
}
template <class T>
constexpr DepthTable<T> filled() {
  DepthTable<T> table{};
  fill<T, 0>(table);
  table.any = any_tile<T>;
  return table;
}

}  // namespace

constinit const DepthTable<float> DepthTiles<float>::table = filled<float>();
constinit const DepthTable<double> DepthTiles<double>::table = filled<double>();

}  // namespace ckeras::CKERAS_ISA
