#include "cpu/thread_pool.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "cpu/cpu_count.h"
#include "cpu/isa.h"
#include "cpu/parallel.h"

namespace ckeras::cpu {
namespace {

// Every element once, every piece cut at a multiple of the grain.
bool covers(int64_t n, int64_t grain) {
  std::vector<int> seen(static_cast<size_t>(n), 0);
  std::atomic<bool> cut_well{true};
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    if (begin % grain != 0 || (end != n && end - begin != grain)) cut_well = false;
    for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
  });
  for (int count : seen) {
    if (count != 1) return false;
  }
  return cut_well;
}

void coverage() {
  for (int threads : {1, 2, 3, 8}) {
    CHECK(set_num_threads(threads));
    CHECK_EQ(num_threads(), threads);
    for (int64_t n : {0, 1, 7, 8, 9, 1000}) {
      for (int64_t grain : {1, 3, 8, 5000}) CHECK(covers(n, grain));
    }
  }
}

void many_calls() {
  set_num_threads(3);
  std::atomic<int64_t> sum{0};
  for (int i = 0; i < 2000; ++i) {
    parallel_for(6, 1, [&](int64_t begin, int64_t) { sum += begin; });
    if (i % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // so that workers fall asleep
  }
  CHECK_EQ(sum.load(), int64_t{2000 * 15});
}

void nested_and_concurrent() {
  set_num_threads(3);
  std::atomic<int> inner{0};
  parallel_for(4, 1, [&](int64_t, int64_t) { parallel_for(5, 1, [&](int64_t, int64_t) { ++inner; }); });
  CHECK_EQ(inner.load(), 20);

  std::vector<std::thread> callers;
  std::atomic<int> covered{0};
  for (int t = 0; t < 3; ++t) {
    callers.emplace_back([&] {
      for (int i = 0; i < 50; ++i) covered += covers(1000, 10);
    });
  }
  for (int i = 0; i < 20; ++i) set_num_threads(1 + i % 3);
  for (std::thread& caller : callers) caller.join();
  CHECK_EQ(covered.load(), 150);
}

// Idle threads work on what is offered, jobs go on meanwhile, and after withdraw() nobody is in it.
void offers() {
  struct Work {
    std::atomic<int> left{0}, done{0}, inside{0};
  } work;
  const auto piece = [](void* context) noexcept {
    Work& mine = *static_cast<Work*>(context);
    ++mine.inside;
    const bool found = mine.left.fetch_sub(1) > 0;
    mine.done += found;
    --mine.inside;
    return found;
  };
  CHECK(covers(100, 1));  // starts the threads
  for (int round = 0; round < 200; ++round) {
    work.left = 1000;
    work.done = 0;
    CHECK_EQ(offer(piece, &work), num_threads() > 1);
    if (num_threads() > 1) CHECK(!offer(piece, &work));
    if (round % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // they fall asleep
    CHECK(covers(100, 1));
    if (num_threads() == 1) continue;
    withdraw();
    CHECK_EQ(work.inside.load(), 0);
    CHECK_EQ(work.done.load(), std::min(1000, 1000 - work.left.load()));
  }
  if (num_threads() == 1) return;
  work.left = 1000000;
  CHECK(offer(piece, &work));
  for (int i = 0; i < 5000 && work.done == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(work.done > 0);  // a sleeping thread was woken for it
  withdraw();
}

void fork_in_use() {
#if defined(__SANITIZE_THREAD__)
  return;  // the sanitizer cannot start threads after a fork
#endif
  set_num_threads(3);
  CHECK(covers(100, 1));
  const pid_t child = fork();
  if (child == 0) _exit(covers(100, 1) && covers(100, 1) ? 0 : 1);
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(covers(100, 1));
}

void wishes() {
  std::string error;
  for (const char* bad : {"0", "-1", "two", "3x", "1.5", "99999999999999999999"}) {
    error.clear();
    CHECK(!choose_num_threads(bad, &error));
    CHECK(error.find(bad) != std::string::npos);
  }
  CHECK(choose_num_threads("2", &error) && num_threads() == 2);
  CHECK(choose_num_threads(nullptr, &error) && choose_num_threads("", &error) && num_threads() == 2);
  CHECK(!set_num_threads(0) && !set_num_threads(kMaxThreads + 1));

  Isa isa;
  CHECK(!choose_isa("sse9", &isa, &error));
  CHECK(error.find("sse9") != std::string::npos && error.find("reference") != std::string::npos);
  CHECK(choose_isa("reference", &isa, &error) && isa == Isa::Reference);
  CHECK(choose_isa(nullptr, &isa, &error) && supported(isa));
}

void write(const std::filesystem::path& path, const char* text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

void quotas() {
  const std::filesystem::path root =
      std::filesystem::temp_directory_path() / ("ckeras_cgroup_" + std::to_string(getpid()));
  write(root / "a/b/cpu.max", "250000 100000\n");
  write(root / "a/cpu.max", "max 100000\n");
  write(root / "cpu,cpuacct/c/cpu.cfs_quota_us", "50000\n");
  write(root / "cpu,cpuacct/c/cpu.cfs_period_us", "100000\n");
  write(root / "cpu,cpuacct/d/cpu.cfs_quota_us", "-1\n");
  write(root / "cpu,cpuacct/d/cpu.cfs_period_us", "100000\n");
  const std::string at = root.string();
  CHECK_EQ(cgroup_quota("0::/a/b\n", at), 3);
  CHECK_EQ(cgroup_quota("0::/a/b/absent\n", at), 3);
  CHECK_EQ(cgroup_quota("0::/a\n", at), 0);
  CHECK_EQ(cgroup_quota("4:memory:/c\n3:cpu,cpuacct:/c\n", at), 1);
  CHECK_EQ(cgroup_quota("3:cpu,cpuacct:/d\n", at), 0);
  CHECK_EQ(cgroup_quota("", at), 0);
  CHECK_EQ(cgroup_quota("nonsense", at), 0);
  CHECK(usable_cpus() >= 1);
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace ckeras::cpu

int main() {
  using namespace ckeras::cpu;
  coverage();
  many_calls();
  nested_and_concurrent();
  for (int threads : {1, 2, 4}) {
    set_num_threads(threads);
    offers();
  }
  fork_in_use();
  wishes();
  quotas();
  return CHECK_RESULT();
}
