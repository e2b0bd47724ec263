#include "cpu/affinity.h"

#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#endif

namespace ckeras::cpu {

#if defined(__linux__)

int current_cpu() { return sched_getcpu(); }

void Affinity::adopt_this_thread() { thread_ = static_cast<int>(syscall(SYS_gettid)); }

void Affinity::keep_off(int cpu) {
  cpu_set_t may;
  static_assert(sizeof may == sizeof wide_);
  if (cpu < 0 || cpu >= CPU_SETSIZE || thread_ < 0 || narrowed_.load()) return;
  if (sched_getaffinity(thread_, sizeof may, &may) != 0) return;  // more processors than a cpu_set_t holds
  if (!CPU_ISSET(cpu, &may) || CPU_COUNT(&may) < 2) return;
  std::memcpy(wide_, &may, sizeof may);
  CPU_CLR(cpu, &may);
  if (sched_setaffinity(thread_, sizeof may, &may) == 0) narrowed_.store(true);
}

void Affinity::give_back() {
  if (!narrowed_.load()) return;
  cpu_set_t wide;
  std::memcpy(&wide, wide_, sizeof wide);
  sched_setaffinity(thread_, sizeof wide, &wide);
  narrowed_.store(false);
}

#else

int current_cpu() { return -1; }
void Affinity::adopt_this_thread() {}
void Affinity::keep_off(int) {}
void Affinity::give_back() {}

#endif

}  // namespace ckeras::cpu
