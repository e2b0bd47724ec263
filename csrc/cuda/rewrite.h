// What a device's program is made of, and how a program for the CPU becomes one. Plain functions of the host.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cuda/device_array.h"
#include "cuda/queue.h"
#include "runtime/block.h"
#include "runtime/program.h"

namespace ckeras::cuda {

// A variable's storage on a device.
struct DeviceCell {
  DeviceArray array;
  // Takes the elements of another array of the same type: in place, unless somebody else holds the old ones.
  void set(Device& device, const DeviceArray& value);
};

struct DeviceProgramSpec {
  std::vector<Slot> slots;
  std::vector<DeviceArray> constants;
  std::vector<std::shared_ptr<DeviceCell>> cells;
  std::vector<Instruction> instructions;
  std::vector<Write> writes;
  std::vector<int64_t> outputs;
  int64_t arena_bytes = 0;
  std::vector<DeviceProgramSpec> blocks;  // of its control flow: without cells and writes
  std::map<int64_t, int64_t> seen_as;     // Fresh slots that see another, in another shape
};

inline constexpr int kChainOp = -1;

std::string describe_type(const View& view);  // "float32[2, 3]"
std::string name_of(int op);
bool has_kernel(int op);  // of its own: no elementwise op, no control flow
Faults faults_of(int op);

[[noreturn]] void refuse(const std::string& what);  // std::invalid_argument

// Throws std::invalid_argument, by name, for what has no kernel on a device.
void refuse_unknown(const DeviceProgramSpec& spec);

// A fused loop that ends in reductions stores what they reduce, and they become instructions; in blocks too.
void split_reductions(DeviceProgramSpec& spec);

// An instruction that does not heed faults gets a slot of its own instead of a cell's; a write follows at the end. What
// reads that cell after it, under whatever slot, reads the new one.
void redirect_unheeding(DeviceProgramSpec& spec);

}  // namespace ckeras::cuda
