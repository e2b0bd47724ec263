// One planned list of ops on a device: a program's, and every part of its control flow (runtime/control.h says what
// that does). Kernels are queued. Choices, and loops whose turns depend on values, wait for what they need to know, or
// are conditional parts of the graph that is noted (control.cu); functions of the host always wait.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "cuda/queue.h"
#include "cuda/rewrite.h"

namespace ckeras::cuda {

// Calls function `number` of the host on arrays of the host. What it throws ends the run.
using HostCall = std::function<void(int64_t number, std::span<const View> in, std::span<const View> out)>;

inline constexpr int64_t kUnit = 256;  // addresses of what programs keep
inline int64_t whole_units(int64_t bytes) { return (bytes + kUnit - 1) / kUnit * kUnit; }

class DeviceBlock {
 public:
  struct Run {
    Device& device;
    Fault* fault;  // of the device
    const HostCall& host;
    bool noted;  // as a graph: nothing may wait
    Queue queue;

    // What lies there once all that was queued is done.
    template <class T>
    T ask(const void* p) const {
      T value;
      read(&value, p, sizeof value);
      return value;
    }
    void read(void* to, const void* from, int64_t bytes) const;
    bool met_fault() const { return ask<Fault>(fault).code != 0; }
  };

  // A rewritten spec.
  explicit DeviceBlock(DeviceProgramSpec spec);

  const DeviceProgramSpec& spec() const { return spec_; }
  int64_t bytes() const { return bytes_; }  // of the memory of a run
  bool fits_graph() const;
  bool may_fault() const { return may_fault_; }
  std::string largest() const { return largest_; }  // its largest value, for messages

  // Where everything lies from now on; `inputs` and `cells` by number.
  void place(char* memory, std::span<void* const> inputs, std::span<void* const> cells);
  void* data(int64_t slot) const { return data_[static_cast<size_t>(slot)]; }

  // False: a wait showed that a kernel met a bad value, and nothing more was queued.
  bool enqueue(Run& run);

 private:
  struct Step {
    int instruction;
    std::vector<View> in, out;
    Call call;
  };

  int64_t reserve(int64_t bytes);
  Status start(const Step& step, Queue& queue) const;
  bool call_host(const Step& step, Run& run);

  // ---- control.cu
  struct Choice;
  struct Loop;
  class Part;
  void plan_choice(const Step& step);
  void plan_loop(const Step& step);
  DeviceBlock& part(int64_t number) const;
  bool choose(const Step& step, Run& run);
  void note_choice(const Step& step, Run& run);
  bool repeat(const Step& step, Run& run);
  void note_loop(const Step& step, Run& run);
  // Runs a part of control flow and copies its outputs to these places.
  bool run_part(DeviceBlock& part, Run& run, char* memory, std::span<void* const> in, std::span<void* const> out);

  DeviceProgramSpec spec_;
  std::vector<std::unique_ptr<DeviceBlock>> blocks_;
  std::vector<int64_t> offsets_;  // of fresh slots in the memory
  int64_t bytes_ = 0, workspace_ = 0, workspace_bytes_ = 0, control_ = 0, control_bytes_ = 0;
  bool calls_host_ = false, decides_ = false, may_fault_ = false;
  std::string largest_;
  char* memory_ = nullptr;
  std::vector<void*> data_;  // by slot
  std::vector<Step> steps_;
};

}  // namespace ckeras::cuda
