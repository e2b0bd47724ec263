// Every elementwise row of ops.def as a Kernel: its functor in a loop over a tile, one entry a dtype.
// Halves have no entry but where only bits move: the fused loop widens them to float32 and rounds back.
#include <cstddef>

#include "ops/elementwise/cast.h"
#include "ops/elementwise/functors.h"
#include "runtime/kernel.h"
#include "runtime/tile.h"

namespace ckeras::CKERAS_ISA {
namespace {

// ---- loops. `out` may be an input; so every element is read before its place is written.

template <class T>
inline constexpr bool kIsFloating = false;
template <>
inline constexpr bool kIsFloating<float> = true;
template <>
inline constexpr bool kIsFloating<double> = true;

template <class T>
CKERAS_INLINE VecOf<T> get(const void* in, int64_t i, int64_t n) {
  constexpr int64_t kLanes = VecOf<T>::kLanes;
  const T* p = static_cast<const T*>(in) + i;
  return n >= kLanes ? VecOf<T>::load(p) : VecOf<T>::load(p, n);
}
template <class M>
CKERAS_INLINE M get_mask(const void* in, int64_t i, int64_t n) {
  const uint8_t* p = static_cast<const uint8_t*>(in) + i;
  if (n >= M::kLanes) return M::from_bytes(p);
  uint8_t bytes[M::kLanes] = {};
  __builtin_memcpy(bytes, p, static_cast<size_t>(n));
  return M::from_bytes(bytes);
}
template <class T>
CKERAS_INLINE void put(void* out, int64_t i, VecOf<T> v, int64_t n) {
  T* p = static_cast<T*>(out) + i;
  n >= VecOf<T>::kLanes ? v.store(p) : v.store(p, n);
}
template <class T>
CKERAS_INLINE void put(void* out, int64_t i, typename VecOf<T>::M m, int64_t n) {
  uint8_t* p = static_cast<uint8_t*>(out) + i;
  if (n >= VecOf<T>::kLanes) return m.store_bytes(p);
  uint8_t bytes[VecOf<T>::kLanes];
  m.store_bytes(bytes);
  __builtin_memcpy(p, bytes, static_cast<size_t>(n));
}

// A mask for places: none but the first, where the operand is the same everywhere (runtime/tile.h).
CKERAS_INLINE int64_t walked(const void* const* in, int operand) {
  return static_cast<int64_t>(*static_cast<const unsigned*>(in[kRepeated]) >> operand & 1) - 1;
}

template <class F, class T>
void unary(void* out, const void* const* in, int64_t n) noexcept {
  if constexpr (kIsFloating<T>) {
    constexpr int64_t kLanes = VecOf<T>::kLanes;
    const void* a = in[0];
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) put<T>(out, i, F()(get<T>(a, i, kLanes)), kLanes);
    if (i < n) put<T>(out, i, F()(get<T>(a, i, n - i)), n - i);
  } else {
    using R = decltype(F()(T()));
    const T* a = static_cast<const T*>(in[0]);
    R* r = static_cast<R*>(out);
    CKERAS_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) r[i] = F()(a[i]);
  }
}

template <class F, class T>
void binary(void* out, const void* const* in, int64_t n) noexcept {
  if constexpr (kIsFloating<T>) {
    constexpr int64_t kLanes = VecOf<T>::kLanes;
    const void *a = in[0], *b = in[1];
    const int64_t at_a = walked(in, 0), at_b = walked(in, 1);
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      put<T>(out, i, F()(get<T>(a, i & at_a, kLanes), get<T>(b, i & at_b, kLanes)), kLanes);
    }
    if (i < n) put<T>(out, i, F()(get<T>(a, i & at_a, n - i), get<T>(b, i & at_b, n - i)), n - i);
  } else {
    using R = decltype(F()(T(), T()));
    const T *a = static_cast<const T*>(in[0]), *b = static_cast<const T*>(in[1]);
    R* r = static_cast<R*>(out);
    CKERAS_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) r[i] = F()(a[i], b[i]);
  }
}

// The first operand is bool.
template <class F, class T>
void ternary(void* out, const void* const* in, int64_t n) noexcept {
  if constexpr (kIsFloating<T>) {
    constexpr int64_t kLanes = VecOf<T>::kLanes;
    using M = typename VecOf<T>::M;
    const void *m = in[0], *a = in[1], *b = in[2];
    const int64_t at_m = walked(in, 0), at_a = walked(in, 1), at_b = walked(in, 2);
    const auto put_some = [&](int64_t i, int64_t k) __attribute__((always_inline)) {
      put<T>(out, i, F()(get_mask<M>(m, i & at_m, k), get<T>(a, i & at_a, k), get<T>(b, i & at_b, k)), k);
    };
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) put_some(i, kLanes);
    if (i < n) put_some(i, n - i);
  } else {
    const uint8_t* m = static_cast<const uint8_t*>(in[0]);
    const T *a = static_cast<const T*>(in[1]), *b = static_cast<const T*>(in[2]);
    T* r = static_cast<T*>(out);
    CKERAS_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) r[i] = F()(m[i] != 0, a[i], b[i]);
  }
}

template <class F, int kArity, class T>
constexpr TileFn tile_of() {
  if constexpr (kArity == 1) {
    return unary<F, T>;
  } else if constexpr (kArity == 2) {
    return binary<F, T>;
  } else {
    return ternary<F, T>;
  }
}

// ---- tables

enum Dtypes { FLOATS, NUMBERS, INTS, BITS, BOOLS, ALL };

template <class F>
concept Signless = F::kSignless;

template <class F, int kArity, Dtypes kDtypes>
struct Tiles {
  TileFn fn[kDTypes] = {};

  template <class T>
  constexpr void set(DType d) {
    fn[static_cast<int>(d)] = tile_of<F, kArity, T>();
  }

  constexpr Tiles() {
    if constexpr (kDtypes == BITS || kDtypes == BOOLS || kDtypes == ALL) set<uint8_t>(DType::Bool);
    if constexpr (kDtypes != FLOATS && kDtypes != BOOLS) {
      set<uint8_t>(DType::U8);
      set<uint16_t>(DType::U16);
      set<uint32_t>(DType::U32);
      set<uint64_t>(DType::U64);
      if constexpr (Signless<F>) {
        set<uint8_t>(DType::I8);
        set<uint16_t>(DType::I16);
        set<uint32_t>(DType::I32);
        set<uint64_t>(DType::I64);
      } else {
        set<int8_t>(DType::I8);
        set<int16_t>(DType::I16);
        set<int32_t>(DType::I32);
        set<int64_t>(DType::I64);
      }
    }
    if constexpr (kDtypes == FLOATS || kDtypes == NUMBERS || kDtypes == ALL) {
      set<float>(DType::F32);
      set<double>(DType::F64);
    }
  }
};

// Selection moves bits: one loop a width, halves too.
template <Dtypes kDtypes>
struct Tiles<Select, 3, kDtypes> {
  TileFn fn[kDTypes] = {};

  constexpr Tiles() {
    constexpr TileFn by_size[9] = {
        nullptr, ternary<Select, uint8_t>, ternary<Select, uint16_t>, nullptr, ternary<Select, float>, nullptr, nullptr,
        nullptr, ternary<Select, double>};
    for (int d = 0; d < kDTypes; ++d) fn[d] = by_size[kDTypeSizes[d]];
  }
};

// A cast has an entry for each pair: [from * kDTypes + to].
template <Dtypes kDtypes>
struct Tiles<Cast, 1, kDtypes> : CastTiles {};

template <class F, int kArity, Dtypes kDtypes>
constexpr Tiles<F, kArity, kDtypes> kTiles;

}  // namespace

#define CKERAS_ELEMENTWISE(name, functor, arity, dtypes, result) \
  extern const Kernel kernel_##name;                             \
  constinit const Kernel kernel_##name = {nullptr, nullptr, kTiles<functor, arity, dtypes>.fn};
#include "ops/ops.def"

}  // namespace ckeras::CKERAS_ISA
