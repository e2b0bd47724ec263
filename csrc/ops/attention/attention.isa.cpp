// Attention without a T x S array: the maximum and the sum of each row follow the blocks of keys, and what was summed
// is scaled down when a greater maximum turns up (Milakov and Gimelshein, 2018; Dao et al., 2022).
#include "ops/attention/attention.h"

#include "ops/attention/block.h"
#include "ops/attention/widened.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPackedKeys = int64_t{2} << 20;  // bytes of keys and values that are packed at once
constexpr int64_t kOwnKeys = int64_t{1} << 19;     // and of those that a piece of work packs for itself
constexpr int64_t kManyGroups = 64;                // so many are enough pieces

template <class T>
struct Forward : Attention<T> {
  using V = VecOf<T>;
  using Base = Attention<T>;
  using Base::depth, Base::heads, Base::keys, Base::queries, Base::groups, Base::products, Base::kInfinity;

  const T *q, *k, *v;
  T *y, *tops, *totals;

  Forward(const Call& call, DType dtype) noexcept
      : Base(call, dtype, 3),
        q(call.in[0].as<const T>()),
        k(call.in[1].as<const T>()),
        v(call.in[2].as<const T>()),
        y(call.out[0].as<T>()),
        tops(call.out[1].as<T>()),
        totals(call.out[2].as<T>()) {}

  struct Space {
    T *packed, *scores, *capped;
    HalfPair* left;
    int64_t bytes;
    Space(const Forward& f, void* from) noexcept {
      Room room{static_cast<char*>(from), 0};
      packed = room.take<T>(f.own() ? f.group_size() : 0);
      scores = room.take<T>(kQueries * kScoreStride);
      capped = room.take<T>(f.cap != 0 ? kQueries * kScoreStride : 0);
      left = room.take<HalfPair>(f.products.left_size(f.depth));
      bytes = room.used;
    }
  };

  // Keys and values are packed once, for all blocks of queries and heads that read them: those of as many groups as
  // fit, or, of many small groups, each by the piece of work that alone reads it.
  bool own() const noexcept {
    return this->batch * groups >= kManyGroups && group_size() * static_cast<int64_t>(sizeof(T)) <= kOwnKeys;
  }
  int64_t key_size() const noexcept { return Products<T>::b_size(kKeys, depth); }
  int64_t block_size() const noexcept { return key_size() + Products<T>::b_size(depth, kKeys); }
  int64_t group_size() const noexcept { return ceil_div(keys, kKeys) * block_size(); }
  int64_t groups_at_once() const noexcept {
    const int64_t fit = kPackedKeys / (group_size() * static_cast<int64_t>(sizeof(T)));
    return least(this->batch * groups, most(1, fit));
  }
  int64_t packed_bytes() const noexcept {
    return own() ? 0 : round_up(groups_at_once() * group_size() * static_cast<int64_t>(sizeof(T)), 64);
  }

  Runs runs(int64_t of_groups) const noexcept {
    const int64_t blocks = ceil_div(queries, kQueries);
    if (own()) {
      return {this->batch * groups, 2 * heads / groups * queries * keys * depth, Space(*this, nullptr).bytes};
    }
    return {of_groups * (heads / groups) * blocks, 2 * least(queries, kQueries) * keys * depth,
            Space(*this, nullptr).bytes};
  }
  int64_t bytes() const noexcept {
    const Runs all = runs(groups_at_once());
    return packed_bytes() + all.parts() * all.bytes;
  }

  // A block of keys of group `at` of the batch's, the first of them packed to `to`.
  void pack(T* to, int64_t at, int64_t block) const noexcept {
    const int64_t s = block * kKeys, count = least(kKeys, keys - s), from = this->key(at / groups, at % groups, s);
    products.pack(to, {k + from, this->key_stride(), true}, count, depth);
    products.pack(to + key_size(), {v + from, this->key_stride(), false}, depth, count);
  }
  void run_all(void* workspace) const noexcept {
    T* const packed = static_cast<T*>(workspace);
    char* const free = static_cast<char*>(workspace) + packed_bytes();
    const int64_t all = this->batch * groups, blocks = ceil_div(keys, kKeys);
    if (own()) return runs(all).run(free, [&](int64_t group, void* of_piece) { run_group(group, of_piece); });
    for (int64_t first = 0, count; first < all; first += count) {
      count = least(groups_at_once(), all - first);
      // Group by group within a block, so that the rows of several heads are read on.
      parallel_for(count * blocks, 4, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          pack(packed + i % count * group_size() + i / count * block_size(), first + i % count, i / count);
        }
      });
      runs(count).run(free, [&](int64_t piece, void* own) { run(piece, first, packed, own); });
    }
  }

  void run_group(int64_t group, void* workspace) const noexcept {
    const Space space(*this, workspace);
    for (int64_t block = 0; block < ceil_div(keys, kKeys); ++block) {
      pack(space.packed + block * block_size(), group, block);
    }
    const int64_t pieces = heads / groups * ceil_div(queries, kQueries);
    for (int64_t piece = 0; piece < pieces; ++piece) run(piece, group, space.packed, workspace);
  }

  // What the piece of work reads after the block: row i of the next queries and of the next group's keys and values.
  // They lie too far apart for the processor to foresee them.
  void fetch_next(const Block& at, int64_t i) const noexcept {
    const bool on = at.t + at.queries < queries;
    const int64_t head = at.b * heads + at.head + !on, t = (on ? at.t + kQueries : 0) + i;
    if (head < this->batch * heads && t < queries) fetch_row(q + this->query(head / heads, head % heads, t));
    const int64_t group = at.b * groups + at.head / (heads / groups) + 1, s = at.t + i;
    if (group == this->batch * groups || s >= keys) return;
    fetch_row(k + this->key(group / groups, group % groups, s));
    fetch_row(v + this->key(group / groups, group % groups, s));
  }
  void fetch_row(const T* row) const noexcept {
    for (int64_t h = 0; h < depth; h += 64 / static_cast<int64_t>(sizeof(T))) __builtin_prefetch(row + h, 0, 2);
  }

  // The products of a block become e^(logit - top); `shrink` gets the factor of what earlier blocks gave.
  void exponentiate(const Block& at, const Space& space, T* top, double* total, T* shrink) const noexcept {
    T now[kQueries];
    for (int64_t i = 0; i < at.queries; ++i) {
      now[i] = reduce_max(max(V(top[i]), this->finish(at, i, space.scores, space.capped, 1)));
    }
    for (int64_t i = 0; i < at.queries; i += V::kLanes) {
      const int64_t rows = at.queries - i;
      const V before = V::load(top + i, rows), after = V::load(now + i, rows);
      const V shift = select(after == V(-kInfinity), V(T(0)), after);
      exp(before - shift).store(shrink + i, rows);
      shift.store(now + i, rows);
      after.store(top + i, rows);
    }
    for (int64_t i = 0; i < at.queries; ++i) {
      T* const row = space.scores + i * kScoreStride;
      const int64_t n = this->reach(at, i);
      if (at.s == 0) {
        fetch_row(y + this->query(at.b, at.head, at.t + i));  // which the next product writes
        if (own()) fetch_next(at, i);
      }
      const V shift(now[i]);
      V sum(T(0));
      for (int64_t j = 0; j < n; j += V::kLanes) {
        const V e = exp(V::load(row + j) - shift);
        this->rounded(e).store(row + j);
        sum = sum + e;
      }
      total[i] = total[i] * static_cast<double>(shrink[i]) + static_cast<double>(reduce_add(sum));
    }
  }

  void scale_row(T* row, T by) const noexcept {
    for (int64_t h = 0; h < depth; h += V::kLanes) {
      (V::load(row + h, depth - h) * V(by)).store(row + h, depth - h);
    }
  }

  // A block of queries of one head; `packed` are the groups from number `first` on.
  void run(int64_t piece, int64_t first, const T* packed, void* workspace) const noexcept {
    const Space space(*this, workspace);
    const int64_t blocks = ceil_div(queries, kQueries), share = heads / groups;
    const int64_t group = piece / blocks / share, b = (first + group) / groups;
    const int64_t head = (first + group) % groups * share + piece / blocks % share, t = piece % blocks * kQueries;
    Block at{b, head, t, least(kQueries, queries - t), 0, 0};
    T top[kQueries], shrink[kQueries];
    double total[kQueries];
    for (int64_t i = 0; i < at.queries; ++i) {
      top[i] = -kInfinity;
      total[i] = 0;
    }
    T* const out = y + this->query(b, head, t);
    const int64_t query_stride = this->query_stride();
    for (; at.s < keys && !this->skipped(t + at.queries, at.s); at.s += kKeys) {
      at.keys = least(kKeys, keys - at.s);
      const T* const key = packed + group * group_size() + at.s / kKeys * block_size();
      const auto columns = [&](int64_t i) { return Need{this->reach(at, i), 0, depth}; };
      products.rows(space.scores, kScoreStride, q + this->query(b, head, t), query_stride, products.packed(key, depth),
                    space.left, at.queries, at.keys, depth, false, columns);
      exponentiate(at, space, top, total, shrink);
      for (int64_t i = 0; i < at.queries && at.s > 0; ++i) {
        if (shrink[i] != 1) scale_row(out + i * query_stride, shrink[i]);
      }
      const auto length = [&](int64_t i) { return Need{depth, 0, this->reach(at, i)}; };
      products.rows(out, query_stride, space.scores, kScoreStride, products.packed(key + key_size(), at.keys),
                    space.left, at.queries, depth, at.keys, at.s > 0, length);
    }
    for (int64_t i = 0; i < at.queries; ++i) {
      scale_row(out + i * query_stride, static_cast<T>(1 / total[i]));
      tops[this->row(b, head, t + i)] = top[i];
      totals[this->row(b, head, t + i)] = static_cast<T>(total[i]);
    }
  }
};

// One piece is a batch entry's keys of one group, with the queries of all heads that read them: nobody else adds to
// their dk and dv, nor to these queries' dq.
template <class T>
struct Backward : Attention<T> {
  using V = VecOf<T>;
  using Base = Attention<T>;
  using Base::depth, Base::heads, Base::keys, Base::queries, Base::groups, Base::products, Base::cap;

  const T *q, *k, *v, *y, *dy, *tops, *totals;
  T *dq, *dk, *dv, *dbias;

  Backward(const Call& call, DType dtype) noexcept
      : Base(call, dtype, 7),
        q(call.in[0].as<const T>()),
        k(call.in[1].as<const T>()),
        v(call.in[2].as<const T>()),
        y(call.in[3].as<const T>()),
        dy(call.in[4].as<const T>()),
        tops(call.in[5].as<const T>()),
        totals(call.in[6].as<const T>()),
        dq(call.out[0].as<T>()),
        dk(call.out[1].as<T>()),
        dv(call.out[2].as<T>()),
        dbias(call.ints[3] != 0 ? call.out[3].as<T>() : nullptr) {}

  struct Space {
    T *key, *value, *key_rows;    // of a block of keys
    T *query_rows, *dy_rows;      // of a block of queries
    T *scores, *slopes, *capped;  // of both
    HalfPair* left;
    int64_t bytes;
    Space(const Backward& f, void* from) noexcept {
      Room room{static_cast<char*>(from), 0};
      key = room.take<T>(Products<T>::b_size(kKeys, f.depth));
      value = room.take<T>(Products<T>::b_size(kKeys, f.depth));
      key_rows = room.take<T>(Products<T>::b_size(f.depth, kKeys));
      query_rows = room.take<T>(Products<T>::b_size(f.depth, kQueries));
      dy_rows = room.take<T>(Products<T>::b_size(f.depth, kQueries));
      scores = room.take<T>(kQueries * kScoreStride);
      slopes = room.take<T>(kQueries * kScoreStride);
      capped = room.take<T>(f.cap != 0 ? kQueries * kScoreStride : 0);
      left = room.take<HalfPair>(f.products.left_size(f.depth));
      bytes = room.used;
    }
  };

  Runs runs() const noexcept {
    return {this->batch * groups, 5 * heads / groups * queries * keys * depth, Space(*this, nullptr).bytes};
  }

  static CKERAS_MEMBER void clear(T* row, int64_t n) {
    for (int64_t i = 0; i < n; i += V::kLanes) V(T(0)).store(row + i, n - i);
  }

  // `scores`, which are q.k, become p, `slopes`, which are dy.v, become dc.
  void differentiate(const Block& at, const Space& space) const noexcept {
    T shifts[kQueries];
    for (int64_t i = 0; i < at.queries; ++i) {  // of all rows first: they come from far
      const int64_t place = this->query(at.b, at.head, at.t + i);
      V across(T(0));
      for (int64_t h = 0; h < depth; h += V::kLanes) {
        across = fma(V::load(y + place + h, depth - h), V::load(dy + place + h, depth - h), across);
      }
      shifts[i] = reduce_add(across);
    }
    for (int64_t i = 0; i < at.queries; ++i) {
      const bool plain = this->plain(at, i);
      if (!plain) this->finish(at, i, space.scores, space.capped, 2);
      const V factor(plain ? this->scale : T(1));  // of what `finish` has not scaled
      const int64_t row = this->row(at.b, at.head, at.t + i);
      const V shift(shifts[i]), top(tops[row]), share = V(T(1)) / V(totals[row]);
      const bool hides = this->mask.data != nullptr || (this->causal && at.s + at.keys > at.t + i + 1);
      const int64_t n = this->reach(at, i, 2);
      for (int64_t j = 0; j < n; j += V::kLanes) {
        T *const score = space.scores + i * kScoreStride + j, *const slope = space.slopes + i * kScoreStride + j;
        const V p = exp(V::load(score) * factor - top) * share;
        this->rounded(p).store(score);
        V d = p * (V::load(slope) - shift);
        if (hides) d = select(this->seen(at, i, j), d, V(T(0)));
        if (dbias != nullptr) d.store(dbias + row * keys + at.s + j, at.keys - j);
        if (cap != 0) {
          const V part = V::load(space.capped + i * kScoreStride + j) / V(cap);
          d = d * fnma(part, part, V(T(1)));
          if (hides) d = select(this->seen(at, i, j), d, V(T(0)));
        }
        this->rounded(d * V(this->scale)).store(slope);
      }
    }
  }

  int64_t bytes() const noexcept { return runs().parts() * runs().bytes; }
  void run_all(void* workspace) const noexcept {
    runs().run(workspace, [&](int64_t piece, void* own) { run(piece, own); });
  }

  void run(int64_t piece, void* workspace) const noexcept {
    const Space space(*this, workspace);
    const int64_t b = piece / groups, group = piece % groups, share = heads / groups;
    const int64_t query_stride = this->query_stride(), key_stride = this->key_stride();
    for (int64_t s = 0; s < keys; ++s) {
      clear(dk + this->key(b, group, s), depth);
      clear(dv + this->key(b, group, s), depth);
    }
    for (int64_t t = 0; t < queries; ++t) clear(dq + this->query(b, group * share, t), share * depth);
    if (dbias != nullptr) clear(dbias + this->row(b, group * share, 0) * keys, share * queries * keys);

    Block at{b, 0, 0, 0, 0, 0};
    for (; at.s < keys; at.s += kKeys) {
      at.keys = least(kKeys, keys - at.s);
      const int64_t key = this->key(b, group, at.s);
      products.pack(space.key, {k + key, key_stride, true}, at.keys, depth);
      products.pack(space.value, {v + key, key_stride, true}, at.keys, depth);
      const Right<T> keys_as_rows =
          products.right(space.key_rows, k + key, key_stride, depth, at.keys, share * queries);
      for (at.head = group * share; at.head < (group + 1) * share; ++at.head) {
        for (at.t = 0; at.t < queries; at.t += kQueries) {
          at.queries = least(kQueries, queries - at.t);
          if (this->skipped(at.t + at.queries, at.s)) continue;
          const int64_t query = this->query(b, at.head, at.t);
          const auto columns = [&](int64_t i) { return Need{this->reach(at, i), 0, depth}; };
          products.rows(space.scores, kScoreStride, q + query, query_stride, products.packed(space.key, depth),
                        space.left, at.queries, at.keys, depth, false, columns);
          products.rows(space.slopes, kScoreStride, dy + query, query_stride, products.packed(space.value, depth),
                        space.left, at.queries, at.keys, depth, false, columns);
          differentiate(at, space);

          const auto from = [&](int64_t j) { return Need{depth, this->first_query(at, j), at.queries}; };
          products.columns(dv + key, key_stride, space.scores,
                           products.right(space.dy_rows, dy + query, query_stride, depth, at.queries, at.keys),
                           space.left, at.keys, depth, at.queries, true, from);
          products.columns(dk + key, key_stride, space.slopes,
                           products.right(space.query_rows, q + query, query_stride, depth, at.queries, at.keys),
                           space.left, at.keys, depth, at.queries, true, from);
          const auto length = [&](int64_t i) { return Need{depth, 0, this->reach(at, i)}; };
          products.rows(dq + query, query_stride, space.slopes, kScoreStride, keys_as_rows, space.left, at.queries,
                        depth, at.keys, true, length);
        }
      }
    }
  }
};

template <template <class> class Way, class F>
CKERAS_INLINE void with_way(const Call& call, const F& f) {
  const DType dtype = call.in[0].dtype;
  if (dtype == DType::F64) return f(Way<double>(call, dtype));
  f(Way<float>(call, dtype));
}
template <template <class> class Way>
void run(const Call& call) noexcept {
  if (is_half(call.in[0])) {
    const Widened widened(call);
    widened.read_inputs();
    Way<float>(widened.call, call.in[0].dtype).run_all(widened.call.workspace);
    return widened.write_outputs();
  }
  with_way<Way>(call, [&](const auto& way) { way.run_all(call.workspace); });
}
template <template <class> class Way>
int64_t bytes(const Call& call) noexcept {
  if (is_half(call.in[0])) {
    const Widened widened(call);
    return widened.bytes + Way<float>(widened.call, call.in[0].dtype).bytes();
  }
  int64_t out = 0;
  with_way<Way>(call, [&](const auto& way) { out = way.bytes(); });
  return out;
}

}  // namespace

extern const Kernel kernel_attention, kernel_attention_grad;
constinit const Kernel kernel_attention = {run<Forward>, bytes<Forward>, nullptr};
constinit const Kernel kernel_attention_grad = {run<Backward>, bytes<Backward>, nullptr};

}  // namespace ckeras::CKERAS_ISA
