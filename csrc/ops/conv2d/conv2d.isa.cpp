#include "runtime/kernel.h"

namespace ckeras {
namespace reference {
extern const Kernel kernel_conv2d;
}
namespace reference {
extern const Kernel kernel_conv2d_grad_input;
}
namespace reference {
extern const Kernel kernel_conv2d_grad_filter;
}
namespace CKERAS_ISA {
namespace {

void conv2d(const Call& call) noexcept { reference::kernel_conv2d.run(call); }
void conv2d_grad_input(const Call& call) noexcept { reference::kernel_conv2d_grad_input.run(call); }
void conv2d_grad_filter(const Call& call) noexcept { reference::kernel_conv2d_grad_filter.run(call); }

}  // namespace

extern const Kernel kernel_conv2d;
constinit const Kernel kernel_conv2d = {conv2d, nullptr, nullptr};
extern const Kernel kernel_conv2d_grad_input;
constinit const Kernel kernel_conv2d_grad_input = {conv2d_grad_input, nullptr, nullptr};
extern const Kernel kernel_conv2d_grad_filter;
constinit const Kernel kernel_conv2d_grad_filter = {conv2d_grad_filter, nullptr, nullptr};
}  // namespace CKERAS_ISA
}  // namespace ckeras
