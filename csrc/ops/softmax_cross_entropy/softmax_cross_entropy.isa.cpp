#include "runtime/kernel.h"

namespace ckeras {
namespace reference {
extern const Kernel kernel_softmax_cross_entropy;
extern const Kernel kernel_softmax_cross_entropy_grad;
}
namespace CKERAS_ISA {
namespace {

void softmax_cross_entropy(const Call& call) noexcept { reference::kernel_softmax_cross_entropy.run(call); }
void softmax_cross_entropy_grad(const Call& call) noexcept { reference::kernel_softmax_cross_entropy_grad.run(call); }

}  // namespace

extern const Kernel kernel_softmax_cross_entropy;
constinit const Kernel kernel_softmax_cross_entropy = {softmax_cross_entropy, nullptr, nullptr};
extern const Kernel kernel_softmax_cross_entropy_grad;
constinit const Kernel kernel_softmax_cross_entropy_grad = {softmax_cross_entropy_grad, nullptr, nullptr};

}  // namespace CKERAS_ISA
}  // namespace ckeras
