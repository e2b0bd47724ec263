#include "ops/random/rejection.h"

#include <cmath>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

struct Libm : OneLane {
  static double log(double x) { return std::log(x); }
  static double exp(double x) { return std::exp(x); }
  static double sqrt(double x) { return std::sqrt(x); }
  static double floor(double x) { return std::floor(x); }
  static double cos_turn(double t) { return std::cos(2 * M_PI * t); }
};

template <bool kGamma>
void draw(const Call& call) noexcept {
  const auto* seed = call.in[0].as<const uint32_t>();
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    for (int64_t i = 0; i < call.out[0].size(); ++i) {
      const RejectionStream stream{seed[0], seed[1], i};
      const double x = call.in[1].as<const T>()[i].get();
      if constexpr (kGamma) {
        call.out[0].as<T>()[i].set(draw_gamma<Libm>(stream, x));
      } else {
        call.out[0].as<T>()[i].set(draw_binomial<Libm>(stream, x, call.in[2].as<const T>()[i].get()));
      }
    }
  });
}

}  // namespace

extern const Kernel kernel_random_gamma, kernel_random_binomial;
constinit const Kernel kernel_random_gamma = {draw<true>, nullptr, nullptr};
constinit const Kernel kernel_random_binomial = {draw<false>, nullptr, nullptr};

}  // namespace ckeras::reference
