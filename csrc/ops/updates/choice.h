// Which rule an update runs: choose_<op>(ints, run) gives run(Rule{}).
#pragma once
#include <cstdint>

#include "ops/updates/rules.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <class Run>
auto choose_sgd_update(const int64_t* ints, const Run& run) {
  if (!ints[0]) return run(SgdRule{});
  return ints[1] ? run(MomentumRule<true>{}) : run(MomentumRule<false>{});
}
template <class Run>
auto choose_adam_update(const int64_t* ints, const Run& run) {
  return ints[0] ? run(AdamRule<true>{}) : run(AdamRule<false>{});
}
template <class Run>
auto choose_rmsprop_update(const int64_t* ints, const Run& run) {
  if (ints[0]) return ints[1] ? run(RmspropRule<true, true>{}) : run(RmspropRule<true, false>{});
  return ints[1] ? run(RmspropRule<false, true>{}) : run(RmspropRule<false, false>{});
}
#define CKERAS_ONE_RULE(op, Rule)                    \
  template <class Run>                               \
  auto choose_##op(const int64_t*, const Run& run) { \
    return run(Rule{});                              \
  }
CKERAS_ONE_RULE(adagrad_update, AdagradRule)
CKERAS_ONE_RULE(adadelta_update, AdadeltaRule)
CKERAS_ONE_RULE(adamax_update, AdamaxRule)
CKERAS_ONE_RULE(nadam_update, NadamRule)
CKERAS_ONE_RULE(lion_update, LionRule)
CKERAS_ONE_RULE(schedule_free_update, ScheduleFreeRule)
CKERAS_ONE_RULE(ftrl_update, FtrlRule)
#undef CKERAS_ONE_RULE

}  // namespace
}  // namespace ckeras::CKERAS_ISA

// list(op) for every update that is a rule.
#define CKERAS_UPDATES(list)                                                                         \
  list(sgd_update) list(adam_update) list(rmsprop_update) list(adagrad_update) list(adadelta_update) \
      list(adamax_update) list(nadam_update) list(lion_update) list(schedule_free_update) list(ftrl_update)
