#include "gemm/gemm.h"
#include "ops/updates/cuts.h"
#include "ops/updates/scaled.h"

namespace ckeras::CKERAS_ISA {
namespace {

// One variable and its part of the workspace: x and its successor [R, C], A and B [side, side], sums, that of products.
template <class S>
struct Muon {
  using V = typename S::V;
  using T = typename S::T;
  using Element = typename S::Element;

  const Call& call;
  const View *in, *out;
  int64_t rows, columns, side, size;
  bool tall;
  GemmPlan gram, square, apply;

  Muon(const Call& c, int variable) noexcept
      : call(c),
        in(c.in + 1 + variable * 3),
        out(c.out + variable * 2),
        rows(out->shape[0]),
        columns(out->shape[1]),
        side(least(rows, columns)),
        size(rows * columns),
        tall(rows > columns),
        gram(plan_gemm<T>(side, side, tall ? rows : columns, tall)),
        square(plan_gemm<T>(side, side, side, true)),
        apply(plan_gemm<T>(rows, columns, side, true)) {}

  int64_t matrix_bytes() const { return round_up(size * static_cast<int64_t>(sizeof(T)), 64); }
  int64_t side_bytes() const { return round_up(side * side * static_cast<int64_t>(sizeof(T)), 64); }
  int64_t sum_bytes() const { return round_up(ceil_div(size, kCut) * 8, 64); }
  int64_t bytes() const {
    return 2 * matrix_bytes() + 2 * side_bytes() + sum_bytes() +
           most(gram.bytes(), most(square.bytes(), apply.bytes()));
  }

  template <class Body>
  static void each(int64_t n, const Body& body) {
    parallel_for(ceil_div(n, kCut), 1, [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece) body(piece, piece * kCut, least(n, (piece + 1) * kCut));
    });
  }

  // m', and what is to be made orthogonal in x.
  double look(T* x, double* sums) const {
    const Element *g = in[1].as<Element>(), *m = in[2].as<Element>();
    Element* new_m = out[1].as<Element>();
    const V momentum(static_cast<T>(call.floats[0]));
    const bool nesterov = call.ints[0] != 0;
    each(size, [&](int64_t piece, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i += V::kLanes) {
        const int64_t left = end - i;
        const V slope = S::load(g + i, left);
        S::store(new_m + i, S::load(m + i, left) * momentum + slope, left);
        const V mean = S::load(new_m + i, left);
        (nesterov ? slope + mean * momentum : mean).store(x + i, left);
      }
      sums[piece] = sum_of<S>(end - begin, [&](int64_t i, int64_t left) __attribute__((always_inline)) {
        const V v = V::load(x + begin + i, left);
        return v * v;
      });
    });
    double total = 0;
    for (int64_t piece = 0; piece < ceil_div(size, kCut); ++piece) total += sums[piece];
    return __builtin_sqrt(total) + 1e-7;
  }

  // b = a I + floats[2] A + floats[3] A A, so that b x is the next x.
  void polynomial(const T* a, T* b) const {
    const V one(static_cast<T>(call.floats[2])), two(static_cast<T>(call.floats[3]));
    const T diagonal = static_cast<T>(call.floats[1]);
    each(side * side, [&](int64_t, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i += V::kLanes) {
        (V::load(a + i, end - i) * one + V::load(b + i, end - i) * two).store(b + i, end - i);
      }
      for (int64_t i = ceil_div(begin, side + 1) * (side + 1); i < end; i += side + 1) b[i] += diagonal;
    });
  }

  void run() const {
    char* at = static_cast<char*>(call.workspace);
    const auto take = [&](int64_t n) {
      at += n;
      return static_cast<void*>(at - n);
    };
    T *x = static_cast<T*>(take(matrix_bytes())), *next = static_cast<T*>(take(matrix_bytes()));
    T *a = static_cast<T*>(take(side_bytes())), *b = static_cast<T*>(take(side_bytes()));
    auto* sums = static_cast<double*>(take(sum_bytes()));
    const V length(static_cast<T>(look(x, sums)));
    each(size, [&](int64_t, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i += V::kLanes) {
        (V::load(x + i, end - i) / length).store(x + i, end - i);
      }
    });
    const Ending<T> nothing{nullptr, Epilogue::None};
    for (int64_t turn = 0; turn < call.ints[1]; ++turn) {
      const Matrix<T> both{x, columns, !tall};
      multiply_matrices(gram, both, both, Rows<T>{a, side}, nothing, at);
      multiply_matrices(square, Matrix<T>{a, side, true}, Matrix<T>{a, side, false}, Rows<T>{b, side}, nothing, at);
      polynomial(a, b);
      const Matrix<T> left{tall ? x : b, side, true}, right{tall ? b : x, columns, false};
      multiply_matrices(apply, left, right, Rows<T>{next, columns}, nothing, at);
      T* const old = x;
      x = next;
      next = old;
    }
    const Element* p = in[0].as<Element>();
    Element* moved = out[0].as<Element>();
    const double longer = static_cast<double>(most(rows, columns));
    const V scale(call.ints[2] ? static_cast<T>(call.floats[4] * __builtin_sqrt(longer)) : T{1});
    const V rate(static_cast<T>(scalar_of(call.in[0])));
    each(size, [&](int64_t, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i += V::kLanes) {
        S::store(moved + i, S::load(p + i, end - i) - V::load(x + i, end - i) * scale * rate, end - i);
      }
    });
  }
};

template <class F>
void for_variables(const Call& call, const F& f) {
  for (int i = 0; i < call.n_out / 2; ++i) {
    with_storage(call.out[2 * i].dtype, [&](auto s) { f(Muon<decltype(s)>(call, i)); });
  }
}

void muon_update(const Call& call) noexcept {
  for_variables(call, [](const auto& one) { one.run(); });
}
int64_t muon_bytes(const Call& call) noexcept {
  int64_t bytes = 0;
  for_variables(call, [&](const auto& one) { bytes = most(bytes, one.bytes()); });
  return bytes;
}

}  // namespace

extern const Kernel kernel_muon_update;
constinit const Kernel kernel_muon_update = {muon_update, muon_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
