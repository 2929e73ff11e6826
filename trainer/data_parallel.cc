#include "trainer/data_parallel.h"

#include <utility>

namespace isoflop {
namespace {

constexpr std::size_t kDecisions = 3;

// A vote as numbers whose sums over all are its result.
std::vector<double> numbers_of(const StepVote& vote) {
  std::vector<double> numbers = vote.sums;
  for (const bool wish : {vote.stop, vote.save, vote.out_of_time}) numbers.push_back(wish ? 1 : 0);
  return numbers;
}

StepVote vote_of(const std::vector<double>& numbers) {
  const std::size_t sums = numbers.size() - kDecisions;
  return {.sums = {numbers.begin(), numbers.end() - kDecisions},
          .stop = numbers[sums] > 0,
          .save = numbers[sums + 1] > 0,
          .out_of_time = numbers[sums + 2] > 0};
}

torch::Tensor view_of(std::vector<double>& values) {
  return torch::from_blob(values.data(), {static_cast<std::int64_t>(values.size())},
                          torch::kFloat64);
}

}  // namespace

AdamWShard DataParallel::shard_of(const Ranks& ranks, const DataParallelOptions& options) {
  if (!options.sharded) return {};
  return {.rank = ranks.rank(), .world = ranks.world()};
}

DataParallel::DataParallel(Ranks& ranks, AdamW& optimizer,
                           const std::vector<ParameterGroup>& groups,
                           const DataParallelOptions& options)
    : ranks_(ranks), optimizer_(optimizer) {
  if (ranks.is_alone()) return;
  if (options.sharded) {
    sharded_.emplace(optimizer, ranks);
  } else {
    gradients_.emplace(ranks, groups, optimizer.flat_gradients(), options.sum);
  }
}

void DataParallel::expect_gradients() {
  if (gradients_) gradients_->begin();
}

StepVote DataParallel::sum(StepVote own) {
  if (ranks_.is_alone()) return own;
  if (gradients_) gradients_->send_rest();
  std::vector<double> numbers = numbers_of(own);
  const auto wait_for_votes = ranks_.all_reduce(view_of(numbers));
  if (gradients_) {
    gradients_->wait();
  } else {
    sharded_->sum_gradients();
  }
  wait_for_votes();
  return vote_of(numbers);
}

double DataParallel::clip_gradients(double clip) {
  return sharded_ ? sharded_->clip_gradients(clip) : optimizer_.clip_gradients(clip);
}

void DataParallel::step(double rate) {
  optimizer_.step(rate);
  if (sharded_) sharded_->gather_weights();
}

AdamW::State DataParallel::state() {
  if (sharded_) return sharded_->state();
  return ranks_.is_first() ? optimizer_.state() : AdamW::State();
}

void DataParallel::restore(AdamW::State& state, std::int64_t steps_done) {
  for (std::vector<float>* values : {&state.weights, &state.means, &state.squares}) {
    if (!ranks_.is_first()) values->resize(static_cast<std::size_t>(optimizer_.size()));
    ranks_.broadcast(torch::from_blob(values->data(), {static_cast<std::int64_t>(values->size())},
                                      torch::kFloat32));
  }
  optimizer_.restore(state, steps_done);
}

}  // namespace isoflop
