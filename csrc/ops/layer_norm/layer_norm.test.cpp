// layer_norm and layer_norm_grad against their references: rows around lanes and chunks, with and without weights.
#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

int main() {
  for (DType dtype : kFloats) {
    const DType wide = dtype == DType::F64 ? dtype : DType::F32;
    const double rounding = epsilon(wide), last = dtype == wide ? 0 : epsilon(dtype);
    for (int64_t n : kLengths) {
      if (n == 0) continue;
      for (int64_t rows : {int64_t{0}, int64_t{3}, n < 200 ? int64_t{131} : int64_t{5}}) {
        const Array x = random_array(dtype, {rows, n}, 1), dy = random_array(dtype, {rows, n}, 2);
        const Array gamma = random_array(wide, {n}, 3), beta = random_array(wide, {n}, 4);
        for (int flags = 0; flags < 8; ++flags) {
          const bool rms = flags & 1, with_gamma = flags & 2, with_beta = flags & 4;
          const Attributes attributes{{rms, with_gamma, with_beta}, {0.01}};
          std::vector<const Array*> in = {&x};
          if (with_gamma) in.push_back(&gamma);
          if (with_beta) in.push_back(&beta);
          const std::vector<Out> outs = {{dtype, {rows, n}}, {wide, {rows}}, {wide, {rows}}};
          check_kernel("layer_norm", in, outs, attributes, {last + 32 * rounding, 64 * rounding});
          const Outcome forward = run(cpu::Isa::Reference, "layer_norm", in, outs, attributes);
          in = {&x, &dy, &forward.out[1], &forward.out[2]};
          std::vector<Out> grads = {{dtype, {rows, n}}};
          if (with_gamma) in.push_back(&gamma);
          for (bool wanted : {with_gamma, with_beta}) {
            if (wanted) grads.push_back({wide, {n}});
          }
          check_kernel("layer_norm_grad", in, grads, attributes, {last + 64 * rounding, 1024 * rounding});
        }
      }
    }
  }
  return CHECK_RESULT();
}
