// Thousands of small matrices: as many as a vector has lanes go together, one lane each. Every element meets the
// operations that it meets in a matrix by itself, in that order, so its bits are the same. Only for .isa.cpp files.
//
//   x [lanes, rows, columns] in memory   <->   vectors: element (i, j) of all matrices is number i * columns + j
#pragma once
#include "ops/linalg/product.h"
#include "ops/linalg/room.h"
#include "ops/linalg/triangular.h"

namespace ckeras::CKERAS_ISA {

// Vectors of a group at most: what the first-level cache holds. A matrix is one block.
inline constexpr int64_t kAcrossVectors = 512;

// A solver of matrices of n columns that has `vectors()` in work a group, and run_across(call, first, vectors), which
// does the group that begins with matrix `first`. What is left of a batch goes matrix by matrix.
template <class T, class S>
struct AcrossBatch {
  static constexpr int64_t kLanes = VecOf<T>::kLanes;
  const S& solver;

  CKERAS_MEMBER bool wins() const {
    return solver.count >= kLanes && solver.n > 0 && solver.n <= kSolverBlock && solver.vectors() <= kAcrossVectors;
  }
  CKERAS_MEMBER int64_t groups() const { return solver.count / kLanes; }
  CKERAS_MEMBER Batch batch() const {
    const int64_t bytes = solver.vectors() * kLanes * static_cast<int64_t>(sizeof(T));
    return {groups() + solver.count % kLanes, solver.work * kLanes + 8 * kSmallWork,
            most(round_up(bytes, 64), solver_bytes(solver))};
  }
  CKERAS_MEMBER void run(const Call& call) const {
    batch().run(call.workspace, [&](int64_t i, void* workspace) {
      if (i < groups()) return solver.run_across(call, i * kLanes, static_cast<T*>(workspace));
      Room room(workspace);
      typename S::Buffers buffers(room, solver);
      solver.run(call, groups() * kLanes + i - groups(), buffers);
    });
  }
};

// As Solvers, for those that have both ways.
template <template <class> class S>
struct AcrossSolvers {
  template <class T>
  static void run_all(const Call& call) noexcept {
    const S<T> solver(call);
    const AcrossBatch<T, S<T>> across{solver};
    across.wins() ? across.run(call) : Solvers<S>::template run_all<T>(call);
  }
  template <class T>
  static int64_t bytes(const Call& call) noexcept {
    const S<T> solver(call);
    const AcrossBatch<T, S<T>> across{solver};
    return (across.wins() ? across.batch() : batch_of(solver)).total_bytes();
  }
  static void run(const Call& call) noexcept {
    call.in[0].dtype == DType::F64 ? run_all<double>(call) : run_all<float>(call);
  }
  static int64_t workspace(const Call& call) noexcept {
    return call.in[0].dtype == DType::F64 ? bytes<double>(call) : bytes<float>(call);
  }
  static constexpr Kernel kernel() { return {run, workspace, nullptr}; }
};

template <class T>
struct Across {
  using V = VecOf<T>;
  T* data;
  int64_t columns;

  CKERAS_MEMBER V at(int64_t i, int64_t j) const { return V::load(data + (i * columns + j) * V::kLanes); }
  CKERAS_MEMBER void put(int64_t i, int64_t j, V v) const { v.store(data + (i * columns + j) * V::kLanes); }
  // Rows i and r of the matrices that `here` has.
  template <class M>
  CKERAS_MEMBER void exchange(int64_t i, int64_t r, M here) const {
    for (int64_t j = 0; j < columns; ++j) {
      const V own = at(i, j), other = at(r, j);
      put(i, j, select(here, other, own));
      put(r, j, select(here, own, other));
    }
  }
};

// substitute() of matrices across the lanes.
template <Triangle kTriangle, class T>
CKERAS_INLINE void substitute_across(const Across<T>& a, const Across<T>& x) {
  const int64_t n = a.columns, k = x.columns;
  for (int64_t step = 0; step < n; ++step) {
    const int64_t i = kTriangle == Triangle::Upper ? n - 1 - step : step;
    for (int64_t j = 0; j < k; ++j) {
      VecOf<T> rest = x.at(i, j);
      for (int64_t done = 0; done < step; ++done) {
        const int64_t p = kTriangle == Triangle::Upper ? n - 1 - done : done;
        rest = fma(-a.at(i, p), x.at(p, j), rest);
      }
      x.put(i, j, kTriangle == Triangle::UnitLower ? rest : rest / a.at(i, i));
    }
  }
}

template <class T>
CKERAS_INLINE void spread_lanes(const T* x, int64_t elements, T* to) {
  turn(x, elements, VecOf<T>::kLanes, elements, to, VecOf<T>::kLanes);
}
template <class T>
CKERAS_INLINE void gather_lanes(const T* from, int64_t elements, T* x) {
  turn(from, VecOf<T>::kLanes, elements, VecOf<T>::kLanes, x, elements);
}

}  // namespace ckeras::CKERAS_ISA
