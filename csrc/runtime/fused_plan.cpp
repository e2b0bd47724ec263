// Decoding a chain: collapse the loop's dimensions, expand half steps, give registers their places.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "cpu/parallel.h"
#include "runtime/fused.h"
#include "runtime/fused_limits.h"
#include "runtime/tile.h"

namespace ckeras {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument("fused loop: " + why); }

enum OpId {
#define CKERAS_ELEMENTWISE(name, functor, arity, dtypes, result) kOp_##name,
#define CKERAS_KERNEL(name, dtypes, traits) kOp_##name,
#define CKERAS_PORTABLE(name, dtypes, traits) kOp_##name,
#include "ops/ops.def"
  kOps
};

TileFn cast_tile(TileTables tiles, DType from, DType to) {
  return tiles[kOp_cast][static_cast<int>(from) * kDTypes + static_cast<int>(to)];
}

}  // namespace

class Fused::Reader {
 public:
  Reader(const int64_t* ints, int64_t n) : at_(ints), end_(ints + n) {}

  int64_t next(const char* what, int64_t least, int64_t most) {
    if (at_ == end_) refuse(std::string("the ints end before ") + what);
    const int64_t value = *at_++;
    if (value < least || value > most) {
      refuse(std::string(what) + " must be from " + std::to_string(least) + " to " + std::to_string(most) + ", got " +
             std::to_string(value));
    }
    return value;
  }
  DType dtype(const char* what) { return static_cast<DType>(next(what, 0, kDTypes - 1)); }
  bool done() const { return at_ == end_; }

 private:
  const int64_t* at_;
  const int64_t* end_;
};

void Fused::plan(const int64_t* ints, int64_t n_ints, const DType* inputs, TileTables tiles, FoldTables folds) {
  inputs_.clear();
  registers_.clear();
  steps_.clear();
  outputs_.clear();
  copies_.clear();
  reductions_.clear();
  workspace_ = 0;
  Reader reader(ints, n_ints);
  read_loop(reader, inputs);
  read_outputs(reader, read_steps(reader, tiles), folds);
  if (!reader.done()) refuse("ints are left over");
  place_outputs();
  collapse();
  for (Input& input : inputs_) choose_access(input);
  find_repeats();
  place_registers();
  grain_ = std::max(kLoneGrain / 8, kLoneGrain / static_cast<int64_t>(std::max<size_t>(1, steps_.size())));
  grain_ -= grain_ % kMaxTile;
  if (!reductions_.empty()) cut_reductions();
}

void Fused::read_loop(Reader& ints, const DType* inputs) {
  constexpr int64_t kAny = INT64_MAX;
  rank_ = static_cast<int>(ints.next("the rank", 0, kMaxRank));
  size_ = 1;
  for (int d = 0; d < rank_; ++d) size_ *= shape_[d] = ints.next("a dimension", 0, kAny);
  const int64_t n = ints.next("the number of inputs", 0, kMaxRegisters);
  for (int64_t i = 0; i < n; ++i) {
    Input& input = inputs_.emplace_back();
    input.size = static_cast<uint8_t>(size_of(inputs[i]));
    for (int d = 0; d < rank_; ++d) input.strides[d] = ints.next("a stride", -kAny, kAny);
    add_register(inputs[i], -1);
    registers_.back().input = static_cast<int16_t>(i);
  }
}

// Gives the registers as the ints number them; halves add some of their own in between.
std::vector<int16_t> Fused::read_steps(Reader& ints, TileTables tiles) {
  std::vector<int16_t> numbered;
  for (size_t i = 0; i < inputs_.size(); ++i) numbered.push_back(static_cast<int16_t>(i));
  const int64_t n = ints.next("the number of steps", 0, kMaxRegisters);
  for (int64_t s = 0; s < n; ++s) {
    const int64_t op = ints.next("an op id", 0, kOps - 1);
    const DType key = ints.dtype("a key dtype");
    const DType result = ints.dtype("a result dtype");
    const int n_args = static_cast<int>(ints.next("the number of arguments", 1, 3));
    int16_t args[3];
    for (int a = 0; a < n_args; ++a) {
      args[a] = numbered[ints.next("an argument", 0, static_cast<int64_t>(numbered.size()) - 1)];
    }
    if (tiles[op] == nullptr) refuse("op " + std::to_string(op) + " is not elementwise");
    TileFn fn = op == kOp_cast ? cast_tile(tiles, key, result) : tiles[op][static_cast<int>(key)];
    if (fn != nullptr) {
      numbered.push_back(add_step(fn, args, n_args, key, result));
      continue;
    }
    fn = tiles[op][static_cast<int>(DType::F32)];
    if (!is_half(key) || fn == nullptr) {
      refuse("op " + std::to_string(op) + " has no kernel for " + name_of(key));
    }
    for (int a = 0; a < n_args; ++a) {
      if (registers_[args[a]].dtype == key) args[a] = widen(args[a], tiles);
    }
    const bool round = is_half(result);
    int16_t made = add_step(fn, args, n_args, DType::F32, round ? DType::F32 : result);
    if (round) made = add_step(cast_tile(tiles, DType::F32, result), &made, 1, DType::F32, result);
    numbered.push_back(made);
  }
  return numbered;
}

void Fused::read_outputs(Reader& ints, const std::vector<int16_t>& numbered, FoldTables folds) {
  const int64_t n_outputs = ints.next("the number of outputs", 0, kMaxRegisters);
  for (int64_t i = 0; i < n_outputs; ++i) {
    outputs_.push_back(numbered[ints.next("an output", 0, static_cast<int64_t>(numbered.size()) - 1)]);
  }
  if (ints.done()) return;

  constexpr int64_t kAny = INT64_MAX;
  cut_.outer = ints.next("the outer size", 0, kAny);
  cut_.n = ints.next("the reduced size", 0, kAny);
  cut_.inner = ints.next("the inner size", 0, kAny);
  int64_t size = 0;
  if (__builtin_mul_overflow(cut_.outer, cut_.n, &size) || __builtin_mul_overflow(size, cut_.inner, &size) ||
      __builtin_mul_overflow(cut_.outer, cut_.inner, &size) || size * cut_.n != size_) {
    refuse("the outer, reduced and inner sizes do not make the loop's " + std::to_string(size_) + " elements");
  }
  const int64_t n = ints.next("the number of reductions", 1, kMaxReductions);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t op = ints.next("an op id", 0, kOps - 1);
    // A step's result: an input may lie where an output is written.
    const int16_t from = numbered[ints.next("a reduced value", static_cast<int64_t>(inputs_.size()),
                                            static_cast<int64_t>(numbered.size()) - 1)];
    Register& r = registers_[from];
    const Fold* fold = folds == nullptr || folds[op] == nullptr ? nullptr : folds[op][static_cast<int>(r.dtype)];
    if (fold == nullptr) refuse("op " + std::to_string(op) + " folds no tiles of " + name_of(r.dtype));
    r.last_read = static_cast<int32_t>(steps_.size());
    reductions_.push_back({fold, from, static_cast<int16_t>(n_outputs + i), false, 0});
  }
}

void Fused::place_outputs() {
  int last_direct_read = -1;
  for (const Register& r : registers_) {
    if (r.input >= 0) last_direct_read = std::max(last_direct_read, r.last_read);
  }
  for (int16_t r : outputs_) {
    if (registers_[r].input >= 0) last_direct_read = static_cast<int>(steps_.size());
  }
  // An output is written where it is made, unless its memory may be that of an input which is read later.
  for (size_t i = 0; i < outputs_.size(); ++i) {
    Register& r = registers_[outputs_[i]];
    const uint8_t size = static_cast<uint8_t>(size_of(r.dtype));
    if (r.input < 0 && r.output < 0 && r.made >= last_direct_read) {
      r.output = static_cast<int16_t>(i);
    } else {
      copies_.push_back({outputs_[i], static_cast<int16_t>(i), size});
      r.last_read = static_cast<int32_t>(steps_.size());
    }
  }
}

int16_t Fused::add_register(DType dtype, int made) {
  if (registers_.size() == kMaxRegisters) refuse("more than " + std::to_string(kMaxRegisters) + " values");
  registers_.push_back({dtype, -1, -1, -1, -1, made, -1});
  return static_cast<int16_t>(registers_.size() - 1);
}

int16_t Fused::add_step(TileFn fn, const int16_t* args, int n_args, DType key, DType result) {
  const int index = static_cast<int>(steps_.size());
  const bool splits = n_args > 1 && (key == DType::F32 || key == DType::F64);
  Step step{fn, splits, 0, false, static_cast<int16_t>(n_args), add_register(result, index), {}};
  for (int a = 0; a < n_args; ++a) {
    step.args[a] = args[a];
    registers_[args[a]].last_read = index;
  }
  steps_.push_back(step);
  return step.result;
}

int16_t Fused::widen(int16_t half, TileTables tiles) {
  if (registers_[half].widened < 0) {
    const DType from = registers_[half].dtype;
    const int16_t made = add_step(cast_tile(tiles, from, DType::F32), &half, 1, from, DType::F32);
    registers_[half].widened = made;
  }
  return registers_[half].widened;
}

// Joins neighbouring dimensions that every input walks as one, and drops those of length 1.
void Fused::collapse() {
  int kept = 0;
  for (int d = 0; d < rank_; ++d) {
    if (shape_[d] == 1) continue;
    const bool joins = kept > 0 && std::all_of(inputs_.begin(), inputs_.end(), [&](const Input& input) {
                         return input.strides[kept - 1] == input.strides[d] * shape_[d];
                       });
    if (!joins) ++kept;
    shape_[kept - 1] = joins ? shape_[kept - 1] * shape_[d] : shape_[d];
    for (Input& input : inputs_) input.strides[kept - 1] = input.strides[d];
  }
  rank_ = kept;
}

Fused::Walk Fused::walk_of(const Input& input) const {
  Walk walk;
  for (int d = 0; d < rank_; ++d) {
    const int last = walk.rank - 1;
    if (last >= 0 && walk.strides[last] == input.strides[d] * shape_[d]) {
      walk.shape[last] *= shape_[d];
      walk.strides[last] = input.strides[d];
    } else {
      walk.shape[walk.rank] = shape_[d];
      walk.strides[walk.rank++] = input.strides[d];
    }
  }
  return walk;
}

void Fused::choose_access(Input& input) const {
  const Walk& walk = input.walk = walk_of(input);
  const int inner = walk.rank - 1;
  const bool neighbours = inner >= 0 && walk.strides[inner] == 1;
  const int64_t run = neighbours ? walk.shape[inner] : 1;
  const int outer = neighbours ? inner : walk.rank;  // dimensions around the run
  const bool repeats = std::all_of(walk.strides, walk.strides + outer, [](int64_t stride) { return stride == 0; });
  input.period = run;
  input.access = outer == 0        ? Access::Direct
                 : !repeats        ? Access::Gather
                 : run == 1        ? Access::Scalar
                 : run <= kMaxTile ? Access::Pattern
                                   : Access::Gather;
}

// Values that are one element along each row, of which a tile within the row needs kCopies: those that only such steps
// read as take them so, or as make of them alone a result of which that is true again.
void Fused::find_repeats() {
  const int last = rank_ - 1;
  const bool rows = rank_ > 0 && shape_[last] >= kLeastRow;
  bool any = false;
  row_ = 0;
  bool repeats[kMaxRegisters] = {}, whole[kMaxRegisters] = {};
  const auto repeated = [&](const Step& step) {
    unsigned bits = 0;
    for (int a = 0; a < step.n_args; ++a) bits |= static_cast<unsigned>(repeats[step.args[a]]) << a;
    return bits;
  };
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Input& input = inputs_[i];
    any |= repeats[i] =
        input.access == Access::Scalar || (input.access == Access::Gather && rows && input.strides[last] == 0);
  }
  if (!any) return;
  for (int16_t r : outputs_) whole[r] = true;
  for (const Reduction& r : reductions_) whole[r.from] = true;
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < inputs_.size(); ++i) repeats[i] = repeats[i] && !whole[i];
    for (Step& step : steps_) {
      step.repeated = repeated(step);
      step.once = step.repeated == (1u << step.n_args) - 1 && !whole[step.result];
      repeats[step.result] = step.once;
      for (int a = 0; a < step.n_args && !step.once && !step.splits; ++a) {
        changed |= repeats[step.args[a]];
        whole[step.args[a]] |= repeats[step.args[a]];
      }
    }
  }
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    input.repeats = repeats[i] && input.access == Access::Gather;
    if (repeats[i]) row_ = input.repeats ? shape_[last] : row_ > 0 ? row_ : kAnyRow;
  }
}

// Scratch slots: inputs that are not read where they lie have their own, results share by lifetime. Then the longest
// tile whose slots fit the scratch.
void Fused::place_registers() {
  int32_t slots = 0;
  int64_t widest = 1;
  int64_t patterns = 0;  // elements beyond the tile
  std::vector<int32_t> free;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    if (input.access == Access::Direct) continue;
    widest = std::max<int64_t>(widest, input.size);
    input.slot = slots++;
    if (input.access == Access::Pattern) patterns = std::max(patterns, input.period);
  }
  for (size_t s = 0; s < steps_.size(); ++s) {
    const Step& step = steps_[s];
    Register& result = registers_[step.result];
    if (result.output < 0) {
      widest = std::max(widest, size_of(result.dtype));
      if (free.empty()) free.push_back(slots++);
      result.slot = free.back();
      free.pop_back();
      if (result.last_read < 0) free.push_back(result.slot);
    }
    for (int a = 0; a < step.n_args; ++a) {
      const Register& arg = registers_[step.args[a]];
      const bool again = std::find(step.args, step.args + a, step.args[a]) != step.args + a;
      if (!again && arg.slot >= 0 && arg.last_read == static_cast<int32_t>(s)) free.push_back(arg.slot);
    }
  }
  for (tile_ = kMaxTile; tile_ >= kMinTile; tile_ /= 2) {
    const int64_t bytes = ((tile_ + patterns) * widest + 63) / 64 * 64;
    if (bytes * slots <= kScratchBytes) {
      slot_bytes_ = static_cast<int32_t>(bytes);
      return;
    }
  }
  refuse("needs " + std::to_string(slots) + " values at once, which do not fit the scratch; cut the chain");
}

namespace {

// The ints of a chain of one: section 5.
struct LoneInts {
  int64_t ints[9 + kMaxRank + 3 * kMaxRank + 3];
  int64_t n = 0;

  void put(int64_t value) { ints[n++] = value; }
};

}  // namespace

void run_elementwise(int op_id, const Call& call, TileTables tiles) noexcept {
  const View& out = call.out[0];
  const DType key = call.in[call.n_in == 3 ? 1 : 0].dtype;
  const int64_t size = out.size();
  TileFn fn = op_id == kOp_cast ? cast_tile(tiles, key, out.dtype) : tiles[op_id][static_cast<int>(key)];
  bool direct = fn != nullptr;
  for (int i = 0; i < call.n_in; ++i) direct = direct && call.in[i].size() == size;
  if (direct) {
    cpu::parallel_for(size, kLoneGrain, [&](int64_t begin, int64_t end) {
      const void* args[kRepeated + 1];
      args[kRepeated] = &kNoneRepeated;
      for (int i = 0; i < call.n_in; ++i) args[i] = call.in[i].as<char>() + begin * size_of(call.in[i].dtype);
      fn(out.as<char>() + begin * size_of(out.dtype), args, end - begin);
    });
    return;
  }

  LoneInts ints;
  ints.put(out.rank);
  for (int d = 0; d < out.rank; ++d) ints.put(out.shape[d]);
  ints.put(call.n_in);
  DType dtypes[3];
  const void* in[3];
  for (int i = 0; i < call.n_in; ++i) {
    const View& view = call.in[i];
    int64_t strides[kMaxRank] = {};
    int64_t stride = 1;
    for (int d = view.rank - 1; d >= 0; --d) {
      strides[out.rank - view.rank + d] = view.shape[d] == 1 ? 0 : stride;
      stride *= view.shape[d];
    }
    for (int d = 0; d < out.rank; ++d) ints.put(strides[d]);
    dtypes[i] = view.dtype;
    in[i] = view.data;
  }
  ints.put(1);
  ints.put(op_id);
  ints.put(static_cast<int64_t>(key));
  ints.put(static_cast<int64_t>(out.dtype));
  ints.put(call.n_in);
  for (int i = 0; i < call.n_in; ++i) ints.put(i);
  ints.put(1);
  ints.put(call.n_in);
  thread_local Fused lone;
  lone.plan(ints.ints, ints.n, dtypes, tiles);
  lone.run(in, &out.data, nullptr);
}

}  // namespace ckeras
