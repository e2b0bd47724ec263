#include "runtime/kernel.h"

namespace ckeras {
namespace reference {
extern const Kernel kernel_gather_grad;
}
namespace CKERAS_ISA {
namespace {

void gather_grad(const Call& call) noexcept { reference::kernel_gather_grad.run(call); }

}  // namespace

extern const Kernel kernel_gather_grad;
constinit const Kernel kernel_gather_grad = {gather_grad, nullptr, nullptr};

}  // namespace CKERAS_ISA
}  // namespace ckeras
