// Code in headers that .isa.cpp files include must never become a shared symbol: the linker could keep the copy that
// was compiled with AVX-512 and crash an older machine. Mark every such function with this.
#pragma once
#if defined(_MSC_VER)
#define CKERAS_INLINE static __forceinline
#define CKERAS_MEMBER __forceinline
#define CKERAS_COLD static __declspec(noinline)
#else
#define CKERAS_INLINE static inline __attribute__((always_inline))
#define CKERAS_MEMBER inline __attribute__((always_inline))        // member functions and operators
#define CKERAS_COLD static inline __attribute__((noinline, cold))  // rare paths: a call, private to the file
#endif
