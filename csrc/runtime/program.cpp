#include "runtime/program.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>

#include "cpu/denormals.h"

namespace ckeras {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void refuse(const std::string& message) { throw std::invalid_argument("Program: " + message); }

void check_index(int64_t index, size_t size, const char* what) {
  if (index < 0 || static_cast<size_t>(index) >= size) {
    refuse(std::string(what) + " " + std::to_string(index) + " is out of range: there are " + std::to_string(size));
  }
}

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

// What one run needs for itself; kept for the next one.
struct Program::Frame {
  StorageRef arena;             // the planned slots, then the workspace
  std::vector<View> arguments;  // of all steps
  std::vector<void*> data;      // by slot
  std::vector<Array> fresh;     // by position in fresh_slots_
  std::vector<Array> cells;     // by cell number: the value read, so that it lives on while another thread writes
  std::vector<std::unique_lock<std::mutex>> locks;  // of the cells written
  std::span<const Array> inputs;

  void let_go() {
    for (Array& array : fresh) array = {};
    for (Array& array : cells) array = {};
    locks.clear();
    inputs = {};
  }
};

// An idle frame or a new one; goes back at the end of the scope.
class Program::FrameLease {
 public:
  explicit FrameLease(Program& program) : program_(program) {
    {
      std::lock_guard lock(program.frames_mutex_);
      if (!program.idle_frames_.empty()) {
        frame_ = std::move(program.idle_frames_.back());
        program.idle_frames_.pop_back();
      }
    }
    if (!frame_) frame_ = make();
  }
  ~FrameLease() {
    frame_->let_go();
    std::lock_guard lock(program_.frames_mutex_);
    program_.idle_frames_.push_back(std::move(frame_));
  }
  FrameLease(const FrameLease&) = delete;
  FrameLease& operator=(const FrameLease&) = delete;
  Frame& operator*() { return *frame_; }

 private:
  std::unique_ptr<Frame> make() const {
    auto frame = std::make_unique<Frame>();
    const ProgramSpec& spec = program_.spec_;
    frame->arena = Storage::allocate(aligned(spec.arena_bytes) + program_.workspace_bytes_);
    frame->arguments = program_.arguments_;
    frame->data.resize(spec.slots.size());
    frame->fresh.resize(program_.fresh_slots_.size());
    frame->cells.resize(spec.cells.size());
    for (size_t i = 0; i < spec.slots.size(); ++i) {
      const Slot& slot = spec.slots[i];
      if (slot.kind == SlotKind::Constant) frame->data[i] = spec.constants[slot.ref].view.data;
      if (slot.kind == SlotKind::Arena) frame->data[i] = static_cast<char*>(frame->arena->data()) + slot.ref;
    }
    for (const Patch& patch : program_.fixed_patches_) frame->arguments[patch.argument].data = frame->data[patch.slot];
    return frame;
  }

  Program& program_;
  std::unique_ptr<Frame> frame_;
};

Program::Program(ProgramSpec spec) : spec_(std::move(spec)) {
  check_slots();
  decode();
}

Program::~Program() = default;

void Program::check_slots() {
  if (spec_.arena_bytes < 0 || spec_.arena_bytes > memory_limit()) {
    refuse("arena_bytes must be from 0 to " + std::to_string(memory_limit()) + ", got " +
           std::to_string(spec_.arena_bytes));
  }
  for (const Array& constant : spec_.constants) {
    if (!constant.storage) refuse("a constant has no memory");
  }
  lock_order_.resize(spec_.cells.size());
  for (size_t i = 0; i < spec_.cells.size(); ++i) lock_order_[i] = static_cast<int64_t>(i);
  std::sort(lock_order_.begin(), lock_order_.end(),
            [&](int64_t a, int64_t b) { return spec_.cells[a].get() < spec_.cells[b].get(); });
  for (size_t i = 1; i < lock_order_.size(); ++i) {
    if (spec_.cells[lock_order_[i - 1]] == spec_.cells[lock_order_[i]]) refuse("the same cell is given twice");
  }
  cell_uses_.resize(spec_.cells.size());

  const auto check_type = [](size_t i, const View& slot, const View& value) {
    if (slot.dtype != value.dtype || slot.size() != value.size()) {
      refuse("slot " + std::to_string(i) + " is " + describe(slot) + " but refers to " + describe(value));
    }
  };
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
      case SlotKind::Cell: {
        check_index(slot.ref, spec_.cells.size(), "cell");
        std::lock_guard lock(spec_.cells[slot.ref]->mutex());
        check_type(i, slot.view, spec_.cells[slot.ref]->array().view);
        break;
      }
      case SlotKind::Arena:
        if (slot.ref < 0 || slot.ref % kAlignment != 0 || slot.ref > spec_.arena_bytes ||
            slot.view.nbytes() > spec_.arena_bytes - slot.ref) {
          refuse("slot " + std::to_string(i) + ", " + describe(slot.view) + " at offset " + std::to_string(slot.ref) +
                 ", is not inside the arena of " + std::to_string(spec_.arena_bytes) + " bytes at a multiple of " +
                 std::to_string(kAlignment));
        }
        break;
      case SlotKind::Fresh:
        fresh_slots_.push_back(static_cast<int64_t>(i));
        break;
    }
  }
}

void Program::decode() {
  std::vector<View> in, out;
  const auto gather = [&](const std::vector<int64_t>& slots, std::vector<View>* views) {
    views->clear();
    for (const int64_t slot : slots) {
      check_index(slot, spec_.slots.size(), "slot");
      const SlotKind kind = spec_.slots[slot].kind;
      const bool fixed = kind == SlotKind::Constant || kind == SlotKind::Arena;
      (fixed ? fixed_patches_ : patches_).push_back({slot, static_cast<int64_t>(arguments_.size())});
      views->push_back(spec_.slots[slot].view);
      arguments_.push_back(spec_.slots[slot].view);
    }
  };
  for (const Instruction& instruction : spec_.instructions) {
    first_argument_.push_back(static_cast<int64_t>(arguments_.size()));
    gather(instruction.in, &in);
    gather(instruction.out, &out);
    for (const int64_t i : instruction.out) {
      const Slot& slot = spec_.slots[i];
      if (slot.kind == SlotKind::Input || slot.kind == SlotKind::Constant) {
        refuse("slot " + std::to_string(i) + " is an input or a constant and cannot be written");
      }
      if (slot.kind == SlotKind::Cell) cell_uses_[slot.ref] = {true, true};
    }
    if (instruction.op == kHostOp) {
      decode_host(instruction);
      continue;
    }
    hosts_.push_back(nullptr);
    steps_.emplace_back(instruction.op, in, out, instruction.ints, instruction.floats);
    workspace_bytes_ = std::max(workspace_bytes_, steps_.back().workspace_bytes());
  }
  std::vector<bool> seen(spec_.cells.size());
  for (const Write& write : spec_.writes) {
    check_index(write.cell, spec_.cells.size(), "cell");
    check_index(write.slot, spec_.slots.size(), "slot");
    if (seen[write.cell]) refuse("cell " + std::to_string(write.cell) + " is written twice at the end");
    seen[write.cell] = true;
    cell_uses_[write.cell].written = true;
    std::lock_guard lock(spec_.cells[write.cell]->mutex());
    const View& cell = spec_.cells[write.cell]->array().view;
    if (!same_type(spec_.slots[write.slot].view, cell)) {
      refuse("cell " + std::to_string(write.cell) + " is " + describe(cell) + " but slot " +
             std::to_string(write.slot) + ", written to it, is " + describe(spec_.slots[write.slot].view));
    }
  }
  for (const int64_t slot : spec_.outputs) check_index(slot, spec_.slots.size(), "output slot");
}

void Program::decode_host(const Instruction& instruction) {
  if (instruction.ints.size() != 1) refuse("a host step has one int, the number of its function");
  check_index(instruction.ints[0], spec_.hosts.size(), "host function");
  hosts_.push_back(&spec_.hosts[instruction.ints[0]]);
  steps_.emplace_back();
}

void Program::check_inputs(std::span<const Array> inputs) const {
  if (inputs.size() != inputs_.size()) {
    refuse("takes " + std::to_string(inputs_.size()) + " inputs, got " + std::to_string(inputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs_[i] && !same_type(inputs[i].view, inputs_[i]->view)) {
      refuse("input " + std::to_string(i) + " must be " + describe(inputs_[i]->view) + ", got " +
             describe(inputs[i].view));
    }
  }
}

std::vector<Array> Program::run_frame(std::span<const Array> inputs, std::vector<StepTime>* times) {
  check_inputs(inputs);
  FrameLease lease(*this);
  Frame& frame = *lease;
  frame.inputs = inputs;
  for (size_t i = 0; i < fresh_slots_.size(); ++i) {
    const View& view = spec_.slots[fresh_slots_[i]].view;
    frame.fresh[i] = Array::empty({view.shape, static_cast<size_t>(view.rank)}, view.dtype);
    frame.data[fresh_slots_[i]] = frame.fresh[i].view.data;
  }
  for (const int64_t i : lock_order_) {
    Cell& cell = *spec_.cells[i];
    std::unique_lock lock(cell.mutex());
    if (cell_uses_[i].in_place) cell.writable(true);
    if (cell_uses_[i].written) {
      frame.locks.push_back(std::move(lock));
      frame.cells[i].view = cell.array().view;  // no reference: the cell stays the only holder
    } else {
      frame.cells[i] = cell.array();
    }
  }
  for (size_t i = 0; i < spec_.slots.size(); ++i) {
    const Slot& slot = spec_.slots[i];
    if (slot.kind == SlotKind::Input) frame.data[i] = inputs[slot.ref].view.data;
    if (slot.kind == SlotKind::Cell) frame.data[i] = frame.cells[slot.ref].view.data;
  }
  for (const Patch& patch : patches_) frame.arguments[patch.argument].data = frame.data[patch.slot];

  execute(frame, times);

  std::vector<Array> outputs;
  outputs.reserve(spec_.outputs.size());
  for (const int64_t slot : spec_.outputs) outputs.push_back(value_of(slot, frame));
  commit(frame);
  return outputs;
}

void Program::execute(Frame& frame, std::vector<StepTime>* times) const {
  const cpu::FlushDenormals flush;
  void* workspace = static_cast<char*>(frame.arena->data()) + aligned(spec_.arena_bytes);
  Fault fault;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const View* in = frame.arguments.data() + first_argument_[i];
    const View* out = in + spec_.instructions[i].in.size();
    const HostFunction* host = hosts_[i];
    const auto start = times ? Clock::now() : Clock::time_point();
    if (host) {
      const cpu::KeepDenormals keep;
      host->call({in, spec_.instructions[i].in.size()}, {out, spec_.instructions[i].out.size()});
    } else {
      steps_[i].run(in, out, workspace, &fault);
      if (fault.code) throw FaultError(steps_[i].name(), fault);
    }
    if (times) {
      const char* name = host ? host->name.c_str() : steps_[i].name();
      times->push_back({name, std::chrono::duration<double, std::micro>(Clock::now() - start).count()});
    }
  }
}

// The slot's value as an array that nobody writes any more: shared where the slot has counted memory of its own.
Array Program::value_of(int64_t i, const Frame& frame) const {
  const Slot& slot = spec_.slots[i];
  View view = slot.view;
  view.data = frame.data[i];
  switch (slot.kind) {
    case SlotKind::Input:
      return {frame.inputs[slot.ref].storage, view};
    case SlotKind::Constant:
      return {spec_.constants[slot.ref].storage, view};
    case SlotKind::Cell:  // the lock of a written cell is held
      return {(cell_uses_[slot.ref].written ? spec_.cells[slot.ref]->array() : frame.cells[slot.ref]).storage, view};
    case SlotKind::Fresh:
      return frame.fresh[std::lower_bound(fresh_slots_.begin(), fresh_slots_.end(), i) - fresh_slots_.begin()];
    case SlotKind::Arena:
      break;
  }
  return Array::copy_of(view);
}

// Everything that can fail comes first: all the writes happen, or none.
void Program::commit(Frame& frame) const {
  std::vector<Array> values(spec_.writes.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const Slot& slot = spec_.slots[spec_.writes[i].slot];
    const Cell& cell = *spec_.cells[spec_.writes[i].cell];
    if (slot.kind == SlotKind::Fresh || slot.kind == SlotKind::Cell) {
      values[i] = value_of(spec_.writes[i].slot, frame);
    } else if (!cell.array().storage->exclusive()) {
      View view = slot.view;
      view.data = frame.data[spec_.writes[i].slot];
      values[i] = Array::copy_of(view);
    }
  }
  for (size_t i = 0; i < values.size(); ++i) {
    Cell& cell = *spec_.cells[spec_.writes[i].cell];
    const View& view = cell.array().view;
    if (values[i].storage) {
      cell.replace(std::move(values[i]));
    } else if (const int64_t bytes = view.nbytes()) {
      std::memcpy(view.data, frame.data[spec_.writes[i].slot], static_cast<size_t>(bytes));
    }
  }
}

}  // namespace ckeras
