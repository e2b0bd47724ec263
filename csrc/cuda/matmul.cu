// matmul, batched, either operand transposed, bias, activation and residual at the end; halves compute in float32, on
// tensor cores where their rows are whole vectors.
#include "ops/matmul/matmul.h"

#include <type_traits>

#include "cuda/tensor_core.h"

namespace ckeras::cuda {
namespace {

template <class S, bool kTransposeA>
struct Product {
  using T = typename S::T;
  using E = typename S::Element;
  static constexpr bool kAcross = kTransposeA;
  int64_t rows, columns, depth, batch;
  const E *x, *w;
  E* y;
  bool transpose_b;
  EndOf<S> finish;

  CKERAS_MEMBER T a(int64_t i, int64_t m, int64_t k) const {
    return S::get(x[i * rows * depth + (kTransposeA ? k * rows + m : m * depth + k)]);
  }
  CKERAS_MEMBER T b(int64_t i, int64_t k, int64_t n) const {
    return S::get(w[i * depth * columns + (transpose_b ? n * depth + k : k * columns + n)]);
  }
  CKERAS_MEMBER void end(int64_t i, int64_t m, int64_t n, T sum) const {
    const int64_t element = (i * rows + m) * columns + n;
    y[element] = finish(sum, n, element);
  }
};

Status run_matmul(const Call& call, Queue& queue) {
  const MatmulShape s = matmul_shape(call);
  const auto start = [&](auto storage, auto transposed) {
    using S = decltype(storage);
    using E = typename S::Element;
    if constexpr (S::kHalf) {
      if (fits_tensor_cores(s.transpose_a ? s.m : s.k, s.transpose_b ? s.k : s.n, call.in[0].data, call.in[1].data)) {
        const HalfProduct<S> p = {
            s.m,
            s.n,
            s.k,
            s.batch,
            call.in[0].as<const E>(),
            call.in[1].as<const E>(),
            call.out[0].as<E>(),
            {s.bias != nullptr ? s.bias->as<const E>() : nullptr, static_cast<Epilogue>(s.activation),
             s.residual != nullptr ? s.residual->as<const E>() : nullptr, true}};
        return launch_tensor_cores(queue, p, s.transpose_a, s.transpose_b);
      }
    }
    launch_tiles(queue, Product<S, decltype(transposed)::value>{
                            s.m,
                            s.n,
                            s.k,
                            s.batch,
                            call.in[0].as<const E>(),
                            call.in[1].as<const E>(),
                            call.out[0].as<E>(),
                            s.transpose_b,
                            {s.bias != nullptr ? s.bias->as<const E>() : nullptr, static_cast<Epilogue>(s.activation),
                             s.residual != nullptr ? s.residual->as<const E>() : nullptr, true}});
  };
  return with_floats(call.out[0].dtype, [&](auto storage) {
    s.transpose_a ? start(storage, std::true_type()) : start(storage, std::false_type());
  });
}

}  // namespace

extern const DeviceKernel kernel_matmul;
const DeviceKernel kernel_matmul = {"matmul", run_matmul, nullptr};

}  // namespace ckeras::cuda
