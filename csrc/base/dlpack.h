// The structures of dlpack.h 1.0, which are a stable binary interface (https://dmlc.github.io/dlpack).
#pragma once
#include <cstdint>

#include "base/dtype.h"

namespace ckeras::dlpack {

inline constexpr int32_t kCpu = 1, kCuda = 2;
inline constexpr uint64_t kReadOnly = 1;

struct DLTensor {
  void* data;
  struct {
    int32_t type;
    int32_t id;
  } device;
  int32_t ndim;
  struct {
    uint8_t code;
    uint8_t bits;
    uint16_t lanes;
  } dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
};

struct Unversioned {
  static constexpr const char* kName = "dltensor";  // of its capsule
  static constexpr const char* kUsed = "used_dltensor";
  DLTensor tensor;
  void* context;
  void (*deleter)(Unversioned*);
};

struct Versioned {
  static constexpr const char* kName = "dltensor_versioned";
  static constexpr const char* kUsed = "used_dltensor_versioned";
  struct {
    uint32_t major;
    uint32_t minor;
  } version;
  void* context;
  void (*deleter)(Versioned*);
  uint64_t flags;
  DLTensor tensor;
};

struct Code {
  uint8_t code, bits;
};
// Indexed by DType. Codes: 0 int, 1 uint, 2 float, 4 bfloat, 6 bool.
inline constexpr Code kCodes[kDTypes] = {{6, 8},  {0, 8},  {0, 16}, {0, 32}, {0, 64}, {1, 8}, {1, 16},
                                         {1, 32}, {1, 64}, {2, 16}, {4, 16}, {2, 32}, {2, 64}};

}  // namespace ckeras::dlpack
