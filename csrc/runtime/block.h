// A flat list of ops over numbered slots, decoded once: what a Program, and every part of its control flow, runs.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/array.h"
#include "runtime/step.h"

namespace ckeras {

enum class SlotKind : uint8_t { Input, Constant, Cell, Arena, Fresh };
inline constexpr int kSlotKinds = 5;

struct Slot {
  SlotKind kind;
  int64_t
      ref;  // number of the input, constant or cell; byte offset in the arena, a multiple of kAlignment; Fresh: unused
  View view;  // shape and dtype, no data. The first slot of an input says its shape, later ones may reshape it
};

struct Instruction {
  int op;
  std::vector<int64_t> in, out;  // slots
  std::vector<int64_t> ints;
  std::vector<double> floats;
};

// The op id of a step that calls the host back: its only int is the function's number.
inline constexpr int kHostOp = -2;
// Control flow over other blocks (runtime/control.h).
inline constexpr int kSwitchOp = -3, kLoopOp = -4;

// Code outside the engine that fills `out` from `in`; it may throw, which ends the run as a fault does. It must not
// touch the cells of the program that calls it.
struct HostFunction {
  std::string name;
  std::function<void(std::span<const View> in, std::span<const View> out)> call;
};

struct BlockSpec {
  std::vector<Slot> slots;
  std::vector<Array> constants;
  std::vector<Instruction> instructions;
  std::vector<int64_t> outputs;  // slots
  int64_t arena_bytes = 0;
  std::vector<HostFunction> hosts;
  std::vector<BlockSpec> blocks;  // of its control flow
};

struct StepTime {
  const char* name;
  double microseconds;
};

class Control;

// Immutable; every run brings its own arguments and memory, so several threads may run one.
class Block {
 public:
  // An argument of an instruction whose data pointer differs from run to run.
  struct Patch {
    int64_t slot, argument;
  };

  // Throws std::invalid_argument for a spec that does not fit together: numbers out of range, sizes beyond the arena,
  // types that differ, outputs into inputs or constants. Cells are the Program's: it checks the slots that name them.
  explicit Block(BlockSpec spec);
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  const BlockSpec& spec() const { return spec_; }
  // By input number; null where no slot names it.
  std::span<const Slot* const> inputs() const { return inputs_; }
  // Bytes of the arena and the workspace of a run.
  int64_t memory_bytes() const { return workspace_at_ + workspace_bytes_; }
  // Of all instructions, inputs before outputs, without data.
  std::span<const View> arguments() const { return arguments_; }
  // Arguments whose memory the caller gives: of slots that are inputs, cells or fresh.
  std::span<const Patch> patches() const { return patches_; }

  // Those of input i, and those that output i is written through (none: it lies elsewhere and is copied).
  std::span<const int64_t> input_arguments(size_t i) const { return input_arguments_[i]; }
  std::span<const int64_t> output_arguments(size_t i) const { return output_arguments_[i]; }

  // Points a run's arguments at the constants and into its memory.
  void place(View* arguments, void* memory) const;
  // Where slot i lies, when it is a constant or in the arena; else null.
  void* fixed(int64_t slot, void* memory) const;

  // Stops at the first fault, whose op it notes. Throws what a host function throws.
  void run(const View* arguments, void* memory, Fault* fault, std::vector<StepTime>* times = nullptr) const;

 private:
  struct Code;

  void check_slots();
  void decode();

  const BlockSpec spec_;
  std::vector<const Slot*> inputs_;
  std::vector<std::shared_ptr<const Block>> blocks_;
  std::vector<Code> code_;
  std::vector<View> arguments_;
  std::vector<Patch> patches_, fixed_patches_;
  std::vector<std::vector<int64_t>> input_arguments_, output_arguments_;
  int64_t workspace_at_ = 0, workspace_bytes_ = 0;
};

// One block as a part of another's run: memory for everything, and inputs and outputs set one by one.
class BlockRun {
 public:
  static int64_t bytes(const Block& block);

  // `memory` has bytes(block) bytes.
  BlockRun(const Block& block, void* memory);

  void set_input(size_t i, void* data) {
    inputs_[i] = data;
    for (const int64_t argument : block_.input_arguments(i)) arguments_[argument].data = data;
  }
  void set_output(size_t i, void* data) {
    outputs_[i] = data;
    for (const int64_t argument : block_.output_arguments(i)) arguments_[argument].data = data;
  }
  // Afterwards the outputs are where they were set. They overlap neither each other nor an input.
  void run(Fault* fault);

 private:
  const Block& block_;
  View* arguments_;
  void** inputs_;
  void** outputs_;
  void* memory_;
};

}  // namespace ckeras
