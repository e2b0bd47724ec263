#include "gemm/chain.h"

namespace ckeras::CKERAS_ISA {

constinit const TileTable<float> Tiles<float>::table = filled<float>();
constinit const TileTable<double> Tiles<double>::table = filled<double>();

}  // namespace ckeras::CKERAS_ISA
