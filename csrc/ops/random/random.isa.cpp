#include "runtime/kernel.h"

namespace ckeras {
namespace reference {
extern const Kernel kernel_random_bits;
extern const Kernel kernel_random_uniform;
extern const Kernel kernel_random_normal;
extern const Kernel kernel_random_truncated_normal;
extern const Kernel kernel_dropout;
}
namespace CKERAS_ISA {
namespace {

void random_bits(const Call& call) noexcept { reference::kernel_random_bits.run(call); }
void random_uniform(const Call& call) noexcept { reference::kernel_random_uniform.run(call); }
void random_normal(const Call& call) noexcept { reference::kernel_random_normal.run(call); }
void random_truncated_normal(const Call& call) noexcept { reference::kernel_random_truncated_normal.run(call); }
void dropout(const Call& call) noexcept { reference::kernel_dropout.run(call); }

}  // namespace

extern const Kernel kernel_random_bits;
constinit const Kernel kernel_random_bits = {random_bits, nullptr, nullptr};
extern const Kernel kernel_random_uniform;
constinit const Kernel kernel_random_uniform = {random_uniform, nullptr, nullptr};
extern const Kernel kernel_random_normal;
constinit const Kernel kernel_random_normal = {random_normal, nullptr, nullptr};
extern const Kernel kernel_random_truncated_normal;
constinit const Kernel kernel_random_truncated_normal = {random_truncated_normal, nullptr, nullptr};
extern const Kernel kernel_dropout;
constinit const Kernel kernel_dropout = {dropout, nullptr, nullptr};

}  // namespace CKERAS_ISA
}  // namespace ckeras
