// The updates that are a rule (choice.h), shared by the kernels and the reference: run<Rule>(call).
#pragma once
#include "ops/updates/choice.h"
#include "runtime/kernel.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <class Rule>
void run(const Call& call);

#define CKERAS_UPDATE(op)                                                  \
  void op(const Call& call) noexcept {                                     \
    choose_##op(call.ints, [&](auto rule) { run<decltype(rule)>(call); }); \
  }
CKERAS_UPDATES(CKERAS_UPDATE)
#undef CKERAS_UPDATE

}  // namespace

#define CKERAS_UPDATE(op)          \
  extern const Kernel kernel_##op; \
  constinit const Kernel kernel_##op = {op, nullptr, nullptr};
CKERAS_UPDATES(CKERAS_UPDATE)
#undef CKERAS_UPDATE

}  // namespace ckeras::CKERAS_ISA
