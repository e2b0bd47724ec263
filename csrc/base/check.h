// Assertions of the C++ tests. A test is a plain main() that ends with `return CHECK_RESULT();`.
// A failed check prints where and what, and the test goes on; CHECK_RESULT is 1 when any failed.
#pragma once
#include <atomic>
#include <cmath>
#include <iostream>

namespace ckeras::check {

inline std::atomic<int> failures{0};

inline void fail(const char* file, int line, const char* what) {
  std::cerr << file << ':' << line << ": failed: " << what << '\n';
  ++failures;
}

template <class A, class B>
void equal(const A& a, const B& b, const char* file, int line, const char* what) {
  if (a == b) return;
  fail(file, line, what);
  std::cerr << "  got " << a << ", expected " << b << '\n';
}

inline void near(double a, double b, double tolerance, const char* file, int line, const char* what) {
  if (std::abs(a - b) <= tolerance || (std::isnan(a) && std::isnan(b)) || a == b) return;
  fail(file, line, what);
  std::cerr << "  got " << a << ", expected " << b << " within " << tolerance << '\n';
}

}  // namespace ckeras::check

#define CHECK(condition) ((condition) ? void() : ::ckeras::check::fail(__FILE__, __LINE__, #condition))
#define CHECK_EQ(got, expected) ::ckeras::check::equal((got), (expected), __FILE__, __LINE__, #got " == " #expected)
#define CHECK_NEAR(got, expected, tolerance) \
  ::ckeras::check::near((got), (expected), (tolerance), __FILE__, __LINE__, #got " ~ " #expected)
#define CHECK_THROWS(statement, type)                                                    \
  do {                                                                                   \
    bool thrown = false;                                                                 \
    try {                                                                                \
      statement;                                                                         \
    } catch (const type&) {                                                              \
      thrown = true;                                                                     \
    }                                                                                    \
    if (!thrown) ::ckeras::check::fail(__FILE__, __LINE__, #statement " throws " #type); \
  } while (false)
#define CHECK_RESULT() (::ckeras::check::failures ? 1 : 0)
