// Code in headers that .isa.cpp files include must never become a shared symbol: the linker could keep the copy that
// was compiled with AVX-512 and crash an older machine. Mark every such function with this.
#pragma once
#if defined(__CUDACC__)  // one instruction set a library: nothing to keep apart
#define CKERAS_INLINE __host__ __device__ __forceinline__
#define CKERAS_MEMBER __host__ __device__ __forceinline__
#define CKERAS_COLD inline __host__ __device__ __noinline__
#define CKERAS_TABLE __device__ constexpr  // an array that is indexed at run time
#elif defined(_MSC_VER)
#define CKERAS_INLINE static __forceinline
#define CKERAS_MEMBER __forceinline
#define CKERAS_COLD static __declspec(noinline)
#else
#define CKERAS_INLINE static inline __attribute__((always_inline))
#define CKERAS_MEMBER inline __attribute__((always_inline))        // member functions and operators
#define CKERAS_COLD static inline __attribute__((noinline, cold))  // rare paths: a call, private to the file
#endif
#if !defined(CKERAS_TABLE)
#define CKERAS_TABLE constexpr
#endif
