// A traced program on a device: the same slots and instructions as runtime/program.h, queued on the device's stream.
// The first run queues them one by one; the second notes them as a graph, which it and every later run launch as one.
//
// All that it works on lies at fixed addresses, as a graph needs: inputs are copied in, results out. After a fault the
// variables keep their values: kernels that write them heed it, and whatever else would write one writes beside it
// first.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "cuda/queue.h"
#include "cuda/rewrite.h"

namespace ckeras::cuda {

// A kernel met a bad value. `op` names it.
struct DeviceFault : std::runtime_error {
  DeviceFault(const char* op_name, const Fault& f);
  const char* op;
  Fault fault;
};

class DeviceProgram {
 public:
  // The spec is one that ckeras::Program takes. Throws std::invalid_argument for what has no kernel on a device, by
  // name.
  DeviceProgram(std::shared_ptr<Device> device, DeviceProgramSpec spec);
  ~DeviceProgram();
  DeviceProgram(const DeviceProgram&) = delete;
  DeviceProgram& operator=(const DeviceProgram&) = delete;

  // Queues one run; returns before it is done. Throws std::invalid_argument for other inputs than it takes,
  // OutOfMemory.
  std::vector<DeviceArray> run(std::span<const DeviceArray> inputs);
  // Waits, and throws DeviceFault where the last run met one.
  void check();
  bool is_graph() const { return graph_ != nullptr; }

 private:
  struct Step {
    int instruction;
    std::vector<View> in, out;
    Call call;
  };

  void plan_memory();
  int64_t reserve(int64_t bytes);
  void place();
  Status start(const Step& step, Queue& queue) const;
  void enqueue();
  void forget_graph();
  std::vector<void*> cell_addresses() const;

  std::shared_ptr<Device> device_;
  DeviceProgramSpec spec_;        // rewritten
  std::vector<int64_t> offsets_;  // of input, cell (as its value was before the writes) and fresh slots in memory_
  std::vector<int64_t> staged_;   // cell slots that outputs or writes read
  int64_t bytes_ = 0, workspace_ = 0, workspace_bytes_ = 0, fault_ = 0;
  DeviceArray memory_;
  std::vector<void*> data_;  // by slot
  std::vector<Step> steps_;
  std::vector<void*> placed_cells_;
  void* graph_ = nullptr;
  int64_t runs_ = 0;
};

}  // namespace ckeras::cuda
