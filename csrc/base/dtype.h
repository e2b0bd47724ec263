// The element types of a tensor. Included by .isa.cpp files: only CKERAS_INLINE code here.
#pragma once
#include <cstdint>

#include "base/inline.h"

namespace ckeras {

enum class DType : uint8_t { Bool, I8, I16, I32, I64, U8, U16, U32, U64, F16, BF16, F32, F64 };

inline constexpr int kDTypes = 13;

// Indexed by DType; the order is the enum's and is part of the binding's contract.
inline constexpr const char* kDTypeNames[kDTypes] = {"bool",     "int8",    "int16",  "int32",  "int64",
                                                     "uint8",    "uint16",  "uint32", "uint64", "float16",
                                                     "bfloat16", "float32", "float64"};
inline constexpr uint8_t kDTypeSizes[kDTypes] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8};

#if defined(__CUDA_ARCH__)  // a device does not see tables of the host
CKERAS_INLINE int64_t size_of(DType d) { return 0x8422842184211 >> (4 * static_cast<int>(d)) & 15; }
#else
CKERAS_INLINE int64_t size_of(DType d) { return kDTypeSizes[static_cast<int>(d)]; }
#endif
CKERAS_INLINE const char* name_of(DType d) { return kDTypeNames[static_cast<int>(d)]; }
CKERAS_INLINE bool is_half(DType d) { return d == DType::F16 || d == DType::BF16; }

}  // namespace ckeras
