#include <vector>

#include "gemm/reference.h"
#include "ops/gather/gather.h"

namespace ckeras::reference {
namespace {

void gather_grad(const Call& call) noexcept {
  const View& indices = call.in[0];
  const View& dx = call.out[0];
  const GatherShape s = gather_shape(dx, indices, call.ints[0], call.ints[1] != 0);
  if (!check_indices(call, indices, s.size)) return;
  with_float(dx.dtype, [&](auto t) {
    using T = decltype(t);
    std::vector<double> sum(static_cast<size_t>(dx.size()));
    for (int64_t o = 0; o < s.outer; ++o) {
      for (int64_t j = 0; j < s.count; ++j) {
        for (int64_t i = 0; i < s.inner; ++i) {
          const int64_t index = index_at(indices, s.along ? (o * s.count + j) * s.inner + i : j);
          sum[(o * s.size + (index < 0 ? index + s.size : index)) * s.inner + i] +=
              call.in[1].as<const T>()[(o * s.count + j) * s.inner + i].get();
        }
      }
    }
    for (size_t i = 0; i < sum.size(); ++i) dx.as<T>()[i].set(sum[i]);
  });
}

}  // namespace

extern const Kernel kernel_gather_grad;
constinit const Kernel kernel_gather_grad = {gather_grad, nullptr, nullptr};

}  // namespace ckeras::reference
