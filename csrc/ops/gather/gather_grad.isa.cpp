#include "cpu/parallel.h"
#include "ops/gather/gather.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {
namespace {

#define CKERAS_LAMBDA __attribute__((always_inline))

constexpr int64_t kPiece = 1 << 15;     // elements a piece of parallel work reads, about
constexpr int64_t kScan = 512;          // indices that are looked at together
constexpr int64_t kAhead = 8;           // rows between fetching and reading
constexpr int64_t kFetched = 512;       // bytes of a row that are fetched
constexpr int64_t kNarrow = 8;          // fewer columns are added one by one
constexpr int64_t kTile = 256;          // columns of a piece
constexpr int64_t kRanges = 16;         // most ranges of rows, and pieces of the indices that are sorted into them
constexpr int64_t kParts = 8;           // most runs of indices with sums of their own
constexpr int64_t kOften = 8;           // indices of such a run for each row of the result, at least
constexpr int64_t kPartSize = 1 << 17;  // most sums of a run: half a second-level cache

// Work is cut by outer index, by columns and, when that gives few pieces, by ranges of 2^shift rows of the result: each
// element is summed by one thread, in index order. A small result of many indices is summed by parts instead, runs of
// indices, which read g in its order in memory, and then part by part.
struct Cut {
  int64_t tiles, ranges, shift, parts;
};
Cut make_cut(const GatherShape& s) {
  Cut cut = {ceil_div(s.inner, kTile), 1, 0, 1};
  const int64_t wanted = s.outer * s.count * s.inner / kPiece / at_least_one(s.outer * cut.tiles);
  if (s.outer == 1 && cut.tiles == 1 && !s.along && s.size * s.inner <= kPartSize) {
    const int64_t most_parts = least(least(wanted, kParts), s.count / (kOften * at_least_one(s.size)));
    while (2 * cut.parts <= most_parts) cut.parts *= 2;
  }
  const int64_t ranges =
      s.along || cut.parts > 1 ? 1 : least(least(at_least_one(wanted), kRanges), at_least_one(s.size));
  while (ranges << cut.shift < s.size) ++cut.shift;
  cut.ranges = ceil_div(at_least_one(s.size), int64_t{1} << cut.shift);
  return cut;
}

// Where an index is, and the row that it names.
struct Found {
  int64_t from, row;
};

// The indices of each range in their order, those of range r from starts[r * kRanges] on.
class Sorted {
 public:
  static int64_t bytes(const GatherShape& s, const Cut& cut) {
    if (cut.ranges == 1) return 0;
    return (cut.ranges * kRanges + 1) * static_cast<int64_t>(sizeof(int64_t)) +
           s.count * static_cast<int64_t>(sizeof(Found));
  }
  Sorted(const GatherShape& s, const Cut& cut, void* memory)
      : cut_(cut),
        size_(s.size),
        count_(s.count),
        starts_(static_cast<int64_t*>(memory)),
        found_(cut.ranges == 1 ? nullptr : reinterpret_cast<Found*>(starts_ + cut.ranges * kRanges + 1)) {}

  void fill(const View& indices) const {
    parallel_for(kRanges, 1, [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece) {
        int64_t counts[kRanges] = {};
        each(indices, piece, [&](int64_t, int64_t row) CKERAS_LAMBDA { ++counts[row >> cut_.shift]; });
        for (int64_t r = 0; r < cut_.ranges; ++r) starts_[r * kRanges + piece] = counts[r];
      }
    });
    int64_t before = 0;
    for (int64_t i = 0; i < cut_.ranges * kRanges; ++i) {
      const int64_t count = starts_[i];
      starts_[i] = before;
      before += count;
    }
    starts_[cut_.ranges * kRanges] = before;
    parallel_for(kRanges, 1, [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece) {
        int64_t next[kRanges];
        for (int64_t r = 0; r < cut_.ranges; ++r) next[r] = starts_[r * kRanges + piece];
        each(indices, piece,
             [&](int64_t j, int64_t row) CKERAS_LAMBDA { found_[next[row >> cut_.shift]++] = {j, row}; });
      }
    });
  }
  const Found* of(int64_t range) const { return found_ + starts_[range * kRanges]; }
  int64_t count(int64_t range) const { return starts_[(range + 1) * kRanges] - starts_[range * kRanges]; }

 private:
  template <class Body>
  CKERAS_MEMBER void each(const View& indices, int64_t piece, const Body& body) const {
    for (int64_t j = count_ * piece / kRanges; j < count_ * (piece + 1) / kRanges; ++j) {
      const int64_t row = index_at(indices, j);
      body(j, row + (row < 0 ? size_ : 0));
    }
  }

  Cut cut_;
  int64_t size_, count_;
  int64_t* starts_;
  Found* found_;
};

// sum [row found, width columns] += g [place found], one after the other: rows of g that are far apart are fetched some
// time before they are read.
template <class S>
void add_found(const Found* found, int64_t n, int64_t inner, int64_t width, const typename S::Element* g,
               typename S::T* sum) {
  using V = typename S::V;
  using Sum = Plain<typename S::T>;
  for (int64_t f = 0; f < n; ++f) {
    if (f + kAhead < n) {
      const auto* next = reinterpret_cast<const char*>(g + found[f + kAhead].from * inner);
      const int64_t bytes = least(width * static_cast<int64_t>(sizeof(*g)), kFetched);
      for (int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(next + line);
    }
    typename S::T* to = sum + found[f].row * inner;
    const typename S::Element* from = g + found[f].from * inner;
    if (width < kNarrow) {
      for (int64_t i = 0; i < width; ++i) to[i] = to[i] + S::get(from[i]);
      continue;
    }
    for_lanes<V::kLanes>(width, [=](int64_t i, int64_t k) CKERAS_LAMBDA {
      Sum::store(to + i, Sum::load(to + i, k) + S::load(from + i, k), k);
    });
  }
}

// The indices from begin to end, where there is one range.
template <class S>
void add_run(const View& indices, int64_t begin, int64_t end, const GatherShape& s, int64_t width,
             const typename S::Element* g, typename S::T* sum) {
  Found found[kScan];
  for (; begin < end; begin += kScan) {
    const int64_t n = least(kScan, end - begin);
    for (int64_t j = 0; j < n; ++j) {
      const int64_t row = index_at(indices, begin + j);
      found[j] = {begin + j, row + (row < 0 ? s.size : 0)};
    }
    add_found<S>(found, n, s.inner, width, g, sum);
  }
}

// Indices of every element: those of `width` columns of [count, inner].
template <class S>
void add_along(const View& indices, const GatherShape& s, int64_t first, int64_t width, const typename S::Element* g,
               typename S::T* sum) {
  for (int64_t j = 0; j < s.count; ++j) {
    for (int64_t i = 0; i < width; ++i) {
      const int64_t row = index_at(indices, first + j * s.inner + i);
      typename S::T& to = sum[(row + (row < 0 ? s.size : 0)) * s.inner + i];
      to = to + S::get(g[j * s.inner + i]);
    }
  }
}

// Sums of each part, then those of all parts in rising order.
template <class S>
void add_parts(const Call& call, const GatherShape& s, int64_t parts) {
  using T = typename S::T;
  using V = typename S::V;
  using E = typename S::Element;
  T* const sums = static_cast<T*>(call.workspace);
  const int64_t size = s.size * s.inner, stride = round_up(size, V::kLanes);
  const E* const g = call.in[1].as<const E>();
  parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      T* const sum = sums + part * stride;
      for (int64_t i = 0; i < size; i += V::kLanes) V(0).store(sum + i);
      add_run<S>(call.in[0], s.count * part / parts, s.count * (part + 1) / parts, s, s.inner, g, sum);
    }
  });
  E* const out = call.out[0].as<E>();
  parallel_for(ceil_div(size, V::kLanes), at_least_one(kPiece / parts / V::kLanes), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * V::kLanes; i < least(end * V::kLanes, size); i += V::kLanes) {
      V sum = V::load(sums + i);
      for (int64_t part = 1; part < parts; ++part) sum = sum + V::load(sums + part * stride + i);
      S::store(out + i, sum, least(V::kLanes, size - i));
    }
  });
}

// Of the sums of halves.
int64_t sums_bytes(const View& dx) {
  return is_half(dx.dtype) ? round_up(dx.size() * static_cast<int64_t>(sizeof(float)), 64) : 0;
}

void gather_grad(const Call& call) noexcept {
  const View& dx = call.out[0];
  const GatherShape s = gather_shape(dx, call.in[0], call.ints[0], call.ints[1] != 0);
  if (!check_indices(call, call.in[0], s.size)) return;
  const Cut cut = make_cut(s);
  with_storage(dx.dtype, [&](auto storage) {
    using S = decltype(storage);
    using E = typename S::Element;
    using T = typename S::T;
    using V = typename S::V;
    if (cut.parts > 1) return add_parts<S>(call, s, cut.parts);
    E* out = dx.as<E>();
    // Halves are summed in the workspace.
    T* sums = S::kHalf ? static_cast<T*>(call.workspace) : reinterpret_cast<T*>(out);
    const Sorted sorted(s, cut, static_cast<char*>(call.workspace) + sums_bytes(dx));
    if (cut.ranges > 1) sorted.fill(call.in[0]);
    const int64_t cost = at_least_one((s.count + s.size) * least(s.inner, kTile) / cut.ranges);
    parallel_for(s.outer * cut.tiles * cut.ranges, at_least_one(kPiece / cost), [&](int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; ++item) {
        const int64_t range = item % cut.ranges, tile = item / cut.ranges % cut.tiles,
                      o = item / cut.ranges / cut.tiles;
        const int64_t first = range << cut.shift, last = least(s.size, (range + 1) << cut.shift);
        const int64_t column = tile * kTile, width = least(kTile, s.inner - column);
        const int64_t base = o * s.size * s.inner + column;
        for (int64_t row = first; row < last; ++row) {
          T* to = sums + base + row * s.inner;
          for_lanes<V::kLanes>(width, [=](int64_t i, int64_t k) CKERAS_LAMBDA { Plain<T>::store(to + i, V(0), k); });
        }
        const int64_t place = o * s.count * s.inner + column;
        const E* g = call.in[1].as<const E>() + place;
        if (s.along) {
          add_along<S>(call.in[0], s, place, width, g, sums + base);
        } else if (cut.ranges == 1) {
          add_run<S>(call.in[0], 0, s.count, s, width, g, sums + base);
        } else {
          add_found<S>(sorted.of(range), sorted.count(range), s.inner, width, g, sums + base);
        }
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
  const GatherShape s = gather_shape(call.out[0], call.in[0], call.ints[0], call.ints[1] != 0);
  const Cut cut = make_cut(s);
  if (cut.parts > 1) {
    const auto bytes = static_cast<int64_t>(call.out[0].dtype == DType::F64 ? sizeof(double) : sizeof(float));
    return cut.parts * round_up(s.size * s.inner, 16) * bytes;
  }
  return sums_bytes(call.out[0]) + Sorted::bytes(s, cut);
}

}  // namespace

extern const Kernel kernel_gather_grad;
constinit const Kernel kernel_gather_grad = {gather_grad, workspace, nullptr};

}  // namespace ckeras::CKERAS_ISA
