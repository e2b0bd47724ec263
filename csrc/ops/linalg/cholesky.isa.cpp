#include "ops/linalg/across.h"
#include "ops/linalg/linalg.h"
#include "ops/linalg/order.h"
#include "ops/linalg/product.h"
#include "ops/linalg/room.h"
#include "ops/linalg/vectors.h"

namespace ckeras::CKERAS_ISA {
namespace {

// Rows of U = L^T: a block of them, then what they take from the rest.
template <class T>
struct Cholesky {
  int64_t count, n, work;

  explicit Cholesky(const Call& call) noexcept
      : count(matrices_of(call.in[0])), n(rows_of(call.in[0])), work(n * n * n / 3) {}

  struct Buffers {
    T* u;
    Buffers(Room& room, const Cholesky& s) noexcept : u(room.take<T>(s.n * s.n)) {}
  };

  // Rows j ... of U, from column j on, less what kNarrow finished ones from `top` on take from them.
  template <int kRows>
  CKERAS_MEMBER void take_rows(T* u, int64_t top, int64_t j) const noexcept {
    VecOf<T> factors[kRows][kNarrow];
    for (int r = 0; r < kRows; ++r) {
      for (int64_t i = 0; i < kNarrow; ++i) factors[r][i] = VecOf<T>(-u[(top + i) * n + j + r]);
    }
    add_rows<kRows>(u + j * n + j, n, factors, u + top * n + j, n, n - j);
  }

  // The number of the first row that has no root, or n.
  int64_t factor(T* u) const noexcept {
    for (int64_t first = 0; first < n; first += kSolverBlock) {
      const int64_t last = least(n, first + kSolverBlock);
      for (int64_t top = first; top < last; top += kNarrow) {
        const int64_t end = least(last, top + kNarrow);
        for (int64_t i = top; i < end; ++i) {
          T* const row = u + i * n;
          if (!(row[i] > 0)) return i;
          const T root = __builtin_sqrt(row[i]);
          divide(row + i, root, n - i);
          row[i] = root;
          for (int64_t j = i + 1; j < end; ++j) add_scaled(u + j * n + j, -row[j], row + j, n - j);
        }
        int64_t j = end;
        for (; j + 2 <= last; j += 2) take_rows<2>(u, top, j);
        if (j < last) take_rows<1>(u, top, j);
      }
      const Matrix<T> rest{u + first * n + last, n, false};
      multiply_into(Into::Subtract, n - last, n - last, last - first, rest, rest, u + last * n + last, n, true);
    }
    return n;
  }

  void run(const Call& call, int64_t index, const Buffers& at) const noexcept {
    const T* const x = call.in[0].as<const T>() + index * n * n;
    T* const out = call.out[0].as<T>() + index * n * n;
    mean_with_turned(x, n, at.u, n);
    const int64_t failed = factor(at.u);
    if (failed < n) return report(call, kNotDefinite, failed, n);
    turn(at.u, n, n, n, out, n);
    for (int64_t i = 0; i < n; ++i) fill(out + i * n + i + 1, T{0}, n - i - 1);
  }

  int64_t vectors() const noexcept { return n * n; }
  void run_across(const Call& call, int64_t first, T* memory) const noexcept {
    using V = VecOf<T>;
    const Across<T> l{memory, n};
    spread_lanes(call.in[0].as<const T>() + first * n * n, n * n, memory);
    const V half(T(0.5)), zero(T{0});
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = i; j < n; ++j) {
        l.put(j, i, l.at(j, i) * half + l.at(i, j) * half);
        if (j > i) l.put(i, j, zero);
      }
    }
    for (int64_t i = 0; i < n; ++i) {
      V root;
      for (int64_t j = i; j < n; ++j) {
        V rest = l.at(j, i);
        for (int64_t p = 0; p < i; ++p) rest = fma(-l.at(i, p), l.at(j, p), rest);
        if (j == i) {
          if (!(rest > zero).all()) return report(call, kNotDefinite, i, n);
          root = sqrt(rest);
        }
        l.put(j, i, j == i ? root : rest / root);
      }
    }
    gather_lanes(memory, n * n, call.out[0].as<T>() + first * n * n);
  }
};

}  // namespace

extern const Kernel linalg_cholesky;
constinit const Kernel linalg_cholesky = AcrossSolvers<Cholesky>::kernel();

}  // namespace ckeras::CKERAS_ISA
