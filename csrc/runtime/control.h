// Control flow over blocks: one of several, or one again and again.
#pragma once
#include <memory>
#include <span>

#include "runtime/block.h"

namespace ckeras {

// A run was ended by `interrupted` (set_interrupt_check): no op's fault.
inline constexpr int32_t kInterrupted = -1;

// Asked about every 10 ms by loops that take longer; true ends the run with the fault kInterrupted. Null: never.
void set_interrupt_check(bool (*interrupted)());

class Control {
 public:
  virtual ~Control() = default;
  virtual const char* name() const = 0;
  virtual int64_t workspace_bytes() const = 0;
  virtual void run(const View* in, const View* out, void* workspace, Fault* fault) const = 0;
};

// kSwitchOp   index i32[], operands... -> results...
//   ints: the branches' block numbers. The branch numbered index, held in range, takes the operands, gives the results.
// kLoopOp     constants..., carry..., rows..., [count i32[]] -> turns i32[], carry..., stacks...
//   ints: body, while (block numbers; while -1: none), number of carried values, number of rows, length (-1: no limit),
//         counted (0 or 1), reverse (0 or 1)
//   At most `length` turns, or `count` of them where it is less. Turn t takes row t of each of the rows [length, ...],
//   or row n - 1 - t of n turns where `reverse`. The while block takes constants and carry and gives one bool: false
//   ends the loop. The body takes constants, carry and the turn's rows; it gives the next carry and a row of each stack
//   [length, ...], put where the turn's rows came from; rows of turns that are not taken are zeros.
// Throws std::invalid_argument for blocks whose inputs or outputs do not fit.
std::shared_ptr<const Control> make_control(int op, std::span<const View> in, std::span<const View> out,
                                            std::span<const int64_t> ints,
                                            std::span<const std::shared_ptr<const Block>> blocks);

}  // namespace ckeras
