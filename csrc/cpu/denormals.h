// Denormals count as zero inside kernels, on every processor.
#pragma once
#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace ckeras::cpu {

// Whether this thread's floating point flushes denormal inputs and results, until the end of the scope.
class DenormalScope {
 public:
  explicit DenormalScope(bool flush) : saved_(get()) { set(flush ? saved_ | kFlush : saved_ & ~kFlush); }
  ~DenormalScope() { set(saved_); }
  DenormalScope(const DenormalScope&) = delete;
  DenormalScope& operator=(const DenormalScope&) = delete;

 private:
#if defined(__x86_64__)
  using Word = uint32_t;
  static constexpr Word kFlush = 0x8040;  // FTZ and DAZ
  static Word get() { return _mm_getcsr(); }
  static void set(Word word) { _mm_setcsr(word); }
#elif defined(__aarch64__)
  using Word = uint64_t;
  static constexpr Word kFlush = Word{1} << 24;  // FZ
  static Word get() {
    Word word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
    return word;
  }
  static void set(Word word) { __asm__ volatile("msr fpcr, %0" : : "r"(word) : "memory"); }
#else
  using Word = uint32_t;
  static constexpr Word kFlush = 0;
  static Word get() { return 0; }
  static void set(Word) {}
#endif

  Word saved_;
};

// For our kernels.
class FlushDenormals : public DenormalScope {
 public:
  FlushDenormals() : DenormalScope(true) {}
};

// For code of others that a kernel's thread calls.
class KeepDenormals : public DenormalScope {
 public:
  KeepDenormals() : DenormalScope(false) {}
};

}  // namespace ckeras::cpu
