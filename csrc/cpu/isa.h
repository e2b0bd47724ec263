// Instruction sets: which were compiled in, which this processor has, which one to use.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace ckeras::cpu {

// From the plainest to the best. Reference is no instruction set but the plain C++ of the .ref.cpp files.
enum class Isa : uint8_t { Reference, Baseline, Avx2, Avx512, Neon };

inline constexpr int kIsas = 5;

const char* name_of(Isa isa);

// Compiled in, and the processor and its operating system have what it requires.
bool supported(Isa isa);

// All that are supported, plainest first.
std::vector<Isa> supported_isas();

// The best one, or the one the caller names: CKERAS_ISA for the process, null or empty for no wish. False and a message
// for the user when the name is unknown or this processor lacks it.
bool choose_isa(const char* wish, Isa* isa, std::string* error);

}  // namespace ckeras::cpu
