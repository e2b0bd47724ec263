#include "cuda/program.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "cuda/graph.h"

namespace ckeras::cuda {
namespace {

bool same(const View& a, const View& b) {
  return a.dtype == b.dtype && a.rank == b.rank && std::equal(a.shape, a.shape + a.rank, b.shape);
}

// Variables keep their values after a fault. The first `words` times 8 bytes are moved as words.
__global__ void __launch_bounds__(256)
    write_kernel(unsigned char* to, const unsigned char* from, int64_t bytes, int64_t words, const Fault* fault) {
  if (fault->code != 0) return;
  for (int64_t i = first_element(); i < words; i += all_threads()) {
    reinterpret_cast<uint64_t*>(to)[i] = reinterpret_cast<const uint64_t*>(from)[i];
  }
  for (int64_t i = 8 * words + first_element(); i < bytes; i += all_threads()) to[i] = from[i];
}

DeviceProgramSpec rewritten(DeviceProgramSpec spec) {
  refuse_unknown(spec);
  split_reductions(spec);
  redirect_unheeding(spec);
  return spec;
}

}  // namespace

DeviceFault::DeviceFault(const char* op_name, const Fault& f)
    : std::runtime_error(std::string(op_name) + ": " + std::to_string(f.value) + " is out of range, the limit is " +
                         std::to_string(f.limit)),
      op(op_name),
      fault(f) {}

// The block's memory, then the inputs, copies of variables, the fault.
DeviceProgram::DeviceProgram(std::shared_ptr<Device> device, DeviceProgramSpec spec, HostCall host)
    : device_(std::move(device)), block_(rewritten(std::move(spec))), spec_(block_.spec()), host_(std::move(host)) {
  const auto& slots = spec_.slots;
  reserve(block_.bytes());
  offsets_.assign(slots.size(), -1);
  for (const Slot& slot : slots) {
    if (slot.kind != SlotKind::Input) continue;
    const auto n = static_cast<size_t>(slot.ref);
    if (inputs_.size() <= n) inputs_.resize(n + 1, {{}, -1});
    if (inputs_[n].offset < 0) inputs_[n] = {slot.view, reserve(slot.view.nbytes())};
  }
  const auto stage = [&](int64_t slot) {
    if (slots[static_cast<size_t>(slot)].kind != SlotKind::Cell || offsets_[static_cast<size_t>(slot)] >= 0) return;
    offsets_[static_cast<size_t>(slot)] = reserve(slots[static_cast<size_t>(slot)].view.nbytes());
    staged_.push_back(slot);
  };
  for (const int64_t slot : spec_.outputs) stage(slot);
  std::vector<bool> written(spec_.cells.size());
  for (const Write& write : spec_.writes) {
    stage(write.slot);
    written[static_cast<size_t>(write.cell)] = true;
  }
  for (const Instruction& instruction : spec_.instructions) {
    for (const int64_t slot : instruction.out) {
      const Slot& out = slots[static_cast<size_t>(slot)];
      if (out.kind == SlotKind::Cell) written[static_cast<size_t>(out.ref)] = true;
    }
  }
  for (size_t i = 0; i < written.size(); ++i) {
    if (written[i]) written_.push_back(static_cast<int64_t>(i));
  }
  fault_ = reserve(static_cast<int64_t>(sizeof(Fault)));
  View whole{};
  whole.rank = 1;
  whole.shape[0] = bytes_;
  whole.dtype = DType::U8;
  memory_ = device_->empty(whole, "the memory of a program of " + std::to_string(spec_.instructions.size()) +
                                      " kernels, its largest value " + block_.largest() + ",");
}

// Not while another thread notes a graph on the stream.
DeviceProgram::~DeviceProgram() {
  const std::lock_guard lock(device_->queueing());
  wait_for(device_->stream());
  forget_graph();
}

int64_t DeviceProgram::reserve(int64_t bytes) {
  const int64_t at = bytes_;
  bytes_ += whole_units(bytes);
  return at;
}

std::vector<void*> DeviceProgram::cell_addresses() const {
  std::vector<void*> addresses;
  for (const auto& cell : spec_.cells) addresses.push_back(cell->array.view.data);
  return addresses;
}

void DeviceProgram::own_cells() {
  for (const int64_t i : written_) {
    DeviceArray& array = spec_.cells[static_cast<size_t>(i)]->array;
    if (array.memory.use_count() == 1) continue;
    DeviceArray own = device_->empty(array.view, "a variable that is read elsewhere,");
    expect(queue_copy(own.view.data, array.view.data, own.view.nbytes(), device_->stream()), "the copy of a variable");
    array = std::move(own);
  }
}

void DeviceProgram::place() {
  char* const memory = memory_.view.as<char>();
  std::vector<void*> inputs;
  for (const Place& input : inputs_) inputs.push_back(input.offset < 0 ? nullptr : memory + input.offset);
  placed_cells_ = cell_addresses();
  block_.place(memory, inputs, placed_cells_);
}

// Before a run: variables and their addresses, and no fault.
void DeviceProgram::prepare() {
  device_->enter();
  own_cells();
  if (runs_ == 0 || cell_addresses() != placed_cells_) {
    wait_for(device_->stream());
    forget_graph();
    place();
    runs_ = 0;
  }
  expect(queue_fill(memory_.view.as<char>() + fault_, 0, static_cast<int64_t>(sizeof(Fault)), device_->stream()),
         "a fill");
}

void DeviceProgram::check_type(size_t input, const View& view) const {
  if (inputs_[input].offset >= 0 && !same(view, inputs_[input].view)) {
    refuse("input " + std::to_string(input) + " has another shape or dtype");
  }
}

void DeviceProgram::copy_in(size_t input, const Input& from) {
  if (inputs_[input].offset < 0) return;
  void* const to = memory_.view.as<char>() + inputs_[input].offset;
  if (from.memory == nullptr) {
    device_->send(to, from.view.data, from.view.nbytes(), device_->stream());
  } else {
    expect(queue_copy(to, from.view.data, from.view.nbytes(), device_->stream()), "the copy of an input");
  }
}

void DeviceProgram::enqueue(bool noted) {
  char* const memory = memory_.view.as<char>();
  Fault* const fault = reinterpret_cast<Fault*>(memory + fault_);
  DeviceBlock::Run run{*device_, fault, host_, noted, {}};
  run.queue.stream = device_->stream();
  if (!block_.enqueue(run)) return;
  Queue& queue = run.queue;
  // Outputs and writes see variables as they are now.
  for (const int64_t slot : staged_) {
    const auto i = static_cast<size_t>(slot);
    expect(queue_copy(memory + offsets_[i], block_.data(slot), spec_.slots[i].view.nbytes(), queue.stream), "a copy");
  }
  for (const Write& write : spec_.writes) {
    const auto i = static_cast<size_t>(write.slot);
    const int64_t bytes = spec_.slots[i].view.nbytes();
    const bool staged = spec_.slots[i].kind == SlotKind::Cell;
    if (bytes == 0) continue;
    void* const to = placed_cells_[static_cast<size_t>(write.cell)];
    const void* const from = staged ? memory + offsets_[i] : block_.data(write.slot);
    // A variable may be a part of another array, which begins anywhere.
    const bool aligned = (reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from)) % 8 == 0;
    launch(queue, {blocks_for(aligned ? bytes / 8 + 1 : bytes, 256)}, {256}, 0, write_kernel,
           static_cast<unsigned char*>(to), static_cast<const unsigned char*>(from), bytes, aligned ? bytes / 8 : 0,
           fault);
  }
  expect(queue.error, "a write");
}

void DeviceProgram::forget_graph() {
  if (graph_ != nullptr) drop_graph(graph_);
  graph_ = nullptr;
}

// One run on the inputs that are in place.
void DeviceProgram::go() {
  void* const stream = device_->stream();
  if (runs_ == 1 && block_.fits_graph()) {
    expect(begin_graph(stream), "the beginning of a graph");
    try {
      enqueue(true);
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
    enqueue(false);
  }
  ++runs_;
}

std::vector<DeviceArray> DeviceProgram::results() {
  std::vector<DeviceArray> outputs;
  for (const int64_t slot : spec_.outputs) {
    const auto i = static_cast<size_t>(slot);
    const bool staged = spec_.slots[i].kind == SlotKind::Cell;
    outputs.push_back(
        device_->empty(spec_.slots[i].view, "result " + std::to_string(outputs.size()) + " of a program"));
    expect(queue_copy(outputs.back().view.data, staged ? memory_.view.as<char>() + offsets_[i] : block_.data(slot),
                      spec_.slots[i].view.nbytes(), device_->stream()),
           "the copy of a result");
  }
  return outputs;
}

std::vector<DeviceArray> DeviceProgram::run(std::span<const Input> inputs) {
  const std::lock_guard lock(device_->queueing());
  if (inputs.size() < inputs_.size()) refuse("takes more than " + std::to_string(inputs.size()) + " inputs");
  for (size_t i = 0; i < inputs_.size(); ++i) check_type(i, inputs[i].view);
  prepare();
  for (size_t i = 0; i < inputs_.size(); ++i) copy_in(i, inputs[i]);
  go();
  return results();
}

// Batches on their way: two sets of arrays that the feeding stream fills and the device's stream empties.
class DeviceProgram::Feed {
 public:
  Feed(DeviceProgram& program, const Steps& steps) : p_(program), steps_(steps) {
    rows_ = static_cast<int64_t>(steps.order.size());
    const int64_t last = (steps.first + steps.count) * steps.batch;
    if (steps.batch < 1 || steps.first < 0 || steps.count < 0 || last > rows_) refuse("batches outside the order");
    if (steps.data.size() < p_.inputs_.size())
      refuse("takes more than " + std::to_string(steps.data.size()) + " inputs");
    bool resident = false;
    for (size_t i = 0; i < p_.inputs_.size(); ++i) {
      View batch = steps.data[i].view;
      if (batch.rank == 0) refuse("data without rows");
      for (int64_t at = steps.first * steps.batch; at < last; ++at) {
        const int64_t row = steps.order[static_cast<size_t>(at)];
        if (row < 0 || row >= batch.shape[0]) refuse("row " + std::to_string(row) + " is outside the data");
      }
      batch.shape[0] = steps.batch;
      p_.check_type(i, batch);
      resident |= steps.data[i].memory != nullptr;
    }
    for (Set& set : sets_) {
      expect(make_event(&set.sent), "an event");
      expect(make_event(&set.read), "an event");
      for (const Place& input : p_.inputs_) set.arrays.push_back(p_.device_->empty(input.view, "a batch of inputs"));
      for (const Place& input : p_.inputs_) set.pinned.push_back(Pinned(input.view.nbytes()));
    }
    // What was queued before may still use the memory of the sets.
    expect(record_again(sets_[0].read, p_.device_->stream()), "an event");
    expect(record_again(sets_[1].read, p_.device_->stream()), "an event");
    if (!resident) return;
    View order{};
    order.rank = 1;
    order.dtype = DType::I64;
    order.shape[0] = last - steps.first * steps.batch;
    order.data = const_cast<int64_t*>(steps.order.data()) + steps.first * steps.batch;
    order_ = p_.device_->put(order, "the order of the rows");
  }
  // All that was queued was done, or nobody looks at it.
  ~Feed() {
    wait_for(p_.device_->feeding());
    wait_for(p_.device_->stream());
    for (Set& set : sets_) {
      drop_event(set.sent);
      drop_event(set.read);
    }
  }

  // Puts the batch of step `s` (0 is the first) where the program reads its inputs.
  void bring(int64_t s) {
    Set& set = sets_[s % 2];
    void* const stream = p_.device_->stream();
    void* const feeding = p_.device_->feeding();
    expect(wait_for_event(set.sent), "the copies of inputs");  // then its pinned memory may change
    expect(wait_on_stream(feeding, set.read), "a wait");
    for (size_t i = 0; i < p_.inputs_.size(); ++i) {
      const Input& data = steps_.data[i];
      if (p_.inputs_[i].offset < 0 || data.memory != nullptr) continue;
      const int64_t bytes = data.view.shape[0] == 0 ? 0 : data.view.nbytes() / data.view.shape[0];
      char* const to = static_cast<char*>(set.pinned[i].data());
      for (int64_t r = 0; r < steps_.batch && bytes > 0; ++r) {
        const int64_t row = steps_.order[static_cast<size_t>((steps_.first + s) * steps_.batch + r)];
        std::memcpy(to + r * bytes, data.view.as<const char>() + row * bytes, static_cast<size_t>(bytes));
      }
      expect(queue_copy_in(set.arrays[i].view.data, to, steps_.batch * bytes, feeding), "the copy of an input");
    }
    expect(record_again(set.sent, feeding), "an event");
    expect(wait_on_stream(stream, set.sent), "a wait");
    for (size_t i = 0; i < p_.inputs_.size(); ++i) {
      if (p_.inputs_[i].offset < 0) continue;
      if (steps_.data[i].memory == nullptr) {
        p_.copy_in(i, set.arrays[i]);
      } else {
        gather(i, s);
      }
    }
    expect(record_again(set.read, stream), "an event");
  }

 private:
  class Pinned {
   public:
    explicit Pinned(int64_t bytes) {
      if (allocate_pinned(&p_, bytes) != 0) throw OutOfMemory("no pinned memory of the host for a batch of inputs");
    }
    Pinned(Pinned&& other) noexcept : p_(other.p_) { other.p_ = nullptr; }
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;
    ~Pinned() {
      if (p_ != nullptr) release_pinned(p_);
    }
    void* data() const { return p_; }

   private:
    void* p_ = nullptr;
  };
  struct Set {
    void *sent = nullptr, *read = nullptr;
    std::vector<DeviceArray> arrays;
    std::vector<Pinned> pinned;
  };

  // Data that lies on the device: rows by the kernel of gather.
  void gather(size_t i, int64_t s) {
    View rows = order_.view;
    rows.shape[0] = steps_.batch;
    rows.data = order_.view.as<int64_t>() + s * steps_.batch;
    const View in[] = {steps_.data[i].view, rows};
    View out = p_.inputs_[i].view;
    out.data = p_.memory_.view.as<char>() + p_.inputs_[i].offset;
    const int64_t ints[] = {0, 0};  // along the first axis, whole rows
    const Call call = {in,      &out, 2, 1,       ints,
                       nullptr, 2,    0, nullptr, reinterpret_cast<Fault*>(p_.memory_.view.as<char>() + p_.fault_)};
    Queue queue;
    queue.stream = p_.device_->stream();
    if (find_kernel("gather")->run(call, queue) != Status::Launched) refuse("rows of this dtype cannot be gathered");
    expect(queue.error, "a gather of rows");
  }

  DeviceProgram& p_;
  const Steps& steps_;
  int64_t rows_ = 0;
  DeviceArray order_;
  Set sets_[2];
};

int64_t DeviceProgram::run_steps(const Steps& steps, std::vector<DeviceArray>* outputs) {
  using Clock = std::chrono::steady_clock;
  const std::lock_guard lock(device_->queueing());
  device_->enter();
  const auto started = Clock::now();
  Feed feed(*this, steps);
  prepare();
  int64_t done = 0;
  while (done < steps.count) {
    feed.bring(done);
    go();
    ++done;
    if (std::chrono::duration<double>(Clock::now() - started).count() >= steps.seconds) break;
  }
  if (done > 0) *outputs = results();
  check();
  return done;
}

void DeviceProgram::check() {
  const std::lock_guard lock(device_->queueing());
  device_->wait();
  if (runs_ == 0) return;
  Fault fault;
  expect(copy_out(&fault, memory_.view.as<char>() + fault_, static_cast<int64_t>(sizeof fault)), "the copy of a fault");
  if (fault.code == 0) return;
  const auto op = static_cast<int>(reinterpret_cast<intptr_t>(fault.op) - 1);
  fault.op = nullptr;
  throw DeviceFault(name_of_op(op), fault);
}

}  // namespace ckeras::cuda
