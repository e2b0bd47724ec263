#include "runtime/kernel.h"

namespace ckeras {
namespace reference {
extern const Kernel kernel_sgd_update;
extern const Kernel kernel_adam_update;
}
namespace CKERAS_ISA {
namespace {

void sgd_update(const Call& call) noexcept { reference::kernel_sgd_update.run(call); }
void adam_update(const Call& call) noexcept { reference::kernel_adam_update.run(call); }

}  // namespace

extern const Kernel kernel_sgd_update;
constinit const Kernel kernel_sgd_update = {sgd_update, nullptr, nullptr};
extern const Kernel kernel_adam_update;
constinit const Kernel kernel_adam_update = {adam_update, nullptr, nullptr};

}  // namespace CKERAS_ISA
}  // namespace ckeras
