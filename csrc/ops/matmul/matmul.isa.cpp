#include "runtime/kernel.h"

namespace ckeras {
namespace reference {
extern const Kernel kernel_matmul;
}
namespace CKERAS_ISA {
namespace {

void matmul(const Call& call) noexcept { reference::kernel_matmul.run(call); }

}  // namespace

extern const Kernel kernel_matmul;
constinit const Kernel kernel_matmul = {matmul, nullptr, nullptr};
}  // namespace CKERAS_ISA
}  // namespace ckeras
