// The fused loop: elementwise steps, alone or in a chain, run over tiles that stay in the L1 cache
// (docs/architecture.md, section 5).
#pragma once
#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "runtime/kernel.h"

namespace ckeras {

// [op id] -> Kernel::tile of the instruction set in use; null for an op that is not elementwise. For `cast` the entries
// are [from * kDTypes + to]; for every other op [dtype of the value operands].
using TileTables = const TileFn* const*;

// A chain, decoded once. It holds no pointer to data and none to `ints`: one plan serves any number of runs, and threads.
class Fused {
 public:
  Fused() = default;

  // `ints` as section 5 says, `inputs` the dtypes of the inputs. Throws std::invalid_argument for ints that are no chain.
  Fused(const int64_t* ints, int64_t n_ints, const DType* inputs, TileTables tiles);

  // Bytes of workspace that run() needs, 64-byte aligned; 0 unless a long reduction ends the chain.
  int64_t workspace() const;

  // An output may be the very memory of an input that has the output's dtype and is not broadcast.
  void run(const void* const* in, void* const* out, void* workspace) const noexcept;
};

// One op on views whose shapes broadcast to the output's; `ints` and `floats` of the call are not read.
void run_elementwise(int op_id, const Call& call, TileTables tiles) noexcept;

}  // namespace ckeras
