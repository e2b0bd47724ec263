// The runtime's unit of work: one op on given shapes.
#pragma once
#include <exception>
#include <span>
#include <string>
#include <vector>

#include "runtime/fused.h"
#include "runtime/kernel.h"

namespace ckeras {

// The op id of a fused loop, which is no row of ops.def.
inline constexpr int kFusedOp = -1;

// A kernel met a bad value.
struct FaultError : std::exception {
  FaultError(const char* op_name, const Fault& f) : op(op_name), fault(f) {}
  const char* what() const noexcept override { return op; }
  const char* op;
  Fault fault;
};

// An op with its attributes, decoded and checked: what an eager call makes once and a Program keeps.
class Step {
 public:
  Step() = default;  // not to be run
  // Throws std::invalid_argument for an unknown op, a dtype that the op lacks, operands that do not broadcast to the
  // output, wrong numbers of operands or attributes (runtime/counts.h), or a fused loop that would leave its arrays.
  // Shapes of structured ops are trusted: their records check them.
  Step(int op, std::span<const View> in, std::span<const View> out, std::span<const int64_t> ints,
       std::span<const double> floats);

  // Bytes of workspace that run() needs.
  int64_t workspace_bytes() const { return workspace_bytes_; }

  // Runs on views of the shapes that the constructor saw. The caller flushes denormals (cpu::FlushDenormals).
  void run(const View* in, const View* out, void* workspace, Fault* fault) const noexcept;

  const char* name() const;

 private:
  enum class Way : uint8_t { Kernel, Elementwise, Fused };

  Call call(const View* in, const View* out, void* workspace, Fault* fault) const;
  void run_fused(const View* in, const View* out, void* workspace) const noexcept;

  Way way_ = Way::Kernel;
  int op_ = kFusedOp;
  int32_t n_in_ = 0, n_out_ = 0;
  const Kernel* kernel_ = nullptr;
  Fused fused_;
  std::vector<int64_t> ints_;
  std::vector<double> floats_;
  int64_t workspace_bytes_ = 0;
};

}  // namespace ckeras
