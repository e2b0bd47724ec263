// Stands in until the fused loop is built: refuses.
#include <stdexcept>

#include "runtime/fused.h"
#include "runtime/registry.h"

namespace ckeras {

__attribute__((weak)) Fused::Fused(const int64_t*, int64_t, const DType*, TileTables) {
  throw std::invalid_argument("fused: not built yet");
}
__attribute__((weak)) int64_t Fused::workspace() const { return 0; }
__attribute__((weak)) void Fused::run(const void* const*, void* const*, void*) const noexcept {}
// Equal shapes in one tile, broadcast ones element by element.
__attribute__((weak)) void run_elementwise(int op, const Call& call, TileTables tiles) noexcept {
  const View& out = call.out[0];
  const int key = static_cast<int>(call.in[call.n_in - 1].dtype);
  const bool cast = ops()[op].result == OpResult::Any;
  const TileFn tile = tiles[op][cast ? key * kDTypes + static_cast<int>(out.dtype) : key];
  if (!tile) return;
  bool equal = true;
  for (int i = 0; i < call.n_in; ++i) equal = equal && call.in[i].size() == out.size();
  const void* in[3];
  for (int64_t e = 0; e < out.size(); e += equal ? out.size() : 1) {
    for (int i = 0; i < call.n_in; ++i) {
      const View& v = call.in[i];
      int64_t rest = e, at = 0, stride = 1;
      for (int d = 1; d <= v.rank; ++d) {
        const int64_t dim = out.shape[out.rank - d];
        if (v.shape[v.rank - d] != 1) at += rest % dim * stride;
        stride *= v.shape[v.rank - d];
        rest /= dim;
      }
      in[i] = v.as<const char>() + at * size_of(v.dtype);
    }
    tile(out.as<char>() + e * size_of(out.dtype), in, equal ? out.size() : 1);
  }
}

}  // namespace ckeras
