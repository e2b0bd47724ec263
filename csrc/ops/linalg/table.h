// The kernels of linalg.h by name, on the selected instruction set.
#pragma once
#include <span>

#include "cpu/isa.h"
#include "ops/linalg/linalg.h"

namespace ckeras {

// Those of the selected instruction set; CKERAS_ISA=reference has the plainest of this build.
std::span<const LinalgRow> linalg();

// On another one; empty when this build or this CPU lacks it.
std::span<const LinalgRow> linalg_for(cpu::Isa isa);

// The row of that name, or null.
const LinalgRow* find_linalg(std::span<const LinalgRow> rows, const char* name);

}  // namespace ckeras
