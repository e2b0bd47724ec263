// Sizes of the fused loop.
#pragma once
#include <cstdint>

namespace ckeras {

inline constexpr int64_t kMaxTile = 1024;  // elements
inline constexpr int64_t kMinTile = 64;
inline constexpr int64_t kScratchBytes = 48 * 1024;   // what a thread keeps in its L1 cache
inline constexpr int64_t kLoneGrain = 32 * kMaxTile;  // elements a thread takes at once of a chain of one
inline constexpr int kMaxRegisters = 512;
inline constexpr int64_t kLeastRow = 128;      // elements; within shorter rows no tile is made
inline constexpr int64_t kAnyRow = INT64_MAX;  // of Fused::row_

// What a thread works in.
struct FusedScratch {
  alignas(64) unsigned char slots[kScratchBytes];
  const void* at[kMaxRegisters];  // where each register's tile lies
};

}  // namespace ckeras
