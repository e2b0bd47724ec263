#include "ops/matmul/matmul.h"
#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

template <class T>
void matmul(const Call& call, T) noexcept {
  const MatmulShape s = matmul_shape(call);
  const T* a = call.in[0].as<const T>();
  const T* b = call.in[1].as<const T>();
  const T* bias = s.bias != nullptr ? s.bias->as<const T>() : nullptr;
  const T* residual = s.residual != nullptr ? s.residual->as<const T>() : nullptr;
  T* c = call.out[0].as<T>();
  for (int64_t batch = 0; batch < s.batch; ++batch, a += s.m * s.k, b += s.k * s.n, c += s.m * s.n) {
    for (int64_t i = 0; i < s.m; ++i) {
      for (int64_t j = 0; j < s.n; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < s.k; ++k) {
          sum +=
              a[s.transpose_a ? k * s.m + i : i * s.k + k].get() * b[s.transpose_b ? j * s.k + k : k * s.n + j].get();
        }
        T& out = c[i * s.n + j];
        out.set(sum);
        if (bias != nullptr) out.set(out.get() + bias[j].get());
        out.set(activate(out.get(), s.activation));
        if (residual != nullptr) out.set(out.get() + (residual++)->get());
      }
    }
  }
}

void run(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) { matmul(call, t); });
}

}  // namespace

extern const Kernel kernel_matmul;
constinit const Kernel kernel_matmul = {run, nullptr, nullptr};

}  // namespace ckeras::reference
