// Control flow on a device (runtime/control.h): choices, and loops whose turns depend on values, ask the device before
// they go on; noted as a graph, they are its conditional parts. A loop of known length is queued turn by turn in both.
#include <algorithm>

#include "cuda/device_block.h"
#include "cuda/graph.h"

namespace ckeras::cuda {
namespace {

constexpr unsigned kThreads = 256;

// Of a loop that a graph repeats, on the device.
struct Turns {
  int32_t done, limit;
};

__global__ void number_kernel(int32_t* to, int32_t value) { *to = value; }

__global__ void begin_turns_kernel(Turns* turns, const int32_t* count, int32_t length) {
  const int32_t asked = count == nullptr ? length : *count;
  *turns = {0, asked < 0 ? 0 : asked > length ? length : asked};
}
__global__ void end_turn_kernel(Turns* turns) { ++turns->done; }

// After a fault nothing is begun.
__global__ void decide_turn_kernel(Decision again, const Turns* turns, const bool* yes, const Fault* fault) {
  decide(again, fault->code == 0 && turns->done < turns->limit && (yes == nullptr || *yes));
}
__global__ void decide_branch_kernel(Decision taken, const int32_t* index, int32_t branch, int32_t last,
                                     const Fault* fault) {
  const int32_t chosen = *index < 0 ? 0 : *index > last ? last : *index;
  decide(taken, fault->code == 0 && chosen == branch);
}

// This turn's row of `rows` to `row` (kTake), or back. Rows are whole words.
template <class Word, bool kTake>
__global__ void __launch_bounds__(kThreads)
    move_row_kernel(Word* rows, Word* row, int64_t words, const Turns* turns, bool reverse) {
  Word* const here = rows + (reverse ? turns->limit - 1 - turns->done : turns->done) * words;
  for (int64_t i = first_element(); i < words; i += all_threads()) {
    if constexpr (kTake) {
      row[i] = here[i];
    } else {
      here[i] = row[i];
    }
  }
}
template <bool kTake>
void move_row(Queue& queue, void* rows, void* row, int64_t bytes, const Turns* turns, bool reverse) {
  if (bytes == 0) return;
  const auto start = [&](auto word) {
    using Word = decltype(word);
    const int64_t words = bytes / static_cast<int64_t>(sizeof(Word));
    launch(queue, {blocks_for(words, kThreads)}, {kThreads}, 0, move_row_kernel<Word, kTake>, static_cast<Word*>(rows),
           static_cast<Word*>(row), words, turns, reverse);
  };
  const bool aligned = reinterpret_cast<uintptr_t>(rows) % 8 == 0;
  aligned&& bytes % 8 == 0 ? start(uint64_t{}) : start(uint8_t{});
}

std::vector<int64_t> bytes_of(const View* views, size_t n, int64_t rows) {
  std::vector<int64_t> bytes;
  for (size_t i = 0; i < n; ++i) bytes.push_back(rows == 0 ? 0 : views[i].nbytes() / rows);
  return bytes;
}

}  // namespace

DeviceBlock& DeviceBlock::part(int64_t number) const {
  if (number < 0 || number >= static_cast<int64_t>(blocks_.size())) refuse("control flow names no block");
  return *blocks_[static_cast<size_t>(number)];
}

// A part of the graph that is noted, from here to end().
class DeviceBlock::Part {
 public:
  Part(Run& run, Decision decision, bool again) : queue_(run.queue), outside_(run.queue.stream) {
    expect(begin_part(outside_, decision, again, &inside_), "the beginning of a part of a graph");
    queue_.stream = inside_;
  }
  ~Part() {
    if (inside_ != nullptr) end_part(inside_);
    queue_.stream = outside_;
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  void end() {
    void* const inside = inside_;
    inside_ = nullptr;
    expect(end_part(inside), "the end of a part of a graph");
  }

 private:
  Queue& queue_;
  void *outside_, *inside_ = nullptr;
};

bool DeviceBlock::run_part(DeviceBlock& part, Run& run, char* memory, std::span<void* const> in,
                           std::span<void* const> out) {
  part.place(memory, in, {});
  if (!part.enqueue(run)) return false;
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t slot = part.spec().outputs[i];
    const int64_t bytes = part.spec().slots[static_cast<size_t>(slot)].view.nbytes();
    expect(queue_copy(out[i], part.data(slot), bytes, run.queue.stream), "a copy");
  }
  return true;
}

// ---- a choice: its memory is that of the branch taken

struct DeviceBlock::Choice {
  explicit Choice(const Step& step) : branches(step.call.ints, step.call.ints + step.call.n_ints) {
    for (size_t i = 1; i < step.in.size(); ++i) in.push_back(step.in[i].data);
    for (const View& view : step.out) out.push_back(view.data);
  }
  std::vector<int64_t> branches;
  std::vector<void*> in, out;
};

void DeviceBlock::plan_choice(const Step& step) {
  const Choice choice(step);
  if (step.in.empty() || choice.branches.empty()) refuse("a choice needs an index and a branch");
  decides_ = true;
  for (const int64_t number : choice.branches) {
    const DeviceBlock& branch = part(number);
    if (branch.spec().outputs.size() != step.out.size()) refuse("a branch gives other values");
    control_bytes_ = std::max(control_bytes_, branch.bytes());
    may_fault_ |= branch.may_fault();
    calls_host_ |= branch.calls_host_;
  }
}

bool DeviceBlock::choose(const Step& step, Run& run) {
  if (run.noted) return note_choice(step, run), true;
  if (run.met_fault()) return false;
  const Choice choice(step);
  const auto last = static_cast<int64_t>(choice.branches.size()) - 1;
  const int64_t index = std::clamp<int64_t>(run.ask<int32_t>(step.in[0].data), 0, last);
  return run_part(part(choice.branches[static_cast<size_t>(index)]), run, memory_ + control_, choice.in, choice.out);
}

// All is decided before a branch begins.
void DeviceBlock::note_choice(const Step& step, Run& run) {
  const Choice choice(step);
  const auto last = static_cast<int32_t>(choice.branches.size()) - 1;
  std::vector<Decision> taken(choice.branches.size());
  for (int32_t i = 0; i <= last; ++i) {
    Decision& decision = taken[static_cast<size_t>(i)];
    expect(make_decision(run.queue.stream, &decision), "a choice");
    launch(run.queue, {1}, {1}, 0, decide_branch_kernel, decision, step.in[0].as<const int32_t>(), i, last, run.fault);
  }
  expect(run.queue.error, "a choice");
  for (size_t i = 0; i < taken.size(); ++i) {
    Part branch(run, taken[i], false);
    run_part(part(choice.branches[i]), run, memory_ + control_, choice.in, choice.out);
    branch.end();
  }
}

// ---- a loop

// Its parts, and its memory: the condition's result, the condition, the body, and the second place of each carried
// value; where it is noted also its turns and the rows of one.
struct DeviceBlock::Loop {
  Loop(const DeviceBlock& block, const Step& step);

  DeviceBlock& body;
  DeviceBlock* const check;
  const int64_t length;
  const bool counted, reverse;
  const size_t n_carry, n_rows, n_fixed, n_stacks;
  const View *const fixed, *const carry, *const rows, *const last, *const stacks;
  const std::vector<int64_t> carry_bytes, row_bytes, stack_bytes;
  int64_t bytes = 0;

  bool decides() const { return counted || check != nullptr; }
  const int32_t* count() const { return counted ? rows[n_rows].as<const int32_t>() : nullptr; }
  char* at(int64_t offset) const { return memory + offset; }

  char* memory;
  int64_t yes, check_at, body_at, turns;
  std::vector<int64_t> second, row, stack;

 private:
  int64_t reserve(int64_t n) {
    const int64_t place = bytes;
    bytes += whole_units(n);
    return place;
  }
  std::vector<int64_t> reserve(const std::vector<int64_t>& each) {
    std::vector<int64_t> places;
    for (const int64_t n : each) places.push_back(reserve(n));
    return places;
  }
};

DeviceBlock::Loop::Loop(const DeviceBlock& block, const Step& step)
    : body(block.part(step.call.ints[0])),
      check(step.call.ints[1] == -1 ? nullptr : &block.part(step.call.ints[1])),
      length(step.call.ints[4]),
      counted(step.call.ints[5] != 0),
      reverse(step.call.ints[6] != 0),
      n_carry(static_cast<size_t>(step.call.ints[2])),
      n_rows(static_cast<size_t>(step.call.ints[3])),
      n_fixed(step.in.size() - static_cast<size_t>(counted) - n_carry - n_rows),
      n_stacks(step.out.size() - 1 - n_carry),
      fixed(step.in.data()),
      carry(fixed + n_fixed),
      rows(carry + n_carry),
      last(step.out.data() + 1),
      stacks(last + n_carry),
      carry_bytes(bytes_of(carry, n_carry, 1)),
      row_bytes(bytes_of(rows, n_rows, length)),
      stack_bytes(bytes_of(stacks, n_stacks, length)),
      memory(block.memory_ == nullptr ? nullptr : block.memory_ + block.control_) {
  yes = reserve(sizeof(bool));
  check_at = reserve(check == nullptr ? 0 : check->bytes());
  body_at = reserve(body.bytes());
  second = reserve(carry_bytes);
  turns = reserve(sizeof(Turns));
  if (!decides()) return;
  row = reserve(row_bytes);
  stack = reserve(stack_bytes);
}

void DeviceBlock::plan_loop(const Step& step) {
  if (step.call.n_ints != 7) refuse("a loop has 7 ints");
  const int64_t* const ints = step.call.ints;
  const int64_t fixed = static_cast<int64_t>(step.in.size()) - ints[5] - ints[2] - ints[3];
  const auto gives = static_cast<int64_t>(step.out.size());
  if (ints[2] < 0 || ints[3] < 0 || fixed < 0 || gives < 1 + ints[2] || ints[4] < -1 ||
      (ints[4] == -1 && ((ints[1] == -1 && ints[5] == 0) || ints[3] > 0 || gives > 1 + ints[2])) ||
      static_cast<int64_t>(part(ints[0]).spec().outputs.size()) != gives - 1) {
    refuse("the ints of a loop do not fit it");
  }
  const Loop loop(*this, step);
  decides_ |= loop.decides() || loop.body.decides_;
  may_fault_ |= loop.body.may_fault();
  calls_host_ |= loop.body.calls_host_;
  if (loop.check != nullptr) {
    if (loop.check->spec().outputs.size() != 1) refuse("a loop's condition gives one value");
    may_fault_ |= loop.check->may_fault();
    calls_host_ |= loop.check->calls_host_;
  }
  control_bytes_ = std::max(control_bytes_, loop.bytes);
}

bool DeviceBlock::repeat(const Step& step, Run& run) {
  const Loop loop(*this, step);
  if (run.noted && loop.decides()) return note_loop(step, run), true;
  int64_t limit = loop.length == -1 ? INT32_MAX : loop.length;
  if (loop.counted) {
    if (run.met_fault()) return false;
    limit = std::clamp<int64_t>(run.ask<int32_t>(loop.count()), 0, limit);
  }
  // The carry alternates between the outputs and the second places, so that the last of `limit` turns ends in the
  // outputs.
  const auto carried = [&](int64_t t, size_t i) -> void* {
    if (t == 0) return loop.carry[i].data;
    return (limit - t) % 2 == 0 ? loop.last[i].data : loop.at(loop.second[i]);
  };
  int64_t t = 0;
  for (;; ++t) {
    std::vector<void*> in, out;
    for (size_t i = 0; i < loop.n_fixed; ++i) in.push_back(loop.fixed[i].data);
    for (size_t i = 0; i < loop.n_carry; ++i) in.push_back(carried(t, i));
    if (t == limit) break;
    if (loop.check != nullptr) {
      void* const result[] = {loop.at(loop.yes)};
      if (!run_part(*loop.check, run, loop.at(loop.check_at), in, result)) return false;
      if (run.met_fault()) return false;
      if (!run.ask<bool>(result[0])) break;
    }
    const int64_t row = loop.reverse ? limit - 1 - t : t;
    for (size_t i = 0; i < loop.n_rows; ++i) in.push_back(loop.rows[i].as<char>() + row * loop.row_bytes[i]);
    for (size_t i = 0; i < loop.n_carry; ++i) out.push_back(carried(t + 1, i));
    for (size_t i = 0; i < loop.n_stacks; ++i) out.push_back(loop.stacks[i].as<char>() + row * loop.stack_bytes[i]);
    if (!run_part(loop.body, run, loop.at(loop.body_at), in, out)) return false;
  }
  launch(run.queue, {1}, {1}, 0, number_kernel, step.out[0].as<int32_t>(), static_cast<int32_t>(t));
  expect(run.queue.error, "a loop");
  for (size_t i = 0; i < loop.n_carry; ++i) {
    void* const last = carried(t, i);
    if (last == loop.last[i].data) continue;
    expect(queue_copy(loop.last[i].data, last, loop.carry_bytes[i], run.queue.stream), "a copy");
  }
  const int64_t from = loop.reverse ? limit : t;  // rows of turns that were not taken
  for (size_t i = 0; i < loop.n_stacks; ++i) {
    expect(queue_fill(loop.stacks[i].as<char>() + from * loop.stack_bytes[i], 0,
                      (loop.length - from) * loop.stack_bytes[i], run.queue.stream),
           "a fill");
  }
  return true;
}

// Every turn has the same addresses: the carry is read from the outputs, written to the second places, and copied back;
// rows come to one place and leave from one.
void DeviceBlock::note_loop(const Step& step, Run& run) {
  const Loop loop(*this, step);
  Turns* const turns = reinterpret_cast<Turns*>(loop.at(loop.turns));
  bool* const yes = loop.check == nullptr ? nullptr : reinterpret_cast<bool*>(loop.at(loop.yes));
  const auto copy = [&](void* to, const void* from, int64_t bytes) {
    expect(queue_copy(to, from, bytes, run.queue.stream), "a copy");
  };
  std::vector<void*> in, out;
  for (size_t i = 0; i < loop.n_fixed; ++i) in.push_back(loop.fixed[i].data);
  for (size_t i = 0; i < loop.n_carry; ++i) {
    in.push_back(loop.last[i].data);
    out.push_back(loop.at(loop.second[i]));
    copy(loop.last[i].data, loop.carry[i].data, loop.carry_bytes[i]);
  }
  std::vector<void*> in_turn = in;
  for (const int64_t row : loop.row) in_turn.push_back(loop.at(row));
  for (const int64_t row : loop.stack) out.push_back(loop.at(row));
  for (size_t i = 0; i < loop.n_stacks; ++i) {
    expect(queue_fill(loop.stacks[i].data, 0, loop.stacks[i].nbytes(), run.queue.stream), "a fill");
  }
  Decision again = 0;
  expect(make_decision(run.queue.stream, &again), "a loop");
  const auto decide_turn = [&] {
    if (loop.check != nullptr) {
      void* const result[] = {yes};
      run_part(*loop.check, run, loop.at(loop.check_at), in, result);
    }
    launch(run.queue, {1}, {1}, 0, decide_turn_kernel, again, turns, yes, run.fault);
    expect(run.queue.error, "a loop");
  };
  launch(run.queue, {1}, {1}, 0, begin_turns_kernel, turns, loop.count(),
         static_cast<int32_t>(loop.length == -1 ? INT32_MAX : std::min<int64_t>(loop.length, INT32_MAX)));
  decide_turn();
  {
    Part turn(run, again, true);
    for (size_t i = 0; i < loop.n_rows; ++i) {
      move_row<true>(run.queue, loop.rows[i].data, loop.at(loop.row[i]), loop.row_bytes[i], turns, loop.reverse);
    }
    run_part(loop.body, run, loop.at(loop.body_at), in_turn, out);
    for (size_t i = 0; i < loop.n_stacks; ++i) {
      move_row<false>(run.queue, loop.stacks[i].data, loop.at(loop.stack[i]), loop.stack_bytes[i], turns, loop.reverse);
    }
    for (size_t i = 0; i < loop.n_carry; ++i) copy(loop.last[i].data, out[i], loop.carry_bytes[i]);
    launch(run.queue, {1}, {1}, 0, end_turn_kernel, turns);
    decide_turn();
    turn.end();
  }
  copy(step.out[0].data, &turns->done, sizeof turns->done);
}

}  // namespace ckeras::cuda
