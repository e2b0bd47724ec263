// The one thread pool: settings. Work goes to it through cpu/parallel.h.
#pragma once
#include <string>

namespace ckeras::cpu {

inline constexpr int kMaxThreads = 1024;

// Threads that share the work, the caller's among them: usable_cpus() until something else is set.
int num_threads();

// 1 ... kMaxThreads; waits until running work is done. False when n is outside.
bool set_num_threads(int n);

// Applies the value of CKERAS_NUM_THREADS (null or empty: no wish). False and a message for the user when it is not a
// number of threads.
bool choose_num_threads(const char* wish, std::string* error);

// Work in small pieces for threads of the pool that have nothing to do: they call piece(context) until it gives false,
// and look for a parallel_for between two calls. piece may run on several threads at once and uses no parallel_for.
// False, and nothing happens, when there is one thread or other work is on offer.
bool offer(bool (*piece)(void*) noexcept, void* context);

// Takes back what offer() got true for; afterwards no thread is in it.
void withdraw();

}  // namespace ckeras::cpu
