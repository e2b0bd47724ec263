#include "ops/dft/dft.h"

#include <cmath>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

void dft(const Call& call) noexcept {
  const View &x = call.in[0], &y = call.out[0];
  const int64_t n = x.shape[x.rank - 1], results = y.shape[y.rank - 1];
  const double sign = call.n_ints > 0 ? static_cast<double>(call.ints[0]) : -1;
  if (n == 0) return;
  with_float(x.dtype, [&](auto t) {
    using T = decltype(t);
    for (int64_t at = 0; at < y.size(); ++at) {
      const int64_t k = at % results, row = at / results * n;
      double re = 0, im = 0;
      for (int64_t j = 0; j < n; ++j) {
        const double angle = sign * 2 * M_PI * static_cast<double>(j * k % n) / static_cast<double>(n);
        const double a = x.as<const T>()[row + j].get();
        const double b = call.n_in == 2 ? call.in[1].as<const T>()[row + j].get() : 0;
        re += a * std::cos(angle) - b * std::sin(angle);
        im += a * std::sin(angle) + b * std::cos(angle);
      }
      if (call.n_in == 1 && 2 * k % n == 0) im = 0;  // a sum of zeros
      call.out[0].as<T>()[at].set(re);
      call.out[1].as<T>()[at].set(im);
    }
  });
}

}  // namespace

extern const Kernel kernel_dft, kernel_real_dft;
constinit const Kernel kernel_dft = {dft, nullptr, nullptr};
constinit const Kernel kernel_real_dft = {dft, nullptr, nullptr};

}  // namespace ckeras::reference
