#include "runtime/kernel.h"

namespace ckeras {
namespace reference {
extern const Kernel kernel_argmax;
extern const Kernel kernel_argmin;
}
namespace CKERAS_ISA {
namespace {

void argmax(const Call& call) noexcept { reference::kernel_argmax.run(call); }
void argmin(const Call& call) noexcept { reference::kernel_argmin.run(call); }

}  // namespace

extern const Kernel kernel_argmax;
constinit const Kernel kernel_argmax = {argmax, nullptr, nullptr};
extern const Kernel kernel_argmin;
constinit const Kernel kernel_argmin = {argmin, nullptr, nullptr};

}  // namespace CKERAS_ISA
}  // namespace ckeras
