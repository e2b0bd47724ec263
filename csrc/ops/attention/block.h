// What attention and its gradient share: products of blocks, and what becomes of a block of scores. Only for .isa.cpp
// files.
#pragma once
#include "cpu/features.h"
#include "cpu/parallel.h"
#include "cpu/vmath.h"
#include "gemm/pack.h"
#include "gemm/tile.h"
#include "ops/attention/attention.h"
#include "ops/attention/pairs.h"

namespace ckeras::CKERAS_ISA {
namespace {

inline constexpr int64_t kQueries = kAttentionQueries, kKeys = kAttentionKeys;
// Queries, and keys, that causal blocks leave out together: whole panels of every instruction set.
inline constexpr int64_t kGroup = 24;
static_assert(kGroup % kPanelRows == 0);
// Distance between rows of scores: an odd number of lines, so that a column of them falls into all sets of the cache.
inline constexpr int64_t kScoreStride = kKeys + 16;

// A left operand, read as it lies.
template <class P>
struct Laid {
  const P* data;
  int64_t row, step;
  CKERAS_MEMBER const P* at(int64_t i, int64_t p) const { return data + i * row + p * step; }
};

// A right operand in panels of columns, `panel` elements apart; rows of a panel are `stride` apart.
template <class P>
struct Right {
  const P* data;
  int64_t stride, panel;
};

// The part of a product that a panel of rows needs: columns before `n`, and [k0, k1) of the length. What is left out
// of the length is zero.
struct Need {
  int64_t n, k0, k1;
};

// Whether products may be those of pairs.
#if defined(CKERAS_ISA_AVX512)
template <class T>
inline constexpr bool kPairs = __is_same(T, float);
#else
template <class T>
inline constexpr bool kPairs = false;
#endif

// x as the nearest bfloat16.
CKERAS_INLINE V16 to_bf16(V16 x) {
  const I16 bits = as_int(x), half = ((bits >> 16) & I16(1)) + I16(0x7fff);
  return select(x == x, as_float((bits + half) & I16(-0x10000)), x);
}
CKERAS_INLINE V8 to_bf16(V8 x) { return x; }

// Products tile by tile: C[m,n] (+)= A[m,k] B[k,n], B in panels of elements P; k and `need` count these.
template <class P>
struct Tiled {
  using T = Sum<P>;
  static constexpr int64_t kWidth = tile_vectors(kPanelRows) * VecOf<T>::kLanes;
  // Rows of A up to so long are fetched for the next tile, which is done with them before they come by themselves.
  static constexpr int64_t kShortRow = 128 / static_cast<int64_t>(sizeof(P));

  // Row i of C begins at c + i * stride; need(i) is that of the panel from row i on.
  template <class NeedOf>
  static void multiply(T* c, int64_t stride, Laid<P> a, Right<P> b, int64_t m, int64_t n, int64_t k, bool add,
                       const NeedOf& need) noexcept {
    for (int64_t p = 0; p < k; p += kPanelBlock<P>) {
      for (int64_t j = 0; j < n; j += kWidth) {
        for (int64_t i = 0; i < m; i += kPanelRows) {
          const Need needed = need(i);
          const int64_t begin = most(p, needed.k0), end = least(least(p + kPanelBlock<P>, k), needed.k1);
          if (j >= needed.n || begin >= end) continue;
          const int64_t columns = least(kWidth, least(n, needed.n) - j), vectors = ceil_div(columns, VecOf<T>::kLanes);
          const int64_t rows = least(kPanelRows, m - i);
          T* at[kPanelRows];
          for (int64_t r = 0; r < rows; ++r) at[r] = c + (i + r) * stride + j;
          if (a.step == 1 && end - begin <= kShortRow) {
            for (int64_t r = i + kPanelRows; r < least(m, i + 2 * kPanelRows); ++r) {
              for (int64_t h = begin; h < end; h += 64 / static_cast<int64_t>(sizeof(P)))
                __builtin_prefetch(a.at(r, h));
            }
          }
          Tiles<P>::table.kernels[rows - 1][vectors - 1](end - begin, a.at(i, begin), a.row, a.step,
                                                         b.data + j / kWidth * b.panel + begin * b.stride, b.stride, at,
                                                         columns, !add && p == 0, {b.data, 0});
        }
      }
    }
  }
};

// The same of numbers T or, when these are bfloat16, of pairs of them: equal bits.
template <class T>
struct Products {
  static constexpr int64_t kWidth = Tiled<T>::kWidth;

  bool paired;

  // Elements of a packed operand, and of `left`, room for the other one as pairs.
  static CKERAS_MEMBER int64_t b_size(int64_t n, int64_t k) { return round_up(n, kWidth) * k; }
  CKERAS_MEMBER int64_t left_size(int64_t depth) const {
    const int64_t rows = kQueries * most(pair_stride(depth), pair_stride(kKeys));
    return paired ? most(rows, ceil_div(kQueries, 2) * kScoreStride) : 0;
  }
  static CKERAS_MEMBER int64_t pair_stride(int64_t k) { return round_up(ceil_div(k, 2), 16); }

  void pack(T* to, Matrix<T> b, int64_t n, int64_t k) const noexcept {
    T* panel = to;
    for (int64_t j = 0; j < n; j += kWidth, panel += kWidth * k) {
      b.pack(panel, kWidth, j, least(kWidth, n - j), 0, k);
      if constexpr (kPairs<T>) {
        HalfPair* const pairs = reinterpret_cast<HalfPair*>(to) + j * ceil_div(k, 2);
        if (paired) pair_columns(pairs, kWidth, panel, kWidth, least(kWidth, round_up(n - j, 16)), k, 0.0f);
      }
    }
  }

  static CKERAS_MEMBER Right<T> packed(const T* b, int64_t k) { return {b, kWidth, kWidth * k}; }
  // B[k,n], k rows of it `stride` apart: read as it lies for a product of few rows, else packed in `room`.
  bool reads(int64_t stride, int64_t n, int64_t rows) const noexcept {
    return !paired && rows <= kReadRows && n % VecOf<T>::kLanes == 0 &&
           stride * static_cast<int64_t>(sizeof(T)) % kCrowdedB != 0;
  }
  Right<T> right(T* room, const T* b, int64_t stride, int64_t n, int64_t k, int64_t rows) const noexcept {
    if (reads(stride, n, rows)) return {b, stride, kWidth};
    pack(room, {b, stride, false}, n, k);
    return packed(room, k);
  }

  // A's rows lie at a, `a_stride` apart.
  template <class NeedOf>
  void rows(T* c, int64_t stride, const T* a, int64_t a_stride, Right<T> b, HalfPair* left, int64_t m, int64_t n,
            int64_t k, bool add, const NeedOf& need) const noexcept {
    if constexpr (kPairs<T>) {
      if (paired) {
        pair_rows(left, pair_stride(k), a, a_stride, m, k);
        return pairs(c, stride, {left, pair_stride(k), 1}, b, m, n, k, add, need);
      }
    }
    Tiled<T>::multiply(c, stride, Laid<T>{a, a_stride, 1}, b, m, n, k, add, need);
  }
  // A's columns lie at a, kScoreStride apart: k rows of scores, m of each.
  template <class NeedOf>
  void columns(T* c, int64_t stride, const T* a, Right<T> b, HalfPair* left, int64_t m, int64_t n, int64_t k, bool add,
               const NeedOf& need) const noexcept {
    if constexpr (kPairs<T>) {
      if (paired) {
        pair_columns(left, kScoreStride, a, kScoreStride, m, k, -0.0f);
        return pairs(c, stride, {left, 1, kScoreStride}, b, m, n, k, add, need);
      }
    }
    Tiled<T>::multiply(c, stride, Laid<T>{a, 1, kScoreStride}, b, m, n, k, add, need);
  }

 private:
  // Groups of queries and keys are even, so a need begins with a pair.
  template <class NeedOf>
  static void pairs(T* c, int64_t stride, Laid<HalfPair> a, Right<T> b, int64_t m, int64_t n, int64_t k, bool add,
                    const NeedOf& need) noexcept {
    static_assert(kGroup % 2 == 0 && kQueries % 2 == 0 && kKeys % 2 == 0);
    const auto of_pairs = [&](int64_t i) {
      const Need all = need(i);
      return Need{all.n, all.k0 / 2, ceil_div(all.k1, 2)};
    };
    if constexpr (kPairs<T>) {
      const Right<HalfPair> of_b = {reinterpret_cast<const HalfPair*>(b.data), kWidth, kWidth * ceil_div(k, 2)};
      Tiled<HalfPair>::multiply(c, stride, a, of_b, m, n, ceil_div(k, 2), add, of_pairs);
    }
  }
};

// A bias or mask of rank 4, dimensions of 1 repeated.
struct Repeated {
  const void* data;  // null: there is none
  int64_t stride[4];

  CKERAS_MEMBER Repeated() : data(nullptr), stride{} {}
  CKERAS_MEMBER explicit Repeated(const View& view) : data(view.data) {
    int64_t size = 1;
    for (int d = 3; d >= 0; --d) {
      stride[d] = view.shape[d] == 1 ? 0 : size;
      size *= view.shape[d];
    }
  }
};

// One row of a Repeated, from a key on. Vectors are cut at `n` keys.
template <class T>
struct RepeatedRow {
  using V = VecOf<T>;
  using M = typename V::M;
  const Repeated& from;
  int64_t place;

  CKERAS_MEMBER RepeatedRow(const Repeated& r, int64_t b, int64_t head, int64_t t, int64_t s)
      : from(r), place(b * r.stride[0] + head * r.stride[1] + t * r.stride[2] + s * r.stride[3]) {}
  CKERAS_MEMBER V values(int64_t j, int64_t n) const {
    const T* p = static_cast<const T*>(from.data) + place;
    return from.stride[3] == 0 ? V(*p) : V::load(p + j, n - j);
  }
  CKERAS_MEMBER M truths(int64_t j, int64_t n) const {
    const uint8_t* p = static_cast<const uint8_t*>(from.data) + place;
    uint8_t bytes[V::kLanes] = {};
    if (from.stride[3] == 0) {
      for (int i = 0; i < V::kLanes; ++i) bytes[i] = *p;
    } else if (n - j >= V::kLanes) {
      return M::from_bytes(p + j);
    } else {
      for (int64_t i = 0; j + i < n; ++i) bytes[i] = p[j + i];
    }
    return M::from_bytes(bytes);
  }
};

// A block of scores: rows kScoreStride apart, one a query.
struct Block {
  int64_t b, head;
  int64_t t, queries;  // the first query, and how many
  int64_t s, keys;     // the first key, and how many
};

template <class T>
struct Attention {
  using V = VecOf<T>;
  using M = typename V::M;
  static constexpr T kInfinity = __builtin_inff();

  int64_t batch, queries, heads, depth, keys, groups;
  bool causal;
  bool rounds;  // weights and slopes to bfloat16, before they are multiplied
  Products<T> products;
  T scale, cap;
  Repeated bias, mask;

  // `first`: the number of the input that is the bias. `dtype`: what the operands were before they were widened.
  Attention(const Call& call, DType dtype, int first) noexcept
      : batch(call.in[0].shape[0]),
        queries(call.in[0].shape[1]),
        heads(call.in[0].shape[2]),
        depth(call.in[0].shape[3]),
        keys(call.in[1].shape[1]),
        groups(call.in[1].shape[2]),
        causal(call.ints[0] != 0),
        rounds(dtype == DType::BF16),
        products{kPairs<T> && rounds && cpu::has_bfloat16_dots()},
        scale(static_cast<T>(call.floats[0])),
        cap(static_cast<T>(call.floats[1])) {
    if (call.ints[1] != 0) bias = Repeated(call.in[first]);
    if (call.ints[2] != 0) mask = Repeated(call.in[first + (call.ints[1] != 0 ? 1 : 0)]);
  }

  CKERAS_MEMBER V rounded(V x) const { return rounds ? to_bf16(x) : x; }

  // Distance between the rows of one head.
  CKERAS_MEMBER int64_t query_stride() const { return heads * depth; }
  CKERAS_MEMBER int64_t key_stride() const { return groups * depth; }
  CKERAS_MEMBER int64_t query(int64_t b, int64_t head, int64_t t) const {
    return ((b * queries + t) * heads + head) * depth;
  }
  CKERAS_MEMBER int64_t key(int64_t b, int64_t group, int64_t s) const {
    return ((b * keys + s) * groups + group) * depth;
  }
  CKERAS_MEMBER int64_t row(int64_t b, int64_t head, int64_t t) const { return (b * heads + head) * queries + t; }

  // Whether all queries before `end` are blind to the keys from s on. A row that a mask hides whole counts all keys, so
  // with a mask no block is left out.
  CKERAS_MEMBER bool skipped(int64_t end, int64_t s) const { return causal && mask.data == nullptr && s >= end; }

  // The keys that row i of the block sees, from key j of it on.
  CKERAS_MEMBER M seen(const Block& at, int64_t i, int64_t j) const {
    const int64_t t = at.t + i;
    const int64_t before = causal ? most(0, least(at.keys, t + 1 - at.s)) : at.keys;
    M out = V::iota(static_cast<T>(j)) < V(static_cast<T>(before));
    if (mask.data != nullptr) out = out & RepeatedRow<T>(mask, at.b, at.head, t, at.s).truths(j, at.keys);
    return out;
  }

  // How many keys of the block query i needs: those that its group sees, and what groups of keys reach beyond when
  // these are multiplied, too. Groups and not panels, so that what a hidden NaN meets follows no instruction set.
  CKERAS_MEMBER int64_t reach(const Block& at, int64_t i, int64_t groups = 1) const {
    if (!causal || mask.data != nullptr) return at.keys;
    return most(0, least(at.keys, at.t + i - i % kGroup + groups * kGroup - at.s));
  }
  // The first query of the block that sees a key of j's group.
  CKERAS_MEMBER int64_t first_query(const Block& at, int64_t j) const {
    return causal && mask.data == nullptr ? least(at.queries, most(0, at.s + j - j % kGroup - at.t)) : 0;
  }

  // Whether the logits of row i of the block are its products times the scale, whole vectors of them.
  CKERAS_MEMBER bool plain(const Block& at, int64_t i) const {
    return cap == 0 && bias.data == nullptr && mask.data == nullptr && at.keys % V::kLanes == 0 &&
           (!causal || at.s + at.keys <= at.t + i + 1);
  }

  // A row of products q.k becomes logits, and what lies between the last key and a whole vector minus infinity. With a
  // cap, `capped` gets the logits before bias and mask. Gives the greatest of each lane.
  CKERAS_MEMBER V finish(const Block& at, int64_t i, T* scores, T* capped, int64_t groups) const {
    const V lowest(static_cast<T>(sizeof(T) == 8 ? -0.7 * 1.7e308 : -0.7 * 3.4028234663852886e38));
    const RepeatedRow<T> more(bias, at.b, at.head, at.t + i, at.s);
    const bool hides = mask.data != nullptr || (causal && at.s + at.keys > at.t + i + 1);
    const int64_t n = reach(at, i, groups);
    V greatest(-kInfinity);
    int64_t j = 0;
    if (cap == 0 && bias.data == nullptr && mask.data == nullptr) {  // whole vectors that are seen
      const int64_t plain = causal ? least(at.keys, at.t + i + 1 - at.s) : at.keys;
      for (; j + V::kLanes <= plain; j += V::kLanes) {
        const V x = V::load(scores + i * kScoreStride + j) * V(scale);
        x.store(scores + i * kScoreStride + j);
        greatest = max(greatest, x);
      }
    }
    for (; j < n; j += V::kLanes) {
      T* const place = scores + i * kScoreStride + j;
      V x = V::load(place) * V(scale);
      if (cap != 0) {
        x = V(cap) * tanh(x / V(cap));
        x.store(capped + i * kScoreStride + j);
      }
      if (bias.data != nullptr) x = x + more.values(j, at.keys);
      if (hides) x = select(seen(at, i, j), x, lowest);
      if (j + V::kLanes > at.keys)
        x = select(V::iota(static_cast<T>(j)) < V(static_cast<T>(at.keys)), x, V(-kInfinity));
      x.store(place);
      greatest = max(greatest, x);
    }
    return greatest;
  }
};

// Cuts `count` pieces of `work` multiply-adds each into runs, each with `bytes` of workspace: by the shape alone.
struct Runs {
  int64_t count, work, bytes;

  CKERAS_MEMBER int64_t parts() const {
    const int64_t worth = work >= kPieceWork ? count : ceil_div(count * work, kPieceWork);
    return least(count, least(worth, 64));
  }
  template <class Body>
  CKERAS_MEMBER void run(void* workspace, const Body& body) const {
    const Runs& self = *this;
    const int64_t pieces = parts();
    parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        char* const own = static_cast<char*>(workspace) + part * self.bytes;
        for (int64_t i = self.count * part / pieces; i < self.count * (part + 1) / pieces; ++i) body(i, own);
      }
    });
  }
};

// Hands out pieces of a workspace, each from a multiple of 64 bytes on; counts the bytes when there is none.
struct Room {
  char* base;
  int64_t used;

  template <class T>
  CKERAS_MEMBER T* take(int64_t n) {
    T* const out = base != nullptr ? reinterpret_cast<T*>(base + used) : nullptr;
    used += round_up(n * static_cast<int64_t>(sizeof(T)), 64);
    return out;
  }
};

}  // namespace
}  // namespace ckeras::CKERAS_ISA
