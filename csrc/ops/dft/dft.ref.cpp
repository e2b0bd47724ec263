#include "ops/dft/dft.h"

#include <cmath>
#include <vector>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

void dft(const Call& call) noexcept {
  const View &x = call.in[0], &y = call.out[0];
  const int64_t n = x.shape[x.rank - 1], results = y.shape[y.rank - 1];
  const double sign = call.n_ints > 0 ? static_cast<double>(call.ints[0]) : -1;
  if (n == 0) return;
  std::vector<double> cosines(n), sines(n);  // of all n angles: a sum asks for each again
  for (int64_t m = 0; m < n; ++m) {
    const double angle = sign * 2 * M_PI * static_cast<double>(m) / static_cast<double>(n);
    cosines[m] = std::cos(angle);
    sines[m] = std::sin(angle);
  }
  with_float(x.dtype, [&](auto t) {
    using T = decltype(t);
    for (int64_t at = 0; at < y.size(); ++at) {
      const int64_t k = at % results, row = at / results * n;
      double re = 0, im = 0;
      for (int64_t j = 0; j < n; ++j) {
        const int64_t m = j * k % n;
        const double a = x.as<const T>()[row + j].get();
        const double b = call.n_in == 2 ? call.in[1].as<const T>()[row + j].get() : 0;
        re += a * cosines[m] - b * sines[m];
        im += a * sines[m] + b * cosines[m];
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
