// Work for a device in order: what kernels' host code launches on. Plain types: tests and the library's users include
// it.
#pragma once
#include <cstdint>

#include "runtime/kernel.h"

namespace ckeras::cuda {

struct Queue {
  void* stream = nullptr;  // cudaStream_t
  int error = 0;           // the first cudaError_t of a launch; nothing is launched after it
};

// NoDtype: the kernel has no version for these dtypes. TooLong: a chain of more inputs, steps or outputs than it takes.
enum class Status : uint8_t { Launched, NoDtype, TooLong };

// As RunFn: data, workspace and fault of the call are memory of the device, all else the host's. Returns before the
// work is done. The fault's memory holds zeros, or an earlier fault: then the kernel may do nothing.
using RunDevice = Status (*)(const Call&, Queue&);

enum Faults : uint8_t {
  kNone,
  kMayFault,  // reports bad values
  kHeeds,     // does nothing after an earlier fault, so that its outputs may be variables
};

struct DeviceKernel {
  const char* name;
  RunDevice run;
  WorkspaceFn workspace;  // null: none needed
  Faults faults = kNone;
};

// The kernel of a row of ops.def, or null: this library has none.
const DeviceKernel* find_kernel(const char* name);

// Rows by their number in ops.def; null beyond them, and no kernel for elementwise ones.
const char* name_of_op(int op);
bool is_elementwise(int op);

// Elementwise ops heed faults. They are all there, as steps of a fused loop (runtime/fused.h, without reductions):
// `ints` of the call as docs/architecture.md, section 5, says.
Status run_chain(const Call& call, Queue& queue);

// A chain of one: inputs broadcast to the output's shape.
Status run_elementwise(int op, const Call& call, Queue& queue);

// ---- memory of the device; what fails gives an error (cudaError_t), 0 otherwise

int allocate(void** p, int64_t bytes);
int release(void* p);
int copy_in(void* device, const void* host, int64_t bytes);
int copy_out(void* host, const void* device, int64_t bytes);  // after all work on the default stream
int fill(void* device, int byte, int64_t bytes);
int device_count();
bool is_emulated();  // the host stands for the device
const char* message(int error);
bool is_out_of_memory(int error);
bool is_loss(int error);  // no later call of this process on the device succeeds

// ---- work in order

int use_device(int index);  // of this thread from now on
int make_stream(void** stream);
int drop_stream(void* stream);
int wait_for(void* stream);
int record_event(void** event, void* stream);
int event_passed(void* event, bool* passed);
int drop_event(void* event);
int make_event(void** event);
int record_again(void* event, void* stream);    // forgets what it was recorded for before
int wait_for_event(void* event);                // done at once when it was never recorded
int wait_on_stream(void* stream, void* event);  // what is queued on the stream from now on comes after the event
int memory_left(int64_t* bytes);
int allocate_pinned(void** p, int64_t bytes);  // memory of the host that copies read beside other work
int release_pinned(void* p);
// Queued; between two places of the device.
int queue_copy(void* to, const void* from, int64_t bytes, void* stream);
int queue_copy_in(void* device, const void* pinned, int64_t bytes, void* stream);
int queue_fill(void* device, int byte, int64_t bytes, void* stream);

}  // namespace ckeras::cuda
