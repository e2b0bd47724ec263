#include "runtime/program.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "cpu/denormals.h"

namespace ckeras {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw std::invalid_argument("Program: " + message); }

void check_index(int64_t index, size_t size, const char* what) {
  if (index < 0 || static_cast<size_t>(index) >= size) {
    refuse(std::string(what) + " " + std::to_string(index) + " is out of range: there are " + std::to_string(size));
  }
}

}  // namespace

// What one run needs for itself; kept for the next one.
struct Program::Frame {
  StorageRef memory;            // the planned slots, then the workspace
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
    const Block& block = program_.block_;
    const std::vector<Slot>& slots = block.spec().slots;
    frame->memory = Storage::allocate(block.memory_bytes());
    frame->arguments.resize(block.arguments().size());
    block.place(frame->arguments.data(), frame->memory->data());
    frame->data.resize(slots.size());
    for (size_t i = 0; i < slots.size(); ++i) {
      frame->data[i] = block.fixed(static_cast<int64_t>(i), frame->memory->data());
    }
    frame->fresh.resize(program_.fresh_slots_.size());
    frame->cells.resize(program_.cells_.size());
    return frame;
  }

  Program& program_;
  std::unique_ptr<Frame> frame_;
};

Program::Program(ProgramSpec spec)
    : block_(static_cast<BlockSpec&>(spec)), cells_(std::move(spec.cells)), writes_(std::move(spec.writes)) {
  check_cells();
  check_writes();
  const std::vector<Slot>& slots = block_.spec().slots;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].kind == SlotKind::Fresh) fresh_slots_.push_back(static_cast<int64_t>(i));
  }
}

Program::~Program() = default;

void Program::check_cells() {
  lock_order_.resize(cells_.size());
  for (size_t i = 0; i < cells_.size(); ++i) lock_order_[i] = static_cast<int64_t>(i);
  std::sort(lock_order_.begin(), lock_order_.end(),
            [&](int64_t a, int64_t b) { return cells_[a].get() < cells_[b].get(); });
  for (size_t i = 1; i < lock_order_.size(); ++i) {
    if (cells_[lock_order_[i - 1]] == cells_[lock_order_[i]]) refuse("the same cell is given twice");
  }
  cell_uses_.resize(cells_.size());
  const std::vector<Slot>& slots = block_.spec().slots;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].kind != SlotKind::Cell) continue;
    check_index(slots[i].ref, cells_.size(), "cell");
    std::lock_guard lock(cells_[slots[i].ref]->mutex());
    const View& value = cells_[slots[i].ref]->array().view;
    if (slots[i].view.dtype != value.dtype || slots[i].view.size() != value.size()) {
      refuse("slot " + std::to_string(i) + " is " + describe(slots[i].view) + " but refers to " + describe(value));
    }
  }
  for (const Instruction& instruction : block_.spec().instructions) {
    for (const int64_t i : instruction.out) {
      if (slots[i].kind == SlotKind::Cell) cell_uses_[slots[i].ref] = {true, true};
    }
  }
}

void Program::check_writes() {
  std::vector<bool> seen(cells_.size());
  for (const Write& write : writes_) {
    check_index(write.cell, cells_.size(), "cell");
    check_index(write.slot, block_.spec().slots.size(), "slot");
    if (seen[write.cell]) refuse("cell " + std::to_string(write.cell) + " is written twice at the end");
    seen[write.cell] = true;
    cell_uses_[write.cell].written = true;
    std::lock_guard lock(cells_[write.cell]->mutex());
    const View& cell = cells_[write.cell]->array().view;
    const View& value = block_.spec().slots[write.slot].view;
    if (!same_type(value, cell)) {
      refuse("cell " + std::to_string(write.cell) + " is " + describe(cell) + " but slot " +
             std::to_string(write.slot) + ", written to it, is " + describe(value));
    }
  }
}

void Program::check_inputs(std::span<const Array> inputs) const {
  const auto wanted = block_.inputs();
  if (inputs.size() != wanted.size()) {
    refuse("takes " + std::to_string(wanted.size()) + " inputs, got " + std::to_string(inputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (wanted[i] && !same_type(inputs[i].view, wanted[i]->view)) {
      refuse("input " + std::to_string(i) + " must be " + describe(wanted[i]->view) + ", got " +
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
    const View& view = block_.spec().slots[fresh_slots_[i]].view;
    frame.fresh[i] = Array::empty({view.shape, static_cast<size_t>(view.rank)}, view.dtype);
    frame.data[fresh_slots_[i]] = frame.fresh[i].view.data;
  }
  for (const int64_t i : lock_order_) {
    Cell& cell = *cells_[i];
    std::unique_lock lock(cell.mutex());
    if (cell_uses_[i].in_place) cell.writable(true);
    if (cell_uses_[i].written) {
      frame.locks.push_back(std::move(lock));
      frame.cells[i].view = cell.array().view;  // no reference: the cell stays the only holder
    } else {
      frame.cells[i] = cell.array();
    }
  }
  for (size_t i = 0; i < block_.spec().slots.size(); ++i) {
    const Slot& slot = block_.spec().slots[i];
    if (slot.kind == SlotKind::Input) frame.data[i] = inputs[slot.ref].view.data;
    if (slot.kind == SlotKind::Cell) frame.data[i] = frame.cells[slot.ref].view.data;
  }
  for (const Block::Patch& patch : block_.patches()) frame.arguments[patch.argument].data = frame.data[patch.slot];

  Fault fault;
  {
    const cpu::FlushDenormals flush;
    block_.run(frame.arguments.data(), frame.memory->data(), &fault, times);
  }
  if (fault.code) throw FaultError(fault.op, fault);

  std::vector<Array> outputs;
  outputs.reserve(block_.spec().outputs.size());
  for (const int64_t slot : block_.spec().outputs) outputs.push_back(value_of(slot, frame));
  commit(frame);
  return outputs;
}

// The slot's value as an array that nobody writes any more: shared where the slot has counted memory of its own.
Array Program::value_of(int64_t i, const Frame& frame) const {
  const Slot& slot = block_.spec().slots[i];
  View view = slot.view;
  view.data = frame.data[i];
  switch (slot.kind) {
    case SlotKind::Input:
      return {frame.inputs[slot.ref].storage, view};
    case SlotKind::Constant:
      return {block_.spec().constants[slot.ref].storage, view};
    case SlotKind::Cell:  // the lock of a written cell is held
      return {(cell_uses_[slot.ref].written ? cells_[slot.ref]->array() : frame.cells[slot.ref]).storage, view};
    case SlotKind::Fresh:
      return frame.fresh[std::lower_bound(fresh_slots_.begin(), fresh_slots_.end(), i) - fresh_slots_.begin()];
    case SlotKind::Arena:
      break;
  }
  return Array::copy_of(view);
}

// Everything that can fail comes first: all the writes happen, or none.
void Program::commit(Frame& frame) const {
  std::vector<Array> values(writes_.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const Slot& slot = block_.spec().slots[writes_[i].slot];
    const Cell& cell = *cells_[writes_[i].cell];
    if (slot.kind == SlotKind::Fresh || slot.kind == SlotKind::Cell) {
      values[i] = value_of(writes_[i].slot, frame);
    } else if (!cell.array().storage->exclusive()) {
      View view = slot.view;
      view.data = frame.data[writes_[i].slot];
      values[i] = Array::copy_of(view);
    }
  }
  for (size_t i = 0; i < values.size(); ++i) {
    Cell& cell = *cells_[writes_[i].cell];
    const View& view = cell.array().view;
    if (values[i].storage) {
      cell.replace(std::move(values[i]));
    } else if (const int64_t bytes = view.nbytes()) {
      std::memcpy(view.data, frame.data[writes_[i].slot], static_cast<size_t>(bytes));
    }
  }
}

}  // namespace ckeras
