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

  // A chunk of columns: start, then n more rows of `stride` elements, `width` columns, into `result`; n a multiple of
  // four but in the last call.
  static CKERAS_MEMBER void start_columns(int64_t width, T* result) {
    for (int64_t j = 0; j < width; j += V::kLanes) V(F::start()).store(result + j, width - j);
  }
  static CKERAS_MEMBER void add_columns(const Element* p, int64_t n, int64_t stride, int64_t width, T* result) {
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
  using Row = E;
  static CKERAS_MEMBER void start(T& row) { row = Rule::template start<T>(); }
  static CKERAS_MEMBER void add(T& row, const E* p, int64_t n) {
    T total = row;
    for (int64_t i = 0; i < n; ++i) total = Rule::fold(total, p[i]);
    row = total;
  }
  static CKERAS_MEMBER T result(T row) { return row; }
  static CKERAS_MEMBER void start_columns(int64_t width, T* result) {
    for (int64_t j = 0; j < width; ++j) result[j] = Rule::template start<T>();
  }
  static CKERAS_MEMBER void add_columns(const E* p, int64_t n, int64_t stride, int64_t width, T* result) {
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
    for (int64_t i = 0; i < rows; ++i) {
      Row row;
      R::start(row);
      R::add(row, static_cast<const Element*>(x) + i * n, n);
      static_cast<T*>(results)[i] = R::result(row);
    }
  }
  static void columns(const void* x, int64_t n, int64_t stride, int64_t width, void* results, bool first) noexcept {
    if (first) R::start_columns(width, static_cast<T*>(results));
    R::add_columns(static_cast<const Element*>(x), n, stride, width, static_cast<T*>(results));
  }
  static void join(const void* results, int64_t chunks, int64_t stride, int64_t n, void* out) noexcept {
    for (int64_t i = 0; i < n; ++i) {
      static_cast<Element*>(out)[i] = Put()(R::join(static_cast<const T*>(results) + i, chunks, stride));
    }
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
