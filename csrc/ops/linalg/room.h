// Parts of a workspace, and the matrices of a batch. Only for .isa.cpp files.
#pragma once
#include "gemm/batch.h"
#include "runtime/kernel.h"

namespace ckeras::CKERAS_ISA {

// Cuts memory into arrays; with a null base it counts.
struct Room {
  char* base;
  int64_t used = 0;

  CKERAS_MEMBER explicit Room(void* memory) : base(static_cast<char*>(memory)) {}
  template <class T>
  CKERAS_MEMBER T* take(int64_t n) {
    T* const at = base != nullptr ? reinterpret_cast<T*>(base + used) : nullptr;
    used += round_up(n * static_cast<int64_t>(sizeof(T)), 64);
    return at;
  }
};

// n numbers; where there are none, the pointers may be null.
template <class T>
CKERAS_INLINE void copy_all(T* to, const T* from, int64_t n) {
  if (n > 0) __builtin_memcpy(to, from, n * sizeof(T));
}

// A Solver<T> is made of a call's shapes and has `count` matrices of `work` multiply-adds each,
// `Buffers(Room&, const Solver&)`, and run(call, index, Buffers&), which does one matrix.
template <class S>
CKERAS_INLINE int64_t solver_bytes(const S& solver) {
  Room room(nullptr);
  [[maybe_unused]] const typename S::Buffers buffers(room, solver);
  return room.used;
}

// Multiply-adds that a small matrix costs beside its own.
inline constexpr int64_t kSmallWork = 1000;

template <class S>
CKERAS_INLINE Batch batch_of(const S& solver) {
  return {solver.count, solver.work + kSmallWork, solver_bytes(solver)};
}

template <template <class> class S>
struct Solvers {
  template <class T>
  static void run_all(const Call& call) noexcept {
    const S<T> solver(call);
    batch_of(solver).run(call.workspace, [&](int64_t i, void* workspace) {
      Room room(workspace);
      typename S<T>::Buffers buffers(room, solver);
      solver.run(call, i, buffers);
    });
  }
  static void run(const Call& call) noexcept {
    call.in[0].dtype == DType::F64 ? run_all<double>(call) : run_all<float>(call);
  }
  static int64_t workspace(const Call& call) noexcept {
    return call.in[0].dtype == DType::F64 ? batch_of(S<double>(call)).total_bytes()
                                          : batch_of(S<float>(call)).total_bytes();
  }
  static constexpr Kernel kernel() { return {run, workspace, nullptr}; }
};

CKERAS_INLINE int64_t rows_of(const View& x) { return x.shape[x.rank - 2]; }
CKERAS_INLINE int64_t columns_of(const View& x) { return x.shape[x.rank - 1]; }
CKERAS_INLINE int64_t matrices_of(const View& x) {
  int64_t n = 1;
  for (int i = 0; i + 2 < x.rank; ++i) n *= x.shape[i];
  return n;
}

// Matrices are done side by side: any of several faults is kept.
CKERAS_INLINE void report(const Call& call, int32_t code, int64_t value, int64_t limit) {
  int32_t none = 0;
  if (!__atomic_compare_exchange_n(&call.fault->code, &none, code, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return;
  call.fault->value = value;
  call.fault->limit = limit;
}

}  // namespace ckeras::CKERAS_ISA
