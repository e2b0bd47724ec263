// layer_norm and layer_norm_grad against their references: rows around lanes and chunks, with and without weights.
#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

int main() {
  for (DType dtype : {DType::F32, DType::F64}) {
    const double rounding = dtype == DType::F64 ? 0x1p-52 : 0x1p-23;
    for (int64_t n : kLengths) {
      if (n == 0) continue;
      for (int64_t rows : {int64_t{0}, int64_t{3}, n < 200 ? int64_t{131} : int64_t{5}}) {
        const Array x = random_array(dtype, {rows, n}, 1), dy = random_array(dtype, {rows, n}, 2);
        const Array gamma = random_array(dtype, {n}, 3), beta = random_array(dtype, {n}, 4);
        for (int flags = 0; flags < 8; ++flags) {
          const bool rms = flags & 1, with_gamma = flags & 2, with_beta = flags & 4;
          const Attributes attributes{{rms, with_gamma, with_beta}, {0.01}};
          std::vector<const Array*> in = {&x};
          if (with_gamma) in.push_back(&gamma);
          if (with_beta) in.push_back(&beta);
          const std::vector<Out> outs = {{dtype, {rows, n}}, {dtype, {rows}}, {dtype, {rows}}};
          check_kernel("layer_norm", in, outs, attributes, {32 * rounding, 64 * rounding});
          const Outcome forward = run(cpu::Isa::Reference, "layer_norm", in, outs, attributes);
          in = {&x, &dy, &forward.out[1], &forward.out[2]};
          std::vector<Out> grads = {{dtype, {rows, n}}};
          if (with_gamma) in.push_back(&gamma);
          for (bool wanted : {with_gamma, with_beta}) {
            if (wanted) grads.push_back({dtype, {n}});
          }
          check_kernel("layer_norm_grad", in, grads, attributes, {64 * rounding, 1024 * rounding});
        }
      }
    }
  }
  return CHECK_RESULT();
}
