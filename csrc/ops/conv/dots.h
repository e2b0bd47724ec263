// conv_grad_filter of images whose channels come first, from few channels: a filter's number is a dot product of two
// rows of pixels, what the results meet at a tap (copied, as ops/conv/planar.h does) and a plane of dy (in place).
// Vectors lie along pixels. Only for .isa.cpp files.
//
// The order of a sum: pixel i of a piece is in lane i modulo the lanes, each lane one chain of fused multiply-adds over
// the pieces of a part in rising order; then the tree of cpu/vec.h, then the parts in rising order.
#pragma once
#include "cpu/hold.h"
#include "ops/conv/direct_filter.h"
#include "ops/conv/planar.h"

namespace ckeras::CKERAS_ISA {

// A tile of sums in registers: so many rows of taps, and planes of dy.
inline constexpr int kDotRows = 3, kDotPlanes = kTileRows > 8 ? 8 : 2;
inline constexpr int64_t kDotPixels = 1024, kDotLeast = 256;  // of a piece, about; of a channel's results at least
inline constexpr int64_t kDotTaps = 16, kDotSums = 2048;      // of a group at most: each sum is a vector
inline constexpr int64_t kDotParts = 32, kDotPieces = 2;      // times groups, at most; of a part, about

// Whether it takes less than turning dy over, which more taps share.
CKERAS_INLINE bool goes_dots(const ConvShape& s) {
  return copies_planar(s) && s.taps() * s.cg <= kDotTaps && s.taps() * s.cg * s.og <= kDotSums &&
         s.z.result * s.y.result * s.x.result >= kDotLeast;
}

namespace {

// sums[r * row + s] (+)= a[r * pitch + p] * b[s][p], by lanes, for p < n; `a` has zeros up to whole vectors. Fetches
// what lies `ahead` of b.
template <class T, int R>
void dot_tile(const T* a, int64_t pitch, const T* const* b, int64_t n, T* sums, int64_t row, int64_t ahead) noexcept {
  using Vector = VecOf<T>;
  constexpr int64_t kLanes = Vector::kLanes;
  Vector sum[R][kDotPlanes];
  const T* plane[kDotPlanes];
#pragma GCC unroll 8
  for (int s = 0; s < kDotPlanes; ++s) {
    plane[s] = b[s];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) sum[r][s] = Vector::load(sums + r * row + s * kLanes);
  }
  const auto step = [&](int64_t p, const auto& load) __attribute__((always_inline)) {
    Vector own[R];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) own[r] = Vector::load(a + r * pitch + p);
#pragma GCC unroll 8
    for (int s = 0; s < kDotPlanes; ++s) {
      Vector other = load(plane[s] + p);
      hold(other);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) sum[r][s] = fma(own[r], other, sum[r][s]);
    }
  };
  int64_t p = 0;
  for (; p + kLanes <= n; p += kLanes) {
    step(p, [=](const T* at) __attribute__((always_inline)) {
      __builtin_prefetch(at + ahead, 0, 2);
      return Vector::load(at);
    });
  }
  if (p < n) step(p, [=](const T* at) __attribute__((always_inline)) { return Vector::load(at, n - p); });
#pragma GCC unroll 8
  for (int s = 0; s < kDotPlanes; ++s) {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) sum[r][s].store(sums + r * row + s * kLanes);
  }
}

}  // namespace

template <class T>
struct Dots {
  PlanarAxes axes;
  int64_t channels, groups, results;  // of a group
  PlanarCut cut;                      // a piece is of one image
  int64_t parts;

  static constexpr int64_t kLanes = VecOf<T>::kLanes;

  CKERAS_MEMBER Dots(const PlanarAxes& axes, int64_t images, int64_t channels, int64_t groups, int64_t results)
      : axes(axes), channels(channels), groups(groups), results(results), cut(axes, images, kDotPixels) {
    cut.joined = 1;
    parts = most(1, least(kDotParts / least(kDotParts, groups), ceil_div(cut.pieces(), kDotPieces)));
  }

  CKERAS_MEMBER int64_t bytes() const {
    return round_up(groups * parts * size() * static_cast<int64_t>(sizeof(T)), 64) + groups * parts * slot_bytes();
  }

  void run(const T* x, const T* dy, T* dw, void* workspace) const noexcept {
    T* const all = static_cast<T*>(workspace);
    char* const slots =
        static_cast<char*>(workspace) + round_up(groups * parts * size() * static_cast<int64_t>(sizeof(T)), 64);
    parallel_for(groups * parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        run_part(i / parts, i % parts, x, dy, all + i * size(), reinterpret_cast<T*>(slots + i * slot_bytes()));
      }
    });
    for (int64_t g = 0; g < groups; ++g)
      sum_parts(all + g * parts * size(), parts, size(), dw + g * results, results, groups * results);
  }

 private:
  CKERAS_MEMBER int64_t rows() const { return axes.taps() * channels; }
  CKERAS_MEMBER int64_t size() const { return rows() * results; }
  CKERAS_MEMBER int64_t wide() const { return round_up(results, kDotPlanes) * kLanes; }  // sums of a row
  CKERAS_MEMBER int64_t pitch() const { return planar_pitch<T>(cut.pixels()); }
  CKERAS_MEMBER int64_t slot_bytes() const { return rows() * (pitch() + wide()) * static_cast<int64_t>(sizeof(T)); }

  void run_part(int64_t g, int64_t part, const T* x, const T* dy, T* to, T* memory) const {
    T *const sums = memory, *const copies = memory + rows() * wide();
    const int64_t of_image = groups * results * axes.results();
    const int64_t last = cut.pieces() * (part + 1) / parts;
    zero_run(sums, rows() * wide());
    for (int64_t number = cut.pieces() * part / parts; number < last; ++number) {
      const PlanarPiece piece = cut.piece(number);
      const int64_t n = piece.pixels();
      tap_rows(axes, piece, x + g * channels * axes.pixels(), groups * channels * axes.pixels(), channels, 0, rows(),
               copies, pitch());
      const T* const plane = dy + piece.n * of_image + g * results * axes.results() +
                             (piece.h * axes.y.grid + piece.i) * axes.x.grid + piece.j;
      const int64_t ahead = cut.pieces() == cut.images && number + 1 < last ? of_image : 0;
      for (int64_t o = 0; o < results; o += kDotPlanes) {
        const T* planes[kDotPlanes];
        for (int64_t s = 0; s < kDotPlanes; ++s) planes[s] = plane + least(results - 1, o + s) * axes.results();
        for (int64_t m = 0; m < rows(); m += kDotRows) {
          const auto tile = rows() - m >= 3 ? dot_tile<T, 3> : rows() - m == 2 ? dot_tile<T, 2> : dot_tile<T, 1>;
          tile(copies + m * pitch(), pitch(), planes, n, sums + m * wide() + o * kLanes, wide(), m == 0 ? ahead : 0);
        }
      }
    }
    for (int64_t m = 0; m < rows(); ++m) {
      for (int64_t o = 0; o < results; ++o) {
        to[m * results + o] = reduce_add(VecOf<T>::load(sums + m * wide() + o * kLanes));
      }
    }
  }
};

}  // namespace ckeras::CKERAS_ISA
