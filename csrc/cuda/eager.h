// One op at once on a device: what an eager operation is.
#pragma once
#include <span>
#include <vector>

#include "cuda/program.h"

namespace ckeras::cuda {

// Queues the op on arrays of the device; results are new arrays of these types. Ops that may meet bad values are waited
// for. Throws DeviceFault, std::invalid_argument by name for what has no kernel, OutOfMemory.
std::vector<DeviceArray> run_op(Device& device, int op, std::span<const DeviceArray> in, std::span<const View> out,
                                std::span<const int64_t> ints, std::span<const double> floats);

}  // namespace ckeras::cuda
