#include "trainer/step_runner.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

namespace isoflop {
namespace {

class HostSteps : public StepRunner {
 public:
  HostSteps(TransformerImpl& model, AdamW& optimizer, DataParallel& parallel, double clip)
      : model_(model), optimizer_(optimizer), parallel_(parallel), clip_(clip) {}

  void begin() override {
    optimizer_.zero_gradients();
    result_ = {};
  }
  void go_on(const BatchLosses& so_far) override { result_ = {.losses = so_far}; }

  void add(const TokenBatch& batch, double share) override {
    const BatchLosses part = model_.add_gradients(batch, share);
    BatchLosses& sum = result_.losses;
    sum.loss += share * part.loss;
    sum.next_sentence += share * part.next_sentence;
    add_share(sum.router, part.router, share);
  }

  BatchLosses losses() override { return result_.losses; }

  void update(double rate) override {
    result_.norm = parallel_.clip_gradients(clip_);
    if (std::isfinite(result_.losses.loss) && std::isfinite(result_.norm)) parallel_.step(rate);
  }

  StepResult result() override { return result_; }

 private:
  TransformerImpl& model_;
  AdamW& optimizer_;
  DataParallel& parallel_;
  double clip_;
  StepResult result_;
};

class DeviceSteps : public StepRunner {
 public:
  DeviceSteps(TransformerImpl& model, AdamW& optimizer, std::unique_ptr<StepRecorder> recorder)
      : model_(model), optimizer_(optimizer), recorder_(std::move(recorder)) {
    const torch::Tensor any = model.parameters().at(0);
    device_ = any.device();
    const auto numbers = torch::TensorOptions().dtype(torch::kFloat32).device(device_);
    const std::int64_t count = loss_numbers(model.config());
    sums_ = torch::zeros({count}, numbers);
    rate_ = torch::zeros({}, numbers);
    results_ = torch::zeros({count + 1}, numbers);
    results_here_ = torch::zeros({count + 1}, numbers.device(torch::kCPU).pinned_memory(on_gpu()));
  }

  void begin() override {
    if (is_clean_) return;
    optimizer_.zero_gradients();
    sums_.zero_();
  }

  void go_on(const BatchLosses& so_far) override {
    std::vector<double> numbers = numbers_of(so_far);
    numbers.resize(static_cast<std::size_t>(sums_.numel()));
    sums_.copy_(torch::tensor(numbers, torch::kFloat32));
    is_clean_ = false;
  }

  void add(const TokenBatch& batch, double share) override {
    is_clean_ = false;
    std::vector<std::int32_t> values = packed(batch, model_.config());
    Place& place = place_for(batch, values.size(), share);
    auto here = torch::from_blob(values.data(), {place.values.numel()}, torch::kInt32);
    if (on_gpu()) here = here.pin_memory();  // kept until the copy is done
    place.values.copy_(here, /*non_blocking=*/true);
    recorder_->run(place.key, [this, &place, share, rows = batch.sequences, length = batch.length] {
      const DeviceBatch there =
          unpacked(place.values.to(torch::kInt64), rows, length, model_.config());
      sums_.add_(model_.add_gradients(there, share), share);
    });
  }

  BatchLosses losses() override {
    const torch::Tensor here = sums_.to(torch::kCPU, torch::kFloat64);
    return batch_losses({here.data_ptr<double>(), static_cast<std::size_t>(here.numel())});
  }

  void update(double rate) override {
    rate_.fill_(rate);
    recorder_->run(kUpdate, [this] {
      torch::NoGradGuard no_grad;
      const torch::Tensor norm = optimizer_.update(rate_);
      results_.copy_(torch::cat({sums_, norm.view(1)}));
      sums_.zero_();
      optimizer_.zero_gradients();
    });
    is_clean_ = true;
    results_here_.copy_(results_, /*non_blocking=*/true);
  }

  StepResult result() override {
    if (on_gpu()) {
      const c10::impl::VirtualGuardImpl guard(device_.type());
      guard.getStream(device_).synchronize();
    }
    const auto* first = results_here_.data_ptr<float>();
    const std::vector<double> numbers(first, first + results_here_.numel());
    return {.losses = batch_losses(std::span(numbers).first(numbers.size() - 1)),
            .norm = numbers.back()};
  }

  std::string note() const override { return recorder_->note(); }

 private:
  static constexpr std::int64_t kUpdate = -1;

  // Where micro-batches of one shape and share are put.
  struct Place {
    std::int64_t key = 0;
    torch::Tensor values;
  };

  bool on_gpu() const { return !device_.is_cpu(); }

  Place& place_for(const TokenBatch& batch, std::size_t size, double share) {
    Place& place = places_[{batch.sequences, size, share}];
    if (!place.values.defined()) {
      place.key = static_cast<std::int64_t>(places_.size());
      place.values = torch::zeros({static_cast<std::int64_t>(size)},
                                  torch::dtype(torch::kInt32).device(device_));
    }
    return place;
  }

  TransformerImpl& model_;
  AdamW& optimizer_;
  std::unique_ptr<StepRecorder> recorder_;
  torch::Device device_ = torch::kCPU;
  std::map<std::tuple<std::int64_t, std::size_t, double>, Place> places_;
  torch::Tensor sums_;                    // share x losses, of this step
  torch::Tensor rate_;                    // of the update
  torch::Tensor results_, results_here_;  // sums and norm; here: on the host
  bool is_clean_ = false;                 // no gradients, no sums: the update leaves it so
};

}  // namespace

std::unique_ptr<StepRunner> host_steps(TransformerImpl& model, AdamW& optimizer,
                                       DataParallel& parallel, double clip) {
  return std::make_unique<HostSteps>(model, optimizer, parallel, clip);
}

std::unique_ptr<StepRunner> device_steps(TransformerImpl& model, AdamW& optimizer,
                                         std::unique_ptr<StepRecorder> recorder) {
  return std::make_unique<DeviceSteps>(model, optimizer, std::move(recorder));
}

}  // namespace isoflop
