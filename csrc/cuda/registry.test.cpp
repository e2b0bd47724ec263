// Every row of ops.def has a kernel for a device or is in the list of those that have none yet, not both; and nothing
// else is in these lists.
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
  const std::set<std::string> missing = {
#define CKERAS_NO_DEVICE_KERNEL(name) #name,
#include "cuda/kernels.def"
  };
  size_t structured = 0;
  for (const ckeras::OpInfo& op : ckeras::ops()) {
    if (op.kind == ckeras::OpKind::Elementwise) continue;
    ++structured;
    const bool has = kernels.count(op.name) != 0, lacks = missing.count(op.name) != 0;
    if (has == lacks) std::cerr << op.name << (has ? " is in both lists\n" : " is in neither list\n");
    CHECK(has != lacks);
    const ckeras::cuda::DeviceKernel* kernel = ckeras::cuda::find_kernel(op.name);
    CHECK((kernel != nullptr) == has);
    if (kernel != nullptr) CHECK_EQ(std::string(kernel->name), op.name);
  }
  CHECK_EQ(structured, kernels.size() + missing.size());
  CHECK(ckeras::cuda::find_kernel("no_such_op") == nullptr);
  return CHECK_RESULT();
}
