#include "cpu/parallel.h"
#include "ops/gather/gather.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPiece = 1 << 15;  // elements a piece of parallel work reads, about
constexpr int64_t kScan = 512;       // indices that are looked at together
constexpr int64_t kAhead = 8;        // rows between fetching and reading
constexpr int64_t kFetched = 512;    // bytes of a row that are fetched
constexpr int64_t kTile = 256;       // columns of a piece
constexpr int64_t kRanges = 16;      // most ranges of rows: each piece scans all indices, so there are few

// Work is cut by outer index, by columns and, when that gives few pieces, by ranges of the rows of the result: each
// element is summed by one thread, in index order.
struct Cut {
  int64_t tiles, ranges;
};
Cut make_cut(const GatherShape& s) {
  const int64_t tiles = (s.inner + kTile - 1) / kTile;
  const int64_t wanted = s.outer * s.count * s.inner / kPiece / at_least_one(s.outer * tiles);
  return {tiles, least(least(at_least_one(wanted), kRanges), at_least_one(s.size))};
}

#define CKERAS_LAMBDA __attribute__((always_inline))

// sum [rows first ... last, width columns of `stride`] = g at the indices that fall into those rows.
template <class S>
void add_rows(const Call& call, const GatherShape& s, int64_t first, int64_t last, int64_t width,
              const typename S::Element* g, typename S::T* sum) {
  using V = typename S::V;
  using Sum = Plain<typename S::T>;
  for (int64_t row = first; row < last; ++row) {
    typename S::T* to = sum + row * s.inner;
    for_lanes<V::kLanes>(width, [=](int64_t i, int64_t k) CKERAS_LAMBDA { Sum::store(to + i, V(0), k); });
  }
  // The rows of g that count are far apart: they are found some time before they are read, and fetched.
  struct Found {
    int64_t from, row;
  } found[kScan];
  for (int64_t begin = 0; begin < s.count; begin += kScan) {
    int64_t n = 0;
    for (int64_t j = begin; j < least(begin + kScan, s.count); ++j) {
      int64_t row = index_at(call.in[0], j);
      row += row < 0 ? s.size : 0;
      found[n] = {j, row};
      n += row >= first && row < last;
    }
    for (int64_t f = 0; f < n; ++f) {
      if (f + kAhead < n) {
        const auto* next = reinterpret_cast<const char*>(g + found[f + kAhead].from * s.inner);
        const int64_t bytes = least(width * static_cast<int64_t>(sizeof(*g)), kFetched);
        for (int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(next + line);
      }
      typename S::T* to = sum + found[f].row * s.inner;
      const typename S::Element* from = g + found[f].from * s.inner;
      for_lanes<V::kLanes>(width, [=](int64_t i, int64_t k) CKERAS_LAMBDA {
        Sum::store(to + i, Sum::load(to + i, k) + S::load(from + i, k), k);
      });
    }
  }
}

void gather_grad(const Call& call) noexcept {
  const View& dx = call.out[0];
  const GatherShape s = gather_shape(dx, call.in[0], call.ints[0]);
  if (!check_indices(call, call.in[0], s.size)) return;
  const Cut cut = make_cut(s);
  with_storage(dx.dtype, [&](auto storage) {
    using S = decltype(storage);
    using E = typename S::Element;
    using T = typename S::T;
    using V = typename S::V;
    E* out = dx.as<E>();
    // Halves are summed in the workspace.
    T* sums = S::kHalf ? static_cast<T*>(call.workspace) : reinterpret_cast<T*>(out);
    const int64_t cost = at_least_one((s.count + s.size) * least(s.inner, kTile) / cut.ranges);
    parallel_for(s.outer * cut.tiles * cut.ranges, at_least_one(kPiece / cost), [&](int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; ++item) {
        const int64_t range = item % cut.ranges, tile = item / cut.ranges % cut.tiles,
                      o = item / cut.ranges / cut.tiles;
        const int64_t first = s.size * range / cut.ranges, last = s.size * (range + 1) / cut.ranges;
        const int64_t column = tile * kTile, width = least(kTile, s.inner - column);
        const int64_t base = o * s.size * s.inner + column;
        add_rows<S>(call, s, first, last, width, call.in[1].as<const E>() + o * s.count * s.inner + column,
                    sums + base);
        if constexpr (S::kHalf) {
          for (int64_t row = first; row < last; ++row) {
            const int64_t at = base + row * s.inner;
            for_lanes<V::kLanes>(width, [=](int64_t i, int64_t k)
                                            CKERAS_LAMBDA { S::store(out + at + i, V::load(sums + at + i, k), k); });
          }
        }
      }
    });
  });
}

#undef CKERAS_LAMBDA

int64_t workspace(const Call& call) noexcept {
  return is_half(call.out[0].dtype) ? call.out[0].size() * static_cast<int64_t>(sizeof(float)) : 0;
}

}  // namespace

extern const Kernel kernel_gather_grad;
constinit const Kernel kernel_gather_grad = {gather_grad, workspace, nullptr};

}  // namespace ckeras::CKERAS_ISA
