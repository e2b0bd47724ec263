// Where a thread may run. On systems without such calls nothing happens, and the processor is unknown.
#pragma once
#include <atomic>
#include <cstdint>

namespace ckeras::cpu {

// The processor the calling thread is on, -1 when unknown.
int current_cpu();

// One thread's permission to be on a processor, taken away for a while.
class Affinity {
 public:
  // Called by that thread, before the others.
  void adopt_this_thread();

  // Any one thread at a time: keeps the thread off `cpu` until it calls give_back(); nothing when it has no other
  // processor, or when one is kept from it already.
  void keep_off(int cpu);

  // Called by that thread.
  void give_back();

 private:
  std::atomic<bool> narrowed_{false};
#if defined(__linux__)
  int thread_ = -1;
  alignas(8) unsigned char wide_[128]{};  // a cpu_set_t: what it could use before; written before narrowed_
#endif
};

}  // namespace ckeras::cpu
