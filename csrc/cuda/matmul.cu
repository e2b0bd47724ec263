// matmul, batched, either operand transposed, bias, activation and residual at the end; halves compute in float32, on
// tensor cores where their rows are whole vectors; float32 there too on request.
#include "ops/matmul/matmul.h"

#include <type_traits>

#include "cuda/matmul_cores.h"

namespace ckeras::cuda {
namespace {

template <class S, bool kTransposeA>
struct Product {
  using T = typename S::T;
  using E = typename S::Element;
  static constexpr bool kAcross = kTransposeA;
  int64_t rows, columns, depth, batch;
  const E *x, *w;
  bool transpose_b;
  ResultOf<S> to;

  CKERAS_MEMBER T a(int64_t i, int64_t m, int64_t k) const {
    return S::get(x[i * rows * depth + (kTransposeA ? k * rows + m : m * depth + k)]);
  }
  CKERAS_MEMBER T b(int64_t i, int64_t k, int64_t n) const {
    return S::get(w[i * depth * columns + (transpose_b ? n * depth + k : k * columns + n)]);
  }
  CKERAS_MEMBER void end(int64_t i, int64_t m, int64_t n, T sum) const { to.put(i, m, n, sum); }
};

template <class E>
CoreMatmul<E> for_cores(const Call& call, const MatmulShape& s) {
  return {s.m, s.n, s.k, s.batch, call.in[0].as<const E>(), call.in[1].as<const E>(), s.transpose_a, s.transpose_b};
}

template <class S>
void run(const Call& call, Queue& queue, const MatmulShape& s) {
  using E = typename S::Element;
  const ResultOf<S> to = {call.out[0].as<E>(),
                          s.m * s.n,
                          s.n,
                          0,
                          {s.bias != nullptr ? s.bias->as<const E>() : nullptr, static_cast<Epilogue>(s.activation),
                           s.residual != nullptr ? s.residual->as<const E>() : nullptr, true}};
  if constexpr (sizeof(E) < sizeof(double)) {
    const auto p = for_cores<E>(call, s);
    if (wants_cores<S>() && p.fits() && on_vectors(p.x, p.w)) return matmul_cores(queue, p, to, call.workspace);
  }
  const auto start = [&](auto transposed) {
    launch_tiles(queue, Product<S, decltype(transposed)::value>{s.m, s.n, s.k, s.batch, call.in[0].as<const E>(),
                                                                call.in[1].as<const E>(), s.transpose_b, to});
  };
  s.transpose_a ? start(std::true_type()) : start(std::false_type());
}

Status run_matmul(const Call& call, Queue& queue) {
  const MatmulShape s = matmul_shape(call);
  return with_floats(call.out[0].dtype, [&](auto storage) { run<decltype(storage)>(call, queue, s); });
}
// With tensor cores and without.
int64_t matmul_workspace(const Call& call) noexcept {
  const MatmulShape s = matmul_shape(call);
  switch (size_of(call.out[0].dtype)) {
    case sizeof(uint16_t):
      return for_cores<uint16_t>(call, s).workspace();
    case sizeof(float):
      return for_cores<float>(call, s).workspace();
    default:
      return 0;
  }
}

}  // namespace

extern const DeviceKernel kernel_matmul;
const DeviceKernel kernel_matmul = {"matmul", run_matmul, matmul_workspace};

}  // namespace ckeras::cuda
