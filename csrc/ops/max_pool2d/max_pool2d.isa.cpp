// First maxima of windows, a vector of channels at a time; images of few channels go one element at a time.
#include "ops/max_pool2d/max_pool2d.h"

#include "cpu/parallel.h"
#include "gemm/pack.h"
#include "gemm/widen.h"

namespace ckeras::CKERAS_ISA {
namespace {

// One lane, with the functions of the vectors that a window needs.
template <class T>
struct One {
  using Lane = T;
  static constexpr int64_t kLanes = 1;

  T x;

  static CKERAS_MEMBER One load(const T* p, int64_t) { return {*p}; }
  CKERAS_MEMBER void store(T* p, int64_t) const { *p = x; }
  friend CKERAS_MEMBER One operator+(One a, One b) { return {a.x + b.x}; }
  friend CKERAS_MEMBER bool operator<=(One a, One b) { return a.x <= b.x; }
  friend CKERAS_MEMBER bool operator==(One a, One b) { return a.x == b.x; }
  friend CKERAS_MEMBER One select(bool m, One a, One b) { return m ? a : b; }
};

// A window's part inside the image, at some channels.
struct Window {
  int64_t rows, columns;
  int64_t first;        // element of the image at its first row and column
  int64_t row, column;  // elements from one to the next
  int64_t count;        // of channels, at most a vector's

  CKERAS_MEMBER bool empty() const { return rows <= 0 || columns <= 0; }

  // body(number, element) for every place in row-major order.
  template <class Body>
  CKERAS_MEMBER void each(const Body& body) const {
    int64_t number = 0;
    for (int64_t r = 0; r < rows; ++r) {
      int64_t at = first + r * row;
      for (int64_t c = 0; c < columns; ++c, at += column) body(number++, at);
    }
  }
};

template <class V>
struct First {
  V value, number;  // of the first maximum, its place in the window
};

template <class V>
CKERAS_INLINE V splat(typename V::Lane x) {
  return V{x};
}

// The window is not empty.
template <class V>
CKERAS_INLINE First<V> first_maximum(const typename V::Lane* x, const Window& window) {
  using T = typename V::Lane;
  First<V> best{V::load(x + window.first, window.count), splat<V>(0)};
  window.each([&](int64_t number, int64_t at) {
    const V v = V::load(x + at, window.count);
    // Larger, or NaN where there was none.
    const auto better = (best.value == best.value) & !(v <= best.value);
    best.value = select(better, v, best.value);
    best.number = select(better, splat<V>(static_cast<T>(number)), best.number);
  });
  return best;
}

// body(window, element of the result) for image n, result row i, channels [c0, c1).
template <class V, class Body>
CKERAS_INLINE void for_windows(const PoolShape& s, int64_t n, int64_t i, int64_t c0, int64_t c1, const Body& body) {
  const int64_t row = s.first_row(i), rows = s.end_row(i) - row;
  for (int64_t j = 0; j < s.ow; ++j) {
    const int64_t column = s.first_column(j), columns = s.end_column(j) - column;
    for (int64_t c = c0; c < c1; c += V::kLanes) {
      const Window window{rows,      columns, ((n * s.h + row) * s.w + column) * s.c + c,
                          s.w * s.c, s.c,     least(V::kLanes, c1 - c)};
      body(window, ((n * s.oh + i) * s.ow + j) * s.c + c);
    }
  }
}

inline constexpr int64_t kPieceElements = 1 << 15;

// Rows of results are independent: pieces of work are some of them.
template <class V, class Body>
CKERAS_INLINE void for_result_rows(const PoolShape& s, const Body& body) {
  const int64_t elements = s.ow * s.c * s.kh * s.kw;
  parallel_for(s.n * s.oh, most(1, kPieceElements / most(1, elements)), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) for_windows<V>(s, row / s.oh, row % s.oh, 0, s.c, body);
  });
}

template <class V, class T = typename V::Lane>
void forward(const PoolShape& s, const T* x, T* y) noexcept {
  for_result_rows<V>(s, [&](const Window& window, int64_t at) {
    const V value = window.empty() ? splat<V>(-__builtin_inff()) : first_maximum<V>(x, window).value;
    value.store(y + at, window.count);
  });
}

template <class V, class T = typename V::Lane>
void pick(const PoolShape& s, const T* x, const T* v, T* y) noexcept {
  for_result_rows<V>(s, [&](const Window& window, int64_t at) {
    V picked = splat<V>(0);
    if (!window.empty()) {
      const V chosen = first_maximum<V>(x, window).number;
      window.each([&](int64_t number, int64_t place) {
        const auto here = chosen == splat<V>(static_cast<T>(number));
        picked = select(here, V::load(v + place, window.count), picked);
      });
    }
    picked.store(y + at, window.count);
  });
}

// Windows overlap, so a piece of work is an image's stretch of channels: nobody else writes there.
template <class V, class T = typename V::Lane>
void gradient(const PoolShape& s, const T* x, const T* dy, T* dx) noexcept {
  const int64_t stretch = most(1, 64 / V::kLanes) * V::kLanes, stretches = ceil_div(s.c, stretch);
  const int64_t elements = s.h * s.w * least(s.c, stretch);
  parallel_for(s.n * stretches, most(1, kPieceElements / most(1, elements)), [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t n = piece / stretches, c0 = piece % stretches * stretch, c1 = least(s.c, c0 + stretch);
      for (int64_t p = n * s.h * s.w; p < (n + 1) * s.h * s.w; ++p) {
        for (int64_t c = c0; c < c1; c += V::kLanes) splat<V>(0).store(dx + p * s.c + c, c1 - c);
      }
      for (int64_t i = 0; i < s.oh; ++i) {
        for_windows<V>(s, n, i, c0, c1, [&](const Window& window, int64_t at) {
          if (window.empty()) return;
          const V chosen = first_maximum<V>(x, window).number, g = V::load(dy + at, window.count);
          window.each([&](int64_t number, int64_t place) {
            const V old = V::load(dx + place, window.count);
            select(chosen == splat<V>(static_cast<T>(number)), old + g, old).store(dx + place, window.count);
          });
        });
      }
    }
  });
}

// f(V{}) with the vector for so many channels.
template <class T, class F>
CKERAS_INLINE void with_lanes(int64_t channels, const F& f) {
  if (channels * 4 >= VecOf<T>::kLanes) {
    f(VecOf<T>(T{0}));
  } else {
    f(One<T>{});
  }
}

void max_pool2d(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) {
    using T = decltype(t);
    const PoolShape s = pool_shape(c.in[0], c.out[0], c.ints);
    with_lanes<T>(s.c, [&](auto v) { forward<decltype(v)>(s, c.in[0].as<const T>(), c.out[0].as<T>()); });
  });
}
void max_pool2d_grad(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) {
    using T = decltype(t);
    const PoolShape s = pool_shape(c.in[0], c.in[1], c.ints);
    with_lanes<T>(
        s.c, [&](auto v) { gradient<decltype(v)>(s, c.in[0].as<const T>(), c.in[1].as<const T>(), c.out[0].as<T>()); });
  });
}
void max_pool2d_pick(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) {
    using T = decltype(t);
    const PoolShape s = pool_shape(c.in[0], c.out[0], c.ints);
    with_lanes<T>(
        s.c, [&](auto v) { pick<decltype(v)>(s, c.in[0].as<const T>(), c.in[1].as<const T>(), c.out[0].as<T>()); });
  });
}
int64_t widened_bytes(const Call& call) noexcept {
  return bytes_float(call, [](const Call&, auto) -> int64_t { return 0; });
}

}  // namespace

extern const Kernel kernel_max_pool2d, kernel_max_pool2d_grad, kernel_max_pool2d_pick;
constinit const Kernel kernel_max_pool2d = {max_pool2d, widened_bytes, nullptr};
constinit const Kernel kernel_max_pool2d_grad = {max_pool2d_grad, widened_bytes, nullptr};
constinit const Kernel kernel_max_pool2d_pick = {max_pool2d_pick, widened_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
