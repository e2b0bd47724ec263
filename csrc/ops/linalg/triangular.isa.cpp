#include "ops/linalg/triangular.h"

#include "ops/linalg/across.h"
#include "ops/linalg/linalg.h"
#include "ops/linalg/vectors.h"

namespace ckeras::CKERAS_ISA {

namespace {

// A block of rows of x against its triangle, kVectors of columns at a time, `count` of them in use: a row is a chain of
// multiply-adds with those before it, in their order.
template <int kVectors, class T>
CKERAS_INLINE void substitute_columns(Triangle triangle, const T* a, int64_t lda, int64_t n, T* x, int64_t ldx,
                                      int64_t count) noexcept {
  using V = VecOf<T>;
  const bool upper = triangle == Triangle::Upper;
  const int64_t start = upper ? n - 1 : 0, next = upper ? -1 : 1;
  V done[kSolverBlock][kVectors];
  for (int64_t step = 0; step < n; ++step) {
    const int64_t row = start + step * next;
    const T* const factors = a + row * lda;
    V sum[kVectors];
    CKERAS_UNROLL
    for (int v = 0; v < kVectors; ++v) sum[v] = V::load(x + row * ldx + v * V::kLanes, count - v * V::kLanes);
    for (int64_t before = 0; before < step; ++before) {
      const V factor(-factors[start + before * next]);
      CKERAS_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[v] = fma(factor, done[before][v], sum[v]);
    }
    CKERAS_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      if (triangle != Triangle::UnitLower) sum[v] = sum[v] / V(factors[row]);
      done[step][v] = sum[v];
      sum[v].store(x + row * ldx + v * V::kLanes, count - v * V::kLanes);
    }
  }
}

}  // namespace

template <class T>
void substitute(Triangle triangle, const T* a, int64_t lda, int64_t n, T* x, int64_t ldx, int64_t k) noexcept {
  constexpr int64_t kLanes = VecOf<T>::kLanes;
  const bool upper = triangle == Triangle::Upper;
  const int64_t blocks = ceil_div(n, kSolverBlock);
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t first = (upper ? blocks - 1 - block : block) * kSolverBlock, last = least(n, first + kSolverBlock);
    const T* const corner = a + first * lda + first;
    int64_t j = 0;
    for (; j + kLanes < k; j += 4 * kLanes) {
      substitute_columns<4>(triangle, corner, lda, last - first, x + first * ldx + j, ldx, k - j);
    }
    if (j < k) substitute_columns<1>(triangle, corner, lda, last - first, x + first * ldx + j, ldx, k - j);
    const int64_t begin = upper ? 0 : last, rest = upper ? first : n - last;
    multiply_into(Into::Subtract, rest, k, last - first, {a + begin * lda + first, lda, true},
                  {x + first * ldx, ldx, false}, x + begin * ldx, ldx);
  }
}
template void substitute<float>(Triangle, const float*, int64_t, int64_t, float*, int64_t, int64_t) noexcept;
template void substitute<double>(Triangle, const double*, int64_t, int64_t, double*, int64_t, int64_t) noexcept;

namespace {

template <class T>
struct SolveTriangular {
  int64_t count, n, k, work;

  explicit SolveTriangular(const Call& call) noexcept
      : count(matrices_of(call.out[0])), n(rows_of(call.out[0])), k(columns_of(call.out[0])), work(n * n * k / 2) {}

  struct Buffers {
    Buffers(Room&, const SolveTriangular&) noexcept {}
  };

  void run(const Call& call, int64_t index, const Buffers&) const noexcept {
    T* const x = call.out[0].as<T>() + index * n * k;
    copy_all(x, call.in[1].as<const T>() + index * n * k, n * k);
    substitute(call.ints[0] ? Triangle::Lower : Triangle::Upper, call.in[0].as<const T>() + index * n * n, n, n, x, k,
               k);
  }

  int64_t vectors() const noexcept { return n * (n + k); }
  void run_across(const Call& call, int64_t first, T* memory) const noexcept {
    const Across<T> a{memory, n}, x{memory + n * n * VecOf<T>::kLanes, k};
    spread_lanes(call.in[0].as<const T>() + first * n * n, n * n, a.data);
    spread_lanes(call.in[1].as<const T>() + first * n * k, n * k, x.data);
    call.ints[0] ? substitute_across<Triangle::Lower>(a, x) : substitute_across<Triangle::Upper>(a, x);
    gather_lanes(x.data, n * k, call.out[0].as<T>() + first * n * k);
  }
};

}  // namespace

extern const Kernel linalg_solve_triangular;
constinit const Kernel linalg_solve_triangular = AcrossSolvers<SolveTriangular>::kernel();

}  // namespace ckeras::CKERAS_ISA
