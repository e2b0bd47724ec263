#include "runtime/counts.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "ops/conv/conv.h"
#include "runtime/registry.h"

namespace ckeras {
namespace {

constexpr int kAny = 1 << 20;

struct Counts {
  const char* op;
  int in_least, in_most, out;
  int ints, ints_per_rank;  // ints + ints_per_rank * rank of the first input
  int floats;
  int optional_flags = 0;        // bit i: int i says whether one of the optional inputs is there
  int output_flags = 0;          // likewise for outputs
  bool keyed_by_output = false;  // ops.def's dtypes are those of the first output, not of the first input
  int ending = 0;                // ints from the end on to that of conv (ops/conv/conv.h), 0 where there is none
};

constexpr Counts kCounts[] = {
    {"matmul", 2, 4, 1, 4, 0, 0, 1 << 3},
    {"conv", 2, 6, 1, -5, 4, 0, 0, 0, false, 2},
    {"conv_grad_input", 2, 2, 1, -5, 4, 0},
    {"conv_grad_filter", 2, 2, 1, -5, 4, 0},
    {"max_pool", 1, 1, 1, -8, 4, 0},
    {"max_pool_places", 1, 1, 2, -8, 4, 0},
    {"max_pool_grad", 2, 2, 1, -8, 4, 0},
    {"max_pool_pick", 2, 2, 1, -8, 4, 0},
    {"avg_pool", 1, 1, 1, -8, 4, 0},
    {"lstm", 6, 7, 5, 3, 0, 0, 1 << 1},
    {"gru", 5, 6, 3, 3, 0, 0, 1 << 1},
    {"simple_rnn", 5, 6, 2, 3, 0, 0, 1 << 1},
    {"lstm_grad", 10, 12, 5, 5, 0, 0, 1 << 1 | 1 << 3, 1 << 4},
    {"gru_grad", 7, 9, 4, 5, 0, 0, 1 << 1 | 1 << 3, 1 << 4},
    {"simple_rnn_grad", 6, 8, 4, 5, 0, 0, 1 << 1 | 1 << 3, 1 << 4},
    {"reduce_sum", 1, 1, 1, 0, 1, 0},
    {"reduce_prod", 1, 1, 1, 0, 1, 0},
    {"reduce_max", 1, 1, 1, 0, 1, 0},
    {"reduce_min", 1, 1, 1, 0, 1, 0},
    {"reduce_any", 1, 1, 1, 0, 1, 0},
    {"reduce_all", 1, 1, 1, 0, 1, 0},
    {"argmax", 1, 1, 1, 1, 0, 0},
    {"argmin", 1, 1, 1, 1, 0, 0},
    {"softmax", 1, 1, 1, 1, 0, 0},
    {"log_softmax", 1, 1, 1, 1, 0, 0},
    {"softmax_cross_entropy", 2, 2, 1, 1, 0, 0},
    {"softmax_cross_entropy_grad", 3, 3, 1, 1, 0, 0},
    {"random_bits", 1, 1, 1, 0, 0, 0, 0, 0, true},
    {"random_uniform", 1, 1, 1, 0, 0, 2, 0, 0, true},
    {"random_normal", 1, 1, 1, 0, 0, 2, 0, 0, true},
    {"random_truncated_normal", 1, 1, 1, 0, 0, 2, 0, 0, true},
    {"dropout", 2, 2, 1, 0, 0, 1},
    {"gather", 2, 2, 1, 2, 0, 0},
    {"gather_grad", 2, 2, 1, 2, 0, 0, 0, 0, true},
    {"scatter", 3, 3, 1, 1, 0, 0},
    {"argsort", 1, 1, 1, 1, 0, 0},
    {"sort", 1, 1, 1, 1, 0, 0},
    {"dft", 2, 2, 2, 1, 0, 0},
    {"real_dft", 1, 1, 2, 0, 0, 0},
    {"short_time_dft", 2, 2, 2, 1, 0, 0},
    {"transpose", 1, 1, 1, 0, 1, 0},
    {"concatenate", 1, kAny, 1, 1, 0, 0},
    {"slice", 1, 1, 1, 0, 2, 0},
    {"pad", 2, 2, 1, 0, 3, 0},
    {"broadcast", 1, 1, 1, 0, 0, 0},
};

std::vector<const Counts*> rows_by_op() {
  std::vector<const Counts*> rows(ops().size(), nullptr);
  for (const Counts& row : kCounts) {
    if (const int op = op_id(row.op); op >= 0) rows[op] = &row;
  }
  return rows;
}

[[noreturn]] void refuse(int op, const char* what, size_t got, int64_t least, int64_t most) {
  const std::string wanted = least == most
                                 ? std::to_string(least)
                                 : std::to_string(least) + (most == kAny ? " or more" : " to " + std::to_string(most));
  throw std::invalid_argument(std::string(ops()[op].name) + ": takes " + wanted + " " + what + ", got " +
                              std::to_string(got));
}

void check(int op, const char* what, size_t got, int64_t least, int64_t most) {
  if (static_cast<int64_t>(got) < least || static_cast<int64_t>(got) > most) refuse(op, what, got, least, most);
}

int set_flags(int flags, std::span<const int64_t> ints) {
  int n = 0;
  for (size_t i = 0; i < ints.size(); ++i) n += (flags >> i & 1) != 0 && ints[i] != 0;
  return n;
}

}  // namespace

void check_counts(int op, std::span<const View> in, std::span<const View> out, std::span<const int64_t> ints,
                  std::span<const double> floats) {
  static const std::vector<const Counts*> rows = rows_by_op();
  const Counts* row = rows[op];
  if (row == nullptr) {
    check(op, "inputs", in.size(), 1, kAny);
    return check(op, "outputs", out.size(), 1, kAny);
  }
  check(op, "inputs", in.size(), row->in_least, row->in_most);
  const int64_t n = std::max<int64_t>(row->ints + int64_t{row->ints_per_rank} * in[0].rank, 0);
  check(op, "integer attributes", ints.size(), n, n);
  check(op, "real attributes", floats.size(), row->floats, row->floats);
  if (row->optional_flags) {
    const int set = set_flags(row->optional_flags, ints), unset = __builtin_popcount(row->optional_flags) - set;
    check(op, "inputs as its attributes say", in.size(), row->in_least + set, row->in_most - unset);
  }
  if (row->ending) {
    const int ends = ConvEnds::asked(ints[ints.size() - row->ending]);
    check(op, "inputs as its attributes say", in.size(), row->in_least + ends, row->in_least + ends + 1);
  }
  const int outputs = row->out + set_flags(row->output_flags, ints);
  check(op, "outputs", out.size(), outputs, outputs);
  const View& key = row->keyed_by_output ? out[0] : in[0];
  if (!ops()[op].allows(key.dtype)) {
    throw std::invalid_argument(std::string(ops()[op].name) + ": is not defined for " + name_of(key.dtype));
  }
}

}  // namespace ckeras
