#include "runtime/registry.h"

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <set>
#include <stdexcept>
#include <string>

#include "base/check.h"

namespace ckeras {
namespace {

// Every row has what its kind promises, on every instruction set of this machine.
void test_rows() {
  std::set<std::string> names;
  for (int id = 0; id < static_cast<int>(ops().size()); ++id) {
    const OpInfo& op = ops()[id];
    CHECK(names.insert(op.name).second);
    CHECK_EQ(op_id(op.name), id);
    CHECK(op.dtypes != 0);
    for (const cpu::Isa isa : cpu::supported_isas()) {
      const Kernel* kernel = kernel_for(isa, id);
      const bool elementwise = op.kind == OpKind::Elementwise;
      const bool complete = kernel && (elementwise ? kernel->tile && !kernel->run : kernel->run && !kernel->tile);
      if (!complete) std::cerr << op.name << " on " << cpu::name_of(isa) << '\n';
      CHECK(complete);
    }
  }
  CHECK_EQ(op_id("no such op"), -1);
}

void test_selection() {
  bool found = false;
  for (const cpu::Isa isa : cpu::supported_isas()) {
    if (std::strcmp(cpu::name_of(isa), ckeras::isa()) != 0) continue;
    found = true;
    for (int id = 0; id < static_cast<int>(ops().size()); ++id) CHECK_EQ(kernel(id), kernel_for(isa, id));
  }
  CHECK(found);
}

}  // namespace
}  // namespace ckeras

int main() {
  // The first call refuses a name that does not exist, and the next one may choose again.
  const char* wish = std::getenv("CKERAS_ISA");
  const std::string saved = wish ? wish : "";
  setenv("CKERAS_ISA", "mmx", 1);
  CHECK_THROWS(ckeras::isa(), std::runtime_error);
  setenv("CKERAS_ISA", saved.c_str(), 1);
  ckeras::test_rows();
  ckeras::test_selection();
  return CHECK_RESULT();
}
