#include "ops/resample/resample.h"

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

void resample(const Call& call) noexcept {
  const View &x = call.in[0], &weights = call.in[1], &places = call.in[2], &y = call.out[0];
  const int64_t m = weights.shape[0], taps = weights.shape[1];
  const GatherShape s = gather_shape(x, places, call.ints[0]);
  for (int64_t i = 0; i < m * taps; ++i) {
    const int64_t place = index_at(places, i);
    if (place >= 0 && place < s.size) continue;
    *call.fault = {1, place, s.size};
    return;
  }
  with_float(x.dtype, [&](auto t) {
    using T = decltype(t);
    for (int64_t i = 0; i < y.size(); ++i) {
      const int64_t c = i % s.inner, at = i / s.inner % m * taps, o = i / s.inner / m;
      double sum = 0;
      for (int64_t k = 0; k < taps; ++k) {
        sum += weights.as<const T>()[at + k].get() *
               x.as<const T>()[(o * s.size + index_at(places, at + k)) * s.inner + c].get();
      }
      y.as<T>()[i].set(sum);
    }
  });
}

}  // namespace

extern const Kernel kernel_resample;
constinit const Kernel kernel_resample = {resample, nullptr, nullptr};

}  // namespace ckeras::reference
