// A traced program on a device: the same slots and instructions as runtime/program.h, queued on the device's stream.
// The first run queues them one by one; the second notes them as a graph, which it and every later run launch as one,
// unless it calls the host, or its control flow depends on values and graphs cannot (graph.h).
//
// All that it works on lies at fixed addresses, as a graph needs: inputs are copied in, results out. After a fault the
// variables keep their values: kernels that write them heed it, and whatever else would write one writes beside it
// first. A variable whose array somebody else holds gets an array of its own before it is written.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "cuda/device_block.h"

namespace ckeras::cuda {

// A kernel met a bad value. `op` names it.
struct DeviceFault : std::runtime_error {
  DeviceFault(const char* op_name, const Fault& f);
  const char* op;
  Fault fault;
};

// What a program takes: an array of the device, or (no memory) one of the host, which may change once run() returns.
using Input = DeviceArray;

// Input i of step s is data[i] at rows order[(first + s) * batch, ...); the data is the host's or the device's.
struct Steps {
  std::span<const Input> data;
  std::span<const int64_t> order;
  int64_t batch, first, count;
  double seconds;
};

class DeviceProgram {
 public:
  // The spec is one that ckeras::Program takes. Throws std::invalid_argument for what has no kernel on a device, by
  // name.
  DeviceProgram(std::shared_ptr<Device> device, DeviceProgramSpec spec, HostCall host = {});
  ~DeviceProgram();
  DeviceProgram(const DeviceProgram&) = delete;
  DeviceProgram& operator=(const DeviceProgram&) = delete;

  // Queues one run; returns before it is done. Throws std::invalid_argument for other inputs than it takes,
  // OutOfMemory, what a function of the host throws.
  std::vector<DeviceArray> run(std::span<const Input> inputs);
  // Several, the next batch copied beside the present step. Stops after `seconds`; gives the number of steps done, and
  // the results of the last. Waits, and throws DeviceFault.
  int64_t run_steps(const Steps& steps, std::vector<DeviceArray>* outputs);
  // Waits, and throws DeviceFault where the last run met one.
  void check();
  bool may_fault() const { return block_.may_fault(); }
  bool is_graph() const { return graph_ != nullptr; }

 private:
  class Feed;

  int64_t reserve(int64_t bytes);
  void prepare();
  void own_cells();
  void place();
  void check_type(size_t input, const View& view) const;
  void copy_in(size_t input, const Input& from);
  void enqueue(bool noted);
  void go();
  std::vector<DeviceArray> results();
  void forget_graph();
  std::vector<void*> cell_addresses() const;

  std::shared_ptr<Device> device_;
  DeviceBlock block_;
  const DeviceProgramSpec& spec_;  // the block's
  HostCall host_;
  struct Place {
    View view;
    int64_t offset;
  };
  std::vector<Place> inputs_;     // offset -1: no slot reads it
  std::vector<int64_t> offsets_;  // of what outputs or writes read from cells: a copy as it was before the writes
  std::vector<int64_t> staged_;   // those slots
  std::vector<int64_t> written_;  // cells that a run writes
  int64_t bytes_ = 0, fault_ = 0;
  DeviceArray memory_;
  std::vector<void*> placed_cells_;
  void* graph_ = nullptr;
  int64_t runs_ = 0;
};

}  // namespace ckeras::cuda
