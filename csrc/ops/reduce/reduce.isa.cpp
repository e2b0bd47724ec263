#include "ops/reduce/reduce.h"

#include "cpu/parallel.h"
#include "ops/reduce/folds.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPiece = 1 << 15;  // elements that a piece of parallel work reads, about
constexpr int64_t kTile = 512;       // columns whose accumulators stay in the L1 cache
constexpr int64_t kWidest = 8;       // bytes of an accumulator, at most

// ---- one reduced dimension: [outer, n, inner] -> [outer, inner]

struct Pass {
  int64_t outer, n, inner;
  CKERAS_MEMBER int64_t length() const { return inner == 1 ? kSumChunk : kRowChunk; }
  CKERAS_MEMBER int64_t chunks() const { return at_least_one((n + length() - 1) / length()); }
  CKERAS_MEMBER int64_t results() const { return outer * inner; }
};

// An array of elements or of accumulators: its bytes, and those of one of them.
struct Place {
  char* p;
  int64_t size;
  CKERAS_MEMBER char* at(int64_t i) const { return p + i * size; }
};

// x [outer, n, inner] into y [outer, inner]; `fold` reads x, `put` writes y; `partial` holds pass.chunks() results for
// each.
void run_pass(const Pass& pass, const Fold& fold, const Fold& put, Place x, Place y, char* memory) {
  const auto [outer, n, inner] = pass;
  const Place partial = {memory, fold.result_size};
  const int64_t chunks = pass.chunks(), length = pass.length(), tiles = (inner + kTile - 1) / kTile;
  if (inner == 1 && chunks == 1) {
    parallel_for(outer, at_least_one(kPiece / at_least_one(n)), [&](int64_t begin, int64_t end) {
      alignas(64) char local[kTile * kWidest];
      for (int64_t o = begin; o < end; o += kTile) {
        const int64_t rows = least(kTile, end - o);
        fold.rows(x.at(o * n), rows, n, local);
        put.join(local, 1, rows, rows, y.at(o));
      }
    });
    return;
  }
  const int64_t cost = at_least_one(least(n, length) * least(inner, kTile));
  parallel_for(outer * chunks * tiles, at_least_one(kPiece / cost), [&](int64_t begin, int64_t end) {
    alignas(64) char local[kTile * kWidest];
    for (int64_t item = begin; item < end; ++item) {
      const int64_t column = item % tiles * kTile, chunk = item / tiles % chunks, o = item / tiles / chunks;
      const int64_t first = chunk * length, count = least(length, n - first);
      const int64_t width = least(kTile, inner - column);
      const void* from = x.at((o * n + first) * inner + column);
      void* result = chunks == 1 ? local : partial.at((o * chunks + chunk) * inner + column);
      if (inner == 1) {
        fold.rows(from, 1, count, result);
      } else {
        fold.columns(from, count, inner, width, result, true);
      }
      if (chunks == 1) put.join(result, 1, width, width, y.at(o * inner + column));
    }
  });
  if (chunks == 1) return;
  parallel_for(outer * inner, at_least_one(kPiece / chunks), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end;) {
      const int64_t o = i / inner, count = least(end, (o + 1) * inner) - i;
      put.join(partial.at(o * chunks * inner + i % inner), chunks, inner, count, y.at(i));
      i += count;
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
  if (plan.count == 0) plan.passes[plan.count++] = {1, 1, inner};
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

template <class Folds>
int64_t workspace(const Call& call) noexcept {
  const Fold& elements = *kFolds<Folds>.of[static_cast<int>(call.in[0].dtype)];
  const Layout bytes = layout(make_plan(call), elements.result_size);
  return 2 * bytes.results + bytes.partial;
}

// The first pass folds the input's elements, the others the accumulators of the pass before; the last one rounds.
template <class Folds>
void reduce(const Call& call) noexcept {
  const DType dtype = call.in[0].dtype;
  const Fold& elements = *kFolds<Folds>.of[static_cast<int>(dtype)];
  const Fold& accumulators = *kFolds<Folds>.of[static_cast<int>(is_half(dtype) ? DType::F32 : dtype)];
  const Plan plan = make_plan(call);
  const Layout bytes = layout(plan, elements.result_size);
  char* memory = static_cast<char*>(call.workspace);
  Place from = {call.in[0].as<char>(), elements.element_size};
  for (int i = 0; i < plan.count; ++i) {
    const bool last = i + 1 == plan.count;
    const Place to = last ? Place{call.out[0].as<char>(), elements.element_size}
                          : Place{memory + i % 2 * bytes.results, elements.result_size};
    run_pass(plan.passes[i], i == 0 ? elements : accumulators, last ? elements : accumulators, from, to,
             memory + 2 * bytes.results);
    from = to;
  }
}

using Sum = NumberFolds<SumFold, SumRule>;
using Prod = NumberFolds<ProdFold, ProdRule>;
using Max = NumberFolds<MaxFold, MaxRule>;
using Min = NumberFolds<MinFold, MinRule>;
using Any = IntegerFolds<AnyRule>;
using All = IntegerFolds<AllRule>;

}  // namespace

extern const Kernel kernel_reduce_sum, kernel_reduce_prod, kernel_reduce_max, kernel_reduce_min, kernel_reduce_any,
    kernel_reduce_all;
constinit const Kernel kernel_reduce_sum = {reduce<Sum>, workspace<Sum>, nullptr};
constinit const Kernel kernel_reduce_prod = {reduce<Prod>, workspace<Prod>, nullptr};
constinit const Kernel kernel_reduce_max = {reduce<Max>, workspace<Max>, nullptr};
constinit const Kernel kernel_reduce_min = {reduce<Min>, workspace<Min>, nullptr};
constinit const Kernel kernel_reduce_any = {reduce<Any>, workspace<Any>, nullptr};
constinit const Kernel kernel_reduce_all = {reduce<All>, workspace<All>, nullptr};

extern const FoldRow folds[kFoldRows];
constinit const FoldRow folds[kFoldRows] = {
    {"reduce_sum", kFolds<Sum>.of}, {"reduce_prod", kFolds<Prod>.of}, {"reduce_max", kFolds<Max>.of},
    {"reduce_min", kFolds<Min>.of}, {"reduce_any", kFolds<Any>.of},   {"reduce_all", kFolds<All>.of},
};

}  // namespace ckeras::CKERAS_ISA
