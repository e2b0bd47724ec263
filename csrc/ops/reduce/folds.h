// How each reduction folds elements, of every dtype: the order that reduce.h fixes, piece by piece: what the
// stand-alone kernels and the fused loops call. Only for .isa.cpp files.
#pragma once
#include "cpu/ordered_sum.h"
#include "ops/reduce/reduce.h"
#include "ops/storage.h"
#include "runtime/fold.h"

namespace ckeras::CKERAS_ISA {

template <class T>
struct ProdFold {
  using Total = double;
  static CKERAS_MEMBER T start() { return 1; }
  template <class V>
  static CKERAS_MEMBER V fold(V a, V b) {
    return a * b;
  }
};

// Folds of a float dtype, elements of storage S, accumulators of its T.
template <template <class> class FoldOf, class S>
struct Floats {
  using Element = typename S::Element;
  using T = typename S::T;
  using V = typename S::V;
  using F = FoldOf<T>;

  // A chunk of a row, from first to last: start, add (ChunkFold says of how many elements), result.
  using Row = ChunkFold<F, T>;
  static CKERAS_MEMBER void start(Row& row) { row.reset(); }
  static CKERAS_MEMBER void add(Row& row, const Element* p, int64_t n) { row.add(n, RowOf<S>{p}); }
  static CKERAS_MEMBER T result(const Row& row) { return row.result(); }

  // Rows of at most a vector's lanes: as many at once as there are lanes, a vector for each element of theirs.
  static CKERAS_MEMBER void short_rows(const Element* p, int64_t rows, int64_t n, T* results) {
    constexpr int64_t kLanes = V::kLanes;
    alignas(64) T turned[kLanes][kLanes] = {};
    for (int64_t r = 0; r < rows; r += kLanes, p += kLanes * n) {
      const int64_t count = least(kLanes, rows - r);
      for (int64_t k = 0; k < count; ++k) {
        for (int64_t i = 0; i < n; ++i) turned[i][k] = S::get(p[k * n + i]);
      }
      for (int64_t i = 0; i < n; ++i) F::fold(V(F::start()), V::load(turned[i])).store(turned[i]);
      for (int64_t half = kLanes / 2; half > 0; half /= 2) {  // the tree of ChunkFold, without what changes nothing
        for (int64_t i = 0; i < half && i + half < n; ++i) {
          F::fold(V::load(turned[i]), V::load(turned[i + half])).store(turned[i]);
        }
      }
      V::load(turned[0]).store(results + r, count);
    }
  }
  static CKERAS_MEMBER void rows(const Element* p, int64_t rows, int64_t n, T* results) {
    if (n > 1 && n <= V::kLanes && rows >= V::kLanes) return short_rows(p, rows, n, results);
    for (int64_t i = 0; i < rows; ++i) {
      Row row;
      start(row);
      add(row, p + i * n, n);
      results[i] = result(row);
    }
  }

  // A chunk of columns: n rows of `stride` elements, `width` columns, the `first` or further ones, into `result`; n a
  // multiple of four but in the last call.
  static CKERAS_MEMBER void columns(const Element* p, int64_t n, int64_t stride, int64_t width, T* result, bool first) {
    constexpr int64_t kLanes = V::kLanes, kNarrow = 4 * kLanes, kFewRows = 16;
    const int64_t whole = width - width % kLanes;
    int64_t j = 0;
    if (width > kNarrow && n > kFewRows) {
      for (; first && j < whole; j += kLanes) V(F::start()).store(result + j);
      for (int64_t i = 0; i < n; i += i + 4 <= n ? 4 : 1) {
        for (j = 0; j < whole; j += kLanes) {
          const Element* q = p + i * stride + j;
          const V more = i + 4 <= n ? four(q, stride) : S::load(q);
          F::fold(V::load(result + j), more).store(result + j);
        }
      }
    }
    for (; j + 4 * kLanes <= width; j += 4 * kLanes) beside<4>(p + j, n, stride, result + j, first);
    for (; j + 2 * kLanes <= width; j += 2 * kLanes) beside<2>(p + j, n, stride, result + j, first);
    for (; j < width; j += kLanes) {
      const Element* q = p + j;
      const int64_t k = width - j;
      V a = first ? V(F::start()) : V::load(result + j, k);
      int64_t i = 0;
      for (; i + 4 <= n; i += 4, q += 4 * stride) {
        a = F::fold(a, F::fold(F::fold(S::load(q, k), S::load(q + stride, k)),
                               F::fold(S::load(q + 2 * stride, k), S::load(q + 3 * stride, k))));
      }
      for (; i < n; ++i, q += stride) a = F::fold(a, S::load(q, k));
      a.store(result + j, k);
    }
  }
  // (0 with 1), loaded in their order in memory, which fetches from DRAM need: the compiler may not mix them.
  template <int kVectors>
  static CKERAS_MEMBER void two_rows(const Element* p, int64_t stride, V* to) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    CKERAS_UNROLL
    for (int v = 0; v < kVectors; ++v) to[v] = S::load(p + v * V::kLanes);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    CKERAS_UNROLL
    for (int v = 0; v < kVectors; ++v) to[v] = F::fold(to[v], S::load(p + stride + v * V::kLanes));
  }
  // Vectors of columns that lie side by side, each row of them read at once.
  template <int kVectors>
  static CKERAS_MEMBER void beside(const Element* p, int64_t n, int64_t stride, T* result, bool first) {
    constexpr int64_t kLanes = V::kLanes;
    V a[kVectors];
    CKERAS_UNROLL
    for (int v = 0; v < kVectors; ++v) a[v] = first ? V(F::start()) : V::load(result + v * kLanes);
    int64_t i = 0;
    for (; i + 4 <= n; i += 4, p += 4 * stride) {
      V first_two[kVectors], last_two[kVectors];
      two_rows<kVectors>(p, stride, first_two);
      two_rows<kVectors>(p + 2 * stride, stride, last_two);
      CKERAS_UNROLL
      for (int v = 0; v < kVectors; ++v) a[v] = F::fold(a[v], F::fold(first_two[v], last_two[v]));
    }
    for (; i < n; ++i, p += stride) {
      CKERAS_UNROLL
      for (int v = 0; v < kVectors; ++v) a[v] = F::fold(a[v], S::load(p + v * kLanes));
    }
    CKERAS_UNROLL
    for (int v = 0; v < kVectors; ++v) a[v].store(result + v * kLanes);
  }
  static CKERAS_MEMBER V four(const Element* q, int64_t stride) {
    return F::fold(F::fold(S::load(q), S::load(q + stride)), F::fold(S::load(q + 2 * stride), S::load(q + 3 * stride)));
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
  using Row = E;
  static CKERAS_MEMBER void start(T& row) { row = Rule::template start<T>(); }
  static CKERAS_MEMBER void add(T& row, const E* p, int64_t n) {
    T total = row;
    for (int64_t i = 0; i < n; ++i) total = Rule::fold(total, p[i]);
    row = total;
  }
  static CKERAS_MEMBER T result(T row) { return row; }
  static CKERAS_MEMBER void rows(const E* p, int64_t rows, int64_t n, T* results) {
    for (int64_t i = 0; i < rows; ++i) {
      T row = Rule::template start<T>();
      add(row, p + i * n, n);
      results[i] = row;
    }
  }
  static CKERAS_MEMBER void columns(const E* p, int64_t n, int64_t stride, int64_t width, T* result, bool first) {
    for (int64_t j = 0; first && j < width; ++j) result[j] = Rule::template start<T>();
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

// ---- the same behind pointers: runtime/fold.h

template <class R, class Put>
struct FoldOfDtype {
  using T = typename R::T;
  using Element = typename R::Element;
  using Row = typename R::Row;
  static_assert(sizeof(Row) <= kFoldState);

  static void add(void* state, const void* x, int64_t n, bool first) noexcept {
    Row& row = *static_cast<Row*>(state);
    if (first) R::start(row);
    R::add(row, static_cast<const Element*>(x), n);
  }
  static void finish(const void* state, void* result) noexcept {
    *static_cast<T*>(result) = R::result(*static_cast<const Row*>(state));
  }
  static void rows(const void* x, int64_t rows, int64_t n, void* results) noexcept {
    R::rows(static_cast<const Element*>(x), rows, n, static_cast<T*>(results));
  }
  static void columns(const void* x, int64_t n, int64_t stride, int64_t width, void* results, bool first) noexcept {
    R::columns(static_cast<const Element*>(x), n, stride, width, static_cast<T*>(results), first);
  }
  static void join(const void* results, int64_t chunks, int64_t stride, int64_t n, void* out) noexcept {
    const T* from = static_cast<const T*>(results);
    Element* to = static_cast<Element*>(out);
    if (chunks == 1) {
      for (int64_t i = 0; i < n; ++i) to[i] = Put()(from[i]);
      return;
    }
    for (int64_t i = 0; i < n; ++i) to[i] = Put()(R::join(from + i, chunks, stride));
  }
  static constexpr Fold kFold = {sizeof(Element), sizeof(T), kSumChunk, kRowChunk, add, finish, rows, columns, join};
};

template <class S>
struct Rounded {
  CKERAS_MEMBER typename S::Element operator()(typename S::T v) const { return S::put(v); }
};
template <class T>
struct Itself {
  CKERAS_MEMBER T operator()(T v) const { return v; }
};

// [dtype], null where the reduction is not defined.
template <class Rule>
struct IntegerFolds {
  const Fold* of[kDTypes] = {};

  template <class E>
  constexpr void set(DType d) {
    of[static_cast<int>(d)] = &FoldOfDtype<Integers<Rule, E>, Itself<E>>::kFold;
  }
  constexpr IntegerFolds() {
    set<int8_t>(DType::I8);
    set<int16_t>(DType::I16);
    set<int32_t>(DType::I32);
    set<int64_t>(DType::I64);
    set<uint8_t>(DType::Bool);
    set<uint8_t>(DType::U8);
    set<uint16_t>(DType::U16);
    set<uint32_t>(DType::U32);
    set<uint64_t>(DType::U64);
  }
};
template <template <class> class FoldOf, class Rule>
struct NumberFolds : IntegerFolds<Rule> {
  template <class S>
  constexpr void set_float(DType d) {
    this->of[static_cast<int>(d)] = &FoldOfDtype<Floats<FoldOf, S>, Rounded<S>>::kFold;
  }
  constexpr NumberFolds() {
    set_float<Plain<float>>(DType::F32);
    set_float<Plain<double>>(DType::F64);
    set_float<Half<F16Bits>>(DType::F16);
    set_float<Half<BF16Bits>>(DType::BF16);
  }
};

template <class Folds>
inline constexpr Folds kFolds;

}  // namespace ckeras::CKERAS_ISA
