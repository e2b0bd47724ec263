#include "ops/updates/updates.h"

#include <cmath>

#include "ops/reference.h"

#define CKERAS_ISA reference
#include "ops/updates/choose.h"

namespace ckeras::reference {
namespace {

// A float64 number with the names that vectors have.
struct Number {
  double x = 0;
  Number() = default;
  explicit Number(double value) : x(value) {}
  friend Number operator+(Number a, Number b) { return Number(a.x + b.x); }
  friend Number operator-(Number a, Number b) { return Number(a.x - b.x); }
  friend Number operator*(Number a, Number b) { return Number(a.x * b.x); }
  friend Number operator/(Number a, Number b) { return Number(a.x / b.x); }
  friend bool operator<(Number a, Number b) { return a.x < b.x; }
  friend bool operator>(Number a, Number b) { return a.x > b.x; }
  friend Number sqrt(Number a) { return Number(std::sqrt(a.x)); }
  friend Number abs(Number a) { return Number(std::abs(a.x)); }
  friend Number pow(Number a, Number b) { return Number(std::pow(a.x, b.x)); }
  friend Number max(Number a, Number b) { return a.x > b.x || std::isnan(a.x) ? a : b; }
  friend Number min(Number a, Number b) { return a.x < b.x || std::isnan(a.x) ? a : b; }
  friend Number select(bool m, Number a, Number b) { return m ? a : b; }
};

Number element(const View& view, int64_t i) {
  Number out;
  with_float(view.dtype, [&](auto t) { out = Number(view.as<const decltype(t)>()[i].get()); });
  return out;
}

template <class Rule>
void run(const Call& call) {
  constexpr int kSlots = Rule::kSlots;
  Number k[Rule::kScalars + Rule::kFloats];
  for (int j = 0; j < Rule::kScalars; ++j) k[j] = Number(scalar(call.in[j]));
  for (int j = 0; j < Rule::kFloats; ++j) k[Rule::kScalars + j] = Number(call.floats[j]);
  const View* in = call.in + Rule::kScalars;
  for (const View* out = call.out; out < call.out + call.n_out; out += kSlots + 1, in += kSlots + 2) {
    with_float(out->dtype, [&](auto t) {
      using T = decltype(t);
      const auto at = [&](const View& view, int64_t i) { return Number(view.as<const T>()[i].get()); };
      for (int64_t i = 0; i < out->size(); ++i) {
        Number slots[kSlots + 1];
        for (int j = 0; j < kSlots; ++j) slots[j] = at(in[2 + j], i);
        const Number moved = Rule::step(at(in[0], i), element(in[1], i), slots, k);
        out[0].as<T>()[i].set(moved.x);
        for (int j = 0; j < kSlots; ++j) out[1 + j].as<T>()[i].set(slots[j].x);
      }
    });
  }
}

}  // namespace
}  // namespace ckeras::reference
