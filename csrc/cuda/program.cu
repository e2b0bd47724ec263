#include "cuda/program.h"

#include <algorithm>

#include "cuda/device.h"

namespace ckeras::cuda {
namespace {

constexpr int64_t kUnit = 256;  // addresses of what it keeps

bool same(const View& a, const View& b) {
  return a.dtype == b.dtype && a.rank == b.rank && std::equal(a.shape, a.shape + a.rank, b.shape);
}

// The instruction that a fault came from is the first after whose kernel there is one.
__global__ void note_kernel(Fault* fault, int64_t instruction) {
  if (fault->code != 0 && fault->op == nullptr) fault->op = reinterpret_cast<const char*>(instruction + 1);
}

// Variables keep their values after a fault.
__global__ void __launch_bounds__(256)
    write_kernel(unsigned char* to, const unsigned char* from, int64_t bytes, const Fault* fault) {
  if (fault->code != 0) return;
  const int64_t words = bytes / 8;
  for (int64_t i = first_element(); i < words; i += all_threads()) {
    reinterpret_cast<uint64_t*>(to)[i] = reinterpret_cast<const uint64_t*>(from)[i];
  }
  for (int64_t i = 8 * words + first_element(); i < bytes; i += all_threads()) to[i] = from[i];
}

}  // namespace

DeviceFault::DeviceFault(const char* op_name, const Fault& f)
    : std::runtime_error(std::string(op_name) + ": " + std::to_string(f.value) + " is out of range, the limit is " +
                         std::to_string(f.limit)),
      op(op_name),
      fault(f) {}

DeviceProgram::DeviceProgram(std::shared_ptr<Device> device, DeviceProgramSpec spec)
    : device_(std::move(device)), spec_(std::move(spec)) {
  refuse_unknown(spec_);
  split_reductions(spec_);
  redirect_unheeding(spec_);
  plan_memory();
}

DeviceProgram::~DeviceProgram() {
  wait_for(device_->stream());
  forget_graph();
}

int64_t DeviceProgram::reserve(int64_t bytes) {
  const int64_t at = bytes_;
  bytes_ += (bytes + kUnit - 1) / kUnit * kUnit;
  return at;
}

// The arena, what has addresses of its own, one workspace for all kernels, the fault.
void DeviceProgram::plan_memory() {
  const auto& slots = spec_.slots;
  reserve(spec_.arena_bytes);
  offsets_.assign(slots.size(), -1);
  std::vector<int64_t> inputs;  // the place of each
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].kind == SlotKind::Fresh) {
      const auto at = spec_.seen_as.find(static_cast<int64_t>(i));
      offsets_[i] =
          at != spec_.seen_as.end() ? offsets_[static_cast<size_t>(at->second)] : reserve(slots[i].view.nbytes());
    }
    if (slots[i].kind != SlotKind::Input) continue;
    inputs.resize(std::max(inputs.size(), static_cast<size_t>(slots[i].ref) + 1), -1);
    int64_t& place = inputs[static_cast<size_t>(slots[i].ref)];
    if (place < 0) place = reserve(slots[i].view.nbytes());
    offsets_[i] = place;
  }
  const auto stage = [&](int64_t slot) {
    if (slots[static_cast<size_t>(slot)].kind != SlotKind::Cell || offsets_[static_cast<size_t>(slot)] >= 0) return;
    offsets_[static_cast<size_t>(slot)] = reserve(slots[static_cast<size_t>(slot)].view.nbytes());
    staged_.push_back(slot);
  };
  for (const int64_t slot : spec_.outputs) stage(slot);
  for (const Write& write : spec_.writes) stage(write.slot);
  fault_ = reserve(static_cast<int64_t>(sizeof(Fault)));

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
    const DeviceKernel* kernel = op == kChainOp || is_elementwise(op) ? nullptr : find_kernel(name_of_op(op));
    if (kernel != nullptr && kernel->workspace != nullptr) {
      workspace_bytes_ = std::max(workspace_bytes_, kernel->workspace(step.call));
    }
  }
  workspace_ = reserve(workspace_bytes_);
  View whole{};
  whole.rank = 1;
  whole.shape[0] = bytes_;
  whole.dtype = DType::U8;
  memory_ = device_->empty(whole, "the memory of a program");
}

std::vector<void*> DeviceProgram::cell_addresses() const {
  std::vector<void*> addresses;
  for (const auto& cell : spec_.cells) addresses.push_back(cell->array.view.data);
  return addresses;
}

// Every slot's address, once more when a cell has moved.
void DeviceProgram::place() {
  char* const memory = memory_.view.as<char>();
  data_.assign(spec_.slots.size(), nullptr);
  for (size_t i = 0; i < data_.size(); ++i) {
    const Slot& slot = spec_.slots[i];
    switch (slot.kind) {
      case SlotKind::Constant:
        data_[i] = spec_.constants[static_cast<size_t>(slot.ref)].view.data;
        break;
      case SlotKind::Cell:
        data_[i] = spec_.cells[static_cast<size_t>(slot.ref)]->array.view.data;
        break;
      case SlotKind::Arena:
        data_[i] = memory + slot.ref;
        break;
      default:
        data_[i] = memory + offsets_[i];
    }
  }
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Instruction& instruction = spec_.instructions[i];
    for (size_t j = 0; j < instruction.in.size(); ++j)
      steps_[i].in[j].data = data_[static_cast<size_t>(instruction.in[j])];
    for (size_t j = 0; j < instruction.out.size(); ++j) {
      steps_[i].out[j].data = data_[static_cast<size_t>(instruction.out[j])];
    }
    steps_[i].call.workspace = memory + workspace_;
    steps_[i].call.fault = reinterpret_cast<Fault*>(memory + fault_);
  }
  placed_cells_ = cell_addresses();
}

Status DeviceProgram::start(const Step& step, Queue& queue) const {
  const int op = spec_.instructions[static_cast<size_t>(step.instruction)].op;
  if (op == kChainOp) return run_chain(step.call, queue);
  if (is_elementwise(op)) return run_elementwise(op, step.call, queue);
  return find_kernel(name_of_op(op))->run(step.call, queue);
}

void DeviceProgram::enqueue() {
  Queue queue;
  queue.stream = device_->stream();
  char* const memory = memory_.view.as<char>();
  Fault* const fault = reinterpret_cast<Fault*>(memory + fault_);
  queue.error = queue_fill(fault, 0, static_cast<int64_t>(sizeof(Fault)), queue.stream);
  for (const Step& step : steps_) {
    const int op = spec_.instructions[static_cast<size_t>(step.instruction)].op;
    const Status status = start(step, queue);
    if (status == Status::NoDtype) refuse(name_of(op) + " has no kernel for these dtypes yet");
    if (status == Status::TooLong) refuse(name_of(op) + " is too long for a device's kernel");
    if (faults_of(op) == kMayFault) launch(queue, {1}, {1}, 0, note_kernel, fault, int64_t{step.instruction});
    expect(queue.error, name_of(op));
  }
  // Outputs and writes see variables as they are now.
  for (const int64_t slot : staged_) {
    const auto i = static_cast<size_t>(slot);
    expect(queue_copy(memory + offsets_[i], data_[i], spec_.slots[i].view.nbytes(), queue.stream), "a copy");
  }
  for (const Write& write : spec_.writes) {
    const auto i = static_cast<size_t>(write.slot);
    const int64_t bytes = spec_.slots[i].view.nbytes();
    const bool staged = spec_.slots[i].kind == SlotKind::Cell;
    if (bytes == 0) continue;
    launch(queue, {blocks_for(bytes / 8 + 1, 256)}, {256}, 0, write_kernel,
           static_cast<unsigned char*>(placed_cells_[static_cast<size_t>(write.cell)]),
           static_cast<const unsigned char*>(staged ? memory + offsets_[i] : data_[i]), bytes, fault);
  }
  expect(queue.error, "a write");
}

void DeviceProgram::forget_graph() {
  if (graph_ != nullptr) drop_graph(graph_);
  graph_ = nullptr;
}

std::vector<DeviceArray> DeviceProgram::run(std::span<const DeviceArray> inputs) {
  void* const stream = device_->stream();
  if (runs_ == 0 || cell_addresses() != placed_cells_) {
    wait_for(stream);
    forget_graph();
    place();
    runs_ = 0;
  }
  std::vector<bool> seen(inputs.size());
  for (size_t i = 0; i < spec_.slots.size(); ++i) {
    const Slot& slot = spec_.slots[i];
    if (slot.kind != SlotKind::Input) continue;
    const auto n = static_cast<size_t>(slot.ref);
    if (n >= inputs.size()) refuse("takes more than " + std::to_string(inputs.size()) + " inputs");
    if (seen[n]) continue;
    seen[n] = true;
    if (!same(inputs[n].view, slot.view)) refuse("input " + std::to_string(n) + " has another shape or dtype");
    expect(queue_copy(data_[i], inputs[n].view.data, slot.view.nbytes(), stream), "the copy of an input");
  }
  if (runs_ == 1) {
    expect(begin_graph(stream), "the beginning of a graph");
    try {
      enqueue();
    } catch (...) {
      void* half = nullptr;
      if (end_graph(stream, &half) == 0) drop_graph(half);
      throw;
    }
    expect(end_graph(stream, &graph_), "the end of a graph");
  }
  if (graph_ != nullptr) {
    expect(launch_graph(graph_, stream), "the launch of a graph");
  } else {
    enqueue();
  }
  ++runs_;
  std::vector<DeviceArray> outputs;
  for (const int64_t slot : spec_.outputs) {
    const auto i = static_cast<size_t>(slot);
    const bool staged = spec_.slots[i].kind == SlotKind::Cell;
    outputs.push_back(
        device_->empty(spec_.slots[i].view, "result " + std::to_string(outputs.size()) + " of a program"));
    expect(queue_copy(outputs.back().view.data, staged ? memory_.view.as<char>() + offsets_[i] : data_[i],
                      spec_.slots[i].view.nbytes(), stream),
           "the copy of a result");
  }
  return outputs;
}

void DeviceProgram::check() {
  device_->wait();
  if (runs_ == 0) return;
  Fault fault;
  expect(copy_out(&fault, memory_.view.as<char>() + fault_, static_cast<int64_t>(sizeof fault)), "the copy of a fault");
  if (fault.code == 0) return;
  const auto instruction = reinterpret_cast<intptr_t>(fault.op) - 1;
  fault.op = nullptr;
  throw DeviceFault(name_of_op(spec_.instructions[static_cast<size_t>(instruction)].op), fault);
}

}  // namespace ckeras::cuda
