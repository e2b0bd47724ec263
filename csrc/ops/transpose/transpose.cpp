#include "ops/transpose/transpose.h"

namespace ckeras::portable {
namespace {

void transpose(const Call& call) noexcept { move::copy_input(call, 0, move::transpose_copy(call)); }

}  // namespace

extern const Kernel kernel_transpose;
constinit const Kernel kernel_transpose = {transpose, nullptr, nullptr};

}  // namespace ckeras::portable
