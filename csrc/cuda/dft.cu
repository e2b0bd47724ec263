// dft, real_dft and short_time_dft, in float64: a block a row, by the passes of T. G. Stockham (1966), which need no
// reversal of bits; sizes that are no power of two as a convolution (L. I. Bluestein, 1970). A row lies in shared
// memory, or, where it is too long, in the workspace. Backward transforms turn the signs of the imaginary parts before
// and after.
#include "ops/dft/dft.h"

#include "cuda/elements.h"

namespace ckeras::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kSharedSize = 2048;              // of a transform in shared memory
constexpr int64_t kRowBytes = int64_t{256} << 20;  // of rows in the workspace
constexpr int64_t kMostRows = 128;                 // of them

struct Complex {
  double re, im;
};
CKERAS_INLINE Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
CKERAS_INLINE Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
CKERAS_INLINE Complex operator*(Complex a, Complex b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
CKERAS_INLINE Complex turned(Complex a) { return {a.re, -a.im}; }

struct Tables {
  int64_t n, m;
  Complex *twiddles, *chirp, *spectrum, *rows;  // m / 2; n and m where n is no power of two; 2 m a block
  bool direct;                                  // n is m
  bool shared;
};

struct Shape {
  int64_t n, m, rows, blocks;
  bool shared;
  explicit Shape(const DftRows& of) : n(of.n), rows(of.count) {
    m = dft_size(n);
    shared = m <= kSharedSize;
    const int64_t most = kRowBytes / (2 * m * static_cast<int64_t>(sizeof(Complex)));
    blocks = shared ? static_cast<int64_t>(blocks_for(rows, 1)) : most < 1 ? 1 : least(least(most, kMostRows), rows);
  }
  int64_t fixed() const { return m / 2 + (n == m ? 0 : n + m); }
  int64_t bytes() const {
    return rows == 0 ? 0 : (fixed() + (shared ? 0 : blocks * 2 * m)) * static_cast<int64_t>(sizeof(Complex));
  }
  Tables tables(void* workspace) const {
    Complex* const at = static_cast<Complex*>(workspace);
    return {n, m, at, at + m / 2, at + m / 2 + n, at + fixed(), n == m, shared};
  }
};

// exp(-2 pi i k / n), 0 <= k < n.
__device__ Complex root(int64_t k, int64_t n) {
  const One<double> angle(2 * 3.14159265358979323846 * (static_cast<double>(k) / static_cast<double>(n)));
  return {cos(angle).x, -sin(angle).x};
}

__global__ void __launch_bounds__(kThreads) table_kernel(const Tables t) {
  for (int64_t k = first_element(); k < t.m / 2; k += all_threads()) t.twiddles[k] = root(k, t.m);
  if (t.direct) return;
  for (int64_t j = first_element(); j < t.n; j += all_threads()) {
    // j^2 mod 2n without a product beyond 64 bits: n is less than 2^31.
    t.chirp[j] = root(j * j % (2 * t.n), 2 * t.n);
  }
}

// The transform of the m numbers at `x`, the block together; `y` is as long. Where it ends up.
__device__ Complex* transform(Complex* x, Complex* y, const Tables& t) {
  const int64_t half = t.m / 2;
  for (int64_t done = 1; done < t.m; done *= 2) {
    __syncthreads();
    for (int64_t i = threadIdx.x; i < half; i += blockDim.x) {
      const int64_t k = i & (done - 1), to = 2 * (i - k) + k;
      const Complex a = x[i], b = x[i + half] * t.twiddles[k * (half / done)];
      y[to] = a + b;
      y[to + done] = a - b;
    }
    Complex* const other = x;
    x = y;
    y = other;
  }
  __syncthreads();
  return x;
}

// Of the numbers that a convolution with gives Bluestein's sums.
__global__ void __launch_bounds__(kThreads) spectrum_kernel(const Tables t) {
  CKERAS_DYNAMIC_SHARED(Complex, near);
  Complex* const x = t.shared ? near : t.rows;
  for (int64_t i = threadIdx.x; i < t.m; i += blockDim.x) {
    const int64_t j = least(i, t.m - i);
    x[i] = j < t.n ? turned(t.chirp[j]) : Complex{0, 0};
  }
  const Complex* const z = transform(x, x + t.m, t);
  for (int64_t i = threadIdx.x; i < t.m; i += blockDim.x) t.spectrum[i] = z[i];
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    dft_kernel(const T* re, const T* im, const T* weights, const DftRows rows, T* to_re, T* to_im, int64_t results,
               double sign, const Tables t) {
  CKERAS_DYNAMIC_SHARED(Complex, near);
  Complex* const x = t.shared ? near : t.rows + int64_t{blockIdx.x} * 2 * t.m;
  for (int64_t row = blockIdx.x; row < rows.count; row += gridDim.x) {
    for (int64_t i = threadIdx.x; i < t.m; i += blockDim.x) {
      Complex value = {0, 0};
      if (i < t.n) {
        const int64_t at = rows.at(row) + i;
        value = {static_cast<double>(weights == nullptr ? re[at] : weights[i] * re[at]),
                 im == nullptr ? 0 : -sign * static_cast<double>(im[at])};
        if (!t.direct) value = value * t.chirp[i];
      }
      x[i] = value;
    }
    Complex* z = transform(x, x + t.m, t);
    if (!t.direct) {
      for (int64_t i = threadIdx.x; i < t.m; i += blockDim.x) z[i] = turned(z[i] * t.spectrum[i]);
      z = transform(z, z == x ? x + t.m : x, t);
    }
    for (int64_t k = threadIdx.x; k < results; k += blockDim.x) {
      Complex value = z[k];
      if (!t.direct) {
        value = turned(value) * t.chirp[k];
        value = {value.re / static_cast<double>(t.m), value.im / static_cast<double>(t.m)};
      }
      if (im == nullptr && 2 * k % t.n == 0) value.im = 0;  // a sum of zeros
      to_re[row * results + k] = static_cast<T>(value.re);
      to_im[row * results + k] = static_cast<T>(-sign * value.im);
    }
    __syncthreads();  // the next row
  }
}

template <class T>
const T* numbers(const View* view) {
  return view != nullptr ? view->as<const T>() : nullptr;
}

template <DftOperand (*operand)(const Call&)>
int64_t dft_workspace(const Call& call) noexcept {
  return Shape(operand(call).rows).bytes();
}

template <DftOperand (*operand)(const Call&)>
Status run_dft(const Call& call, Queue& queue) {
  const DftOperand from = operand(call);
  const Shape s(from.rows);
  const View& y = call.out[0];
  return with_reals(y.dtype, [&](auto t) {
    using T = decltype(t);
    if (s.rows == 0) return;
    const Tables tables = s.tables(call.workspace);
    const int64_t near = s.shared ? 2 * s.m * static_cast<int64_t>(sizeof(Complex)) : 0;
    launch(queue, {blocks_for(s.m, kThreads)}, {kThreads}, 0, table_kernel, tables);
    if (!tables.direct) launch(queue, {1}, {kThreads}, near, spectrum_kernel, tables);
    launch(queue, {static_cast<unsigned>(s.blocks)}, {kThreads}, near, dft_kernel<T>, numbers<T>(from.re),
           numbers<T>(from.im), numbers<T>(from.weights), from.rows, call.out[0].as<T>(), call.out[1].as<T>(),
           y.shape[y.rank - 1], static_cast<double>(from.sign), tables);
  });
}

}  // namespace

extern const DeviceKernel kernel_dft, kernel_real_dft, kernel_short_time_dft;
const DeviceKernel kernel_dft = {"dft", run_dft<dft_operand>, dft_workspace<dft_operand>};
const DeviceKernel kernel_real_dft = {"real_dft", run_dft<real_dft_operand>, dft_workspace<real_dft_operand>};
const DeviceKernel kernel_short_time_dft = {"short_time_dft", run_dft<short_time_dft_operand>,
                                            dft_workspace<short_time_dft_operand>};

}  // namespace ckeras::cuda
