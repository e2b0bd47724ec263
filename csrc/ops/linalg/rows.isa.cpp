#include "ops/linalg/linalg.h"

namespace ckeras::CKERAS_ISA {

#define CKERAS_LINALG(name) extern const Kernel linalg_##name;
#include "ops/linalg/linalg.def"

extern const LinalgRow linalg_rows[kLinalgRows];
constinit const LinalgRow linalg_rows[kLinalgRows] = {
#define CKERAS_LINALG(name) {#name, &linalg_##name},
#include "ops/linalg/linalg.def"
};

}  // namespace ckeras::CKERAS_ISA
