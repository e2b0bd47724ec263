// Where the values inside a run lie: offsets into one arena such that no two that live at once overlap.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace ckeras {

struct Lifetime {
  int64_t bytes;
  int64_t first, last;  // instructions, both included, while it is in use
};

struct Placement {
  std::vector<int64_t> offsets;  // by buffer, multiples of kAlignment
  int64_t bytes = 0;             // of the arena
};

// The largest first, equal ones by their first instruction, then by number; each at the lowest offset that is free as
// long as it lives. Sizes are not negative, and their sum is less than 2^63.
Placement place(std::span<const Lifetime> buffers);

}  // namespace ckeras
