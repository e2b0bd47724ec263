// This machine's limits, by nothing of ours: fused multiply-adds in registers and the C library's memcpy.
// `peak THREADS L2_BYTES L3_BYTES` prints one JSON object: float32 flop/s and copied bytes/s (read plus written).
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif
typedef float Vector __attribute__((vector_size(kVectorBytes)));
#if defined(__AVX__) && !defined(__AVX512F__)
using Chains = std::make_index_sequence<12>;  // sixteen registers: twelve sums and two operands
#else
using Chains = std::make_index_sequence<20>;  // thirty-two
#endif

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Independent sums, enough of them to hide the latency of every unit; contracted to fused multiply-adds.
template <size_t... I>
float multiply_add(long turns, std::index_sequence<I...>) {
  Vector sum[] = {(Vector{} + static_cast<float>(I))...};
  Vector factor = Vector{} + 0.999f, term = Vector{} + 0.001f;
  asm volatile("" : "+m"(factor), "+m"(term));  // unknown to the compiler
  for (long t = 0; t < turns; ++t) ((sum[I] = sum[I] * factor + term), ...);
  Vector total{};
  ((total += sum[I]), ...);
  return total[0];
}

// Seconds of the fastest of many short runs of `work(thread)` on all threads at once: a busy machine lets some pass.
template <class Work>
double best_seconds(int threads, const Work& work) {
  double best = 1e9;
  for (int round = 0; round < 40; ++round) {
    std::atomic<int> ready{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> pool;
    for (int i = 0; i < threads; ++i) {
      pool.emplace_back([&, i] {
        ++ready;
        while (!go) std::this_thread::yield();
        work(i);
      });
    }
    while (ready < threads) std::this_thread::yield();
    const double start = now();
    go = true;
    for (std::thread& t : pool) t.join();
    best = std::min(best, now() - start);
  }
  return best;
}

volatile float sink;

double flops(int threads) {
  constexpr long kTurns = 400'000;
  const double seconds = best_seconds(threads, [](int) { sink = multiply_add(kTurns, Chains()); });
  return 2.0 * kTurns * Chains::size() * (kVectorBytes / 4) * threads / seconds;
}

// Each thread copies a block of its own, source and target together `bytes`.
double copied(int threads, size_t bytes) {
  void* (*volatile copy)(void*, const void*, size_t) = std::memcpy;
  const size_t half = bytes / 2;
  const long turns = static_cast<long>(size_t{128} << 20) / static_cast<long>(half) + 1;
  std::vector<std::vector<char>> blocks(2 * static_cast<size_t>(threads), std::vector<char>(half, 1));
  const double seconds = best_seconds(threads, [&](int i) {
    for (long t = 0; t < turns; ++t) copy(blocks[2 * i].data(), blocks[2 * i + 1].data(), half);
  });
  return 2.0 * static_cast<double>(half) * static_cast<double>(turns) * threads / seconds;
}

}  // namespace

int main(int, char** argv) {
  const int threads = std::atoi(argv[1]);
  const size_t l2 = std::strtoull(argv[2], nullptr, 10), l3 = std::strtoull(argv[3], nullptr, 10);
  std::printf("{\"vector_bits\": %d, \"flops_1\": %.6g, \"flops\": %.6g, ", 8 * kVectorBytes, flops(1), flops(threads));
  std::printf("\"l2\": %.6g, \"l3\": %.6g, \"dram\": %.6g}\n", copied(threads, l2 / 2),
              copied(threads, l3 / 4 / threads), copied(threads, std::max(l3, size_t{64} << 20)));
}
