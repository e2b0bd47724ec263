// The library as Python calls it: plain C, handles, and a status with a message. Whoever has a handle drops it;
// programs and arrays keep what they use. A plan is the numbers of the tables that `_engine.Program` takes:
//
//   slots: count, then kind, ref, code, rank, shape...          instructions: count, then op, and each with its count
//   in slots, out slots, ints, number of floats (which lie in their own list)       writes: count, then cell, slot
//   outputs: count, then slots                                   arena bytes
#include "cuda/program.h"

#define CKERAS_EXPORT extern "C" __attribute__((visibility("default")))

namespace ckeras::cuda {
namespace {

enum Answer { kDone, kFailed, kBadValue, kOutOfMemory, kInvalid };

thread_local std::string said;

template <class F>
int answer(const F& f) {
  try {
    f();
    return kDone;
  } catch (const OutOfMemory& error) {
    said = error.what();
    return kOutOfMemory;
  } catch (const DeviceFault& error) {
    said = error.what();
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

DeviceProgramSpec read_plan(Reader plan, const double* floats, int64_t n_floats, int64_t constants, int64_t cells) {
  DeviceProgramSpec spec;
  const int64_t n_slots = plan.count();
  for (int64_t i = 0; i < n_slots; ++i) {
    const auto kind = static_cast<SlotKind>(plan.next_below(kSlotKinds, "slot kind"));
    const int64_t ref = kind == SlotKind::Constant ? plan.next_below(constants, "constant")
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
    const int64_t more = plan.next_below(n_floats + 1, "the number of floats");
    instruction.floats.assign(floats, floats + more);
    floats += more;
    n_floats -= more;
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
  plan.finish();
  return spec;
}

}  // namespace
}  // namespace ckeras::cuda

using namespace ckeras::cuda;

// The last failure of this thread.
CKERAS_EXPORT const char* ckeras_message() { return said.c_str(); }

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

// type: code, rank, shape.
CKERAS_EXPORT int ckeras_array_put(void* device, const void* data, const int64_t* type, int64_t n, const char* tensor,
                                   void** array) {
  return answer([&] {
    Reader reader(type, n);
    ckeras::View host = reader.type();
    reader.finish();
    host.data = const_cast<void*>(data);
    DeviceArray made = device_of(device)->put(host, tensor);
    *array = new DeviceArray(std::move(made));  // in two: nvcc 13.0 ends over one
  });
}
CKERAS_EXPORT int ckeras_array_fetch(void* device, void* array, void* host) {
  return answer([&] { device_of(device)->fetch(array_of(array), host); });
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
CKERAS_EXPORT void ckeras_cell_set(void* cell, void* array) { cell_of(cell)->array = array_of(array); }
CKERAS_EXPORT int ckeras_cell_get(void* cell, void** array) {
  return answer([&] { *array = new DeviceArray(cell_of(cell)->array); });
}
CKERAS_EXPORT void ckeras_cell_drop(void* cell) { delete &cell_of(cell); }

CKERAS_EXPORT int ckeras_program_make(void* device, const int64_t* plan, int64_t n, const double* floats,
                                      int64_t n_floats, void* const* constants, int64_t n_constants, void* const* cells,
                                      int64_t n_cells, void** program) {
  return answer([&] {
    DeviceProgramSpec spec = read_plan(Reader(plan, n), floats, n_floats, n_constants, n_cells);
    for (int64_t i = 0; i < n_constants; ++i) spec.constants.push_back(array_of(constants[i]));
    for (int64_t i = 0; i < n_cells; ++i) spec.cells.push_back(cell_of(cells[i]));
    *program = new DeviceProgram(device_of(device), std::move(spec));
  });
}
// As many outputs as the plan has.
CKERAS_EXPORT int ckeras_program_run(void* program, void* const* inputs, int64_t n, void** outputs) {
  return answer([&] {
    std::vector<DeviceArray> arrays;
    for (int64_t i = 0; i < n; ++i) arrays.push_back(array_of(inputs[i]));
    std::vector<DeviceArray> results = static_cast<DeviceProgram*>(program)->run(arrays);
    for (size_t i = 0; i < results.size(); ++i) outputs[i] = new DeviceArray(std::move(results[i]));
  });
}
CKERAS_EXPORT int ckeras_program_check(void* program) {
  return answer([&] { static_cast<DeviceProgram*>(program)->check(); });
}
CKERAS_EXPORT void ckeras_program_drop(void* program) { delete static_cast<DeviceProgram*>(program); }
