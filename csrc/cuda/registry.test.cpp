// Every row of ops.def has a kernel for a device, and nothing else is in the list.
#include <set>
#include <string>

#include "base/check.h"
#include "cuda/queue.h"
#include "runtime/registry.h"

int main() {
  const std::set<std::string> kernels = {
#define CKERAS_DEVICE_KERNEL(name) #name,
#include "cuda/kernels.def"
  };
  size_t structured = 0;
  for (const ckeras::OpInfo& op : ckeras::ops()) {
    if (op.kind == ckeras::OpKind::Elementwise) continue;
    ++structured;
    const ckeras::cuda::DeviceKernel* kernel = ckeras::cuda::find_kernel(op.name);
    if (kernel == nullptr) std::cerr << op.name << " has no kernel\n";
    CHECK(kernels.count(op.name) != 0 && kernel != nullptr);
    if (kernel != nullptr) CHECK_EQ(std::string(kernel->name), op.name);
  }
  CHECK_EQ(structured, kernels.size());
  CHECK(ckeras::cuda::find_kernel("no_such_op") == nullptr);
  return CHECK_RESULT();
}
