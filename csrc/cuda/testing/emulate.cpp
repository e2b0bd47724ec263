#include "cuda/testing/emulate.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define CKERAS_ADDRESS_SANITIZER 1
#endif

#if defined(__x86_64__)
// Pushes what a callee must keep, notes the stack in *from, and goes on where the stack `to` was left. Some ten times
// faster than swapcontext, which asks the system about signals, and of no concern to the address sanitizer.
extern "C" void ckeras_switch_stack(void** from, void* to);
asm(R"(
.text
.type ckeras_switch_stack, @function
ckeras_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size ckeras_switch_stack, . - ckeras_switch_stack
)");
#endif

namespace ckeras::emulate {
namespace {

constexpr int kWarp = 32;
constexpr int64_t kStackBytes = 128 * 1024;
constexpr int64_t kStaticShared = 48 * 1024;  // of a block, on every device
constexpr int64_t kHopperShared = 227 * 1024;
constexpr int64_t kDynamicShared = 99 * 1024;  // of a block on sm_86 and sm_89, which run what is built for sm_80

[[noreturn]] void refuse(const char* what) {
  std::fprintf(stderr, "cuda emulation: %s (block %u %u %u, thread %d)\n", what, here.block.x, here.block.y,
               here.block.z, here.linear);
  std::abort();
}

bool falling = false;

struct FreeBytes {
  void operator()(void* p) const { std::free(p); }
};
using Bytes = std::unique_ptr<void, FreeBytes>;

// Garbage, and of the very size, so that the address sanitizer sees what lies beyond.
Bytes garbage(int64_t bytes) {
  void* p = nullptr;
  if (posix_memalign(&p, 1024, static_cast<size_t>(bytes)) != 0) refuse("out of memory");
  std::memset(p, 0xff, static_cast<size_t>(bytes));
  return Bytes(p);
}

// Where a fiber, or whoever runs them, was left.
#if defined(__x86_64__)
struct Context {
  void* stack = nullptr;

  // The first switch to this one calls entry() on the given stack.
  void prepare(void* memory, int64_t bytes, void (*entry)()) {
    uintptr_t top = (reinterpret_cast<uintptr_t>(memory) + static_cast<uintptr_t>(bytes)) & ~uintptr_t{15};
    void** at = reinterpret_cast<void**>(top);
    *--at = nullptr;  // what entry() would return to: it does not
    *--at = reinterpret_cast<void*>(entry);
    for (int i = 0; i < 6; ++i) *--at = nullptr;
    stack = at;
  }
  static void change(Context& from, Context& to) { ckeras_switch_stack(&from.stack, to.stack); }
};
#else
struct Context {
  ucontext_t context;

  void prepare(void* memory, int64_t bytes, void (*entry)()) {
    if (getcontext(&context) != 0) refuse("no fiber");
    context.uc_stack.ss_sp = memory;
    context.uc_stack.ss_size = static_cast<size_t>(bytes);
    context.uc_link = nullptr;
    makecontext(&context, entry, 0);
  }
  static void change(Context& from, Context& to) { swapcontext(&from.context, &to.context); }
};
#endif

// A fiber waits while *counter == seen.
struct Fiber {
  Context context;
  Bytes stack;
  Here at;
  const uint64_t* counter;
  uint64_t seen;
  void* fake_stack;
};

struct Warp {
  uint64_t turns = 0;
  int arrived = 0;
  uint64_t values[2][kWarp];  // of this exchange and the one before, which slow lanes still read
};

struct Copies {
  struct Vector {
    void* to;
    const void* from;
    int64_t group;
  };
  std::deque<Vector> waiting;
  int64_t groups = 0;
};
void copy_vector(void* to, const void* from) { from != nullptr ? std::memcpy(to, from, 16) : std::memset(to, 0, 16); }

struct Products {
  std::deque<std::pair<int64_t, std::function<void()>>> waiting;  // with their groups
  int64_t groups = 0;
};

class Block {
 public:
  Block(int threads, int64_t dynamic_bytes, const std::function<void()>& body)
      : threads_(threads),
        body_(body),
        warps_((threads + kWarp - 1) / kWarp),
        copies_(threads),
        products_(threads),
        dynamic_bytes_(dynamic_bytes) {
    if (dynamic_bytes > 0) dynamic_ = garbage(dynamic_bytes);
  }

  // Threads start one after the other, in the fiber of one that has ended when there is such.
  void run();
  void barrier();
  const uint64_t* exchange(uint64_t value);
  Copies& copies() { return copies_[here.linear]; }
  Products& products() { return products_[here.linear]; }
  int64_t dynamic_bytes() const { return dynamic_bytes_; }
  // Runs others until *word has changed.
  void wait(const uint64_t* word);
  void* shared(const void* tag, int64_t bytes);
  void* dynamic() { return dynamic_bytes_ > 0 ? dynamic_.get() : nullptr; }

 private:
  static void enter();
  void work();
  void place(int order);
  void resume(Fiber& fiber);

  int threads_;
  const std::function<void()>& body_;
  int started_ = 0, ended_ = 0, arrived_ = 0;
  uint64_t barriers_ = 0;
  std::vector<Warp> warps_;
  std::vector<Copies> copies_;  // of each thread
  std::vector<Products> products_;
  std::map<const void*, std::pair<int64_t, Bytes>> shared_;
  int64_t shared_bytes_ = 0, dynamic_bytes_;
  Bytes dynamic_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  Fiber* current_ = nullptr;
  Context scheduler_;
  const void* scheduler_stack_ = nullptr;
  size_t scheduler_stack_size_ = 0;
};

Block* block = nullptr;
std::vector<Bytes> stacks;  // of fibers that ended

void Block::place(int order) {
  here.linear = falling ? threads_ - 1 - order : order;
  const unsigned i = static_cast<unsigned>(here.linear);
  here.thread = {i % here.block_size.x, i / here.block_size.x % here.block_size.y,
                 i / here.block_size.x / here.block_size.y};
}

void Block::work() {
  while (started_ < threads_) {
    place(started_++);
    body_();
    ++ended_;
  }
  current_->counter = nullptr;  // never again
}

void Block::enter() {
  Block* self = block;
#if CKERAS_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(nullptr, &self->scheduler_stack_, &self->scheduler_stack_size_);
#endif
  self->work();
#if CKERAS_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(nullptr, self->scheduler_stack_, self->scheduler_stack_size_);
#endif
  Context::change(self->current_->context, self->scheduler_);
}

void Block::resume(Fiber& fiber) {
  current_ = &fiber;
  const Here before = here;
  here = fiber.at;
#if CKERAS_ADDRESS_SANITIZER
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, fiber.stack.get(), kStackBytes);
#endif
  Context::change(scheduler_, fiber.context);
#if CKERAS_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  here = before;
  current_ = nullptr;
}

void Block::wait(const uint64_t* counter) {
  Fiber& fiber = *current_;
  fiber.counter = counter;
  fiber.seen = *counter;
  fiber.at = here;
#if CKERAS_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(&fiber.fake_stack, scheduler_stack_, scheduler_stack_size_);
#endif
  Context::change(fiber.context, scheduler_);
#if CKERAS_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(fiber.fake_stack, &scheduler_stack_, &scheduler_stack_size_);
#endif
}

void Block::run() {
  while (ended_ < threads_) {
    if (started_ < threads_) {
      Fiber& fiber = *fibers_.emplace_back(std::make_unique<Fiber>());
      if (stacks.empty()) {
        fiber.stack = Bytes(std::malloc(kStackBytes));
      } else {
        fiber.stack = std::move(stacks.back());
        stacks.pop_back();
      }
      fiber.at = here;
      if (fiber.stack == nullptr) refuse("no stack");
      fiber.context.prepare(fiber.stack.get(), kStackBytes, &Block::enter);
      resume(fiber);
      continue;
    }
    // A warp goes on as far as it can before the next one moves: what lacks a barrier sees the difference.
    bool moved = false;
    for (size_t first = 0; first < fibers_.size(); first += kWarp) {
      for (bool again = true; again;) {
        again = false;
        for (size_t i = first; i < fibers_.size() && i < first + kWarp; ++i) {
          Fiber& fiber = *fibers_[i];
          if (fiber.counter == nullptr || *fiber.counter == fiber.seen) continue;
          resume(fiber);
          moved = again = true;
        }
      }
    }
    if (!moved && ended_ < threads_) refuse("threads wait at a barrier that others never reach");
  }
  for (const auto& fiber : fibers_) stacks.push_back(std::move(fiber->stack));
}

void Block::barrier() {
  if (++arrived_ < threads_) return wait(&barriers_);
  arrived_ = 0;
  ++barriers_;
}

const uint64_t* Block::exchange(uint64_t value) {
  Warp& warp = warps_[here.linear / kWarp];
  if (threads_ % kWarp != 0) refuse("a warp exchange in a block that is no multiple of 32 threads");
  uint64_t* values = warp.values[warp.turns % 2];
  values[here.linear % kWarp] = value;
  if (++warp.arrived < kWarp) {
    wait(&warp.turns);
  } else {
    warp.arrived = 0;
    ++warp.turns;
  }
  return values;
}

void* Block::shared(const void* tag, int64_t bytes) {
  auto& [size, memory] = shared_[tag];
  if (memory == nullptr) {
    size = bytes;
    memory = garbage(bytes);
    shared_bytes_ += bytes;
    if (shared_bytes_ > kStaticShared) refuse("more than 48 KB of static shared memory");
  }
  return memory.get();
}

}  // namespace

namespace {
bool lost = false;
}  // namespace
extern "C" __attribute__((visibility("default"))) void ckeras_emulated_lose() { lost = true; }
bool is_lost() { return lost; }

void turn_around(bool value) { falling = value; }

namespace {
std::vector<std::function<void()>>* list_of_notes = nullptr;
const void* noted_stream = nullptr;
}  // namespace
void note(std::vector<std::function<void()>>* list, const void* stream) {
  list_of_notes = list;
  noted_stream = stream;
}
std::vector<std::function<void()>>* noted(const void* stream) {
  if (list_of_notes != nullptr && stream != noted_stream) refuse("work on another stream than the noted one");
  return list_of_notes;
}

void launch(const void* stream, Grid grid, Grid size, int64_t dynamic_bytes, const std::function<void()>& body) {
  if (block != nullptr) refuse("a launch from a kernel");
  const int64_t threads = int64_t{size.x} * size.y * size.z;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || threads == 0) refuse("an empty launch");
  if (grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535) refuse("a grid out of limits");
  if (threads > 1024 || size.z > 64) refuse("a block out of limits");
  if (dynamic_bytes < 0 || dynamic_bytes > kHopperShared) refuse("too much dynamic shared memory");
  if (auto* list = noted(stream)) {
    list->push_back([=] { launch(stream, grid, size, dynamic_bytes, body); });
    return;
  }
  here = {};
  here.block_size = size;
  here.grid_size = grid;
  const int64_t blocks = int64_t{grid.x} * grid.y * grid.z;
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t b = falling ? blocks - 1 - i : i;
    here.block = {static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                  static_cast<unsigned>(b / grid.x / grid.y)};
    Block now(static_cast<int>(threads), dynamic_bytes, body);
    block = &now;
    now.run();
    block = nullptr;
  }
}

void barrier() { block->barrier(); }
const uint64_t* exchange(uint64_t value) { return block->exchange(value); }
void copy_async(void* to, const void* from) {
  if (reinterpret_cast<uintptr_t>(to) % 16 != 0 || reinterpret_cast<uintptr_t>(from) % 16 != 0) {
    refuse("an asynchronous copy that is not aligned");
  }
  if (falling) return copy_vector(to, from);
  block->copies().waiting.push_back({to, from, block->copies().groups});
}
void end_copies() { ++block->copies().groups; }
void wait_for_copies(int left) {
  auto& [waiting, groups] = block->copies();
  for (; !waiting.empty() && waiting.front().group < groups - left; waiting.pop_front()) {
    copy_vector(waiting.front().to, waiting.front().from);
  }
}
uint32_t shared_address(const void* p) {
  const auto address = reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(block->dynamic());
  if (address >= static_cast<uintptr_t>(block->dynamic_bytes())) refuse("no address in dynamic shared memory");
  return static_cast<uint32_t>(address);
}

namespace {
// A barrier as the emulation keeps it.
struct Barrier {
  uint8_t count, left;
  uint16_t phase;  // how many have ended
  int32_t bytes;   // announced and not there
};
template <class F>
void change(uint64_t* word, const F& f) {
  Barrier b;
  std::memcpy(&b, word, sizeof b);
  f(b);
  if (b.left == 0 && b.bytes == 0) {
    b.left = b.count;
    ++b.phase;
  }
  std::memcpy(word, &b, sizeof b);
}
// Rows of 128 bytes: 16-byte pieces of row r lie at piece ^ r % 8.
uint32_t swizzled(uint32_t address) { return address ^ (address >> 7 & 7) << 4; }
}  // namespace

void make_barrier(uint64_t* barrier, int count) {
  const Barrier b = {static_cast<uint8_t>(count), static_cast<uint8_t>(count), 0, 0};
  static_assert(sizeof b == sizeof *barrier);
  std::memcpy(barrier, &b, sizeof b);
}
void arrive(uint64_t* barrier, int announced_bytes) {
  change(barrier, [&](Barrier& b) {
    b.bytes += announced_bytes;
    --b.left;
  });
}
void wait_for_phase(uint64_t* barrier, int parity) {
  for (;;) {
    Barrier b;
    std::memcpy(&b, barrier, sizeof b);
    if (b.phase % 2 != parity) return;
    block->wait(barrier);
  }
}
void bring_box(void* shared, const TensorMap& map, int64_t x, int64_t y, int64_t z, uint64_t* barrier) {
  char* const memory = static_cast<char*>(block->dynamic());
  const uint32_t to = shared_address(shared);
  if (to % 1024 != 0 || map.box[0] != 64) refuse("a box that is not swizzled as the products expect");
  if (reinterpret_cast<uintptr_t>(map.data) % 16 != 0 || map.size[0] % 8 != 0)
    refuse("a tensor map that is not aligned");
  for (int64_t j = 0; j < map.box[2] * map.box[1]; ++j) {
    const int64_t row = y + j % map.box[1], plane = z + j / map.box[1];
    for (int64_t i = 0; i < map.box[0]; ++i) {
      const bool there = x + i < map.size[0] && row < map.size[1] && plane < map.size[2];
      const uint16_t value = there ? map.data[(plane * map.size[1] + row) * map.size[0] + x + i] : 0;
      std::memcpy(memory + swizzled(to + static_cast<uint32_t>(2 * (j * map.box[0] + i))), &value, sizeof value);
    }
  }
  change(barrier, [&](Barrier& b) { b.bytes -= static_cast<int32_t>(2 * map.box[0] * map.box[1] * map.box[2]); });
}
void later(std::function<void()> work) {
  if (falling) return work();
  block->products().waiting.emplace_back(block->products().groups, std::move(work));
}
void end_products() { ++block->products().groups; }
void wait_for_products(int left) {
  auto& [waiting, groups] = block->products();
  for (; !waiting.empty() && waiting.front().first < groups - left; waiting.pop_front()) waiting.front().second();
}
uint16_t half_at(uint64_t descriptor, int i, int k, bool across) {
  const auto field = [&](int bit) { return static_cast<uint32_t>(descriptor >> bit & 0x3fff) << 4; };
  if (descriptor >> 62 != 1 || (descriptor >> 49 & 7) != 0) refuse("an operand that is not swizzled in 128 bytes");
  const uint32_t start = field(0), columns = field(16), rows = field(32);
  const auto u = [](int n) { return static_cast<uint32_t>(n); };
  const uint32_t byte = across ? 2 * u(i % 64) + u(i / 64) * columns + u(k % 8) * 128 + u(k / 8) * rows
                               : u(i % 8) * 128 + u(i / 8) * rows + 2 * u(k);
  const uint32_t address = swizzled(start + byte);
  if (address + 2 > block->dynamic_bytes()) refuse("an operand beyond the shared memory");
  uint16_t value;
  std::memcpy(&value, static_cast<const char*>(block->dynamic()) + address, sizeof value);
  return value;
}
void* shared(const void* tag, int64_t bytes) { return block->shared(tag, bytes); }
void* dynamic_shared() { return block->dynamic(); }

}  // namespace ckeras::emulate
