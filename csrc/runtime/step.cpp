#include "runtime/step.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/array.h"
#include "runtime/counts.h"
#include "runtime/registry.h"

namespace ckeras {
namespace {

[[noreturn]] void refuse(const char* op, const std::string& message) {
  throw std::invalid_argument(std::string(op) + ": " + message);
}

constexpr size_t kMaxFusedArrays = 256;  // inputs, outputs or steps of one loop, and one more

bool broadcasts(const View& from, const View& to) {
  if (from.rank > to.rank) return false;
  for (int i = 1; i <= from.rank; ++i) {
    const int64_t dim = from.shape[from.rank - i];
    if (dim != 1 && dim != to.shape[to.rank - i]) return false;
  }
  return true;
}

void check_elementwise(const OpInfo& op, std::span<const View> in, std::span<const View> out) {
  if (static_cast<int>(in.size()) != op.arity || out.size() != 1) {
    refuse(op.name, "takes " + std::to_string(op.arity) + " inputs and 1 output, got " + std::to_string(in.size()) +
                        " and " + std::to_string(out.size()));
  }
  // The last operand is a value operand in every op; only the condition of `select` is none.
  const DType key = in.back().dtype;
  if (!op.allows(key)) refuse(op.name, std::string("is not defined for ") + name_of(key));
  for (size_t i = 0; i < in.size(); ++i) {
    const bool condition = in.size() == 3 && i == 0;
    const DType expected = condition ? DType::Bool : key;
    if (in[i].dtype != expected) {
      refuse(op.name, "input " + std::to_string(i) + " must be " + name_of(expected) + ", got " + name_of(in[i].dtype));
    }
    if (!broadcasts(in[i], out[0])) refuse(op.name, describe(in[i]) + " does not broadcast to " + describe(out[0]));
  }
  const DType result = op.result == OpResult::Same ? key : op.result == OpResult::Bool ? DType::Bool : out[0].dtype;
  if (out[0].dtype != result) {
    refuse(op.name, std::string("gives ") + name_of(result) + ", got an output of " + name_of(out[0].dtype));
  }
}

// Reads the ints of a fused loop (docs/architecture.md, section 5).
class FusedInts {
 public:
  explicit FusedInts(std::span<const int64_t> ints) : ints_(ints) {}
  int64_t next() {
    if (at_ == ints_.size()) refuse("fused", "the ints end too early");
    return ints_[at_++];
  }
  bool done() const { return at_ == ints_.size(); }
  // A count or an index below `limit`.
  size_t below(size_t limit, const char* what) {
    const int64_t value = next();
    if (value < 0 || static_cast<size_t>(value) >= limit) {
      refuse("fused",
             std::string(what) + " must be from 0 to " + std::to_string(limit - 1) + ", got " + std::to_string(value));
    }
    return static_cast<size_t>(value);
  }

 private:
  std::span<const int64_t> ints_;
  size_t at_ = 0;
};

// The strides of the loop's inputs stay inside their arrays.
void check_fused_inputs(FusedInts& ints, const View& loop, std::span<const View> in) {
  const int64_t size = loop.size();
  for (const View& view : in) {
    int64_t last = 0;
    for (int d = 0; d < loop.rank; ++d) {
      const int64_t stride = ints.next();
      int64_t reach = 0;
      if (stride < 0 || (size > 0 && __builtin_mul_overflow(loop.shape[d] - 1, stride, &reach)) ||
          __builtin_add_overflow(last, reach, &last)) {
        refuse("fused", "stride " + std::to_string(stride) + " is out of range");
      }
    }
    if (size > 0 && last >= view.size()) refuse("fused", "the strides leave an input of " + describe(view));
  }
}

// Every step gets operands of the dtypes that its op reads; `registers` grows by one dtype a step.
void check_fused_steps(FusedInts& ints, std::vector<DType>* registers) {
  const size_t n = ints.below(kMaxFusedArrays, "the number of steps");
  for (size_t s = 0; s < n; ++s) {
    const OpInfo& op = ops()[ints.below(ops().size(), "an op id")];
    const auto key = static_cast<DType>(ints.below(kDTypes, "a dtype"));
    const auto result = static_cast<DType>(ints.below(kDTypes, "a dtype"));
    if (op.kind != OpKind::Elementwise) refuse("fused", std::string(op.name) + " is not elementwise");
    const size_t n_args = ints.below(4, "the number of arguments");
    View args[3];
    for (size_t a = 0; a < n_args; ++a) {
      args[a] = View{nullptr, {}, 0, (*registers)[ints.below(registers->size(), "an argument")]};
    }
    const View out{nullptr, {}, 0, result};
    check_elementwise(op, {args, n_args}, {&out, 1});
    if (args[n_args - 1].dtype != key) {
      refuse("fused",
             std::string(op.name) + " has the key " + name_of(key) + " but reads " + name_of(args[n_args - 1].dtype));
    }
    registers->push_back(result);
  }
}

// The loop's `size` elements as [outer, reduced, inner]: gives the number of results, outer * inner.
int64_t check_fused_shape(FusedInts& ints, int64_t size) {
  int64_t dims[3];
  for (int64_t& d : dims) d = ints.next();
  const auto [outer, n, inner] = dims;
  int64_t results = 0, elements = 0;
  if (outer < 0 || n < 0 || inner < 0 || __builtin_mul_overflow(outer, inner, &results) ||
      __builtin_mul_overflow(results, n, &elements) || elements != size) {
    refuse("fused", "a reduction over " + std::to_string(outer) + " x " + std::to_string(n) + " x " +
                        std::to_string(inner) + " does not fit the loop's " + std::to_string(size) + " elements");
  }
  return results;
}

// The loop stays inside its arrays and reads values of the dtypes that they have.
void check_fused(std::span<const View> in, std::span<const View> out, std::span<const int64_t> values) {
  if (std::max(in.size(), out.size()) >= kMaxFusedArrays) {
    refuse("fused", "more than " + std::to_string(kMaxFusedArrays - 1) + " inputs or outputs; cut the chain");
  }
  FusedInts ints(values);
  View loop{nullptr, {}, static_cast<int32_t>(ints.below(kMaxRank + 1, "the rank")), DType::F64};
  for (int d = 0; d < loop.rank; ++d) loop.shape[d] = ints.next();
  checked_view({loop.shape, static_cast<size_t>(loop.rank)}, DType::F64);
  if (ints.below(kMaxFusedArrays, "the number of inputs") != in.size()) {
    refuse("fused", "the ints are for another number of inputs than " + std::to_string(in.size()));
  }
  check_fused_inputs(ints, loop, in);
  std::vector<DType> registers;
  for (const View& view : in) registers.push_back(view.dtype);
  if (in.empty()) refuse("fused", "needs an input");
  check_fused_steps(ints, &registers);
  const auto check_output = [](const View& view, int64_t size, DType dtype) {
    if (view.size() == size && view.dtype == dtype) return;
    refuse("fused",
           describe(view) + " cannot hold the loop's " + std::to_string(size) + " values of " + name_of(dtype));
  };
  const size_t stored = ints.below(out.size() + 1, "the number of outputs");
  for (size_t i = 0; i < stored; ++i) {
    check_output(out[i], loop.size(), registers[ints.below(registers.size(), "an output")]);
  }
  size_t reduced = 0;
  if (!ints.done()) {
    const int64_t results = check_fused_shape(ints, loop.size());
    reduced = ints.below(kMaxReductions + 1, "the number of reductions");
    if (stored + reduced > out.size()) refuse("fused", "has more reductions than outputs are left");
    for (size_t i = 0; i < reduced; ++i) {
      const size_t op = ints.below(ops().size(), "an op id");
      const DType dtype = registers[ints.below(registers.size(), "a reduced value")];
      if (folds()[op] == nullptr || !ops()[op].allows(dtype)) {
        refuse("fused", std::string(ops()[op].name) + " does not reduce " + name_of(dtype) + " at the end of a loop");
      }
      check_output(out[stored + i], results, dtype);
    }
  }
  if (stored + reduced != out.size()) {
    refuse("fused", "the ints are for another number of outputs than " + std::to_string(out.size()));
  }
}

}  // namespace

Step::Step(int op, std::span<const View> in, std::span<const View> out, std::span<const int64_t> ints,
           std::span<const double> floats)
    : op_(op),
      n_in_(static_cast<int32_t>(in.size())),
      n_out_(static_cast<int32_t>(out.size())),
      ints_(ints.begin(), ints.end()),
      floats_(floats.begin(), floats.end()) {
  if (op < kFusedOp || op >= static_cast<int>(ops().size())) {
    throw std::invalid_argument("no op has the id " + std::to_string(op) + ": ids are " + std::to_string(kFusedOp) +
                                " to " + std::to_string(ops().size() - 1));
  }
  if (op == kFusedOp) {
    way_ = Way::Fused;
    check_fused(in, out, ints);
    std::vector<DType> dtypes;
    for (const View& view : in) dtypes.push_back(view.dtype);
    fused_ = Fused(ints_.data(), static_cast<int64_t>(ints_.size()), dtypes.data(), tiles(), folds());
    workspace_bytes_ = fused_.workspace();
    return;
  }
  const OpInfo& info = ops()[op];
  kernel_ = kernel(op);
  if (info.kind == OpKind::Elementwise) {
    way_ = Way::Elementwise;
    check_elementwise(info, in, out);
    return;
  }
  check_counts(op, in, out, ints, floats);
  if (kernel_->workspace) {
    Fault fault;
    workspace_bytes_ = kernel_->workspace(call(in.data(), out.data(), nullptr, &fault));
  }
}

Call Step::call(const View* in, const View* out, void* workspace, Fault* fault) const {
  return {in,
          out,
          n_in_,
          n_out_,
          ints_.data(),
          floats_.data(),
          static_cast<int32_t>(ints_.size()),
          static_cast<int32_t>(floats_.size()),
          workspace,
          fault};
}

void Step::run(const View* in, const View* out, void* workspace, Fault* fault) const noexcept {
  switch (way_) {
    case Way::Kernel:
      return kernel_->run(call(in, out, workspace, fault));
    case Way::Elementwise:
      return run_elementwise(op_, call(in, out, workspace, fault), tiles());
    case Way::Fused:
      return run_fused(in, out, workspace);
  }
}

void Step::run_fused(const View* in, const View* out, void* workspace) const noexcept {
  const void* inputs[kMaxFusedArrays];
  void* outputs[kMaxFusedArrays];
  for (int i = 0; i < n_in_; ++i) inputs[i] = in[i].data;
  for (int i = 0; i < n_out_; ++i) outputs[i] = out[i].data;
  fused_.run(inputs, outputs, workspace);
}

const char* Step::name() const { return op_ == kFusedOp ? "fused" : ops()[op_].name; }

}  // namespace ckeras
