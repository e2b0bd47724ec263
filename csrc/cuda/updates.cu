// sgd_update, adam_update and so on (ops/updates/rules.h): a launch for up to kMostVariables variables, whose pieces a
// block takes. The bits are the CPU's.
#include "ops/updates/updates.h"

#include "cuda/elements.h"
#include "ops/updates/choice.h"

namespace ckeras::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kPiece = 2048;
constexpr int kMostVariables = 32;

// What a launch is told; a kernel's parameters are 4 KiB at most.
template <class Rule>
struct Batch {
  static constexpr int kSlots = Rule::kSlots;
  struct Variable {
    const void *p, *g, *old[kSlots + 1];
    void *moved, *fresh[kSlots + 1];
    int64_t size;
    int32_t pieces_end;     // of this variable and those before it
    DType dtype, gradient;  // of all but g, of g
  };
  Variable variables[kMostVariables];
  const void* scalars[Rule::kScalars];
  double floats[Rule::kFloats];
  DType scalar_dtypes[Rule::kScalars];
  int count;
};

template <class Rule, class T>
__global__ void __launch_bounds__(kThreads)
    update_kernel(const __grid_constant__ Batch<Rule> batch, const Fault* fault) {
  if (fault->code != 0) return;
  using V = One<T>;
  constexpr int kSlots = Rule::kSlots;
  V k[Rule::kScalars + Rule::kFloats];
  for (int j = 0; j < Rule::kScalars; ++j) {
    k[j] = static_cast<T>(element_as<double>(batch.scalars[j], 0, batch.scalar_dtypes[j]));
  }
  for (int j = 0; j < Rule::kFloats; ++j) k[Rule::kScalars + j] = static_cast<T>(batch.floats[j]);
  const int pieces = batch.variables[batch.count - 1].pieces_end;
  int which = 0;
  for (int piece = static_cast<int>(blockIdx.x); piece < pieces; piece += static_cast<int>(gridDim.x)) {
    while (batch.variables[which].pieces_end <= piece) ++which;
    const auto& v = batch.variables[which];
    const int64_t begin = (piece - (which == 0 ? 0 : batch.variables[which - 1].pieces_end)) * kPiece;
    const int64_t end = least(begin + kPiece, v.size);
    for (int64_t i = begin + threadIdx.x; i < end; i += blockDim.x) {
      V slots[kSlots + 1];
      for (int j = 0; j < kSlots; ++j) slots[j] = element_as<T>(v.old[j], i, v.dtype);
      const V moved = Rule::step(V(element_as<T>(v.p, i, v.dtype)), V(element_as<T>(v.g, i, v.gradient)), slots, k);
      put_element(v.moved, i, v.dtype, moved.x);
      for (int j = 0; j < kSlots; ++j) put_element(v.fresh[j], i, v.dtype, slots[j].x);
    }
  }
}

template <class Rule, class T>
void run_batch(Queue& queue, Batch<Rule>* batch, const Fault* fault) {
  if (batch->count == 0) return;
  launch(queue, {blocks_for(batch->variables[batch->count - 1].pieces_end, 1)}, {kThreads}, 0, update_kernel<Rule, T>,
         *batch, fault);
  batch->count = 0;
}

// The variables that compute in T.
template <class Rule, class T>
void run_in(const Call& call, Queue& queue) {
  static_assert(sizeof(Batch<Rule>) <= 4096);
  Batch<Rule> batch = {};
  for (int j = 0; j < Rule::kScalars; ++j) {
    batch.scalars[j] = call.in[j].data;
    batch.scalar_dtypes[j] = call.in[j].dtype;
  }
  for (int j = 0; j < Rule::kFloats; ++j) batch.floats[j] = call.floats[j];
  for (int i = 0; i < call.n_out / (Rule::kSlots + 1); ++i) {
    const View* in = call.in + Rule::kScalars + i * (Rule::kSlots + 2);
    const View* out = call.out + i * (Rule::kSlots + 1);
    const int64_t size = out[0].size(), pieces = ceil_div(size, kPiece);
    if (size == 0 || (out[0].dtype == DType::F64) != (sizeof(T) == 8)) continue;
    const int64_t before = batch.count == 0 ? 0 : batch.variables[batch.count - 1].pieces_end;
    if (batch.count == kMostVariables || before + pieces > kMaxBlocksX) run_batch<Rule, T>(queue, &batch, call.fault);
    auto& v = batch.variables[batch.count];
    v.p = in[0].data;
    v.g = in[1].data;
    v.moved = out[0].data;
    for (int j = 0; j < Rule::kSlots; ++j) {
      v.old[j] = in[2 + j].data;
      v.fresh[j] = out[1 + j].data;
    }
    v.size = size;
    v.dtype = out[0].dtype;
    v.gradient = in[1].dtype;
    v.pieces_end = static_cast<int32_t>((batch.count == 0 ? 0 : batch.variables[batch.count - 1].pieces_end) + pieces);
    ++batch.count;
  }
  run_batch<Rule, T>(queue, &batch, call.fault);
}

template <class Rule>
Status run(const Call& call, Queue& queue) {
  run_in<Rule, float>(call, queue);
  run_in<Rule, double>(call, queue);
  return Status::Launched;
}

}  // namespace

#define CKERAS_UPDATE(op)                                                                       \
  static Status run_##op(const Call& call, Queue& queue) {                                      \
    return choose_##op(call.ints, [&](auto rule) { return run<decltype(rule)>(call, queue); }); \
  }                                                                                             \
  extern const DeviceKernel kernel_##op;                                                        \
  const DeviceKernel kernel_##op = {#op, run_##op, nullptr, kHeeds};
CKERAS_UPDATES(CKERAS_UPDATE)
#undef CKERAS_UPDATE

}  // namespace ckeras::cuda
