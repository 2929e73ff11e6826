#include "app/plan_flags.h"

#include <CLI/CLI.hpp>
#include <cmath>

#include "core/error.h"
#include "core/units.h"
#include "plan/unique_text.h"

namespace isoflop {
namespace {

// What money is spent on where no device was named.
constexpr const char* kDefaultDevice = "H100";

double positive(const std::string& text, const char* flag) {
  const double value = parse_quantity(text, flag);
  if (value > 0) return value;
  throw usage_error(std::string(flag) + ": " + text + ": must be above 0");
}

std::optional<double> maybe(const std::string& text, const char* flag) {
  if (text.empty()) return std::nullopt;
  return positive(text, flag);
}

std::optional<Fleet> fleet_of(const PlanFlags& flags) {
  if (flags.gpus.empty() && flags.money.empty()) {
    if (flags.price.empty() && flags.watts.empty()) return std::nullopt;
    throw usage_error("--price and --watts are a device's: name it with --gpus 8xH100");
  }
  Fleet fleet = parse_fleet(flags.gpus.empty() ? kDefaultDevice : flags.gpus);
  parse_precision(flags.precision);
  fleet.precision = flags.precision;
  fleet.mfu = flags.mfu;
  if (!flags.price.empty()) fleet.price = parse_money(flags.price, "--price");
  fleet.watts = maybe(flags.watts, "--watts");
  return fleet;
}

void fill_budget(const PlanFlags& flags, PlanRequest& request) {
  const bool rented = request.fleet && request.fleet->seconds;
  const int given = !flags.flops.empty() + !flags.money.empty() + !flags.loss.empty() + rented;
  if (given != 1) {
    throw usage_error(
        std::string("plan: ") + (given == 0 ? "no budget is given" : "several budgets are given") +
        ": give exactly one of --flops 5.76e23, --gpus 8xH100*24h, --money '$500' or --loss 2.0" +
        (given == 0 && request.fleet ? " (--gpus without a time only names the devices)" : ""));
  }
  if (!flags.flops.empty()) {
    request.flops = positive(flags.flops, "--flops");
    request.budget = {"flops", flags.flops};
  } else if (!flags.loss.empty()) {
    request.loss = positive(flags.loss, "--loss");
    request.budget = {"loss", flags.loss};
  } else if (!flags.money.empty()) {
    const double dollars = parse_money(flags.money, "--money");
    request.flops = flops_of_money(*request.fleet, dollars);
    request.budget = {"money", format_money(dollars)};
  } else {
    request.flops = flops_of_time(*request.fleet);
    request.budget = {"devices", flags.gpus};
  }
}

SurfaceSettings settings_of(const PlanFlags& flags) {
  if (flags.bytes_per_param &&
      !(*flags.bytes_per_param > 0 && std::isfinite(*flags.bytes_per_param))) {
    throw usage_error("--bytes-per-param: " + exact_number(*flags.bytes_per_param) +
                      ": must be positive and finite");
  }
  SurfaceSettings settings{.repeat_decay = flags.repeat_decay};
  if (!flags.unique.empty()) settings.unique_tokens = parse_unique_tokens(flags.unique);
  if (flags.experts.size() == 1) settings.experts = flags.experts.front();
  settings.granularity = flags.granularity;
  settings.sparsity = flags.sparsity;
  if (settings.experts && settings.sparsity) {
    throw usage_error("--experts and --sparsity both say how many experts are idle: give one");
  }
  return settings;
}

Device serving_device(const PlanFlags& flags, const PlanRequest& request) {
  if (!flags.serve_on.empty()) return require_device(flags.serve_on, "--serve-on");
  if (request.fleet) return request.fleet->device;
  throw usage_error("--latency: on which device? name it, as in --serve-on H100");
}

std::optional<SizeCap> cap_of(const PlanFlags& flags, const PlanRequest& request) {
  std::optional<SizeCap> cap;
  if (!flags.max_params.empty()) {
    tighten(cap, cap_of_params(positive(flags.max_params, "--max-params")));
  }
  if (!flags.memory.empty()) {
    const double bytes = parse_bytes(flags.memory, "--memory");
    SizeCap memory = cap_of_memory(bytes, flags.serve_precision, request.settings);
    if (flags.bytes_per_param) {
      memory.params = bytes / *flags.bytes_per_param / total_params(1, request.settings);
    }
    tighten(cap, memory);
  }
  if (!flags.latency.empty()) {
    tighten(cap, cap_of_latency(parse_duration(flags.latency, "--latency"),
                                serving_device(flags, request), 1, flags.serve_precision));
  }
  return cap;
}

void fill_inference(const PlanFlags& flags, PlanRequest& request) {
  request.inference_tokens = maybe(flags.inference, "--inference").value_or(0);
  request.fine_tune_tokens = maybe(flags.fine_tune, "--fine-tune").value_or(0);
  if (flags.inference_mfu == 0) return;
  if (!(flags.inference_mfu > 0 && flags.inference_mfu <= 1)) {
    throw usage_error("--inference-mfu: must be above 0 and at most 1, like 0.2");
  }
  request.inference_weight = flags.mfu / flags.inference_mfu;
}

void add_budgets(CLI::App* command, PlanFlags& flags) {
  auto* budget = command->add_option_group("Budget", "What there is to spend: one of these");
  budget->add_option("--flops", flags.flops, "FLOP: 5.76e23, 300E");
  budget->add_option("--gpus", flags.gpus,
                     "Devices and how long: 8xH100*24h; without a time, the devices that another "
                     "budget is spent on");
  budget->add_option("--money", flags.money, "US dollars: '$500', 1.2M; on an H100 unless --gpus");
  budget->add_option("--loss", flags.loss, "A loss to reach as cheaply as possible");
  command->add_option("--mfu", flags.mfu, "Share of the peak that training reaches; default 0.4");
  command->add_option("--precision", flags.precision,
                      "Of the training's arithmetic: bf16 (default), fp8, tf32, fp32");
  command->add_option("--price", flags.price,
                      "US dollars an hour of one device; default: a list's, with its date");
  command->add_option("--watts", flags.watts, "Of one device; default: its maker's");
}

void add_constraints(CLI::App* command, PlanFlags& flags) {
  auto* limits = command->add_option_group("Constraints", "What is fixed or limited");
  limits->add_option("--params", flags.params, "N is this");
  limits->add_option("--tokens", flags.tokens, "D is this");
  limits->add_option("--max-params", flags.max_params, "N is at most this");
  limits->add_option("--memory", flags.memory,
                     "Served weights fit into this: 80GB, at --serve-precision");
  limits->add_option("--latency", flags.latency, "Served alone, a token takes at most this: 20ms");
  limits->add_option("--serve-on", flags.serve_on,
                     "The device of --latency; default: that of --gpus");
  limits->add_option("--serve-precision", flags.serve_precision,
                     "Of served weights: bf16 (default), fp8, fp32");
  limits->add_option("--memory-per-device", flags.memory_per_device,
                     "Say how many devices of this memory training needs: 80GB");
  limits->add_option("--unique", flags.unique,
                     "Unique tokens there are: 3.2T, or counted, quality-low, quality, crawl, web "
                     "(docs/plan.md); more are repeats");
  limits->add_option("--repeat-decay", flags.repeat_decay,
                     "How slowly repeats lose their worth, in passes; default 15.39");
  limits->add_option("--inference", flags.inference,
                     "Tokens that the model will serve in its life");
  limits->add_option("--inference-mfu", flags.inference_mfu,
                     "Share of the peak in serving; default: --mfu");
  limits->add_option("--fine-tune", flags.fine_tune, "Tokens of fine-tuning, paid like training");
  limits
      ->add_option("--experts", flags.experts,
                   "Experts of a sparse law; several are compared: 1,8,64. Default: those that the "
                   "law was fitted to")
      ->delimiter(',');
  limits->add_option("--bytes-per-param", flags.bytes_per_param,
                     "What --memory holds of each parameter; default: --serve-precision's (bf16: "
                     "2); 16 is training with AdamW");
  limits->add_option("--granularity", flags.granularity, "How fine the experts are, for such laws");
  limits->add_option("--sparsity", flags.sparsity,
                     "Share of experts that a token passes by: 1 - k / E");
}

}  // namespace

PlanRequest PlanFlags::request(const LawFit& fit) const {
  PlanRequest request;
  parse_precision(precision);
  parse_precision(serve_precision);
  request.fleet = fleet_of(*this);
  fill_budget(*this, request);
  request.params = maybe(params, "--params");
  request.tokens = maybe(tokens, "--tokens");
  request.settings = settled(fit, settings_of(*this));
  request.serve_precision = serve_precision;
  request.cap = cap_of(*this, request);
  fill_inference(*this, request);
  request.memory = !memory.empty();
  if (!memory_per_device.empty()) {
    request.memory_per_device = parse_bytes(memory_per_device, "--memory-per-device");
  }
  request.iso_loss = iso_loss || !sizes.empty();
  for (const std::string& size : sizes) request.iso_params.push_back(positive(size, "--sizes"));
  request.options.extra_compute = extra_compute;
  request.options.vocab = vocab;
  request.options.context = context;
  return request;
}

namespace {

// What a comparison at a budget has no answer for.
void check_compares(const PlanFlags& flags) {
  const std::pair<const char*, bool> given[] = {
      {"--loss", !flags.loss.empty()},
      {"--params", !flags.params.empty()},
      {"--tokens", !flags.tokens.empty()},
      {"--max-params", !flags.max_params.empty()},
      {"--latency", !flags.latency.empty()},
      {"--memory-per-device", !flags.memory_per_device.empty()},
      {"--sparsity", flags.sparsity.has_value()},
      {"--iso-loss", flags.iso_loss},
      {"--sizes", !flags.sizes.empty()}};
  for (const auto& [flag, is_given] : given) {
    if (!is_given) continue;
    throw usage_error(std::string(flag) +
                      ": several numbers of experts are compared at a budget, and it is not of "
                      "that: leave it out, or give one --experts 8");
  }
}

}  // namespace

bool PlanFlags::compares_experts(const LawFit& fit) const {
  return experts.size() > 1 || (is_sparse_law(fit) && experts.empty() && !sparsity);
}

SparseRequest PlanFlags::sparse_request(const LawFit& fit) const {
  check_compares(*this);
  PlanFlags plain = *this;
  plain.experts.clear();
  plain.memory.clear();
  const PlanRequest budget = plain.request(fit);
  SparseRequest request{
      .flops = *budget.flops,
      .experts = experts,
      .granularity = budget.settings.granularity,
      .unique_tokens = budget.settings.unique_tokens,
      .repeat_decay = repeat_decay,
      .extra_tokens =
          budget.fine_tune_tokens + budget.inference_weight * budget.inference_tokens / 3,
      .bytes_per_param = bytes_per_param ? *bytes_per_param : bytes_of(serve_precision)};
  if (!memory.empty()) request.memory_bytes = parse_bytes(memory, "--memory");
  return request;
}

void add_plan_flags(CLI::App* command, PlanFlags& flags) {
  add_budgets(command, flags);
  add_constraints(command, flags);
  command->add_flag("--iso-loss", flags.iso_loss, "What other sizes need for the plan's loss");
  command->add_option("--sizes", flags.sizes, "Which sizes: 100M,1B,7B")->delimiter(',');
  command->add_option("--near", flags.extra_compute,
                      "Extra compute that the near-optimal band may cost; default 0.05");
  command->add_option("--vocab", flags.vocab,
                      "Vocabulary of the shape; default: the fitted runs', else 32000");
  command->add_option("--context", flags.context,
                      "Context of the shape; default: the fitted runs', else 2048");
}

}  // namespace isoflop
