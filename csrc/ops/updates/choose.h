// Which rule each update runs, shared by the kernels and the reference: run<Rule>(call).
#pragma once
#include "ops/updates/rules.h"
#include "runtime/kernel.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <class Rule>
void run(const Call& call);

void sgd_update(const Call& call) noexcept {
  if (!call.ints[0]) return run<SgdRule>(call);
  return call.ints[1] ? run<MomentumRule<true>>(call) : run<MomentumRule<false>>(call);
}

void adam_update(const Call& call) noexcept {
  return call.ints[0] ? run<AdamRule<true>>(call) : run<AdamRule<false>>(call);
}

void rmsprop_update(const Call& call) noexcept {
  if (call.ints[0]) return call.ints[1] ? run<RmspropRule<true, true>>(call) : run<RmspropRule<true, false>>(call);
  return call.ints[1] ? run<RmspropRule<false, true>>(call) : run<RmspropRule<false, false>>(call);
}

void adagrad_update(const Call& call) noexcept { run<AdagradRule>(call); }
void adadelta_update(const Call& call) noexcept { run<AdadeltaRule>(call); }
void adamax_update(const Call& call) noexcept { run<AdamaxRule>(call); }
void nadam_update(const Call& call) noexcept { run<NadamRule>(call); }
void lion_update(const Call& call) noexcept { run<LionRule>(call); }
void schedule_free_update(const Call& call) noexcept { run<ScheduleFreeRule>(call); }
void ftrl_update(const Call& call) noexcept { run<FtrlRule>(call); }

}  // namespace

#define CKERAS_UPDATE(name)          \
  extern const Kernel kernel_##name; \
  constinit const Kernel kernel_##name = {name, nullptr, nullptr};
CKERAS_UPDATE(sgd_update)
CKERAS_UPDATE(adam_update)
CKERAS_UPDATE(rmsprop_update)
CKERAS_UPDATE(adagrad_update)
CKERAS_UPDATE(adadelta_update)
CKERAS_UPDATE(adamax_update)
CKERAS_UPDATE(nadam_update)
CKERAS_UPDATE(lion_update)
CKERAS_UPDATE(schedule_free_update)
CKERAS_UPDATE(ftrl_update)
#undef CKERAS_UPDATE

}  // namespace ckeras::CKERAS_ISA
