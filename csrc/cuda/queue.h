// Work for a device in order: what kernels' host code launches on. Plain types: tests and the library's users include
// it.
#pragma once
#include <cstdint>

#include "runtime/kernel.h"

namespace ckeras::cuda {

struct Queue {
  void* stream = nullptr;  // cudaStream_t
  int error = 0;           // the first cudaError_t of a launch; nothing is launched after it
};

// NoDtype: the kernel has no version for these dtypes. TooLong: a chain of more inputs, steps or outputs than it takes.
enum class Status : uint8_t { Launched, NoDtype, TooLong };

// As RunFn: data, workspace and fault of the call are memory of the device, all else the host's. Returns before the
// work is done. The fault's memory holds zeros, or an earlier fault: then the kernel may do nothing.
using RunDevice = Status (*)(const Call&, Queue&);

struct DeviceKernel {
  const char* name;
  RunDevice run;
  WorkspaceFn workspace;  // null: none needed
};

// The kernel of a row of ops.def, or null: this library has none.
const DeviceKernel* find_kernel(const char* name);

// The elementwise ops are all there, as steps of a fused loop (runtime/fused.h, without reductions): `ints` of the call
// as docs/architecture.md, section 5, says.
Status run_chain(const Call& call, Queue& queue);

// A chain of one: inputs broadcast to the output's shape.
Status run_elementwise(int op, const Call& call, Queue& queue);

// ---- memory of the device; what fails gives an error (cudaError_t), 0 otherwise

int allocate(void** p, int64_t bytes);
int release(void* p);
int copy_in(void* device, const void* host, int64_t bytes);
int copy_out(void* host, const void* device, int64_t bytes);  // after all work on the default stream
int fill(void* device, int byte, int64_t bytes);
int device_count();
const char* message(int error);

}  // namespace ckeras::cuda
