#include "cpu/vmath_table.h"

#include "cpu/vmath.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <class F, class T>
void each(const T* x, const T* y, T* r, int64_t n) noexcept {
  constexpr int64_t kLanes = VecOf<T>::kLanes;
  for (int64_t i = 0; i < n; i += kLanes) F()(load(x + i, n - i), load(y + i, n - i)).store(r + i, n - i);
}

template <class F>
constexpr VmathRow row(const char* name, F) {
  return {name, each<F, float>, each<F, double>};
}

}  // namespace

extern const VmathRow vmath_table[kVmathRows];
constinit const VmathRow vmath_table[kVmathRows] = {
    row("exp2", [](auto x, auto) { return exp2(x); }),        row("exp", [](auto x, auto) { return exp(x); }),
    row("expm1", [](auto x, auto) { return expm1(x); }),      row("log", [](auto x, auto) { return log(x); }),
    row("log1p", [](auto x, auto) { return log1p(x); }),      row("tanh", [](auto x, auto) { return tanh(x); }),
    row("sigmoid", [](auto x, auto) { return sigmoid(x); }),  row("erf", [](auto x, auto) { return erf(x); }),
    row("sin", [](auto x, auto) { return sin(x); }),          row("cos", [](auto x, auto) { return cos(x); }),
    row("erfinv", [](auto x, auto) { return erfinv(x); }),    row("pow", [](auto x, auto y) { return pow(x, y); }),
    row("max", [](auto x, auto y) { return max(x, y); }),     row("softplus", [](auto x, auto) { return softplus(x); }),
    row("tan", [](auto x, auto) { return tan(x); }),          row("atan", [](auto x, auto) { return atan(x); }),
    row("asin", [](auto x, auto) { return asin(x); }),        row("acos", [](auto x, auto) { return acos(x); }),
    row("atan2", [](auto x, auto y) { return atan2(x, y); }),
};

}  // namespace ckeras::CKERAS_ISA
