#include "cpu/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "cpu/affinity.h"
#include "cpu/cpu_count.h"
#include "cpu/denormals.h"
#include "cpu/parallel.h"

namespace ckeras::cpu {
namespace {

using Body = void (*)(void*, int64_t, int64_t) noexcept;
using Piece = bool (*)(void*) noexcept;

// One thread's share of a job: a run of neighbouring pieces, from which whoever is free takes the next.
struct alignas(64) Share {
  std::atomic<int64_t> next{0};
  int64_t end = 0;
};

struct Job {
  int64_t n, grain, pieces;
  int64_t threads;  // those that take part
  Body body;
  void* context;

  void run_piece(int64_t i) const { body(context, i * grain, std::min(n, (i + 1) * grain)); }
};

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// One side waits until a word differs from what it saw: spins about 50 microseconds, then sleeps. While it spins it
// offers its processor, since the other side may be waiting for just that one. The other side changes the word and
// wakes. Sequential consistency makes "I sleep" and "it changed" visible to one of the two.
class alignas(64) Signal {
 public:
  uint32_t read() const { return word_.load(); }
  bool sleeping() const { return sleeping_.load(); }

  void wait_while(uint32_t seen) {
    wait_while(seen, [] { return false; });
  }

  // Meanwhile it calls idle(), which gives true when it found something to do.
  template <class Idle>
  void wait_while(uint32_t seen, const Idle& idle) {
    do {
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
      do {
        for (int i = 0; i < 64; ++i) {
          if (word_.load(std::memory_order_acquire) != seen) return;
          if (!idle()) pause();
        }
        std::this_thread::yield();
      } while (std::chrono::steady_clock::now() < deadline);
    } while (sleep(seen));
  }

  void change() {
    word_.fetch_add(1);
    if (!sleeping_.load()) return;
    std::lock_guard<std::mutex> lock(mutex_);
    changed_.notify_one();
  }

  // Ends the other side's sleep, so that it calls idle() again.
  void poke() {
    if (!sleeping_.load()) return;
    std::lock_guard<std::mutex> lock(mutex_);
    poked_ = true;
    changed_.notify_one();
  }

 private:
  // True when it was poked, and the word is still the same.
  bool sleep(uint32_t seen) {
    std::unique_lock<std::mutex> lock(mutex_);
    sleeping_.store(true);
    changed_.wait(lock, [&] { return word_.load() != seen || poked_; });
    sleeping_.store(false);
    poked_ = false;
    return word_.load() == seen;
  }

  bool poked_ = false;  // under the mutex
  std::atomic<uint32_t> word_{0};
  std::atomic<bool> sleeping_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
};

thread_local bool inside_work = false;

// Who runs a piece does not matter for the result, so nobody waits for a thread that has not come: the caller runs
// whatever is left, closes the job, and waits only for those that are inside.
class Pool {
 public:
  // False when another thread has the pool: the caller then works alone.
  bool run(const Job& job) {
    std::unique_lock<std::mutex> owner(owner_, std::try_to_lock);
    if (!owner.owns_lock()) return false;
    const int64_t threads = std::min<int64_t>(job.pieces, 1 + grow_to(static_cast<int>(job.threads) - 1));
    if (threads == 1) return false;
    job_ = job;
    job_.threads = threads;
    for (int64_t t = 0; t < threads; ++t) {
      shares_[t].next.store(job.pieces * t / threads, std::memory_order_relaxed);
      shares_[t].end = job.pieces * (t + 1) / threads;
    }
    open_.store(true);
    const int here = current_cpu();
    caller_cpu_.store(here, std::memory_order_relaxed);
    const bool crowded = crowded_.load(std::memory_order_relaxed);
    for (int64_t t = 1; t < threads; ++t) {
      Worker& worker = *workers_[static_cast<size_t>(t) - 1];
      if (crowded && worker.start.sleeping()) worker.affinity.keep_off(here);
      worker.start.change();
    }
    inside_work = true;
    take_pieces(0);
    inside_work = false;
    open_.store(false);
    for (uint32_t seen = left_.read(); inside_.load() != 0; seen = left_.read()) left_.wait_while(seen);
    return true;
  }

  bool offer(Piece piece, void* context) {
    if (offered_.exchange(true)) return false;
    context_ = context;
    piece_.store(piece);
    std::unique_lock<std::mutex> owner(owner_, std::try_to_lock);
    if (owner.owns_lock() && !workers_.empty()) workers_.front()->start.poke();
    return true;
  }

  void withdraw() {
    piece_.store(nullptr);
    while (visitors_.load() != 0) pause();
    offered_.store(false);
  }

  void stop() {
    std::lock_guard<std::mutex> owner(owner_);
    stopping_.store(true);
    for (auto& worker : workers_) {
      worker->start.change();
      worker->thread.join();
    }
    workers_.clear();
    stopping_.store(false);
  }

 private:
  struct Worker {
    Signal start;
    Affinity affinity;
    std::thread thread;
  };

  // Starts workers until there are `count`; fewer when the system refuses one. Returns how many there are.
  int grow_to(int count) {
    if (static_cast<int>(shares_.size()) <= count) shares_ = std::vector<Share>(static_cast<size_t>(count) + 1);
    while (static_cast<int>(workers_.size()) < count) {
      auto worker = std::make_unique<Worker>();
      Worker* self = worker.get();
      const int64_t index = static_cast<int64_t>(workers_.size()) + 1;
      try {
        self->thread = std::thread([this, self, index] { serve(self, index); });
      } catch (const std::system_error&) {
        break;
      }
      workers_.push_back(std::move(worker));
    }
    return static_cast<int>(workers_.size());
  }

  // Its own share first, whose neighbours it has in its cache; then what others have not begun.
  void take_pieces(int64_t thread) {
    for (int64_t t = 0; t < job_.threads; ++t) {
      Share& share = shares_[static_cast<size_t>((thread + t) % job_.threads)];
      for (int64_t i; (i = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;) job_.run_piece(i);
    }
  }

  // One piece of the work on offer. withdraw() waits for those that came in before it took the work away.
  bool visit() {
    if (piece_.load(std::memory_order_relaxed) == nullptr) return false;
    visitors_.fetch_add(1);
    const Piece piece = piece_.load();
    const bool more = piece != nullptr && piece(context_);
    visitors_.fetch_sub(1);
    return more;
  }

  // Some systems wake a thread on the processor of whoever wakes it, though others are free, and leave it there: both
  // then share one. A worker that finds itself so steps aside; from then on sleeping workers are woken elsewhere.
  void find_processor(Affinity* affinity) {
    affinity->give_back();
    const int here = current_cpu();
    if (here < 0 || here != caller_cpu_.load(std::memory_order_relaxed)) return;
    crowded_.store(true, std::memory_order_relaxed);
    affinity->keep_off(here);
    affinity->give_back();
  }

  void serve(Worker* self, int64_t index) {
    const FlushDenormals flush;
    self->affinity.adopt_this_thread();
    inside_work = true;
    for (uint32_t seen = 0;;) {
      self->start.wait_while(seen, [this] { return visit(); });
      seen = self->start.read();
      if (stopping_.load()) return;
      find_processor(&self->affinity);
      inside_.fetch_add(1);
      if (open_.load()) take_pieces(index);
      if (inside_.fetch_sub(1) == 1 && !open_.load()) left_.change();
    }
  }

  std::mutex owner_;
  std::vector<std::unique_ptr<Worker>> workers_;
  // The job and its shares are written while the job is closed and nobody is inside, and read by those who saw it open
  // after they came in.
  Job job_{};
  std::vector<Share> shares_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> caller_cpu_{-1};
  std::atomic<bool> crowded_{false};
  alignas(64) std::atomic<bool> open_{false};
  alignas(64) std::atomic<int64_t> inside_{0};
  Signal left_;
  std::atomic<bool> offered_{false};
  void* context_ = nullptr;  // of piece_, written before it
  alignas(64) std::atomic<Piece> piece_{nullptr};
  std::atomic<int64_t> visitors_{0};
};

std::atomic<Pool*> the_pool{nullptr};  // never deleted: threads may still look at it while the process ends
std::atomic<int> wanted_threads{0};    // 0: not decided yet

// A forked child has no workers, and locks may be held by threads that are gone: it forgets the pool and builds its
// own.
void forget_pool() { the_pool.store(nullptr); }

Pool& pool() {
  Pool* found = the_pool.load();
  if (found != nullptr) return *found;
  [[maybe_unused]] static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
  auto fresh = std::make_unique<Pool>();
  if (the_pool.compare_exchange_strong(found, fresh.get())) return *fresh.release();
  return *found;
}

}  // namespace

void run_pieces(int64_t n, int64_t grain, Body body, void* context) noexcept {
  Job job{n, grain, (n + grain - 1) / grain, 1, body, context};
  if (job.pieces > 1 && !inside_work) {
    job.threads = std::min<int64_t>(job.pieces, num_threads());
    if (job.threads > 1 && pool().run(job)) return;
  }
  for (int64_t i = 0; i < job.pieces; ++i) job.run_piece(i);
}

bool offer(Piece piece, void* context) { return num_threads() > 1 && pool().offer(piece, context); }

void withdraw() { pool().withdraw(); }

int num_threads() {
  int count = wanted_threads.load(std::memory_order_relaxed);
  if (count == 0) {
    const int found = std::min(usable_cpus(), kMaxThreads);
    if (wanted_threads.compare_exchange_strong(count, found)) count = found;
  }
  return count;
}

bool set_num_threads(int n) {
  if (n < 1 || n > kMaxThreads) return false;
  wanted_threads.store(n);
  if (Pool* running = the_pool.load()) running->stop();
  return true;
}

bool choose_num_threads(const char* wish, std::string* error) {
  if (wish == nullptr || *wish == '\0') return true;
  char* end = nullptr;
  const long n = std::strtol(wish, &end, 10);
  if (*end == '\0' && n >= 1 && n <= kMaxThreads) return set_num_threads(static_cast<int>(n));
  *error = "CKERAS_NUM_THREADS=" + std::string(wish) +
           " is not a number of threads. Expected a whole number from 1 to " + std::to_string(kMaxThreads) +
           ", or unset it to use every processor this process may use (" + std::to_string(usable_cpus()) + ").";
  return false;
}

}  // namespace ckeras::cpu
