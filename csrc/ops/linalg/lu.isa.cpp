#include "ops/linalg/lu.h"

#include "cpu/vmath.h"
#include "ops/linalg/across.h"
#include "ops/linalg/linalg.h"
#include "ops/linalg/room.h"
#include "ops/linalg/triangular.h"
#include "ops/linalg/vectors.h"

namespace ckeras::CKERAS_ISA {
namespace {

// kColumns further columns of a panel, rows of `y`, less the products of kNarrow columns of L, rows of `l`, with their
// rows of U: `first` ... of y, which are made here.
template <int kColumns, class T>
CKERAS_INLINE void take_columns(const T* l, int64_t rows, int64_t first, T* y) noexcept {
  VecOf<T> factors[kColumns][kNarrow];
  for (int c = 0; c < kColumns; ++c) {
    T* const top = y + c * rows + first;
    for (int64_t i = 0; i < kNarrow; ++i) {
      const T u = -top[i];
      factors[c][i] = VecOf<T>(u);
      for (int64_t r = i + 1; r < kNarrow; ++r) top[r] = fma(u, l[i * rows + first + r], top[r]);
    }
  }
  const int64_t below = first + kNarrow;
  add_rows<kColumns>(y + below, rows, factors, l + below, rows, rows - below);
}

// The columns of a panel, as rows of `p`: its pivots, counted from its first row, and its L and U.
template <class T>
void factor_panel(T* p, int64_t columns, int64_t rows, int32_t* pivots) noexcept {
  for (int64_t first = 0; first < columns; first += kNarrow) {
    const int64_t last = least(columns, first + kNarrow);
    for (int64_t i = first; i < last; ++i) {
      T* const column = p + i * rows;
      const int64_t pivot = i + place_of_largest(column + i, rows - i);
      pivots[i] = static_cast<int32_t>(pivot);
      if (pivot != i) {
        for (int64_t j = 0; j < columns; ++j) {
          const T kept = p[j * rows + i];
          p[j * rows + i] = p[j * rows + pivot];
          p[j * rows + pivot] = kept;
        }
      }
      const int64_t rest = rows - i - 1;
      if (column[i] != 0) divide(column + i + 1, column[i], rest);
      for (int64_t j = i + 1; j < last; ++j) add_scaled(p + j * rows + i + 1, -p[j * rows + i], column + i + 1, rest);
    }
    int64_t j = last;
    for (; j + 2 <= columns; j += 2) take_columns<2>(p + first * rows, rows, first, p + j * rows);
    if (j < columns) take_columns<1>(p + first * rows, rows, first, p + j * rows);
  }
}

}  // namespace

template <class T>
int64_t factor_lu(T* a, int64_t m, int64_t n, int32_t* pivots, T* room) noexcept {
  const int64_t k = least(m, n);
  int64_t zero = k;
  for (int64_t first = 0; first < k; first += kSolverBlock) {
    const int64_t last = least(k, first + kSolverBlock), columns = last - first;
    T* const panel = a + first * n + first;
    turn(panel, n, m - first, columns, room, m - first);
    factor_panel(room, columns, m - first, pivots + first);
    turn(room, m - first, columns, m - first, panel, n);
    for (int64_t i = first; i < last; ++i) {
      pivots[i] += static_cast<int32_t>(first);
      if (a[i * n + i] == 0) zero = least(zero, i);
      if (pivots[i] == i) continue;
      swap_rows(a + i * n, a + pivots[i] * n, first);
      swap_rows(a + i * n + last, a + pivots[i] * n + last, n - last);
    }
    substitute(Triangle::UnitLower, panel, n, columns, a + first * n + last, n, n - last);
    multiply_into(Into::Subtract, m - last, n - last, columns, {a + last * n + first, n, true},
                  {a + first * n + last, n, false}, a + last * n + last, n);
  }
  return zero;
}
template int64_t factor_lu<float>(float*, int64_t, int64_t, int32_t*, float*) noexcept;
template int64_t factor_lu<double>(double*, int64_t, int64_t, int32_t*, double*) noexcept;

namespace {

// factor_lu of matrices across the lanes, of m rows, which exchanges the rows of x too; noted(i, pivots) is told the
// rows that i is exchanged with. The sign of the exchanges.
template <class T, class Noted>
CKERAS_INLINE VecOf<T> factor_across(const Across<T>& a, int64_t m, const Across<T>& x, const Noted& noted) noexcept {
  using V = VecOf<T>;
  const V zero(T{0});
  const int64_t n = a.columns;
  V sign(T{1});
  for (int64_t i = 0; i < least(m, n); ++i) {
    const V own(static_cast<T>(i));
    V found = abs(a.at(i, i)), pivot = own;
    for (int64_t r = i + 1; r < m; ++r) {
      const V size = abs(a.at(r, i));
      const auto better = (size > found) | (isnan(size) & !isnan(found));
      found = select(better, size, found);
      pivot = select(better, V(static_cast<T>(r)), pivot);
    }
    noted(i, pivot);
    sign = select(pivot == own, sign, -sign);
    for (int64_t r = i + 1; r < m; ++r) {
      const auto here = pivot == V(static_cast<T>(r));
      if (!here.any()) continue;
      a.exchange(i, r, here);
      x.exchange(i, r, here);
    }
    const V divisor = a.at(i, i);
    const auto none = divisor == zero;
    for (int64_t r = i + 1; r < m; ++r) {
      const V l = a.at(r, i);
      a.put(r, i, select(none, l, l / divisor));
    }
    for (int64_t r = i + 1; r < m; ++r) {
      const V l = a.at(r, i);
      for (int64_t j = i + 1; j < n; ++j) a.put(r, j, fma(-a.at(i, j), l, a.at(r, j)));
    }
  }
  return sign;
}
template <class T>
VecOf<T> factor_across(const Across<T>& a, const Across<T>& x) noexcept {
  return factor_across(a, a.columns, x, [](int64_t, VecOf<T>) __attribute__((always_inline)) {});
}

template <class T>
struct LuFactor {
  int64_t count, m, n, work;

  explicit LuFactor(const Call& call) noexcept
      : count(matrices_of(call.in[0])), m(rows_of(call.in[0])), n(columns_of(call.in[0])), work(m * n * least(m, n)) {}

  struct Buffers {
    T* room;
    Buffers(Room& room, const LuFactor& s) noexcept : room(room.take<T>(kSolverBlock * s.m)) {}
  };

  void run(const Call& call, int64_t index, const Buffers& at) const noexcept {
    T* const lu = call.out[0].as<T>() + index * m * n;
    copy_all(lu, call.in[0].as<const T>() + index * m * n, m * n);
    factor_lu(lu, m, n, call.out[1].as<int32_t>() + index * least(m, n), at.room);
  }

  int64_t vectors() const noexcept { return m * n; }
  void run_across(const Call& call, int64_t first, T* memory) const noexcept {
    constexpr int64_t kLanes = VecOf<T>::kLanes;
    const Across<T> a{memory, n}, none{nullptr, 0};
    const int64_t k = least(m, n);
    int32_t* const pivots = call.out[1].as<int32_t>() + first * k;
    spread_lanes(call.in[0].as<const T>() + first * m * n, m * n, a.data);
    factor_across(a, m, none, [&](int64_t i, VecOf<T> found) __attribute__((always_inline)) {
      T rows[kLanes];
      found.store(rows);
      for (int64_t lane = 0; lane < kLanes; ++lane) pivots[lane * k + i] = static_cast<int32_t>(rows[lane]);
    });
    gather_lanes(a.data, m * n, call.out[0].as<T>() + first * m * n);
  }
};

// What solving and determinants share: the decomposition of one matrix of a call.
template <class T>
struct SquareBuffers {
  T *lu, *room;
  int32_t* pivots;
  SquareBuffers(Room& room, int64_t n) noexcept
      : lu(room.take<T>(n * n)), room(room.take<T>(kSolverBlock * n)), pivots(room.take<int32_t>(n)) {}

  int64_t factor(const Call& call, int64_t index, int64_t n) const noexcept {
    copy_all(lu, call.in[0].as<const T>() + index * n * n, n * n);
    return factor_lu(lu, n, n, pivots, this->room);
  }
};

template <class T>
struct Solve {
  int64_t count, n, k, work;

  explicit Solve(const Call& call) noexcept
      : count(matrices_of(call.out[0])),
        n(rows_of(call.out[0])),
        k(columns_of(call.out[0])),
        work(n * n * (n / 3 + k)) {}

  struct Buffers : SquareBuffers<T> {
    Buffers(Room& room, const Solve& s) noexcept : SquareBuffers<T>(room, s.n) {}
  };

  void run(const Call& call, int64_t index, const Buffers& at) const noexcept {
    const int64_t zero = at.factor(call, index, n);
    if (zero < n) return report(call, kSingular, zero, n);
    T* const x = call.out[0].as<T>() + index * n * k;
    copy_all(x, call.in[1].as<const T>() + index * n * k, n * k);
    for (int64_t i = 0; i < n; ++i) {
      if (at.pivots[i] != i) swap_rows(x + i * k, x + at.pivots[i] * k, k);
    }
    substitute(Triangle::UnitLower, at.lu, n, n, x, k, k);
    substitute(Triangle::Upper, at.lu, n, n, x, k, k);
  }

  int64_t vectors() const noexcept { return n * (n + k); }
  void run_across(const Call& call, int64_t first, T* memory) const noexcept {
    using V = VecOf<T>;
    const Across<T> a{memory, n}, x{memory + n * n * V::kLanes, k};
    spread_lanes(call.in[0].as<const T>() + first * n * n, n * n, a.data);
    spread_lanes(call.in[1].as<const T>() + first * n * k, n * k, x.data);
    factor_across(a, x);
    for (int64_t i = 0; i < n; ++i) {
      if ((a.at(i, i) == V(T{0})).any()) return report(call, kSingular, i, n);
    }
    substitute_across<Triangle::UnitLower>(a, x);
    substitute_across<Triangle::Upper>(a, x);
    gather_lanes(x.data, n * k, call.out[0].as<T>() + first * n * k);
  }
};

// |the product| = mantissa * 2^exponent, mantissa in [1, 2), 0, infinite or NaN; and the sum of logarithms.
struct Determinant {
  double sign = 1, mantissa = 1;
  int64_t exponent = 0;

  CKERAS_MEMBER void multiply(double x) {
    sign = x < 0 ? -sign : sign;
    mantissa *= split(__builtin_fabs(x));
    mantissa = split(mantissa);
  }
  CKERAS_MEMBER double split(double x) {
    int64_t bits;
    __builtin_memcpy(&bits, &x, sizeof x);
    const int64_t field = bits >> 52;
    if (field == 0 || field == 0x7ff) return x;  // 0, infinity, NaN
    exponent += field - 1023;
    bits = (bits & ((int64_t{1} << 52) - 1)) | (int64_t{1023} << 52);
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
  }
  static CKERAS_MEMBER double power(int64_t e) {
    const int64_t bits = (e + 1023) << 52;
    double x;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
  }
  CKERAS_MEMBER double value() const {
    double x = sign * mantissa;
    for (int64_t e = least(most(exponent, -5000), 5000); e != 0;) {
      const int64_t step = e > 0 ? least(e, 1000) : most(e, -1000);
      x *= power(step);
      e -= step;
    }
    return x;
  }
};

template <class T>
struct Determinants {
  int64_t count, n, work;

  explicit Determinants(const Call& call) noexcept
      : count(matrices_of(call.in[0])), n(rows_of(call.in[0])), work(n * n * n / 3) {}

  struct Buffers : SquareBuffers<T> {
    Buffers(Room& room, const Determinants& s) noexcept : SquareBuffers<T>(room, s.n) {}
  };

  int64_t vectors() const noexcept { return n * n; }
  // put(index, determinant) for those of a group.
  template <class Put>
  void each_across(const Call& call, int64_t first, T* memory, const Put& put) const noexcept {
    constexpr int64_t kLanes = VecOf<T>::kLanes;
    const Across<T> a{memory, n}, none{nullptr, 0};
    spread_lanes(call.in[0].as<const T>() + first * n * n, n * n, memory);
    T signs[kLanes];
    factor_across(a, none).store(signs);
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      Determinant product;
      product.sign = signs[lane];
      for (int64_t i = 0; i < n; ++i) product.multiply(memory[i * (n + 1) * kLanes + lane]);
      put(first + lane, product);
    }
  }

  Determinant determinant(const Call& call, int64_t index, const Buffers& at) const noexcept {
    at.factor(call, index, n);
    Determinant product;
    for (int64_t i = 0; i < n; ++i) {
      product.multiply(at.lu[i * n + i]);
      if (at.pivots[i] != i) product.sign = -product.sign;
    }
    return product;
  }
};

template <class T>
struct Det : Determinants<T> {
  using Determinants<T>::Determinants;
  void run(const Call& call, int64_t index, const typename Determinants<T>::Buffers& at) const noexcept {
    put(call, index, this->determinant(call, index, at));
  }
  void run_across(const Call& call, int64_t first, T* memory) const noexcept {
    this->each_across(call, first, memory, [&](int64_t i, const Determinant& found) { put(call, i, found); });
  }
  static void put(const Call& call, int64_t index, const Determinant& found) noexcept {
    call.out[0].as<T>()[index] = static_cast<T>(found.value());
  }
};

template <class T>
struct Slogdet : Determinants<T> {
  using Determinants<T>::Determinants;
  void run(const Call& call, int64_t index, const typename Determinants<T>::Buffers& at) const noexcept {
    put(call, index, this->determinant(call, index, at));
  }
  void run_across(const Call& call, int64_t first, T* memory) const noexcept {
    this->each_across(call, first, memory, [&](int64_t i, const Determinant& found) { put(call, i, found); });
  }
  static void put(const Call& call, int64_t index, const Determinant& found) noexcept {
    constexpr double kLog2 = 0.693147180559945309417232121458;
    const bool nan = found.mantissa != found.mantissa;
    double logs[V8::kLanes];
    log(V8(found.mantissa)).store(logs);
    call.out[0].as<T>()[index] = static_cast<T>(nan ? found.mantissa : found.mantissa == 0 ? 0 : found.sign);
    call.out[1].as<T>()[index] = static_cast<T>(fma(static_cast<double>(found.exponent), kLog2, logs[0]));
  }
};

}  // namespace

extern const Kernel linalg_lu_factor, linalg_solve, linalg_det, linalg_slogdet;
constinit const Kernel linalg_lu_factor = AcrossSolvers<LuFactor>::kernel();
constinit const Kernel linalg_solve = AcrossSolvers<Solve>::kernel();
constinit const Kernel linalg_det = AcrossSolvers<Det>::kernel();
constinit const Kernel linalg_slogdet = AcrossSolvers<Slogdet>::kernel();

}  // namespace ckeras::CKERAS_ISA
