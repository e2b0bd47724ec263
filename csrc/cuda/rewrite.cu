#include "cuda/rewrite.h"

#include <algorithm>

namespace ckeras::cuda {

void refuse(const std::string& what) { throw std::invalid_argument("Program on a device: " + what); }

std::string describe_type(const View& view) {
  std::string text = std::string(kDTypeNames[static_cast<int>(view.dtype)]) + "[";
  for (int d = 0; d < view.rank; ++d) text += (d == 0 ? "" : ", ") + std::to_string(view.shape[d]);
  return text + "]";
}

void DeviceCell::set(Device& device, const DeviceArray& value) {
  const std::lock_guard lock(device.queueing());
  device.enter();
  if (array.memory.use_count() > 1) array = device.empty(value.view, "the value of a variable");
  expect(queue_copy(array.view.data, value.view.data, value.view.nbytes(), device.stream()), "an assignment");
}

std::string name_of(int op) { return op == kChainOp ? "a fused loop" : name_of_op(op); }
bool has_kernel(int op) { return op >= 0 && !is_elementwise(op); }
Faults faults_of(int op) {
  if (op == kHostOp || op == kSwitchOp || op == kLoopOp) return kNone;
  return has_kernel(op) ? find_kernel(name_of_op(op))->faults : kHeeds;
}

void refuse_unknown(const DeviceProgramSpec& spec) {
  for (const Instruction& instruction : spec.instructions) {
    const int op = instruction.op;
    if (op <= kChainOp && op >= kLoopOp) continue;
    if (name_of_op(op) == nullptr) refuse("no op has the id " + std::to_string(op));
    if (has_kernel(op) && find_kernel(name_of_op(op)) == nullptr)
      refuse(name_of(op) + " has no kernel for a device yet");
  }
  for (const DeviceProgramSpec& block : spec.blocks) refuse_unknown(block);
}

namespace {

// The parts of a fused loop's ints (docs/architecture.md, section 5), as places in them.
struct LoopParts {
  size_t shape, steps, outputs, reductions;
  explicit LoopParts(const std::vector<int64_t>& ints) {
    const auto rank = static_cast<size_t>(ints.at(0));
    shape = 1;
    const auto inputs = static_cast<size_t>(ints.at(1 + rank));
    steps = 2 + rank + inputs * rank;
    size_t at = steps + 1;
    for (int64_t s = 0; s < ints.at(steps); ++s) at += 4 + static_cast<size_t>(ints.at(at + 3));
    outputs = at;
    reductions = outputs + 1 + static_cast<size_t>(ints.at(outputs));
  }
};

// The dtype of step `step`'s result.
DType result_of(const std::vector<int64_t>& ints, const LoopParts& parts, int64_t step) {
  size_t at = parts.steps + 1;
  for (int64_t s = 0; s < step; ++s) at += 4 + static_cast<size_t>(ints.at(at + 3));
  return static_cast<DType>(ints.at(at + 2));
}

}  // namespace

void split_reductions(DeviceProgramSpec& spec) {
  for (DeviceProgramSpec& block : spec.blocks) split_reductions(block);
  std::vector<Instruction> instructions;
  for (const Instruction& whole : spec.instructions) {
    instructions.push_back(whole);
    if (whole.op != kChainOp) continue;
    const std::vector<int64_t>& ints = whole.ints;
    const LoopParts parts(ints);
    if (parts.reductions >= ints.size()) continue;
    Instruction loop = whole;
    loop.ints.resize(parts.reductions);
    const auto stored = static_cast<size_t>(ints[parts.outputs]);
    loop.out.resize(stored);
    std::vector<Instruction> folds;
    for (int64_t r = 0; r < ints.at(parts.reductions + 3); ++r) {
      const size_t at = parts.reductions + 4 + 2 * static_cast<size_t>(r);
      const int64_t folded = ints.at(at + 1), step = folded - static_cast<int64_t>(whole.in.size());
      View values{};
      values.rank = 3;
      for (size_t d = 0; d < 3; ++d) values.shape[d] = ints.at(parts.reductions + d);
      values.dtype = result_of(ints, parts, step);
      const auto slot = static_cast<int64_t>(spec.slots.size());
      spec.slots.push_back({SlotKind::Fresh, 0, values});
      ++loop.ints[parts.outputs];
      loop.ints.push_back(folded);
      loop.out.push_back(slot);
      folds.push_back(
          {static_cast<int>(ints.at(at)), {slot}, {whole.out.at(stored + static_cast<size_t>(r))}, {0, 1, 0}, {}});
    }
    instructions.back() = std::move(loop);
    instructions.insert(instructions.end(), folds.begin(), folds.end());
  }
  spec.instructions = std::move(instructions);
}

void redirect_unheeding(DeviceProgramSpec& spec) {
  for (size_t i = 0; i < spec.instructions.size(); ++i) {
    if (faults_of(spec.instructions[i].op) == kHeeds) continue;
    for (size_t o = 0; o < spec.instructions[i].out.size(); ++o) {
      const Slot old = spec.slots[static_cast<size_t>(spec.instructions[i].out[o])];
      if (old.kind != SlotKind::Cell) continue;
      const auto fresh = static_cast<int64_t>(spec.slots.size());
      spec.slots.push_back({SlotKind::Fresh, 0, old.view});
      std::map<int64_t, int64_t> instead = {{spec.instructions[i].out[o], fresh}};
      for (int64_t s = 0; s < fresh; ++s) {
        const Slot slot = spec.slots[static_cast<size_t>(s)];
        if (slot.kind != SlotKind::Cell || slot.ref != old.ref || instead.count(s) != 0) continue;
        instead[s] = static_cast<int64_t>(spec.slots.size());
        spec.seen_as[instead[s]] = fresh;
        spec.slots.push_back({SlotKind::Fresh, 0, slot.view});
      }
      const auto follow = [&](int64_t& slot) {
        const auto at = instead.find(slot);
        if (at != instead.end()) slot = at->second;
      };
      spec.instructions[i].out[o] = fresh;
      for (size_t j = i + 1; j < spec.instructions.size(); ++j) {
        std::for_each(spec.instructions[j].in.begin(), spec.instructions[j].in.end(), follow);
        std::for_each(spec.instructions[j].out.begin(), spec.instructions[j].out.end(), follow);
      }
      std::for_each(spec.outputs.begin(), spec.outputs.end(), follow);
      bool written = false;  // at the end anyhow, with what comes later
      for (Write& write : spec.writes) {
        follow(write.slot);
        written |= write.cell == old.ref;
      }
      if (!written) spec.writes.push_back({old.ref, fresh});
    }
  }
}

}  // namespace ckeras::cuda
