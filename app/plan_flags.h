// What `isoflop plan` was asked, as a request to plan/make_plan.h.
#ifndef ISOFLOP_APP_PLAN_FLAGS_H_
#define ISOFLOP_APP_PLAN_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plan/make_plan.h"
#include "plan/sparse_plan.h"

namespace CLI {
class App;
}

namespace isoflop {

struct PlanFlags {
  // The budget: exactly one of --flops, --gpus with a time, --money, --loss.
  std::string flops, gpus, money, loss;
  std::string precision = "bf16";
  double mfu = 0.4;
  std::string price, watts;

  std::string params, tokens;
  std::string max_params, memory, latency, memory_per_device;
  std::string serve_precision = "bf16";
  std::string serve_on;  // a device; empty: that of --gpus
  std::string unique;
  double repeat_decay = kRepeatDecay;
  std::string inference, fine_tune;
  double inference_mfu = 0;     // 0: training's
  std::vector<double> experts;  // several are compared
  std::optional<double> granularity, sparsity;
  std::optional<double> bytes_per_param;  // absent: --serve-precision's

  bool iso_loss = false;
  std::vector<std::string> sizes;
  double extra_compute = 0.05;
  std::optional<std::int64_t> vocab, context;

  // What is asked of a law. Throws Error(kUsage) naming the flag.
  PlanRequest request(const LawFit& fit) const;
  // Where dense and sparse models are compared; flags that mean nothing there are errors.
  SparseRequest sparse_request(const LawFit& fit) const;
  // Several --experts, or a law of experts and neither --experts nor --sparsity.
  bool compares_experts(const LawFit& fit) const;
};

void add_plan_flags(CLI::App* command, PlanFlags& flags);

}  // namespace isoflop

#endif  // ISOFLOP_APP_PLAN_FLAGS_H_
