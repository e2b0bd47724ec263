#include "cuda/device_block.h"

#include <algorithm>

#include "cuda/device.h"

namespace ckeras::cuda {
namespace {

constexpr int64_t kUnit = 256;  // addresses of what it keeps

// The op that a fault came from is the first after whose kernel there is one. Kept as its number, plus 1.
__global__ void note_kernel(Fault* fault, int64_t op) {
  if (fault->code != 0 && fault->op == nullptr) fault->op = reinterpret_cast<const char*>(op + 1);
}

__global__ void number_kernel(int32_t* to, int32_t value) { *to = value; }

template <class T>
T ask(DeviceBlock::Run& run, const void* p) {
  T value;
  expect(wait_for(run.queue.stream), "the work queued");
  expect(copy_out(&value, p, sizeof value), "a copy from the device");
  return value;
}

std::vector<int64_t> bytes_of(const View* views, size_t n, int64_t rows) {
  std::vector<int64_t> bytes;
  for (size_t i = 0; i < n; ++i) bytes.push_back(rows == 0 ? 0 : views[i].nbytes() / rows);
  return bytes;
}

int64_t rounded(int64_t bytes) { return (bytes + kUnit - 1) / kUnit * kUnit; }

}  // namespace

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
    if (op == kHostOp) waits_ = true;
    if (op == kSwitchOp || op == kLoopOp) plan_control(instruction);
    const DeviceKernel* kernel = has_kernel(op) ? find_kernel(name_of_op(op)) : nullptr;
    if (kernel != nullptr && kernel->workspace != nullptr) {
      workspace_bytes_ = std::max(workspace_bytes_, kernel->workspace(step.call));
    }
  }
  workspace_ = reserve(workspace_bytes_);
  control_ = reserve(control_bytes_);
}

int64_t DeviceBlock::reserve(int64_t bytes) {
  const int64_t at = bytes_;
  bytes_ += rounded(bytes);
  return at;
}

// The memory of a choice: that of its branches. Of a loop: the condition's result, the condition, the body, and the
// second place of each carried value.
void DeviceBlock::plan_control(const Instruction& instruction) {
  const auto part = [&](int64_t number) -> const DeviceBlock& {
    if (number < 0 || number >= static_cast<int64_t>(blocks_.size())) refuse("control flow names no block");
    return *blocks_[static_cast<size_t>(number)];
  };
  const auto view = [&](int64_t slot) { return spec_.slots[static_cast<size_t>(slot)].view; };
  if (instruction.op == kSwitchOp) {
    if (instruction.in.empty() || instruction.ints.empty()) refuse("a choice needs an index and a branch");
    waits_ = true;
    for (const int64_t number : instruction.ints) {
      if (part(number).spec().outputs.size() != instruction.out.size()) refuse("a branch gives other values");
      control_bytes_ = std::max(control_bytes_, part(number).bytes());
      may_fault_ |= part(number).may_fault();
    }
    return;
  }
  const std::vector<int64_t>& ints = instruction.ints;
  if (ints.size() != 7) refuse("a loop has 7 ints");
  const DeviceBlock& body = part(ints[0]);
  const int64_t fixed = static_cast<int64_t>(instruction.in.size()) - ints[5] - ints[2] - ints[3];
  const auto gives = static_cast<int64_t>(instruction.out.size());
  if (ints[2] < 0 || ints[3] < 0 || fixed < 0 || gives < 1 + ints[2] || ints[4] < -1 ||
      (ints[4] == -1 && ints[1] == -1 && ints[5] == 0) ||
      static_cast<int64_t>(body.spec().outputs.size()) != gives - 1) {
    refuse("the ints of a loop do not fit it");
  }
  int64_t bytes = kUnit + body.bytes();
  waits_ |= ints[5] != 0 || ints[1] != -1 || body.waits();
  may_fault_ |= body.may_fault();
  if (ints[1] != -1) {
    if (part(ints[1]).spec().outputs.size() != 1) refuse("a loop's condition gives one value");
    bytes += part(ints[1]).bytes();
    may_fault_ |= part(ints[1]).may_fault();
  }
  for (int64_t i = 0; i < ints[2]; ++i) bytes += rounded(view(instruction.out[static_cast<size_t>(1 + i)]).nbytes());
  control_bytes_ = std::max(control_bytes_, bytes);
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
  if (ask<Fault>(run, run.fault).code != 0) return false;
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
  for (size_t i = 0; i < in.size(); ++i) {
    expect(copy_out(in[i].data, step.in[i].data, in[i].nbytes()), "a copy from the device");
  }
  run.host(step.call.ints[0], in, out);
  for (size_t i = 0; i < out.size(); ++i) {
    run.device.send(step.out[i].data, out[i].data, out[i].nbytes(), run.queue.stream);
  }
  return true;
}

bool DeviceBlock::run_part(DeviceBlock& part, Run& run, char* memory, std::span<void* const> in,
                           std::span<void* const> out) {
  part.place(memory, in, {});
  if (!part.enqueue(run)) return false;
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t slot = part.spec().outputs[i];
    const int64_t bytes = part.spec().slots[static_cast<size_t>(slot)].view.nbytes();
    expect(queue_copy(out[i], part.data(slot), bytes, run.queue.stream), "a copy");
  }
  return true;
}

bool DeviceBlock::choose(const Step& step, Run& run) {
  if (ask<Fault>(run, run.fault).code != 0) return false;
  const int64_t last = step.call.n_ints - 1;
  const int64_t index = std::clamp<int64_t>(ask<int32_t>(run, step.in[0].data), 0, last);
  std::vector<void*> in, out;
  for (size_t i = 1; i < step.in.size(); ++i) in.push_back(step.in[i].data);
  for (const View& view : step.out) out.push_back(view.data);
  return run_part(*blocks_[static_cast<size_t>(step.call.ints[index])], run, memory_ + control_, in, out);
}

bool DeviceBlock::repeat(const Step& step, Run& run) {
  const int64_t* const ints = step.call.ints;
  DeviceBlock& body = *blocks_[static_cast<size_t>(ints[0])];
  DeviceBlock* const check = ints[1] == -1 ? nullptr : blocks_[static_cast<size_t>(ints[1])].get();
  const int64_t length = ints[4];
  const bool counted = ints[5] != 0, reverse = ints[6] != 0;
  const auto n_carry = static_cast<size_t>(ints[2]), n_rows = static_cast<size_t>(ints[3]);
  const size_t n_fixed = step.in.size() - static_cast<size_t>(counted) - n_carry - n_rows;
  const size_t n_stacks = step.out.size() - 1 - n_carry;
  const View *const carry = &step.in[0] + n_fixed, *const rows = carry + n_carry,
                    *const stacks = &step.out[0] + 1 + n_carry;
  const std::vector<int64_t> carry_bytes = bytes_of(carry, n_carry, 1), row_bytes = bytes_of(rows, n_rows, length),
                             stack_bytes = bytes_of(stacks, n_stacks, length);

  char* const yes = memory_ + control_;
  char* const check_memory = yes + kUnit;
  char* const body_memory = check_memory + (check == nullptr ? 0 : check->bytes());
  std::vector<char*> second;
  for (char* at = body_memory + body.bytes(); second.size() < n_carry;) {
    second.push_back(at);
    at += rounded(carry_bytes[second.size() - 1]);
  }
  int64_t limit = length == -1 ? INT32_MAX : length;
  if (counted) {
    if (ask<Fault>(run, run.fault).code != 0) return false;
    limit = std::clamp<int64_t>(ask<int32_t>(run, rows[n_rows].data), 0, limit);
  }
  // The carry alternates between the outputs and the second places, so that the last of `limit` turns ends in the
  // outputs.
  const auto carried = [&](int64_t t, size_t i) -> void* {
    if (t == 0) return carry[i].data;
    return (limit - t) % 2 == 0 ? step.out[1 + i].data : second[i];
  };
  int64_t t = 0;
  for (;; ++t) {
    std::vector<void*> in, out;
    for (size_t i = 0; i < n_fixed; ++i) in.push_back(step.in[i].data);
    for (size_t i = 0; i < n_carry; ++i) in.push_back(carried(t, i));
    if (t == limit) break;
    if (check != nullptr) {
      void* const result[] = {yes};
      if (!run_part(*check, run, check_memory, in, result)) return false;
      if (ask<Fault>(run, run.fault).code != 0) return false;
      if (!ask<bool>(run, yes)) break;
    }
    const int64_t row = reverse ? limit - 1 - t : t;
    for (size_t i = 0; i < n_rows; ++i) in.push_back(rows[i].as<char>() + row * row_bytes[i]);
    for (size_t i = 0; i < n_carry; ++i) out.push_back(carried(t + 1, i));
    for (size_t i = 0; i < n_stacks; ++i) out.push_back(stacks[i].as<char>() + row * stack_bytes[i]);
    if (!run_part(body, run, body_memory, in, out)) return false;
  }
  launch(run.queue, {1}, {1}, 0, number_kernel, step.out[0].as<int32_t>(), static_cast<int32_t>(t));
  expect(run.queue.error, "a loop");
  for (size_t i = 0; i < n_carry; ++i) {
    void* const last = carried(t, i);
    if (last == step.out[1 + i].data) continue;
    expect(queue_copy(step.out[1 + i].data, last, carry_bytes[i], run.queue.stream), "a copy");
  }
  const int64_t from = reverse ? limit : t;  // rows of turns that were not taken
  for (size_t i = 0; i < n_stacks; ++i) {
    expect(
        queue_fill(stacks[i].as<char>() + from * stack_bytes[i], 0, (length - from) * stack_bytes[i], run.queue.stream),
        "a fill");
  }
  return true;
}

}  // namespace ckeras::cuda
