#include "ops/softmax/softmax.h"

#include "cpu/parallel.h"
#include "ops/softmax/columns.h"
#include "ops/softmax/rows.h"

namespace ckeras::CKERAS_ISA {
namespace {

#define CKERAS_LAMBDA __attribute__((always_inline))

// The exponentials lie in the output until the sum is known; in halves they would be rounded twice, so they are
// computed again.
template <class S>
void softmax_rows(const typename S::Element* x, typename S::Element* y, int64_t rows, int64_t n) {
  using V = typename S::V;
  RowSums<S> sums;
  sums.read(x, rows, n, [=](int64_t r, int64_t i, int64_t k, V e) CKERAS_LAMBDA {
    if constexpr (!S::kHalf) S::store(y + r * n + i, e, k);
  });
  typename S::T scales[kMostRows];
  sums.each(rows, scales, [](V sum) CKERAS_LAMBDA { return V(1) / sum; });
  for (int64_t r = 0; r < rows; ++r) {
    const auto* from = x + r * n;
    auto* to = y + r * n;
    const V scale(scales[r]), top(sums.top[r]);
    for_lanes<V::kLanes>(n, [=](int64_t i, int64_t k) CKERAS_LAMBDA {
      V e;
      if constexpr (S::kHalf) {
        e = exp_falling(S::load(from + i, k) - top);
      } else {
        e = S::load(to + i, k);
      }
      S::store(to + i, e * scale, k);
    });
  }
}

template <class S>
void log_softmax_rows(const typename S::Element* x, typename S::Element* y, int64_t rows, int64_t n) {
  using V = typename S::V;
  RowSums<S> sums;
  sums.read(x, rows, n, [](int64_t, int64_t, int64_t, V) CKERAS_LAMBDA {});
  typename S::T logs[kMostRows];
  sums.each(rows, logs, [](V sum) CKERAS_LAMBDA { return log(sum); });
  for (int64_t r = 0; r < rows; ++r) {
    const auto* from = x + r * n;
    auto* to = y + r * n;
    const V top(sums.top[r]), log_sum(logs[r]);
    for_lanes<V::kLanes>(
        n, [=](int64_t i, int64_t k) CKERAS_LAMBDA { S::store(to + i, S::load(from + i, k) - top - log_sum, k); });
  }
}

template <bool kLog, class S>
void softmax_along_rows(const typename S::Element* x, typename S::Element* y, const Lines& lines) {
  const int64_t n = lines.n;
  for_row_groups(lines.outer, n, [=](int64_t r, int64_t count) {
    if constexpr (kLog) {
      log_softmax_rows<S>(x + r * n, y + r * n, count, n);
    } else {
      softmax_rows<S>(x + r * n, y + r * n, count, n);
    }
  });
}

#undef CKERAS_LAMBDA

// ---- other axes

constexpr int64_t kNarrow = 64;  // columns of a tile, at least
constexpr int64_t kTile = 8192;  // elements that go through all steps while they are in the cache, about
constexpr int64_t kTall = 2 * kRowChunk, kFewTiles = 16;

int64_t chunks_of(const Lines& lines) { return ceil_div(lines.n, kRowChunk); }

// body(o, chunk, first column, columns of that chunk) for all tiles of `most` columns of chunks of `rows` rows.
template <class S, class Body>
void for_tiles(const Columns<S>& all, const Lines& lines, int64_t rows, int64_t most, const Body& body) {
  const int64_t tiles = ceil_div(lines.inner, most), chunks = ceil_div(lines.n, rows);
  const int64_t cost = at_least_one(least(rows, lines.n) * least(lines.inner, most));
  parallel_for(lines.outer * chunks * tiles, at_least_one(kRowPiece / cost), [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t first = item % tiles * most, c = item / tiles % chunks, o = item / tiles / chunks;
      const int64_t at = (o * lines.n + c * rows) * lines.inner + first, width = least(most, lines.inner - first);
      body(o, c, first,
           Columns<S>{all.x + at, all.y + at, least(rows, lines.n - c * rows), lines.inner, width, all.logarithm});
    }
  });
}

// All steps of one tile.
template <class S>
void softmax_tile(const Columns<S>& tile) {
  using T = typename S::T;
  constexpr int64_t kMost = Columns<S>::kMost;
  alignas(64) T tops[kMost], sums[kMost];
  alignas(64) double totals[kMost] = {};
  tile.find_tops(tops);
  for (int64_t first = 0; first < tile.rows; first += kRowChunk) {
    tile.chunk(first).add_exponentials(tops, sums);
    for (int64_t j = 0; j < tile.width; ++j) totals[j] += static_cast<double>(sums[j]);
  }
  for (int64_t j = 0; j < tile.width; ++j) sums[j] = static_cast<T>(totals[j]);
  tile.invert(sums);
  tile.finish(tops, sums);
}

template <class S>
void softmax_tiles(const Columns<S>& all, const Lines& lines) {
  const int64_t fit = kTile / lines.n / kNarrow * kNarrow;
  for_tiles(all, lines, lines.n, least(Columns<S>::kMost, fit > kNarrow ? fit : kNarrow),
            [](int64_t, int64_t, int64_t, const Columns<S>& tile) { softmax_tile(tile); });
}

// Groups of less than a vector's lanes side by side: a copy of kNarrow lines and less is one tile.
template <class S>
void softmax_narrow(const Columns<S>& all, const Lines& lines) {
  using E = typename S::Element;
  const int64_t n = lines.n, inner = lines.inner, together = kNarrow / inner, stride = together * inner;
  parallel_for(lines.outer, round_up(at_least_one(kRowPiece / (n * inner)), together), [&](int64_t begin, int64_t end) {
    alignas(64) E copy[kTile];
    for (int64_t o = begin; o < end; o += together) {
      const int64_t groups = least(together, end - o), first = o * n * inner;
      const auto each = [&](const auto& body) __attribute__((always_inline)) {
        for (int64_t i = 0; i < n; ++i) {
          for (int64_t k = 0; k < inner; ++k) {
            for (int64_t g = 0; g < groups; ++g) {
              body(first + (g * n + i) * inner + k, i * stride + g * inner + k);
            }
          }
        }
      };
      each([&](int64_t at, int64_t to) __attribute__((always_inline)) { copy[to] = all.x[at]; });
      softmax_tile(Columns<S>{copy, copy, n, stride, groups * inner, all.logarithm});
      each([&](int64_t at, int64_t from) __attribute__((always_inline)) { all.y[at] = copy[from]; });
    }
  });
}

// Lines of kTall and more that are too few for many threads: each step for all chunks of rows, then the next.
template <class S>
void softmax_chunks(const Columns<S>& all, const Lines& lines, typename S::T* tops) {
  using T = typename S::T;
  constexpr int64_t kMost = Columns<S>::kMost;
  const int64_t inner = lines.inner, chunks = chunks_of(lines), n = chunks * inner;
  T* const sums = tops + lines.outer * n;
  const auto join = [&](const auto& body) {
    parallel_for(lines.outer * inner, at_least_one(kRowPiece / chunks), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) body(i / inner * n + i % inner);
    });
  };
  const auto step = [&](const auto& body) {
    for_tiles(all, lines, kRowChunk, kMost, [&](int64_t o, int64_t c, int64_t first, const Columns<S>& tile) {
      body(tile, o * n + first, c * inner);
    });
  };
  step([=](const Columns<S>& tile, int64_t at, int64_t chunk) { tile.find_tops(tops + at + chunk); });
  join([=](int64_t at) {
    for (int64_t c = 1; c < chunks; ++c) tops[at] = tops[at + c * inner] > tops[at] ? tops[at + c * inner] : tops[at];
  });
  step([=](const Columns<S>& tile, int64_t at, int64_t chunk) { tile.add_exponentials(tops + at, sums + at + chunk); });
  join([=](int64_t at) {
    double total = 0;
    for (int64_t c = 0; c < chunks; ++c) total += static_cast<double>(sums[at + c * inner]);
    sums[at] = static_cast<T>(total);
  });
  step([=](const Columns<S>& tile, int64_t at, int64_t chunk) {
    if (chunk == 0) tile.invert(sums + at);
  });
  step([=](const Columns<S>& tile, int64_t at, int64_t) { tile.finish(tops + at, sums + at); });
}

// ---- any axis

bool in_chunks(const Lines& lines) {
  return lines.inner > 1 && lines.n >= kTall && lines.outer * ceil_div(lines.inner, kNarrow) < kFewTiles;
}

int64_t workspace(const Call& call) noexcept {
  const Lines lines = lines_apart(call.in[0], call.ints[0]);
  const int64_t size = call.in[0].dtype == DType::F64 ? 8 : 4;
  return in_chunks(lines) ? 2 * lines.outer * chunks_of(lines) * lines.inner * size : 0;
}

template <bool kLog>
void run(const Call& call) noexcept {
  const View& x = call.in[0];
  const Lines lines = lines_apart(x, call.ints[0]);
  if (x.size() == 0) return;
  with_storage(x.dtype, [&](auto s) {
    using S = decltype(s);
    const auto* from = x.as<const typename S::Element>();
    auto* to = call.out[0].as<typename S::Element>();
    if (lines.inner == 1) return softmax_along_rows<kLog, S>(from, to, lines);
    const Columns<S> all = {from, to, lines.n, lines.inner, lines.inner, kLog};
    if (in_chunks(lines)) {
      softmax_chunks<S>(all, lines, static_cast<typename S::T*>(call.workspace));
    } else if (lines.inner < S::V::kLanes && lines.n * kNarrow <= kTile) {
      softmax_narrow<S>(all, lines);
    } else {
      softmax_tiles<S>(all, lines);
    }
  });
}

}  // namespace

extern const Kernel kernel_softmax, kernel_log_softmax;
constinit const Kernel kernel_softmax = {run<false>, workspace, nullptr};
constinit const Kernel kernel_log_softmax = {run<true>, workspace, nullptr};

}  // namespace ckeras::CKERAS_ISA
