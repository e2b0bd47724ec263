// What the environment asks for: ways that are off, or on, unless a variable says 1, or 0.
#pragma once
#include <cstdlib>

namespace ckeras::cuda {

inline bool asked_for(const char* variable, bool otherwise) {
  const char* value = std::getenv(variable);
  return value == nullptr || value[0] == '\0' ? otherwise : value[0] != '0';
}

}  // namespace ckeras::cuda
