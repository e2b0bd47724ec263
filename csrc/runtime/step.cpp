#include "runtime/step.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/array.h"
#include "runtime/registry.h"

namespace ckeras {
namespace {

[[noreturn]] void refuse(const char* op, const std::string& message) {
  throw std::invalid_argument(std::string(op) + ": " + message);
}

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

constexpr size_t kMaxFusedArrays = 64;

// The loop stays inside its arrays. What its steps may be is for Fused to check.
void check_fused(std::span<const View> in, std::span<const View> out, std::span<const int64_t> ints) {
  if (std::max(in.size(), out.size()) > kMaxFusedArrays) refuse("fused", "more than 64 inputs or outputs");
  size_t at = 0;
  const auto next = [&] {
    if (at >= ints.size()) refuse("fused", "the ints end too early");
    return ints[at++];
  };
  const int64_t rank = next();
  if (rank < 0 || rank > kMaxRank) refuse("fused", "rank must be from 0 to " + std::to_string(kMaxRank));
  View loop{nullptr, {}, static_cast<int32_t>(rank), DType::Bool};
  for (int64_t d = 0; d < rank; ++d) loop.shape[d] = next();
  checked_view({loop.shape, static_cast<size_t>(rank)}, DType::F64);
  const int64_t size = loop.size();
  if (next() != static_cast<int64_t>(in.size())) refuse("fused", "another number of inputs than given");
  for (const View& view : in) {
    int64_t last = 0;
    for (int64_t d = 0; d < rank; ++d) {
      const int64_t stride = next();
      int64_t reach = 0;
      if (stride < 0 || (size > 0 && __builtin_mul_overflow(loop.shape[d] - 1, stride, &reach)) ||
          __builtin_add_overflow(last, reach, &last)) {
        refuse("fused", "stride " + std::to_string(stride) + " is out of range");
      }
    }
    if (size > 0 && last >= view.size()) refuse("fused", "the strides leave an input of " + describe(view));
  }
  for (const View& view : out) {
    if (view.size() != size) refuse("fused", describe(view) + " cannot hold the loop's " + std::to_string(size) + " results");
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
    fused_ = Fused(ints_.data(), static_cast<int64_t>(ints_.size()), dtypes.data(), tiles());
    workspace_bytes_ = fused_.workspace();
    return;
  }
  const OpInfo& info = ops()[op];
  kernel_ = kernel(op);
  if (!kernel_) refuse(info.name, "has no kernel in this build");
  if (info.kind == OpKind::Elementwise) {
    way_ = Way::Elementwise;
    check_elementwise(info, in, out);
  } else if (kernel_->workspace) {
    Fault fault;
    workspace_bytes_ = kernel_->workspace(call(in.data(), out.data(), nullptr, &fault));
  }
}

Call Step::call(const View* in, const View* out, void* workspace, Fault* fault) const {
  return {in,           out,
          n_in_,        n_out_,
          ints_.data(), floats_.data(),
          static_cast<int32_t>(ints_.size()), static_cast<int32_t>(floats_.size()),
          workspace,    fault};
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
