#include "runtime/block.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "cpu/denormals.h"
#include "runtime/control.h"

namespace ckeras {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void refuse(const std::string& message) { throw std::invalid_argument("Program: " + message); }

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

void check_index(int64_t index, size_t size, const char* what) {
  if (index < 0 || static_cast<size_t>(index) >= size) {
    refuse(std::string(what) + " " + std::to_string(index) + " is out of range: there are " + std::to_string(size));
  }
}

void check_type(size_t i, const View& slot, const View& value) {
  if (slot.dtype != value.dtype || slot.size() != value.size()) {
    refuse("slot " + std::to_string(i) + " is " + describe(slot) + " but refers to " + describe(value));
  }
}

}  // namespace

// An instruction: a kernel or fused loop, a function of the host, or control flow.
struct Block::Code {
  std::optional<Step> step;
  const HostFunction* host = nullptr;
  std::shared_ptr<const Control> control;
  size_t first;  // of its arguments: n_in inputs, then n_out outputs
  size_t n_in, n_out;

  const char* name() const { return host ? host->name.c_str() : control ? control->name() : step->name(); }
};

Block::Block(BlockSpec spec) : spec_(std::move(spec)) {
  check_slots();
  decode();
}

Block::~Block() = default;

void Block::check_slots() {
  if (spec_.arena_bytes < 0 || spec_.arena_bytes > memory_limit()) {
    refuse("arena_bytes must be from 0 to " + std::to_string(memory_limit()) + ", got " +
           std::to_string(spec_.arena_bytes));
  }
  workspace_at_ = aligned(spec_.arena_bytes);
  for (const Array& constant : spec_.constants) {
    if (!constant.storage) refuse("a constant has no memory");
  }
  for (size_t i = 0; i < spec_.slots.size(); ++i) {
    const Slot& slot = spec_.slots[i];
    switch (slot.kind) {
      case SlotKind::Input:
        check_index(slot.ref, spec_.slots.size(), "input");
        if (inputs_.size() <= static_cast<size_t>(slot.ref)) inputs_.resize(slot.ref + 1);
        if (!inputs_[slot.ref]) inputs_[slot.ref] = &slot;
        check_type(i, slot.view, inputs_[slot.ref]->view);
        break;
      case SlotKind::Constant:
        check_index(slot.ref, spec_.constants.size(), "constant");
        check_type(i, slot.view, spec_.constants[slot.ref].view);
        break;
      case SlotKind::Arena:
        if (slot.ref < 0 || slot.ref % kAlignment != 0 || slot.ref > spec_.arena_bytes ||
            slot.view.nbytes() > spec_.arena_bytes - slot.ref) {
          refuse("slot " + std::to_string(i) + ", " + describe(slot.view) + " at offset " + std::to_string(slot.ref) +
                 ", is not inside the arena of " + std::to_string(spec_.arena_bytes) + " bytes at a multiple of " +
                 std::to_string(kAlignment));
        }
        break;
      case SlotKind::Cell:
      case SlotKind::Fresh:
        break;
    }
  }
}

void Block::decode() {
  for (const BlockSpec& block : spec_.blocks) blocks_.push_back(std::make_shared<const Block>(block));
  input_arguments_.resize(inputs_.size());
  output_arguments_.resize(spec_.outputs.size());
  for (const int64_t slot : spec_.outputs) check_index(slot, spec_.slots.size(), "output slot");

  std::vector<std::vector<int64_t>> written(spec_.slots.size());  // arguments of fresh slots
  std::vector<View> in, out;
  const auto gather = [&](const std::vector<int64_t>& slots, std::vector<View>* views) {
    views->clear();
    for (const int64_t i : slots) {
      check_index(i, spec_.slots.size(), "slot");
      const Slot& slot = spec_.slots[i];
      const auto argument = static_cast<int64_t>(arguments_.size());
      const bool fixed = slot.kind == SlotKind::Constant || slot.kind == SlotKind::Arena;
      (fixed ? fixed_patches_ : patches_).push_back({i, argument});
      if (slot.kind == SlotKind::Input) input_arguments_[slot.ref].push_back(argument);
      if (slot.kind == SlotKind::Fresh) written[i].push_back(argument);
      views->push_back(slot.view);
      arguments_.push_back(slot.view);
    }
  };
  for (const Instruction& instruction : spec_.instructions) {
    Code code{};
    code.first = arguments_.size();
    code.n_in = instruction.in.size();
    code.n_out = instruction.out.size();
    gather(instruction.in, &in);
    gather(instruction.out, &out);
    for (const int64_t i : instruction.out) {
      const SlotKind kind = spec_.slots[i].kind;
      if (kind == SlotKind::Input || kind == SlotKind::Constant) {
        refuse("slot " + std::to_string(i) + " is an input or a constant and cannot be written");
      }
    }
    int64_t workspace = 0;
    if (instruction.op == kHostOp) {
      if (instruction.ints.size() != 1) refuse("a host step has one int, the number of its function");
      check_index(instruction.ints[0], spec_.hosts.size(), "host function");
      code.host = &spec_.hosts[instruction.ints[0]];
    } else if (instruction.op == kSwitchOp || instruction.op == kLoopOp) {
      code.control = make_control(instruction.op, in, out, instruction.ints, blocks_);
      workspace = code.control->workspace_bytes();
    } else {
      code.step.emplace(instruction.op, in, out, instruction.ints, instruction.floats);
      workspace = code.step->workspace_bytes();
    }
    workspace_bytes_ = std::max(workspace_bytes_, workspace);
    code_.push_back(std::move(code));
  }
  for (size_t i = 0; i < spec_.outputs.size(); ++i) {
    output_arguments_[i] = std::exchange(written[spec_.outputs[i]], {});  // a second output of the slot is a copy
  }
}

void* Block::fixed(int64_t i, void* memory) const {
  const Slot& slot = spec_.slots[i];
  if (slot.kind == SlotKind::Constant) return spec_.constants[slot.ref].view.data;
  return slot.kind == SlotKind::Arena ? static_cast<char*>(memory) + slot.ref : nullptr;
}

void Block::place(View* arguments, void* memory) const {
  std::copy(arguments_.begin(), arguments_.end(), arguments);
  for (const Patch& patch : fixed_patches_) arguments[patch.argument].data = fixed(patch.slot, memory);
}

void Block::run(const View* arguments, void* memory, Fault* fault, std::vector<StepTime>* times) const {
  void* workspace = static_cast<char*>(memory) + workspace_at_;
  for (const Code& code : code_) {
    const View* in = arguments + code.first;
    const View* out = in + code.n_in;
    const auto start = times ? Clock::now() : Clock::time_point();
    if (code.step) {
      code.step->run(in, out, workspace, fault);
    } else if (code.control) {
      code.control->run(in, out, workspace, fault);
    } else {
      const cpu::KeepDenormals keep;
      code.host->call({in, code.n_in}, {out, code.n_out});
    }
    if (fault->code) {
      if (!fault->op) fault->op = code.name();
      return;
    }
    if (times) {
      times->push_back({code.name(), std::chrono::duration<double, std::micro>(Clock::now() - start).count()});
    }
  }
}

// ---- a block inside another

namespace {

// The parts of a BlockRun's memory, one after the other.
struct Layout {
  explicit Layout(const Block& block)
      : inputs(aligned(static_cast<int64_t>(block.arguments().size() * sizeof(View)))),
        outputs(inputs + aligned(static_cast<int64_t>(block.inputs().size() * sizeof(void*)))),
        memory(outputs + aligned(static_cast<int64_t>(block.spec().outputs.size() * sizeof(void*)))),
        end(memory + aligned(block.memory_bytes())) {}
  int64_t inputs, outputs, memory, end;
};

}  // namespace

int64_t BlockRun::bytes(const Block& block) { return Layout(block).end; }

BlockRun::BlockRun(const Block& block, void* memory) : block_(block) {
  const Layout layout(block);
  char* at = static_cast<char*>(memory);
  arguments_ = reinterpret_cast<View*>(at);
  inputs_ = reinterpret_cast<void**>(at + layout.inputs);
  outputs_ = reinterpret_cast<void**>(at + layout.outputs);
  memory_ = at + layout.memory;
  block.place(arguments_, memory_);
}

void BlockRun::run(Fault* fault) {
  block_.run(arguments_, memory_, fault);
  if (fault->code) return;
  const BlockSpec& spec = block_.spec();
  for (size_t i = 0; i < spec.outputs.size(); ++i) {
    if (!block_.output_arguments(i).empty()) continue;
    const Slot& slot = spec.slots[spec.outputs[i]];
    const void* from = block_.fixed(spec.outputs[i], memory_);
    if (slot.kind == SlotKind::Input) from = inputs_[slot.ref];
    for (size_t k = 0; k < i && slot.kind == SlotKind::Fresh; ++k) {
      if (spec.outputs[k] == spec.outputs[i]) from = outputs_[k];
    }
    const int64_t bytes = slot.view.nbytes();
    if (from && bytes) std::memcpy(outputs_[i], from, static_cast<size_t>(bytes));
  }
}

}  // namespace ckeras
