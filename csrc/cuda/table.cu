// The library's kernels by name, and what the Python side asks a library before it is used.
#include <string.h>

#include "cuda/device.h"

namespace ckeras::cuda {

#define CKERAS_DEVICE_KERNEL(name) extern const DeviceKernel kernel_##name;
#include "cuda/kernels.def"

namespace {

// Ends with a null: the table may be empty.
const DeviceKernel* const kTable[] = {
#define CKERAS_DEVICE_KERNEL(name) &kernel_##name,
#include "cuda/kernels.def"
    nullptr};

struct Row {
  const char* name;
  bool elementwise;
};
const Row kRows[] = {
#define CKERAS_ELEMENTWISE(name, functor, arity, dtypes, result) {#name, true},
#define CKERAS_KERNEL(name, dtypes, traits) {#name, false},
#define CKERAS_PORTABLE(name, dtypes, traits) {#name, false},
#include "ops/ops.def"
};
bool is_row(int op) { return op >= 0 && op < static_cast<int>(sizeof kRows / sizeof kRows[0]); }

}  // namespace

const char* name_of_op(int op) { return is_row(op) ? kRows[op].name : nullptr; }
bool is_elementwise(int op) { return is_row(op) && kRows[op].elementwise; }

const DeviceKernel* find_kernel(const char* name) {
  for (const DeviceKernel* kernel : kTable) {
    if (kernel == nullptr) break;
    if (strcmp(kernel->name, name) == 0) return kernel;
  }
  return nullptr;
}

}  // namespace ckeras::cuda

#if defined(__CUDACC__)
#define CKERAS_EXPORT extern "C" __attribute__((visibility("default")))

// The CUDA runtime inside: the least version that a driver must have, 1000 major + 10 minor.
CKERAS_EXPORT int ckeras_cuda_version() { return CUDART_VERSION; }

CKERAS_EXPORT int ckeras_cuda_kernels() { return static_cast<int>(sizeof ckeras::cuda::kTable / sizeof(void*)) - 1; }
#endif
