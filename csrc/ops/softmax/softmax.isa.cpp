#include "runtime/kernel.h"

namespace ckeras {
namespace reference {
extern const Kernel kernel_softmax;
extern const Kernel kernel_log_softmax;
}
namespace CKERAS_ISA {
namespace {

void softmax(const Call& call) noexcept { reference::kernel_softmax.run(call); }
void log_softmax(const Call& call) noexcept { reference::kernel_log_softmax.run(call); }

}  // namespace

extern const Kernel kernel_softmax;
constinit const Kernel kernel_softmax = {softmax, nullptr, nullptr};
extern const Kernel kernel_log_softmax;
constinit const Kernel kernel_log_softmax = {log_softmax, nullptr, nullptr};

}  // namespace CKERAS_ISA
}  // namespace ckeras
