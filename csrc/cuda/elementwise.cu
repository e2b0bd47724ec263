// The fused loop on a device: every step of a chain on an element before the next element. The functors are the CPU's
// and so are the bits. Registers lie in shared memory, a column a thread.
#include "cuda/device.h"
#include "ops/elementwise/convert.h"
#include "ops/elementwise/functors.h"

namespace ckeras::cuda {
namespace {

enum OpId {
#define CKERAS_ELEMENTWISE(name, functor, arity, dtypes, result) kOp_##name,
#define CKERAS_KERNEL(name, dtypes, traits) kOp_##name,
#define CKERAS_PORTABLE(name, dtypes, traits) kOp_##name,
#include "ops/ops.def"
  kOps
};

constexpr int kThreads = 128;
constexpr int kMaxInputs = 24, kMaxSteps = 48, kMaxOutputs = 32;  // what passes/fuse.py makes, and more

struct Chain {
  int64_t size;
  int64_t shape[kMaxRank];
  struct Input {
    const void* data;
    int64_t strides[kMaxRank];
    uint8_t size;
  } inputs[kMaxInputs];
  struct Step {
    int16_t op;
    DType key, result;
    uint8_t n_args;
    uint8_t args[3];
  } steps[kMaxSteps];
  struct Output {
    void* data;
    uint8_t from, size;
  } outputs[kMaxOutputs];
  int rank, n_inputs, n_steps, n_outputs;
};
static_assert(sizeof(Chain) <= 4096, "kernels take at most 4 KB of parameters");

// ---- values of any dtype as the low bits of 64

template <class T>
CKERAS_INLINE uint64_t pack(T value) {
  if constexpr (sizeof(T) == 8) {
    return __builtin_bit_cast(uint64_t, value);
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bit_cast(uint32_t, value);
  } else if constexpr (sizeof(T) == 2) {
    return __builtin_bit_cast(uint16_t, value);
  } else {
    return __builtin_bit_cast(uint8_t, value);
  }
}
template <class T>
CKERAS_INLINE T unpack(uint64_t bits) {
  if constexpr (sizeof(T) == 8) {
    return __builtin_bit_cast(T, bits);
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bit_cast(T, static_cast<uint32_t>(bits));
  } else if constexpr (sizeof(T) == 2) {
    return __builtin_bit_cast(T, static_cast<uint16_t>(bits));
  } else {
    return __builtin_bit_cast(T, static_cast<uint8_t>(bits));
  }
}
CKERAS_INLINE uint64_t load_bits(const void* p, int64_t i, int size) {
  switch (size) {
    case 1:
      return static_cast<const uint8_t*>(p)[i];
    case 2:
      return static_cast<const uint16_t*>(p)[i];
    case 4:
      return static_cast<const uint32_t*>(p)[i];
    default:
      return static_cast<const uint64_t*>(p)[i];
  }
}
CKERAS_INLINE void store_bits(void* p, int64_t i, int size, uint64_t bits) {
  switch (size) {
    case 1:
      static_cast<uint8_t*>(p)[i] = static_cast<uint8_t>(bits);
      break;
    case 2:
      static_cast<uint16_t*>(p)[i] = static_cast<uint16_t>(bits);
      break;
    case 4:
      static_cast<uint32_t*>(p)[i] = static_cast<uint32_t>(bits);
      break;
    default:
      static_cast<uint64_t*>(p)[i] = bits;
  }
}

// ---- one step

template <class T>
inline constexpr bool kIsFloating = false;
template <>
inline constexpr bool kIsFloating<float> = true;
template <>
inline constexpr bool kIsFloating<double> = true;

// What the functors take for a T: a lane for floats, the number itself for integers.
template <class T, bool kFloat = kIsFloating<T>>
struct ValueOf {
  using V = One<T>;
  static CKERAS_MEMBER V of(uint64_t bits) { return unpack<T>(bits); }
};
template <class T>
struct ValueOf<T, false> {
  using V = T;
  static CKERAS_MEMBER V of(uint64_t bits) { return unpack<T>(bits); }
};
template <class T>
CKERAS_INLINE uint64_t result_bits(One<T> v) {
  return pack(v.x);
}
CKERAS_INLINE uint64_t result_bits(Truth v) { return v.value; }
template <class T>
CKERAS_INLINE uint64_t result_bits(T v) {
  return pack(v);
}

// Which C++ types an ops.def row is for; a bool comes as uint8_t.
enum Dtypes { FLOATS, NUMBERS, INTS, BITS, BOOLS, ALL };
template <Dtypes kDtypes, class T>
inline constexpr bool kAllows = kDtypes == NUMBERS || kDtypes == ALL ||
                                (kDtypes == FLOATS  ? kIsFloating<T>
                                 : kDtypes == BOOLS ? sizeof(T) == 1 && !kIsSigned<T>
                                                    : !kIsFloating<T>);

template <class F, int kArity, class T>
CKERAS_INLINE uint64_t evaluate(uint64_t a, uint64_t b, uint64_t c) {
  using Value = ValueOf<T>;
  if constexpr (kArity == 1) {
    return result_bits(F()(Value::of(a)));
  } else if constexpr (kArity == 2) {
    return result_bits(F()(Value::of(a), Value::of(b)));
  } else {
    return (a & 0xff) != 0 ? b : c;  // select moves bits
  }
}

struct Cast;  // by cast_bits()

// 0 for an op that is not for this type: run_chain() refused it.
template <class T>
CKERAS_CALLED uint64_t apply(int op, uint64_t a, uint64_t b, uint64_t c) {
  switch (op) {
#define CKERAS_ELEMENTWISE(name, functor, arity, dtypes, result)  \
  case kOp_##name:                                                \
    if constexpr (kAllows<dtypes, T> && kOp_##name != kOp_cast) { \
      return evaluate<functor, arity, T>(a, b, c);                \
    }                                                             \
    break;
#include "ops/ops.def"
    default:
      break;
  }
  return 0;
}

// f(element type) with number() and Convert of convert.h.
template <class F>
CKERAS_INLINE uint64_t with_element(DType dtype, const F& f) {
  switch (dtype) {
    case DType::Bool:
      return f(Bool{});
    case DType::I8:
      return f(int8_t{});
    case DType::I16:
      return f(int16_t{});
    case DType::I32:
      return f(int32_t{});
    case DType::I64:
      return f(int64_t{});
    case DType::U8:
      return f(uint8_t{});
    case DType::U16:
      return f(uint16_t{});
    case DType::U32:
      return f(uint32_t{});
    case DType::U64:
      return f(uint64_t{});
    case DType::F16:
      return f(F16{});
    case DType::BF16:
      return f(BF16{});
    case DType::F32:
      return f(float{});
    default:
      return f(double{});
  }
}
struct ToElement {
  uint64_t bits;
  DType to;
  template <class From>
  CKERAS_MEMBER uint64_t operator()(From) const {
    const auto x = number(unpack<From>(bits));
    return with_element(to, [x](auto t) { return pack(Convert<decltype(t)>::from(x)); });
  }
};
CKERAS_CALLED uint64_t cast_bits(uint64_t bits, DType from, DType to) {
  if (from == to) return bits;
  return with_element(from, ToElement{bits, to});
}

CKERAS_INLINE uint64_t widened(uint64_t bits, DType half) {
  const uint16_t h = static_cast<uint16_t>(bits);
  return pack(half == DType::F16 ? f16_to_f32(h) : bf16_to_f32(h));
}

__device__ __forceinline__ uint64_t run_step(const Chain::Step& step, uint64_t a, uint64_t b, uint64_t c) {
  if (step.op == kOp_cast) return cast_bits(a, step.key, step.result);
  if (step.op == kOp_select) return (a & 0xff) != 0 ? b : c;
  switch (step.key) {
    case DType::Bool:
    case DType::U8:
      return apply<uint8_t>(step.op, a, b, c);
    case DType::U16:
      return apply<uint16_t>(step.op, a, b, c);
    case DType::U32:
      return apply<uint32_t>(step.op, a, b, c);
    case DType::U64:
      return apply<uint64_t>(step.op, a, b, c);
    case DType::I8:
      return apply<int8_t>(step.op, a, b, c);
    case DType::I16:
      return apply<int16_t>(step.op, a, b, c);
    case DType::I32:
      return apply<int32_t>(step.op, a, b, c);
    case DType::I64:
      return apply<int64_t>(step.op, a, b, c);
    case DType::F32:
      return apply<float>(step.op, a, b, c);
    case DType::F64:
      return apply<double>(step.op, a, b, c);
    default:
      break;
  }
  const uint64_t r = apply<float>(step.op, widened(a, step.key), widened(b, step.key), 0);
  if (step.result == DType::Bool) return r;
  const float x = unpack<float>(r);
  return step.key == DType::F16 ? f32_to_f16(x) : f32_to_bf16(x);
}

// ---- the loop

__global__ void __launch_bounds__(kThreads) run_chain_kernel(const __grid_constant__ Chain chain, const Fault* fault) {
  CKERAS_DYNAMIC_SHARED(uint64_t, registers);
  if (fault->code != 0) return;
  uint64_t* const mine = registers + threadIdx.x;
  for (int64_t i = first_element(); i < chain.size; i += all_threads()) {
    for (int j = 0; j < chain.n_inputs; ++j) {
      const Chain::Input& input = chain.inputs[j];
      int64_t rest = i, offset = 0;
      for (int d = chain.rank - 1; d > 0; --d) {
        offset += rest % chain.shape[d] * input.strides[d];
        rest /= chain.shape[d];
      }
      if (chain.rank > 0) offset += rest * input.strides[0];
      mine[j * kThreads] = load_bits(input.data, offset, input.size);
    }
    for (int s = 0; s < chain.n_steps; ++s) {
      const Chain::Step& step = chain.steps[s];
      const uint64_t a = mine[step.args[0] * kThreads];
      const uint64_t b = step.n_args > 1 ? mine[step.args[1] * kThreads] : 0;
      const uint64_t c = step.n_args > 2 ? mine[step.args[2] * kThreads] : 0;
      mine[(chain.n_inputs + s) * kThreads] = run_step(step, a, b, c);
    }
    for (int o = 0; o < chain.n_outputs; ++o) {
      const Chain::Output& output = chain.outputs[o];
      store_bits(output.data, i, output.size, mine[output.from * kThreads]);
    }
  }
}

// Neighbouring dimensions that every input walks as one become one; those of size 1 go.
void collapse(Chain& chain) {
  int kept = 0;
  for (int d = 0; d < chain.rank; ++d) {
    if (chain.shape[d] == 1) continue;
    bool joins = kept > 0;
    for (int j = 0; j < chain.n_inputs && joins; ++j) {
      const int64_t* strides = chain.inputs[j].strides;
      joins = strides[kept - 1] == strides[d] * chain.shape[d];
    }
    if (!joins) ++kept;
    chain.shape[kept - 1] = joins ? chain.shape[kept - 1] * chain.shape[d] : chain.shape[d];
    for (int j = 0; j < chain.n_inputs; ++j) chain.inputs[j].strides[kept - 1] = chain.inputs[j].strides[d];
  }
  chain.rank = kept;
}

void run(Chain& chain, Queue& queue, const Fault* fault) {
  if (chain.size == 0) return;
  collapse(chain);
  const int64_t bytes = int64_t{8} * kThreads * (chain.n_inputs + chain.n_steps);
  launch(queue, {blocks_for(chain.size, kThreads)}, {kThreads}, bytes, run_chain_kernel, chain, fault);
}

}  // namespace

Status run_chain(const Call& call, Queue& queue) {
  Chain chain = {};
  const int64_t* ints = call.ints;
  chain.size = 1;
  chain.rank = static_cast<int>(*ints++);
  for (int d = 0; d < chain.rank; ++d) chain.size *= chain.shape[d] = *ints++;
  chain.n_inputs = static_cast<int>(*ints++);
  if (chain.n_inputs > kMaxInputs) return Status::TooLong;
  for (int j = 0; j < chain.n_inputs; ++j) {
    chain.inputs[j].data = call.in[j].data;
    chain.inputs[j].size = static_cast<uint8_t>(size_of(call.in[j].dtype));
    for (int d = 0; d < chain.rank; ++d) chain.inputs[j].strides[d] = *ints++;
  }
  chain.n_steps = static_cast<int>(*ints++);
  if (chain.n_steps > kMaxSteps) return Status::TooLong;
  for (int s = 0; s < chain.n_steps; ++s) {
    Chain::Step& step = chain.steps[s];
    step.op = static_cast<int16_t>(*ints++);
    step.key = static_cast<DType>(*ints++);
    step.result = static_cast<DType>(*ints++);
    step.n_args = static_cast<uint8_t>(*ints++);
    for (int a = 0; a < step.n_args; ++a) step.args[a] = static_cast<uint8_t>(*ints++);
  }
  chain.n_outputs = static_cast<int>(*ints++);
  if (chain.n_outputs > kMaxOutputs || ints + chain.n_outputs != call.ints + call.n_ints) return Status::TooLong;
  for (int o = 0; o < chain.n_outputs; ++o) {
    chain.outputs[o] = {call.out[o].data, static_cast<uint8_t>(*ints++),
                        static_cast<uint8_t>(size_of(call.out[o].dtype))};
  }
  run(chain, queue, call.fault);
  return Status::Launched;
}

Status run_elementwise(int op, const Call& call, Queue& queue) {
  const View& out = call.out[0];
  Chain chain = {};
  chain.size = out.size();
  chain.rank = out.rank;
  for (int d = 0; d < out.rank; ++d) chain.shape[d] = out.shape[d];
  chain.n_inputs = call.n_in;
  Chain::Step& step = chain.steps[0];
  step = {static_cast<int16_t>(op), call.in[call.n_in - 1].dtype, out.dtype, static_cast<uint8_t>(call.n_in), {}};
  for (int j = 0; j < call.n_in; ++j) {
    const View& in = call.in[j];
    chain.inputs[j].data = in.data;
    chain.inputs[j].size = static_cast<uint8_t>(size_of(in.dtype));
    int64_t stride = 1;
    for (int d = in.rank - 1; d >= 0; --d) {
      chain.inputs[j].strides[d + out.rank - in.rank] = in.shape[d] == 1 ? 0 : stride;
      stride *= in.shape[d];
    }
    step.args[j] = static_cast<uint8_t>(j);
  }
  chain.n_steps = chain.n_outputs = 1;
  chain.outputs[0] = {out.data, static_cast<uint8_t>(call.n_in), static_cast<uint8_t>(size_of(out.dtype))};
  run(chain, queue, call.fault);
  return Status::Launched;
}

}  // namespace ckeras::cuda
