#include "ops/dft/dft.h"

#include <cmath>
#include <vector>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

template <DftOperand (*operand)(const Call&)>
void dft(const Call& call) noexcept {
  const DftOperand from = operand(call);
  const View& y = call.out[0];
  const int64_t n = from.rows.n, results = y.shape[y.rank - 1];
  if (n == 0) return;
  std::vector<double> cosines(n), sines(n);  // of all n angles: a sum asks for each again
  for (int64_t m = 0; m < n; ++m) {
    const double angle = static_cast<double>(from.sign) * 2 * M_PI * static_cast<double>(m) / static_cast<double>(n);
    cosines[m] = std::cos(angle);
    sines[m] = std::sin(angle);
  }
  with_float(y.dtype, [&](auto t) {
    using T = decltype(t);
    for (int64_t at = 0; at < y.size(); ++at) {
      const int64_t k = at % results, row = from.rows.at(at / results);
      double re = 0, im = 0;
      for (int64_t j = 0; j < n; ++j) {
        const int64_t m = j * k % n;
        const double weight = from.weights != nullptr ? from.weights->as<const T>()[j].get() : 1;
        const double a = weight * from.re->as<const T>()[row + j].get();
        const double b = from.im != nullptr ? from.im->as<const T>()[row + j].get() : 0;
        re += a * cosines[m] - b * sines[m];
        im += a * sines[m] + b * cosines[m];
      }
      if (from.im == nullptr && 2 * k % n == 0) im = 0;  // a sum of zeros
      call.out[0].as<T>()[at].set(re);
      call.out[1].as<T>()[at].set(im);
    }
  });
}

}  // namespace

extern const Kernel kernel_dft, kernel_real_dft, kernel_short_time_dft;
constinit const Kernel kernel_dft = {dft<dft_operand>, nullptr, nullptr};
constinit const Kernel kernel_real_dft = {dft<real_dft_operand>, nullptr, nullptr};
constinit const Kernel kernel_short_time_dft = {dft<short_time_dft_operand>, nullptr, nullptr};

}  // namespace ckeras::reference
