#include "runtime/kernel.h"

namespace ckeras {
namespace reference {
extern const Kernel kernel_reduce_sum;
extern const Kernel kernel_reduce_prod;
extern const Kernel kernel_reduce_max;
extern const Kernel kernel_reduce_min;
extern const Kernel kernel_reduce_any;
extern const Kernel kernel_reduce_all;
}
namespace CKERAS_ISA {
namespace {

void reduce_sum(const Call& call) noexcept { reference::kernel_reduce_sum.run(call); }
void reduce_prod(const Call& call) noexcept { reference::kernel_reduce_prod.run(call); }
void reduce_max(const Call& call) noexcept { reference::kernel_reduce_max.run(call); }
void reduce_min(const Call& call) noexcept { reference::kernel_reduce_min.run(call); }
void reduce_any(const Call& call) noexcept { reference::kernel_reduce_any.run(call); }
void reduce_all(const Call& call) noexcept { reference::kernel_reduce_all.run(call); }

}  // namespace

extern const Kernel kernel_reduce_sum;
constinit const Kernel kernel_reduce_sum = {reduce_sum, nullptr, nullptr};
extern const Kernel kernel_reduce_prod;
constinit const Kernel kernel_reduce_prod = {reduce_prod, nullptr, nullptr};
extern const Kernel kernel_reduce_max;
constinit const Kernel kernel_reduce_max = {reduce_max, nullptr, nullptr};
extern const Kernel kernel_reduce_min;
constinit const Kernel kernel_reduce_min = {reduce_min, nullptr, nullptr};
extern const Kernel kernel_reduce_any;
constinit const Kernel kernel_reduce_any = {reduce_any, nullptr, nullptr};
extern const Kernel kernel_reduce_all;
constinit const Kernel kernel_reduce_all = {reduce_all, nullptr, nullptr};

}  // namespace CKERAS_ISA
}  // namespace ckeras
