// The library as Python calls it: plain C, handles, and a status with a message. Whoever has a handle drops it;
// programs and arrays keep what they use. A plan is the numbers of the tables that `_engine.Program` takes:
//
//   slots: count, then kind, ref, code, rank, shape...          instructions: count, then op, and each with its count
//   in slots, out slots, ints, number of floats (which lie in their own list)       writes: count, then cell, slot
//   outputs: count, then slots                                   arena bytes
//   constants: how many of the list are its own                  blocks: count, then each like this, without writes
#include <cstring>

#include "cuda/dlpack.h"
#include "cuda/eager.h"
#include "cuda/program.h"

#define CKERAS_EXPORT extern "C" __attribute__((visibility("default")))

namespace ckeras::cuda {
namespace {

enum Answer { kDone, kFailed, kBadValue, kOutOfMemory, kInvalid };

thread_local std::string said;
thread_local int64_t met[2];  // value and limit of a bad value

template <class F>
int answer(const F& f) {
  try {
    f();
    return kDone;
  } catch (const OutOfMemory& error) {
    said = error.what();
    return kOutOfMemory;
  } catch (const DeviceFault& error) {
    said = error.op;
    met[0] = error.fault.value;
    met[1] = error.fault.limit;
    return kBadValue;
  } catch (const std::invalid_argument& error) {
    said = error.what();
    return kInvalid;
  } catch (const std::exception& error) {
    said = error.what();
    return kFailed;
  }
}

std::shared_ptr<Device>& device_of(void* handle) { return *static_cast<std::shared_ptr<Device>*>(handle); }
DeviceArray& array_of(void* handle) { return *static_cast<DeviceArray*>(handle); }
std::shared_ptr<DeviceCell>& cell_of(void* handle) { return *static_cast<std::shared_ptr<DeviceCell>*>(handle); }

class Reader {
 public:
  Reader(const int64_t* at, int64_t count) : at_(at), end_(at + count) {}
  int64_t next() {
    if (at_ == end_) refuse("the plan ends too early");
    return *at_++;
  }
  int64_t next_below(int64_t limit, const char* what) {
    const int64_t value = next();
    if (value < 0 || value >= limit) refuse(std::string(what) + " " + std::to_string(value) + " is out of range");
    return value;
  }
  int64_t count() { return next_below(end_ - at_ + 1, "the length"); }
  std::vector<int64_t> list() {
    std::vector<int64_t> values(static_cast<size_t>(count()));
    for (int64_t& value : values) value = next();
    return values;
  }
  View type() {
    View view{};
    view.dtype = static_cast<DType>(next_below(kDTypes, "dtype"));
    view.rank = static_cast<int32_t>(next_below(kMaxRank + 1, "rank"));
    int64_t bytes = size_of(view.dtype);
    for (int d = 0; d < view.rank; ++d) {
      view.shape[d] = next_below(int64_t{1} << 60, "a size");
      if (__builtin_mul_overflow(bytes, view.shape[d], &bytes)) refuse("an array of more bytes than 63 bits count");
    }
    return view;
  }
  void finish() const {
    if (at_ != end_) refuse("the plan goes on after its end");
  }

 private:
  const int64_t *at_, *end_;
};

struct Tables {
  Reader plan;
  const double* floats;
  int64_t n_floats;
  void* const* constants;
  int64_t n_constants;
};

constexpr int kMaxDepth = 100;  // of control flow inside control flow

DeviceProgramSpec read_plan(Tables& tables, int64_t cells, int depth) {
  if (depth > kMaxDepth) refuse("control flow nests too deep");
  Reader& plan = tables.plan;
  DeviceProgramSpec spec;
  const int64_t own = plan.next_below(tables.n_constants + 1, "the number of constants");
  for (int64_t i = 0; i < own; ++i) spec.constants.push_back(array_of(*tables.constants++));
  tables.n_constants -= own;
  const int64_t n_slots = plan.count();
  for (int64_t i = 0; i < n_slots; ++i) {
    const auto kind = static_cast<SlotKind>(plan.next_below(kSlotKinds, "slot kind"));
    const int64_t ref = kind == SlotKind::Constant ? plan.next_below(own, "constant")
                        : kind == SlotKind::Cell   ? plan.next_below(cells, "cell")
                                                   : plan.next_below(int64_t{1} << 60, "slot ref");
    spec.slots.push_back({kind, ref, plan.type()});
  }
  const auto slots = [&] {
    std::vector<int64_t> numbers = plan.list();
    for (const int64_t slot : numbers) {
      if (slot < 0 || slot >= n_slots) refuse("slot " + std::to_string(slot) + " is out of range");
    }
    return numbers;
  };
  const int64_t n_instructions = plan.count();
  for (int64_t i = 0; i < n_instructions; ++i) {
    Instruction instruction;
    instruction.op = static_cast<int>(plan.next());
    instruction.in = slots();
    instruction.out = slots();
    instruction.ints = plan.list();
    const int64_t more = plan.next_below(tables.n_floats + 1, "the number of floats");
    instruction.floats.assign(tables.floats, tables.floats + more);
    tables.floats += more;
    tables.n_floats -= more;
    spec.instructions.push_back(std::move(instruction));
  }
  const int64_t n_writes = plan.count();
  for (int64_t i = 0; i < n_writes; ++i) {
    const int64_t cell = plan.next_below(cells, "cell");
    spec.writes.push_back({cell, plan.next_below(n_slots, "slot")});
  }
  spec.outputs = slots();
  spec.arena_bytes = plan.next_below(int64_t{1} << 60, "the arena's size");
  for (const Slot& slot : spec.slots) {
    if (slot.kind == SlotKind::Arena && slot.ref > spec.arena_bytes - slot.view.nbytes())
      refuse("a slot beyond the arena");
  }
  const int64_t blocks = plan.count();
  for (int64_t i = 0; i < blocks; ++i) spec.blocks.push_back(read_plan(tables, 0, depth + 1));
  return spec;
}

// A function of the host as Python gives it: the addresses of inputs and outputs; not 0 when it failed.
using HostFunction = int (*)(int64_t number, void* const* in, void* const* out);
HostCall host_call(HostFunction function) {
  if (function == nullptr) return {};
  return [function](int64_t number, std::span<const ckeras::View> in, std::span<const ckeras::View> out) {
    std::vector<void*> from, to;
    for (const ckeras::View& view : in) from.push_back(view.data);
    for (const ckeras::View& view : out) to.push_back(view.data);
    if (function(number, from.data(), to.data()) != 0) throw std::runtime_error("a function of the host failed");
  };
}

// Arrays by handle, or, where that is null, of the host by address: then `types` has code, rank, shape of each.
std::vector<Input> read_inputs(void* const* handles, void* const* hosts, Reader types, int64_t n) {
  std::vector<Input> inputs;
  for (int64_t i = 0; i < n; ++i) {
    if (handles[i] != nullptr) {
      inputs.push_back(array_of(handles[i]));
    } else {
      inputs.push_back({nullptr, types.type()});
      inputs.back().view.data = hosts[i];
    }
  }
  types.finish();
  return inputs;
}

void give(std::vector<DeviceArray>& results, void** outputs) {
  for (size_t i = 0; i < results.size(); ++i) outputs[i] = new DeviceArray(std::move(results[i]));
}

}  // namespace
}  // namespace ckeras::cuda

using namespace ckeras::cuda;

// The last failure of this thread.
CKERAS_EXPORT const char* ckeras_message() { return said.c_str(); }
// Where that was a bad value, the message is the op's name, and these are the value and the limit.
CKERAS_EXPORT void ckeras_met(int64_t* two) { std::memcpy(two, met, sizeof met); }

CKERAS_EXPORT int ckeras_device_open(int index, void** device) {
  return answer([&] { *device = new std::shared_ptr<Device>(Device::open(index)); });
}
CKERAS_EXPORT void ckeras_device_drop(void* device) { delete &device_of(device); }
// Bytes in use, the most of that, and taken from the driver.
CKERAS_EXPORT int ckeras_device_memory(void* device, int64_t* three) {
  return answer([&] {
    const Device::Memory memory = device_of(device)->memory();
    three[0] = memory.in_use;
    three[1] = memory.peak;
    three[2] = memory.reserved;
  });
}
CKERAS_EXPORT int ckeras_device_release(void* device) {
  return answer([&] { device_of(device)->release(); });
}
CKERAS_EXPORT void ckeras_device_reset_peak(void* device) { device_of(device)->reset_peak(); }
CKERAS_EXPORT int ckeras_device_wait(void* device) {
  return answer([&] {
    const std::lock_guard lock(device_of(device)->queueing());
    device_of(device)->wait();
  });
}
CKERAS_EXPORT int ckeras_device_stream(void* device, void** stream) {
  return answer([&] { *stream = device_of(device)->stream(); });
}

// An op at once; `types` has code, rank, shape of each of `n_out` results.
CKERAS_EXPORT int ckeras_op_run(void* device, int op, void* const* in, int64_t n_in, const int64_t* types,
                                int64_t n_types, int64_t n_out, const int64_t* ints, int64_t n_ints,
                                const double* floats, int64_t n_floats, void** outputs) {
  return answer([&] {
    std::vector<DeviceArray> arrays;
    for (int64_t i = 0; i < n_in; ++i) arrays.push_back(array_of(in[i]));
    Reader reader(types, n_types);
    std::vector<ckeras::View> outs;
    for (int64_t i = 0; i < n_out; ++i) outs.push_back(reader.type());
    reader.finish();
    std::vector<DeviceArray> results = run_op(*device_of(device), op, arrays, outs, {ints, static_cast<size_t>(n_ints)},
                                              {floats, static_cast<size_t>(n_floats)});
    give(results, outputs);
  });
}

// type: code, rank, shape.
CKERAS_EXPORT int ckeras_array_put(void* device, const void* data, const int64_t* type, int64_t n, const char* tensor,
                                   void** array) {
  return answer([&] {
    const std::lock_guard lock(device_of(device)->queueing());
    device_of(device)->enter();
    Reader reader(type, n);
    ckeras::View host = reader.type();
    reader.finish();
    host.data = const_cast<void*>(data);
    DeviceArray made = device_of(device)->put(host, tensor);
    *array = new DeviceArray(std::move(made));  // in two: nvcc 13.0 ends over one
  });
}
CKERAS_EXPORT int ckeras_array_fetch(void* device, void* array, void* host) {
  return answer([&] {
    const std::lock_guard lock(device_of(device)->queueing());
    device_of(device)->enter();
    device_of(device)->fetch(array_of(array), host);
  });
}
// The same memory as another array: `offset` bytes into it.
CKERAS_EXPORT int ckeras_array_view(void* array, int64_t offset, const int64_t* type, int64_t n, void** made) {
  return answer([&] {
    const DeviceArray& from = array_of(array);
    Reader reader(type, n);
    ckeras::View view = reader.type();
    reader.finish();
    if (offset < 0 || view.nbytes() > from.view.nbytes() - offset) refuse("a view beyond its array");
    view.data = from.view.as<char>() + offset;
    *made = new DeviceArray{from.memory, view};
  });
}
// Room for 2 + kMaxRank numbers: code, rank, shape.
CKERAS_EXPORT void ckeras_array_type(void* array, int64_t* type) {
  const ckeras::View& view = array_of(array).view;
  type[0] = static_cast<int64_t>(view.dtype);
  type[1] = view.rank;
  for (int d = 0; d < view.rank; ++d) type[2 + d] = view.shape[d];
}
CKERAS_EXPORT void ckeras_array_drop(void* array) { delete &array_of(array); }

CKERAS_EXPORT int ckeras_cell_make(void* array, void** cell) {
  return answer(
      [&] { *cell = new std::shared_ptr<DeviceCell>(std::make_shared<DeviceCell>(DeviceCell{array_of(array)})); });
}
CKERAS_EXPORT int ckeras_cell_set(void* device, void* cell, void* array) {
  return answer([&] { cell_of(cell)->set(*device_of(device), array_of(array)); });
}
CKERAS_EXPORT int ckeras_cell_get(void* cell, void** array) {
  return answer([&] { *array = new DeviceArray(cell_of(cell)->array); });
}
CKERAS_EXPORT void ckeras_cell_drop(void* cell) { delete &cell_of(cell); }

CKERAS_EXPORT int ckeras_program_make(void* device, const int64_t* plan, int64_t n, const double* floats,
                                      int64_t n_floats, void* const* constants, int64_t n_constants, void* const* cells,
                                      int64_t n_cells, HostFunction host, void** program) {
  return answer([&] {
    Tables tables{Reader(plan, n), floats, n_floats, constants, n_constants};
    DeviceProgramSpec spec = read_plan(tables, n_cells, 0);
    tables.plan.finish();
    for (int64_t i = 0; i < n_cells; ++i) spec.cells.push_back(cell_of(cells[i]));
    device_of(device)->enter();
    *program = new DeviceProgram(device_of(device), std::move(spec), host_call(host));
  });
}
// As many outputs as the plan has. Waits where a kernel may meet a bad value.
CKERAS_EXPORT int ckeras_program_run(void* handle, void* const* handles, void* const* hosts, const int64_t* types,
                                     int64_t n_types, int64_t n, void** outputs) {
  return answer([&] {
    DeviceProgram& program = *static_cast<DeviceProgram*>(handle);
    std::vector<DeviceArray> results = program.run(read_inputs(handles, hosts, Reader(types, n_types), n));
    if (program.may_fault()) program.check();
    give(results, outputs);
  });
}
// `rows`: batch, first, count, and the length of `order`. No outputs where no step was done.
CKERAS_EXPORT int ckeras_program_run_steps(void* handle, void* const* handles, void* const* hosts, const int64_t* types,
                                           int64_t n_types, int64_t n, const int64_t* order, const int64_t* rows,
                                           double seconds, int64_t* done, void** outputs) {
  return answer([&] {
    DeviceProgram& program = *static_cast<DeviceProgram*>(handle);
    const std::vector<Input> data = read_inputs(handles, hosts, Reader(types, n_types), n);
    const Steps steps{data, {order, static_cast<size_t>(rows[3])}, rows[0], rows[1], rows[2], seconds};
    std::vector<DeviceArray> results;
    *done = program.run_steps(steps, &results);
    give(results, outputs);
  });
}
CKERAS_EXPORT int ckeras_program_check(void* program) {
  return answer([&] { static_cast<DeviceProgram*>(program)->check(); });
}
CKERAS_EXPORT int ckeras_program_is_graph(void* program) {
  return static_cast<DeviceProgram*>(program)->is_graph() ? 1 : 0;
}
CKERAS_EXPORT void ckeras_program_drop(void* program) { delete static_cast<DeviceProgram*>(program); }

// The host stands for the device: the library of the tests.
CKERAS_EXPORT int ckeras_emulated() { return is_emulated() ? 1 : 0; }

// DLPack's managed tensors, versioned or not; whoever takes one out of its capsule calls its deleter.
CKERAS_EXPORT int ckeras_array_export(void* device, void* array, int versioned, void** managed) {
  return answer([&] {
    const std::lock_guard lock(device_of(device)->queueing());
    device_of(device)->enter();
    *managed = export_array(*device_of(device), array_of(array), versioned != 0);
  });
}
CKERAS_EXPORT void ckeras_export_drop(void* managed, int versioned) { drop_export(managed, versioned != 0); }
CKERAS_EXPORT int ckeras_array_import(void* device, void* managed, int versioned, void** array) {
  return answer([&] {
    DeviceArray made = import_array(device_of(device), managed, versioned != 0);
    *array = new DeviceArray(std::move(made));
  });
}
