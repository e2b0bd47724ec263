#include "cuda/device_block.h"

#include <algorithm>

#include "cuda/graph.h"

namespace ckeras::cuda {
namespace {

// The op that a fault came from is the first after whose kernel there is one. Kept as its number, plus 1.
__global__ void note_kernel(Fault* fault, int64_t op) {
  if (fault->code != 0 && fault->op == nullptr) fault->op = reinterpret_cast<const char*>(op + 1);
}

}  // namespace

void DeviceBlock::Run::read(void* to, const void* from, int64_t bytes) const {
  expect(wait_for(queue.stream), "the work queued");
  expect(copy_out(to, from, bytes), "a copy from the device");
}

DeviceBlock::DeviceBlock(DeviceProgramSpec spec) : spec_(std::move(spec)) {
  for (const DeviceProgramSpec& part : spec_.blocks) blocks_.push_back(std::make_unique<DeviceBlock>(part));
  const auto& slots = spec_.slots;
  reserve(spec_.arena_bytes);
  offsets_.assign(slots.size(), -1);
  int64_t most = -1;
  for (size_t i = 0; i < slots.size(); ++i) {
    const bool own = slots[i].kind == SlotKind::Fresh || slots[i].kind == SlotKind::Arena;
    if (own && slots[i].view.nbytes() > most) {
      most = slots[i].view.nbytes();
      largest_ = describe_type(slots[i].view);
    }
    if (slots[i].kind != SlotKind::Fresh) continue;
    const auto at = spec_.seen_as.find(static_cast<int64_t>(i));
    offsets_[i] =
        at != spec_.seen_as.end() ? offsets_[static_cast<size_t>(at->second)] : reserve(slots[i].view.nbytes());
  }
  steps_.resize(spec_.instructions.size());
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Instruction& instruction = spec_.instructions[i];
    Step& step = steps_[i];
    step.instruction = static_cast<int>(i);
    for (const int64_t slot : instruction.in) step.in.push_back(slots[static_cast<size_t>(slot)].view);
    for (const int64_t slot : instruction.out) step.out.push_back(slots[static_cast<size_t>(slot)].view);
    for (View& view : step.in) view.data = nullptr;
    for (View& view : step.out) view.data = nullptr;
    step.call = {step.in.data(),
                 step.out.data(),
                 static_cast<int32_t>(step.in.size()),
                 static_cast<int32_t>(step.out.size()),
                 instruction.ints.data(),
                 instruction.floats.data(),
                 static_cast<int32_t>(instruction.ints.size()),
                 static_cast<int32_t>(instruction.floats.size()),
                 nullptr,
                 nullptr};
    const int op = instruction.op;
    may_fault_ |= faults_of(op) == kMayFault;
    calls_host_ |= op == kHostOp;
    if (op == kSwitchOp) plan_choice(step);
    if (op == kLoopOp) plan_loop(step);
    const DeviceKernel* kernel = has_kernel(op) ? find_kernel(name_of_op(op)) : nullptr;
    if (kernel != nullptr && kernel->workspace != nullptr) {
      workspace_bytes_ = std::max(workspace_bytes_, kernel->workspace(step.call));
    }
  }
  workspace_ = reserve(workspace_bytes_);
  control_ = reserve(control_bytes_);
}

bool DeviceBlock::fits_graph() const { return !calls_host_ && (!decides_ || graphs_decide()); }

int64_t DeviceBlock::reserve(int64_t bytes) {
  const int64_t at = bytes_;
  bytes_ += whole_units(bytes);
  return at;
}

void DeviceBlock::place(char* memory, std::span<void* const> inputs, std::span<void* const> cells) {
  memory_ = memory;
  data_.assign(spec_.slots.size(), nullptr);
  for (size_t i = 0; i < data_.size(); ++i) {
    const Slot& slot = spec_.slots[i];
    const auto ref = static_cast<size_t>(slot.ref);
    switch (slot.kind) {
      case SlotKind::Constant:
        data_[i] = spec_.constants[ref].view.data;
        break;
      case SlotKind::Cell:
        if (ref >= cells.size()) refuse("a part of control flow cannot read a variable");
        data_[i] = cells[ref];
        break;
      case SlotKind::Arena:
        data_[i] = memory + slot.ref;
        break;
      case SlotKind::Input:
        if (ref >= inputs.size()) refuse("a part of control flow takes more values than it gets");
        data_[i] = inputs[ref];
        break;
      default:
        data_[i] = memory + offsets_[i];
    }
  }
  for (Step& step : steps_) {
    const Instruction& instruction = spec_.instructions[static_cast<size_t>(step.instruction)];
    for (size_t j = 0; j < instruction.in.size(); ++j) step.in[j].data = data(instruction.in[j]);
    for (size_t j = 0; j < instruction.out.size(); ++j) step.out[j].data = data(instruction.out[j]);
    step.call.workspace = memory + workspace_;
  }
}

Status DeviceBlock::start(const Step& step, Queue& queue) const {
  const int op = spec_.instructions[static_cast<size_t>(step.instruction)].op;
  if (op == kChainOp) return run_chain(step.call, queue);
  if (is_elementwise(op)) return run_elementwise(op, step.call, queue);
  return find_kernel(name_of_op(op))->run(step.call, queue);
}

bool DeviceBlock::enqueue(Run& run) {
  for (Step& step : steps_) {
    const int op = spec_.instructions[static_cast<size_t>(step.instruction)].op;
    step.call.fault = run.fault;
    if (op == kHostOp || op == kSwitchOp || op == kLoopOp) {
      if (!(op == kHostOp ? call_host(step, run) : op == kSwitchOp ? choose(step, run) : repeat(step, run))) {
        return false;
      }
      continue;
    }
    const Status status = start(step, run.queue);
    if (status == Status::NoDtype) refuse(name_of(op) + " has no kernel for these dtypes yet");
    if (status == Status::TooLong) refuse(name_of(op) + " is too long for a device's kernel");
    if (faults_of(op) == kMayFault) launch(run.queue, {1}, {1}, 0, note_kernel, run.fault, int64_t{op});
    expect(run.queue.error, name_of(op));
  }
  return true;
}

bool DeviceBlock::call_host(const Step& step, Run& run) {
  if (!run.host) refuse("a function of the host was not given");
  if (run.met_fault()) return false;
  std::vector<std::vector<char>> memory;
  const auto on_host = [&](const std::vector<View>& views) {
    std::vector<View> result = views;
    for (View& view : result) {
      memory.emplace_back(static_cast<size_t>(std::max<int64_t>(view.nbytes(), 1)));
      view.data = memory.back().data();
    }
    return result;
  };
  const std::vector<View> in = on_host(step.in), out = on_host(step.out);
  for (size_t i = 0; i < in.size(); ++i) run.read(in[i].data, step.in[i].data, in[i].nbytes());
  run.host(step.call.ints[0], in, out);
  for (size_t i = 0; i < out.size(); ++i) {
    run.device.send(step.out[i].data, out[i].data, out[i].nbytes(), run.queue.stream);
  }
  return true;
}

}  // namespace ckeras::cuda
