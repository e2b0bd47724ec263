// Program::run_steps: batches are handed to the Program without Python in between.
#include <chrono>

#include "runtime/feed.h"
#include "runtime/program.h"

namespace ckeras {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPollInterval = std::chrono::milliseconds(10);

}  // namespace

int64_t Program::run_steps(const Batches& batches, int64_t first, int64_t count, double seconds,
                           const std::function<bool()>& interrupted, std::vector<Array>* outputs) {
  BatchFeed feed(batches, first, count);
  const auto start = Clock::now();
  auto polled = start;
  int64_t done = 0;
  while (done < count) {
    *outputs = run(feed.next());
    ++done;
    const auto now = Clock::now();
    if (std::chrono::duration<double>(now - start).count() >= seconds) break;
    if (now - polled >= kPollInterval) {
      polled = now;
      if (interrupted()) break;
    }
  }
  return done;
}

}  // namespace ckeras
