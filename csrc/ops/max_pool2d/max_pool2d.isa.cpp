#include "runtime/kernel.h"

namespace ckeras {
namespace reference {
extern const Kernel kernel_max_pool2d;
}
namespace reference {
extern const Kernel kernel_max_pool2d_grad;
}
namespace reference {
extern const Kernel kernel_max_pool2d_pick;
}
namespace CKERAS_ISA {
namespace {

void max_pool2d(const Call& call) noexcept { reference::kernel_max_pool2d.run(call); }
void max_pool2d_grad(const Call& call) noexcept { reference::kernel_max_pool2d_grad.run(call); }
void max_pool2d_pick(const Call& call) noexcept { reference::kernel_max_pool2d_pick.run(call); }

}  // namespace

extern const Kernel kernel_max_pool2d;
constinit const Kernel kernel_max_pool2d = {max_pool2d, nullptr, nullptr};
extern const Kernel kernel_max_pool2d_grad;
constinit const Kernel kernel_max_pool2d_grad = {max_pool2d_grad, nullptr, nullptr};
extern const Kernel kernel_max_pool2d_pick;
constinit const Kernel kernel_max_pool2d_pick = {max_pool2d_pick, nullptr, nullptr};
}  // namespace CKERAS_ISA
}  // namespace ckeras
