// The decompositions multiplied out again, on every instruction set of this machine; bits equal on all that fuse
// multiply-adds. Sizes lie around the blocks' and the vectors'. Python's tests bring the hard matrices.
#include "ops/linalg/linalg.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "cpu/isa.h"
#include "ops/testing.h"

namespace ckeras {
namespace {

using testing::Array;
using testing::Out;
using testing::Shape;

using Result = testing::Outcome;

Result run(cpu::Isa isa, const char* name, const std::vector<const Array*>& in, const std::vector<Out>& outs,
           const std::vector<int64_t>& ints = {}) {
  return testing::run(*find_linalg(linalg_for(isa), name)->kernel, in, outs, {ints, {}});
}

double at(const Array& a, int64_t columns, int64_t i, int64_t j) { return a.at(i * columns + j); }

// The largest difference of a b and c; all [m, k] [k, n] [m, n] in the first matrix of the batch.
double difference(const Array& a, const Array& b, const Array& c, int64_t m, int64_t k, int64_t n) {
  double worst = 0;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p) sum += at(a, k, i, p) * at(b, n, p, j);
      worst = std::max(worst, std::abs(sum - at(c, n, i, j)));
    }
  }
  return worst;
}

double roundoff(DType dtype) { return dtype == DType::F32 ? 6e-8 : 1.2e-16; }

bool fuses(cpu::Isa isa) { return isa != cpu::Isa::Baseline; }

// The first instruction set that fuses says what the others must give.
struct Bits {
  std::map<std::string, std::vector<char>> seen;

  void check(cpu::Isa isa, const std::string& what, const Result& result) {
    if (!fuses(isa)) return;
    std::vector<char> bytes;
    for (const Array& a : result.out) bytes.insert(bytes.end(), a.bytes.begin(), a.bytes.end());
    const auto [place, first] = seen.emplace(what, bytes);
    if (!first && place->second != bytes) {
      std::cerr << what << '\n';
      CHECK(!"bits differ");
    }
  }
};

constexpr int64_t kSizes[] = {0, 1, 2, 3, 4, 8, 15, 17, 31, 32, 33, 64, 65, 100, 131};

void test_square(cpu::Isa isa, DType dtype, Bits& bits) {
  for (const int64_t n : kSizes) {
    const std::string size = std::to_string(n) + (dtype == DType::F32 ? " f32" : " f64");
    const Array x = testing::sample(dtype, {n, n}, 1);
    Array definite = x;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j) definite.set(i * n + j, at(x, n, i, j) + at(x, n, j, i) + (i == j ? 8.0 * n : 0));
    }
    const double bound = 40 * roundoff(dtype) * static_cast<double>(n + 1) * static_cast<double>(n + 1);

    const Result root = run(isa, "cholesky", {&definite}, {{dtype, {n, n}}});
    Array turned = root.out[0];
    for (int64_t i = 0; i < n * n; ++i) turned.set(i, at(root.out[0], n, i % n, i / n));
    CHECK_NEAR(difference(root.out[0], turned, definite, n, n, n), 0, bound);
    bits.check(isa, "cholesky " + size, root);

    for (const int64_t k : {int64_t{0}, int64_t{1}, int64_t{9}}) {
      const Array right = testing::sample(dtype, {n, k}, 2);
      const Result solved = run(isa, "solve", {&definite, &right}, {{dtype, {n, k}}});
      CHECK_EQ(solved.fault.code, 0);
      CHECK_NEAR(difference(definite, solved.out[0], right, n, n, k), 0, bound);
      bits.check(isa, "solve " + std::to_string(k) + " " + size, solved);
      for (const int64_t lower : {0, 1}) {
        const Result half = run(isa, "solve_triangular", {&definite, &right}, {{dtype, {n, k}}}, {lower});
        Array triangle = definite;
        for (int64_t i = 0; i < n; ++i) {
          for (int64_t j = 0; j < n; ++j) {
            if (lower ? j > i : j < i) triangle.set(i * n + j, 0);
          }
        }
        CHECK_NEAR(difference(triangle, half.out[0], right, n, n, k), 0, bound);
        bits.check(isa, "triangle " + std::to_string(lower) + " " + std::to_string(k) + " " + size, half);
      }
    }
    bits.check(isa, "det " + size, run(isa, "det", {&x}, {{dtype, {}}}));
    bits.check(isa, "slogdet " + size, run(isa, "slogdet", {&x}, {{dtype, {}}, {dtype, {}}}));
  }
}

void test_any(cpu::Isa isa, DType dtype, Bits& bits) {
  for (const int64_t m : kSizes) {
    for (const int64_t n : kSizes) {
      const std::string size = std::to_string(m) + " " + std::to_string(n) + (dtype == DType::F32 ? " f32" : " f64");
      const int64_t k = std::min(m, n);
      const Array x = testing::sample(dtype, {m, n}, 3);
      const double bound = 20 * roundoff(dtype) * static_cast<double>(m + n + 1);
      for (const int64_t columns : {k, m}) {
        const Result qr = run(isa, "qr", {&x}, {{dtype, {m, columns}}, {dtype, {columns, n}}});
        CHECK_NEAR(difference(qr.out[0], qr.out[1], x, m, columns, n), 0, bound);
        bits.check(isa, "qr " + std::to_string(columns) + " of " + size, qr);
      }
      const Result lu = run(isa, "lu_factor", {&x}, {{dtype, {m, n}}, {DType::I32, {k}}});
      Array low(dtype, {m, k}), up(dtype, {k, n}), want = x;
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < k; ++j) low.set(i * k + j, i > j ? at(lu.out[0], n, i, j) : i == j);
      }
      for (int64_t i = 0; i < k; ++i) {
        for (int64_t j = 0; j < n; ++j) up.set(i * n + j, j >= i ? at(lu.out[0], n, i, j) : 0);
        const int64_t pivot = lu.out[1].view.as<const int32_t>()[i];
        CHECK(pivot >= i && pivot < m);
        for (int64_t j = 0; j < n; ++j) {
          const double kept = want.at(i * n + j);
          want.set(i * n + j, want.at(pivot * n + j));
          want.set(pivot * n + j, kept);
        }
      }
      CHECK_NEAR(difference(low, up, want, m, k, n), 0, 4 * bound);
      bits.check(isa, "lu " + size, lu);
    }
  }
}

// values and vectors^T, as rows, from an op's outputs: rows scaled.
Array scaled_rows(const Array& values, const Array& rows, int64_t k, int64_t n) {
  Array result(rows.view.dtype, {k, n});
  for (int64_t i = 0; i < k * n; ++i) result.set(i, rows.at(i) * values.at(i / n));
  return result;
}

Array turned(const Array& x, int64_t m, int64_t n) {
  Array result(x.view.dtype, {n, m});
  for (int64_t i = 0; i < m * n; ++i) result.set(i % n * m + i / n, x.at(i));
  return result;
}

void test_values(cpu::Isa isa, DType dtype, Bits& bits) {
  for (const int64_t m : {0, 1, 2, 5, 16, 33, 65, 100}) {
    for (const int64_t n : {0, 1, 2, 5, 16, 33, 65, 100}) {
      const std::string size = std::to_string(m) + " " + std::to_string(n) + (dtype == DType::F32 ? " f32" : " f64");
      const int64_t k = std::min(m, n);
      const Array x = testing::sample(dtype, {m, n}, 7);
      const double bound = 40 * roundoff(dtype) * static_cast<double>(m + n + 1);
      for (const bool whole : {false, true}) {
        const int64_t columns = whole ? m : k, rows = whole ? n : k;
        const Result svd = run(isa, "svd", {&x}, {{dtype, {m, columns}}, {dtype, {k}}, {dtype, {rows, n}}});
        CHECK_EQ(svd.fault.code, 0);
        Array left(dtype, {m, k});
        for (int64_t i = 0; i < m * k; ++i) left.set(i, svd.out[0].at(i / std::max<int64_t>(k, 1) * columns + i % k));
        CHECK_NEAR(difference(left, scaled_rows(svd.out[1], svd.out[2], k, n), x, m, k, n), 0, bound);
        bits.check(isa, "svd " + std::to_string(whole) + " " + size, svd);
      }
      bits.check(isa, "singular values " + size, run(isa, "singular_values", {&x}, {{dtype, {k}}}));
      if (m != n) continue;
      Array even = x;
      for (int64_t i = 0; i < n * n; ++i) even.set(i, x.at(i) + x.at(i % n * n + i / n));
      const Result eigh = run(isa, "eigh", {&even}, {{dtype, {n}}, {dtype, {n, n}}});
      CHECK_EQ(eigh.fault.code, 0);
      const Array rows = turned(eigh.out[1], n, n);
      CHECK_NEAR(difference(eigh.out[1], scaled_rows(eigh.out[0], rows, n, n), even, n, n, n), 0, 2 * bound);
      bits.check(isa, "eigh " + size, eigh);
    }
  }
}

// How far x [n, n] right is from left times values, x with three diagonals, vectors as columns; and how far each vector
// from one of length 1 that is orthogonal to the next two.
void check_vectors(const Array& x, const Array& left, const Array& values, const Array& right, int64_t n, double unit) {
  double worst = 0, skew = 0;
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = 0; i < n; ++i) {
      double sum = -values.at(j) * at(left, n, i, j);
      for (int64_t p = std::max<int64_t>(i - 1, 0); p < std::min(n, i + 2); ++p) {
        sum += at(x, n, i, p) * at(right, n, p, j);
      }
      worst = std::max(worst, std::abs(sum));
    }
    for (int64_t other = j; other < std::min(n, j + 3); ++other) {
      double sum = other == j ? -1 : 0;
      for (int64_t i = 0; i < n; ++i) sum += at(right, n, i, j) * at(right, n, i, other);
      skew = std::max(skew, std::abs(sum));
    }
  }
  CHECK_NEAR(worst, 0, 400 * unit);
  CHECK_NEAR(skew, 0, 80 * unit);
}

// Wilkinson's matrices of 21 rows, glued to each other: values in nearly equal groups, through several levels of
// halves. And their upper halves, which have zeros on the diagonal.
void test_halves(cpu::Isa isa, DType dtype, Bits& bits) {
  constexpr int64_t n = 13 * 21;
  for (const double glue : {1.0, 1e-5, 0.0}) {
    const std::string what = std::to_string(glue) + (dtype == DType::F32 ? " f32" : " f64");
    Array even(dtype, {n, n}), upper(dtype, {n, n});
    for (int64_t i = 0; i < n; ++i) {
      const double own = static_cast<double>(std::abs(i % 21 - 10)), beside = i % 21 == 0 ? glue : 1.0;
      even.set(i * n + i, own);
      upper.set(i * n + i, own);
      if (i == 0) continue;
      even.set(i * n + i - 1, beside);
      even.set((i - 1) * n + i, beside);
      upper.set((i - 1) * n + i, beside);
    }
    const Result eigh = run(isa, "eigh", {&even}, {{dtype, {n}}, {dtype, {n, n}}});
    CHECK_EQ(eigh.fault.code, 0);
    check_vectors(even, eigh.out[1], eigh.out[0], eigh.out[1], n, roundoff(dtype));
    bits.check(isa, "halves " + what, eigh);
    const Result svd = run(isa, "svd", {&upper}, {{dtype, {n, n}}, {dtype, {n}}, {dtype, {n, n}}});
    CHECK_EQ(svd.fault.code, 0);
    const Array right = turned(svd.out[2], n, n);
    check_vectors(upper, svd.out[0], svd.out[1], right, n, roundoff(dtype));
    check_vectors(turned(upper, n, n), right, svd.out[1], svd.out[0], n, roundoff(dtype));
    bits.check(isa, "values of halves " + what, svd);
  }
}

// More matrices than one piece of work takes; the last ones have the bits of matrices alone.
void test_batch(cpu::Isa isa) {
  constexpr int64_t kCount = 3000, n = 4;
  const Array one = testing::sample(DType::F64, {n, n}, 5);
  Array many(DType::F64, {kCount, n, n});
  for (int64_t i = 0; i < kCount * n * n; ++i) many.set(i, one.at(i % (n * n)));
  const Result alone = run(isa, "qr", {&one}, {{DType::F64, {n, n}}, {DType::F64, {n, n}}});
  const Result all = run(isa, "qr", {&many}, {{DType::F64, {kCount, n, n}}, {DType::F64, {kCount, n, n}}});
  for (size_t which : {0, 1}) {
    const size_t bytes = n * n * sizeof(double);
    for (int64_t i = 0; i < kCount; ++i) {
      CHECK(std::memcmp(all.out[which].bytes.data() + i * bytes, alone.out[which].bytes.data(), bytes) == 0);
    }
  }
}

// Each of a batch of small matrices (ops/linalg/across.h) has the bits that it has alone.
void check_batch(cpu::Isa isa, const char* name, const std::vector<const Array*>& in, const std::vector<Out>& outs,
                 const std::vector<int64_t>& ints = {}) {
  const Result all = run(isa, name, in, outs, ints);
  CHECK_EQ(all.fault.code, 0);
  const auto one_of = [](const Shape& shape) { return Shape(shape.begin() + 1, shape.end()); };
  const auto copy = [](char* to, const char* from, size_t n) {
    if (n > 0) std::memcpy(to, from, n);
  };
  for (int64_t i = 0; i < in[0]->view.shape[0]; ++i) {
    std::vector<Array> own;
    std::vector<const Array*> own_in;
    for (const Array* a : in) {
      own.emplace_back(a->view.dtype, Shape(a->view.shape + 1, a->view.shape + a->view.rank));
      copy(own.back().bytes.data(), a->bytes.data() + i * own.back().bytes.size(), own.back().bytes.size());
    }
    for (const Array& a : own) own_in.push_back(&a);
    std::vector<Out> own_outs;
    for (const Out& out : outs) own_outs.push_back({out.dtype, one_of(out.shape)});
    const Result alone = run(isa, name, own_in, own_outs, ints);
    for (size_t which = 0; which < outs.size(); ++which) {
      const int64_t size = alone.out[which].view.size();
      for (int64_t j = 0; j < size; ++j) {
        const double got = all.out[which].at(i * size + j), want = alone.out[which].at(j);
        CHECK((std::isnan(got) && std::isnan(want)) || std::memcmp(&got, &want, sizeof got) == 0);
      }
    }
  }
}

void test_across(cpu::Isa isa, DType dtype) {
  for (const int64_t count : {1, 8, 16, 37}) {
    for (const int64_t n : {0, 1, 2, 3, 4, 7, 11, 16, 22, 23}) {
      const Array x = testing::sample(dtype, {count, n, n}, 11);
      Array definite = x, regular = x, hard = x;
      for (int64_t i = 0; i < count * n * n; ++i) {
        const int64_t row = i / n % n, column = i % n, matrix = i / (n * n);
        definite.set(i, x.at(i) + (row == column ? 4.0 * n : 0));
        regular.set(i, x.at(i) + (column == (row + 1 + matrix) % n ? 4.0 * n : 0));
        double value = std::round(2 * x.at(i));  // equal pivots, zeros among them
        if (matrix % 5 == 1 && column == n / 2) value = matrix % 2 == 0 ? 0.0 : -0.0;
        if (matrix % 7 == 3 && i % 5 == 2) value = std::nan("");
        hard.set(i, value);
      }
      check_batch(isa, "cholesky", {&definite}, {{dtype, {count, n, n}}});
      check_batch(isa, "det", {&hard}, {{dtype, {count}}});
      check_batch(isa, "det", {&x}, {{dtype, {count}}});
      check_batch(isa, "slogdet", {&hard}, {{dtype, {count}}, {dtype, {count}}});
      for (const int64_t k : {0, 1, 3, 20}) {
        const Array right = testing::sample(dtype, {count, n, k}, 12);
        check_batch(isa, "solve", {&regular, &right}, {{dtype, {count, n, k}}});
        for (const int64_t lower : {0, 1}) {
          check_batch(isa, "solve_triangular", {&definite, &right}, {{dtype, {count, n, k}}}, {lower});
        }
      }
      for (const int64_t m : {n - 1, n, n + 5}) {
        if (m < 0) continue;
        Array some(dtype, {count, m, n});
        for (int64_t i = 0; i < count * m * n; ++i) some.set(i, n > 0 ? hard.at(i % (count * n * n)) : 0);
        check_batch(isa, "lu_factor", {&some}, {{dtype, {count, m, n}}, {DType::I32, {count, std::min(m, n)}}});
      }
    }
  }
  Array x(dtype, {40, 3, 3});
  for (int64_t i = 0; i < 40 * 3; ++i) x.set(i * 3 + i % 3, i == 20 * 3 + 1 ? 0 : 1);
  CHECK_EQ(run(isa, "det", {&x}, {{dtype, {40}}}).out[0].at(20), 0.0);
  for (const char* name : {"cholesky", "solve"}) {
    const bool root = std::strcmp(name, "cholesky") == 0;
    const std::vector<const Array*> in = root ? std::vector<const Array*>{&x} : std::vector<const Array*>{&x, &x};
    const Result refused = run(isa, name, in, {{dtype, {40, 3, 3}}});
    CHECK_EQ(refused.fault.code, root ? kNotDefinite : kSingular);
    CHECK_EQ(refused.fault.value, 1);
    CHECK_EQ(refused.fault.limit, 3);
  }
}

void test_refusals(cpu::Isa isa) {
  Array x(DType::F32, {40, 40});
  for (int64_t i = 0; i < 40; ++i) x.set(i * 41, i == 35 || i == 38 ? 0 : 1);
  const Result root = run(isa, "cholesky", {&x}, {{DType::F32, {40, 40}}});
  CHECK_EQ(root.fault.code, kNotDefinite);
  CHECK_EQ(root.fault.value, 35);
  const Result solved = run(isa, "solve", {&x, &x}, {{DType::F32, {40, 40}}});
  CHECK_EQ(solved.fault.code, kSingular);
  CHECK_EQ(solved.fault.value, 35);
  x.set(5, std::nan(""));
  CHECK_EQ(run(isa, "singular_values", {&x}, {{DType::F32, {40}}}).fault.code, kNoConvergence);
}

}  // namespace
}  // namespace ckeras

int main() {
  using namespace ckeras;
  Bits bits;
  for (const cpu::Isa isa : cpu::supported_isas()) {
    if (isa == cpu::Isa::Reference) continue;  // has the plainest of the others
    for (const DType dtype : {DType::F32, DType::F64}) {
      test_square(isa, dtype, bits);
      test_any(isa, dtype, bits);
      test_values(isa, dtype, bits);
      test_halves(isa, dtype, bits);
      test_across(isa, dtype);
    }
    test_batch(isa);
    test_refusals(isa);
  }
  CHECK(find_linalg(linalg(), "nothing") == nullptr);
  return CHECK_RESULT();
}
