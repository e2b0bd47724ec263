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

}  // namespace ckeras::cpu
