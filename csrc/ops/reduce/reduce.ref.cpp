#include "ops/reduce/reduce.h"

#include <limits>
#include <type_traits>

#include "ops/reference.h"

namespace ckeras::reference {
namespace {

enum class Fold { Sum, Prod, Max, Min, Any, All };

template <Fold F, class T>
T start() {
  if constexpr (F == Fold::Prod || F == Fold::All) return T{1};
  if constexpr (F == Fold::Max)
    return std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
  if constexpr (F == Fold::Min)
    return std::is_floating_point_v<T> ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
  return T{0};
}

template <Fold F, class T>
T fold(T a, T b) {
  using Wrap = std::conditional_t<std::is_floating_point_v<T>, T, uint64_t>;
  if constexpr (F == Fold::Sum) return static_cast<T>(static_cast<Wrap>(a) + static_cast<Wrap>(b));
  if constexpr (F == Fold::Prod) return static_cast<T>(static_cast<Wrap>(a) * static_cast<Wrap>(b));
  if constexpr (F == Fold::Max) return a != a || a > b ? a : b;
  if constexpr (F == Fold::Min) return a != a || a < b ? a : b;
  if constexpr (F == Fold::Any) return a | b;
  if constexpr (F == Fold::All) return a & b;
}

// For each output, all inputs it is made of: T folded, `get` reads an element, `set` writes a result.
template <Fold F, class T, class Get, class Set>
void fold_all(const Call& call, const Get& get, const Set& set) {
  const View& x = call.in[0];
  int64_t kept = 1, reduced = 1;
  for (int d = 0; d < x.rank; ++d) (call.ints[d] ? reduced : kept) *= x.shape[d];
  for (int64_t o = 0; o < kept; ++o) {
    T total = start<F, T>();
    for (int64_t r = 0; r < reduced; ++r) {
      int64_t index = 0, stride = 1, rest[2] = {o, r};
      for (int d = x.rank - 1; d >= 0; --d) {
        int64_t& which = rest[call.ints[d] != 0];
        index += which % x.shape[d] * stride;
        which /= x.shape[d];
        stride *= x.shape[d];
      }
      total = fold<F, T>(total, get(index));
    }
    set(o, total);
  }
}

template <Fold F>
void reduce(const Call& call) noexcept {
  const View& x = call.in[0];
  const View& y = call.out[0];
  if constexpr (F != Fold::Any && F != Fold::All) {
    with_float(x.dtype, [&](auto t) {
      using T = decltype(t);
      fold_all<F, double>(
          call, [&](int64_t i) { return x.as<const T>()[i].get(); }, [&](int64_t i, double v) { y.as<T>()[i].set(v); });
    });
  }
  with_integer(x.dtype, [&](auto t) {
    using T = decltype(t);
    fold_all<F, T>(call, [&](int64_t i) { return x.as<const T>()[i]; }, [&](int64_t i, T v) { y.as<T>()[i] = v; });
  });
}

}  // namespace

extern const Kernel kernel_reduce_sum, kernel_reduce_prod, kernel_reduce_max, kernel_reduce_min, kernel_reduce_any,
    kernel_reduce_all;
constinit const Kernel kernel_reduce_sum = {reduce<Fold::Sum>, nullptr, nullptr};
constinit const Kernel kernel_reduce_prod = {reduce<Fold::Prod>, nullptr, nullptr};
constinit const Kernel kernel_reduce_max = {reduce<Fold::Max>, nullptr, nullptr};
constinit const Kernel kernel_reduce_min = {reduce<Fold::Min>, nullptr, nullptr};
constinit const Kernel kernel_reduce_any = {reduce<Fold::Any>, nullptr, nullptr};
constinit const Kernel kernel_reduce_all = {reduce<Fold::All>, nullptr, nullptr};

}  // namespace ckeras::reference
