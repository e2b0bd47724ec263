#include "cpu/affinity.h"

#include <thread>

#include "base/check.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace ckeras::cpu {
namespace {

#if defined(__linux__)
bool same(const cpu_set_t& a, const cpu_set_t& b) { return CPU_EQUAL(&a, &b); }

cpu_set_t allowed() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CHECK_EQ(sched_getaffinity(0, sizeof set, &set), 0);
  return set;
}

void a_thread_is_kept_off_and_let_back() {
  std::thread([] {
    const cpu_set_t before = allowed();
    Affinity affinity;
    affinity.adopt_this_thread();
    const int here = current_cpu();
    CHECK(here >= 0);
    affinity.keep_off(here);
    if (CPU_COUNT(&before) > 1) {
      CHECK(current_cpu() != here);
      CHECK(!same(before, allowed()));
    }
    affinity.keep_off(current_cpu());  // one at a time
    affinity.give_back();
    CHECK(same(before, allowed()));
    affinity.give_back();
    CHECK(same(before, allowed()));
  }).join();
}

void the_only_processor_is_not_taken_away() {
  std::thread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(current_cpu(), &one);
    CHECK_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    Affinity affinity;
    affinity.adopt_this_thread();
    affinity.keep_off(current_cpu());
    CHECK(same(one, allowed()));
    affinity.keep_off(-1);
    affinity.keep_off(100000);
    CHECK(same(one, allowed()));
  }).join();
}
#endif

}  // namespace
}  // namespace ckeras::cpu

int main() {
#if defined(__linux__)
  ckeras::cpu::a_thread_is_kept_off_and_let_back();
  ckeras::cpu::the_only_processor_is_not_taken_away();
#endif
  return CHECK_RESULT();
}
