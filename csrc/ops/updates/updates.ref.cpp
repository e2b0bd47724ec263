#include "ops/updates/updates.h"

#include <cmath>

#include "ops/reference.h"

namespace ckeras::reference {
namespace {

void sgd(const Call& call) noexcept {
  const double lr = scalar(call.in[0]), momentum = call.floats[0];
  const bool has_momentum = call.ints[0] != 0, nesterov = call.ints[1] != 0;
  const View* in = call.in + 1;
  for (const View* out = call.out; out < call.out + call.n_out; out += 1 + has_momentum, in += 2 + has_momentum) {
    with_float(out->dtype, [&](auto t) {
      using T = decltype(t);
      for (int64_t i = 0; i < out->size(); ++i) {
        double step = -lr * in[1].as<const T>()[i].get();
        if (has_momentum) {
          const double m = momentum * in[2].as<const T>()[i].get() + step;
          out[1].as<T>()[i].set(m);
          step = nesterov ? momentum * m + step : m;
        }
        out[0].as<T>()[i].set(in[0].as<const T>()[i].get() + step);
      }
    });
  }
}

void adam(const Call& call) noexcept {
  const double alpha = scalar(call.in[0]), rate1 = call.floats[0], rate2 = call.floats[1], epsilon = call.floats[2];
  const View* in = call.in + 1;
  for (const View* out = call.out; out < call.out + call.n_out; out += 3, in += 4) {
    with_float(out->dtype, [&](auto t) {
      using T = decltype(t);
      for (int64_t i = 0; i < out->size(); ++i) {
        const double g = in[1].as<const T>()[i].get();
        const double m = in[2].as<const T>()[i].get(), v = in[3].as<const T>()[i].get();
        const double m2 = m + (g - m) * rate1, v2 = v + (g * g - v) * rate2;
        out[0].as<T>()[i].set(in[0].as<const T>()[i].get() - alpha * m2 / (std::sqrt(v2) + epsilon));
        out[1].as<T>()[i].set(m2);
        out[2].as<T>()[i].set(v2);
      }
    });
  }
}

}  // namespace

extern const Kernel kernel_sgd_update, kernel_adam_update;
constinit const Kernel kernel_sgd_update = {sgd, nullptr, nullptr};
constinit const Kernel kernel_adam_update = {adam, nullptr, nullptr};

}  // namespace ckeras::reference
