// The table of primitives: the rows of ops.def, and the kernel of each on the selected instruction set.
#pragma once
#include <cstdint>
#include <span>

#include "cpu/isa.h"
#include "ops/argsort/key_sort.h"
#include "ops/linalg/linalg.h"
#include "runtime/fused.h"
#include "runtime/kernel.h"

namespace ckeras {

enum class OpKind : uint8_t { Elementwise, Kernel, Portable };
enum class OpResult : uint8_t { Same, Bool, Any };  // dtype of an elementwise op's result

struct OpInfo {
  const char* name;
  OpKind kind;
  int8_t arity;     // elementwise: number of operands; otherwise -1
  uint16_t dtypes;  // bit d: the value operands may have dtype d
  OpResult result;
  bool inplace;

  bool allows(DType d) const { return dtypes >> static_cast<int>(d) & 1; }
};

// Indexed by op id: the row's position in ops.def.
std::span<const OpInfo> ops();

// The op's id, or -1.
int op_id(const char* name);

// The kernel on the selected instruction set.
const Kernel* kernel(int op);

// The same on another one; null when this build or this CPU lacks it.
const Kernel* kernel_for(cpu::Isa isa, int op);

// The tiles of all elementwise ops on the selected instruction set, for the fused loop.
TileTables tiles();

// The folds of all reductions likewise, and on another one: null when this build or this CPU lacks it.
FoldTables folds();
FoldTables folds_for(cpu::Isa isa);

// How the selected instruction set sorts keys.
const KeySort& key_sort();

// The kernels of ops/linalg/linalg.h on the selected instruction set; CKERAS_ISA=reference has the plainest of this
// build.
std::span<const LinalgRow> linalg();

// On another one; empty when this build or this CPU lacks it.
std::span<const LinalgRow> linalg_for(cpu::Isa isa);

// The row of that name, or null.
const LinalgRow* find_linalg(std::span<const LinalgRow> rows, const char* name);

// The selected instruction set: what CKERAS_ISA names, or the best that the CPU has. The first call decides; it throws
// std::runtime_error when CKERAS_ISA is unknown or not supported here.
const char* isa();

}  // namespace ckeras
