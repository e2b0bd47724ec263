#include "ops/broadcast/broadcast.h"

namespace ckeras::portable {
namespace {

void broadcast(const Call& call) noexcept { move::copy_input(call, 0, move::broadcast_copy(call)); }

}  // namespace

extern const Kernel kernel_broadcast;
constinit const Kernel kernel_broadcast = {broadcast, nullptr, nullptr};

}  // namespace ckeras::portable
