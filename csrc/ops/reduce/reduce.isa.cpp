#include "ops/reduce/reduce.h"

#include "cpu/ordered_sum.h"
#include "cpu/parallel.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPiece = 1 << 15;  // elements that a piece of parallel work reads, about
constexpr int64_t kTile = 512;       // columns whose accumulators stay in the L1 cache

template <class T>
struct ProdFold {
  using Total = double;
  static CKERAS_MEMBER T start() { return 1; }
  template <class V>
  static CKERAS_MEMBER V fold(V a, V b) {
    return a * b;
  }
};

// ---- one reduced dimension: [outer, n, inner] -> [outer, inner]

struct Pass {
  int64_t outer, n, inner;
  CKERAS_MEMBER int64_t length() const { return inner == 1 ? kSumChunk : kRowChunk; }
  CKERAS_MEMBER int64_t chunks() const { return at_least_one((n + length() - 1) / length()); }
  CKERAS_MEMBER int64_t results() const { return outer * inner; }
};

// Folds of a float dtype, elements of storage S, accumulators of its T.
template <template <class> class FoldOf, class S>
struct Floats {
  using Element = typename S::Element;
  using T = typename S::T;
  using V = typename S::V;
  using F = FoldOf<T>;

  static CKERAS_MEMBER T row(const Element* p, int64_t n) {
    ChunkFold<F, T> chunk;
    chunk.add(n, RowOf<S>{p});
    return chunk.result();
  }

  // One chunk of n rows of `stride` elements, `width` columns, into `result`.
  static CKERAS_MEMBER void columns(const Element* p, int64_t n, int64_t stride, int64_t width, T* result) {
    for (int64_t j = 0; j < width; j += V::kLanes) V(F::start()).store(result + j, width - j);
    int64_t i = 0;
    for (; i + 4 <= n; i += 4, p += 4 * stride) {
      int64_t j = 0;
      for (; j + V::kLanes <= width; j += V::kLanes) {
        const Element* q = p + j;
        const V four = F::fold(F::fold(S::load(q), S::load(q + stride)),
                               F::fold(S::load(q + 2 * stride), S::load(q + 3 * stride)));
        F::fold(V::load(result + j), four).store(result + j);
      }
      if (j < width) {
        const Element* q = p + j;
        const int64_t rest = width - j;
        const V four = F::fold(F::fold(S::load(q, rest), S::load(q + stride, rest)),
                               F::fold(S::load(q + 2 * stride, rest), S::load(q + 3 * stride, rest)));
        F::fold(V::load(result + j, rest), four).store(result + j, rest);
      }
    }
    for (; i < n; ++i, p += stride) {
      for (int64_t j = 0; j < width; j += V::kLanes) {
        F::fold(V::load(result + j, width - j), S::load(p + j, width - j)).store(result + j, width - j);
      }
    }
  }

  // Chunk results `stride` apart, in rising order.
  static CKERAS_MEMBER T join(const T* results, int64_t chunks, int64_t stride) {
    typename F::Total total = static_cast<typename F::Total>(results[0]);
    for (int64_t i = 1; i < chunks; ++i) total = F::fold(total, static_cast<typename F::Total>(results[i * stride]));
    return static_cast<T>(total);
  }
};

// Integers wrap: they are folded unsigned.
struct SumRule {
  template <class T>
  static CKERAS_MEMBER T start() {
    return 0;
  }
  template <class T>
  static CKERAS_MEMBER T fold(T a, T b) {
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  }
};
struct ProdRule {
  template <class T>
  static CKERAS_MEMBER T start() {
    return 1;
  }
  template <class T>
  static CKERAS_MEMBER T fold(T a, T b) {
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  }
};
template <class T>
inline constexpr bool kSigned = static_cast<T>(-1) < static_cast<T>(0);
template <class T>
inline constexpr T kGreatest = kSigned<T> ? static_cast<T>(~(uint64_t{1} << (8 * sizeof(T) - 1))) : static_cast<T>(-1);
struct MaxRule {
  template <class T>
  static CKERAS_MEMBER T start() {
    return kSigned<T> ? static_cast<T>(-kGreatest<T> - 1) : T{0};
  }
  template <class T>
  static CKERAS_MEMBER T fold(T a, T b) {
    return a > b ? a : b;
  }
};
struct MinRule {
  template <class T>
  static CKERAS_MEMBER T start() {
    return kGreatest<T>;
  }
  template <class T>
  static CKERAS_MEMBER T fold(T a, T b) {
    return a < b ? a : b;
  }
};
struct AnyRule {
  template <class T>
  static CKERAS_MEMBER T start() {
    return 0;
  }
  template <class T>
  static CKERAS_MEMBER T fold(T a, T b) {
    return a | b;
  }
};
struct AllRule {
  template <class T>
  static CKERAS_MEMBER T start() {
    return 1;
  }
  template <class T>
  static CKERAS_MEMBER T fold(T a, T b) {
    return a & b;
  }
};

// Folds of an integer dtype: any order gives the same, so the compiler chooses the vectors.
template <class Rule, class E>
struct Integers {
  using Element = E;
  using T = E;
  static CKERAS_MEMBER T row(const E* p, int64_t n) {
    T total = Rule::template start<T>();
    for (int64_t i = 0; i < n; ++i) total = Rule::fold(total, p[i]);
    return total;
  }
  static CKERAS_MEMBER void columns(const E* p, int64_t n, int64_t stride, int64_t width, T* result) {
    for (int64_t j = 0; j < width; ++j) result[j] = Rule::template start<T>();
    int64_t i = 0;
    for (; i + 4 <= n; i += 4, p += 4 * stride) {
      const E *q = p + stride, *r = q + stride, *s = r + stride;
      for (int64_t j = 0; j < width; ++j) {
        result[j] = Rule::fold(result[j], Rule::fold(Rule::fold(p[j], q[j]), Rule::fold(r[j], s[j])));
      }
    }
    for (; i < n; ++i, p += stride) {
      for (int64_t j = 0; j < width; ++j) result[j] = Rule::fold(result[j], p[j]);
    }
  }
  static CKERAS_MEMBER T join(const T* results, int64_t chunks, int64_t stride) {
    T total = results[0];
    for (int64_t i = 1; i < chunks; ++i) total = Rule::fold(total, results[i * stride]);
    return total;
  }
};

// x [outer, n, inner] into y [outer, inner]; `put` writes a result; `partial` holds pass.chunks() results for each.
template <class R, class Out, class Put>
void run_pass(const Pass& pass, const typename R::Element* x, Out* y, typename R::T* partial, const Put& put) {
  const auto [outer, n, inner] = pass;
  const int64_t chunks = pass.chunks(), length = pass.length(), tiles = (inner + kTile - 1) / kTile;
  const int64_t cost = at_least_one(least(n, length) * least(inner, kTile));
  parallel_for(outer * chunks * tiles, at_least_one(kPiece / cost), [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t tile = item % tiles, chunk = item / tiles % chunks, o = item / tiles / chunks;
      const int64_t first = chunk * length, count = least(length, n - first);
      const typename R::Element* p = x + (o * n + first) * inner + tile * kTile;
      const int64_t width = least(kTile, inner - tile * kTile);
      typename R::T local[kTile];
      typename R::T* result = chunks == 1 ? local : partial + (o * chunks + chunk) * inner + tile * kTile;
      if (inner == 1) {
        result[0] = R::row(p, count);
      } else {
        R::columns(p, count, inner, width, result);
      }
      if (chunks == 1) {
        for (int64_t j = 0; j < width; ++j) y[o * inner + tile * kTile + j] = put(result[j]);
      }
    }
  });
  if (chunks == 1) return;
  parallel_for(outer * inner, at_least_one(kPiece / chunks), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      y[i] = put(R::join(partial + i / inner * chunks * inner + i % inner, chunks, inner));
    }
  });
}

// ---- all reduced dimensions

struct Plan {
  Pass passes[kMaxRank];
  int count = 0;
};

// The last reduced dimension first. At least one pass: nothing to reduce is a pass over one element.
Plan make_plan(const Call& call) {
  const View& x = call.in[0];
  struct {
    int64_t n;
    bool reduced;
  } dims[kMaxRank];
  int rank = 0;
  for (int d = 0; d < x.rank; ++d) {
    const bool reduced = call.ints[d] != 0;
    if (x.shape[d] == 1) continue;
    if (rank > 0 && dims[rank - 1].reduced == reduced) {
      dims[rank - 1].n *= x.shape[d];
    } else {
      dims[rank++] = {x.shape[d], reduced};
    }
  }
  Plan plan;
  int64_t inner = 1;
  for (int d = rank - 1; d >= 0; --d) {
    if (!dims[d].reduced) {
      inner *= dims[d].n;
      continue;
    }
    int64_t outer = 1;
    for (int e = 0; e < d; ++e) outer *= dims[e].n;
    plan.passes[plan.count++] = {outer, dims[d].n, inner};
  }
  if (plan.count == 0) plan.passes[plan.count++] = {inner, 1, 1};
  return plan;
}

// Bytes of accumulators: two buffers of intermediate results, which passes use in turn, and the chunks' results.
struct Layout {
  int64_t results, partial;
};
Layout layout(const Plan& plan, int64_t itemsize) {
  Layout most = {0, 0};
  for (int i = 0; i < plan.count; ++i) {
    const Pass& pass = plan.passes[i];
    const int64_t partial = pass.chunks() > 1 ? pass.results() * pass.chunks() : 0;
    if (partial > most.partial) most.partial = partial;
    if (i + 1 < plan.count && pass.results() > most.results) most.results = pass.results();
  }
  return {(most.results * itemsize + 63) / 64 * 64, (most.partial * itemsize + 63) / 64 * 64};
}

int64_t accumulator_size(DType dtype) {
  int64_t size = 0;
  if (!with_storage(dtype, [&](auto s) { size = sizeof(typename decltype(s)::T); })) {
    with_integer(dtype, [&](auto t) { size = sizeof(t); });
  }
  return size;
}

int64_t workspace(const Call& call) noexcept {
  const Layout bytes = layout(make_plan(call), accumulator_size(call.in[0].dtype));
  return 2 * bytes.results + bytes.partial;
}

// First folds the input's elements, Next the accumulators of the pass before.
template <class First, class Next, class Put>
void run_plan(const Call& call, const Put& put) {
  using T = typename First::T;
  using Element = typename First::Element;
  const Plan plan = make_plan(call);
  const Layout bytes = layout(plan, sizeof(T));
  char* memory = static_cast<char*>(call.workspace);
  T* buffers[2] = {reinterpret_cast<T*>(memory), reinterpret_cast<T*>(memory + bytes.results)};
  T* partial = reinterpret_cast<T*>(memory + 2 * bytes.results);
  const auto keep = [](T v) { return v; };
  const T* from = nullptr;
  for (int i = 0; i < plan.count; ++i) {
    const Pass& pass = plan.passes[i];
    const bool last = i + 1 == plan.count;
    T* to = buffers[i % 2];
    if (i == 0 && last) {
      run_pass<First>(pass, call.in[0].as<const Element>(), call.out[0].as<Element>(), partial, put);
    } else if (i == 0) {
      run_pass<First>(pass, call.in[0].as<const Element>(), to, partial, keep);
    } else if (last) {
      run_pass<Next>(pass, from, call.out[0].as<Element>(), partial, put);
    } else {
      run_pass<Next>(pass, from, to, partial, keep);
    }
    from = to;
  }
}

template <class Rule>
void reduce_integers(const Call& call) noexcept {
  with_integer(call.in[0].dtype, [&](auto t) {
    using R = Integers<Rule, decltype(t)>;
    run_plan<R, R>(call, [](auto v) { return v; });
  });
}

template <template <class> class FoldOf, class Rule>
void reduce(const Call& call) noexcept {
  const bool done = with_storage(call.in[0].dtype, [&](auto s) {
    using S = decltype(s);
    run_plan<Floats<FoldOf, S>, Floats<FoldOf, Plain<typename S::T>>>(call, [](auto v) { return S::put(v); });
  });
  if (!done) reduce_integers<Rule>(call);
}

}  // namespace

extern const Kernel kernel_reduce_sum, kernel_reduce_prod, kernel_reduce_max, kernel_reduce_min, kernel_reduce_any,
    kernel_reduce_all;
constinit const Kernel kernel_reduce_sum = {reduce<SumFold, SumRule>, workspace, nullptr};
constinit const Kernel kernel_reduce_prod = {reduce<ProdFold, ProdRule>, workspace, nullptr};
constinit const Kernel kernel_reduce_max = {reduce<MaxFold, MaxRule>, workspace, nullptr};
constinit const Kernel kernel_reduce_min = {reduce<MinFold, MinRule>, workspace, nullptr};
constinit const Kernel kernel_reduce_any = {reduce_integers<AnyRule>, workspace, nullptr};
constinit const Kernel kernel_reduce_all = {reduce_integers<AllRule>, workspace, nullptr};

}  // namespace ckeras::CKERAS_ISA
