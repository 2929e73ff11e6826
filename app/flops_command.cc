// isoflop flops: what a model costs, by component and under every convention.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "app/commands.h"
#include "app/output.h"
#include "core/error.h"
#include "core/flop_parts.h"
#include "core/flops.h"
#include "core/shape_rule.h"
#include "core/units.h"
#include "io/json.h"

namespace isoflop {
namespace {

struct FlopsFlags {
  std::string params, tokens, tokens_per_param;
  std::int64_t layers = 0, width = 0, heads = 0, head_size = 0, hidden = 0;  // 0: by the rule
  std::int64_t vocab = 32000, context = 2048;
  std::int64_t experts = 0, experts_per_token = 1, granularity = 1, shared_experts = 0;
  std::string feed_forward = "gelu", norm = "rms", positions = "rotary",
              objective = "autoregressive";
  bool untied = false, no_qk_norm = false;
  OutputFormat format;
};

// A model, the N that was asked for (its own where a shape was given) and how long it trains. N of
// a model with experts is that of the dense one whose feed-forward they replace. FLOPs are the
// shape's for each parameter, times N, as fits continue f(N).
struct CostedModel {
  ModelConfig config;
  double params = 0;
  std::optional<double> tokens;

  // All, and those that a token passes through.
  double own_params() const { return static_cast<double>(count_params(config).total()); }
  double active_params() const { return static_cast<double>(count_params(config).active()); }
  double dense_params() const {
    ModelConfig dense = config;
    dense.experts = 0;
    return static_cast<double>(count_params(dense).total());
  }
  double flops_per_token(FlopConvention convention) const {
    return train_flops_per_token(config, convention) * (params / dense_params());
  }
};

ModelConfig base_of(const FlopsFlags& flags) {
  return {
      .vocab = flags.vocab,
      .context = flags.context,
      .positions = flags.positions == "learned" ? Positions::kLearned : Positions::kRotary,
      .norm = flags.norm == "layer" ? Norm::kLayerNorm : Norm::kRmsNorm,
      .feed_forward = flags.feed_forward == "swiglu" ? FeedForward::kSwiglu : FeedForward::kGelu,
      .tied_head = !flags.untied,
      .qk_norm = !flags.no_qk_norm,
      .objective = flags.objective == "masked" ? Objective::kMasked : Objective::kAutoregressive,
      .experts = flags.experts,
      .experts_per_token = flags.experts_per_token,
      .granularity = flags.granularity,
      .shared_experts = flags.shared_experts};
}

double positive_quantity(const std::string& text, const char* flag) {
  const double value = parse_quantity(text, flag);
  if (value > 0) return value;
  throw usage_error(std::string(flag) + ": " + text + ": must be above 0");
}

// What the rule chooses, but for what was said.
ModelConfig shape_of(const FlopsFlags& flags) {
  ModelConfig config =
      flags.width > 0
          ? shape_for_width(flags.width, base_of(flags))
          : shape_for_params(positive_quantity(flags.params, "--params"), base_of(flags));
  if (flags.layers > 0) config.layers = flags.layers;
  if (flags.heads > 0 && flags.head_size == 0 && config.width % flags.heads != 0) {
    throw usage_error("--heads: " + std::to_string(flags.heads) +
                      " heads do not divide a width of " + std::to_string(config.width) +
                      ": give another number, or --head-size");
  }
  if (flags.heads > 0) config.heads = flags.heads;
  if (flags.heads > 0) config.head_size = config.width / flags.heads;
  if (flags.head_size > 0) config.head_size = flags.head_size;
  if (flags.head_size > 0 && flags.heads == 0) {
    config.heads = std::max<std::int64_t>(1, config.width / flags.head_size);
  }
  if (flags.hidden > 0) config.hidden = flags.hidden;
  validate(config);
  return config;
}

CostedModel model_of(const FlopsFlags& flags) {
  const bool shaped = flags.width > 0;
  const bool details =
      flags.layers > 0 || flags.heads > 0 || flags.head_size > 0 || flags.hidden > 0;
  if (shaped != flags.params.empty()) {
    throw usage_error(
        "flops: give the model, either its parameters or its shape: isoflop flops --params 124M, "
        "or isoflop flops --layers 12 --width 768");
  }
  if (details && !shaped) {
    throw usage_error(
        "flops: --layers, --heads, --head-size and --hidden are a shape's: give --width as well, "
        "as in isoflop flops --layers 12 --width 768");
  }
  CostedModel model{.config = shape_of(flags)};
  model.params = shaped ? model.dense_params() : positive_quantity(flags.params, "--params");
  if (!flags.tokens.empty()) model.tokens = positive_quantity(flags.tokens, "--tokens");
  if (!flags.tokens_per_param.empty()) {
    model.tokens = model.params * (model.active_params() / model.dense_params()) *
                   positive_quantity(flags.tokens_per_param, "--tokens-per-param");
  }
  return model;
}

std::string percent_of(double part, double whole) {
  return whole > 0 && part > 0 ? format_quantity(100 * part / whole) + " %" : "";
}

TextTable parts_table(const CostedModel& model) {
  TextTable table{{"component", "parameters", "of N", "FLOP per token", "of all"}, {}};
  const double flops = train_flops_per_token(model.config, FlopConvention::kExact);
  for (const FlopPart& part : flop_parts(model.config)) {
    const auto params = static_cast<double>(part.params);
    if (params == 0 && part.flops == 0) continue;
    table.rows.push_back({part.name, params > 0 ? format_quantity(params) : "",
                          percent_of(params, model.own_params()),
                          part.flops > 0 ? format_flops(part.flops) : "",
                          percent_of(part.flops, flops)});
  }
  table.rows.push_back(
      {"all", format_quantity(model.own_params()), "100 %", format_flops(flops), "100 %"});
  if (model.config.sparse()) {
    table.rows.push_back({"active", format_quantity(model.active_params()),
                          percent_of(model.active_params(), model.own_params()), "", ""});
  }
  return table;
}

TextTable convention_table(const CostedModel& model, bool exact) {
  TextTable table{{"convention", "flops_per_token", "over_6n"}, {}};
  if (model.tokens) table.columns.push_back("flops");
  const auto number = exact ? exact_number : format_flops;
  const double six = model.flops_per_token(FlopConvention::k6nd);
  for (const FlopConvention convention : all_flop_conventions()) {
    const double flops = model.flops_per_token(convention);
    std::vector<std::string> row{std::string(name_of(convention)), number(flops),
                                 exact ? exact_number(flops / six) : format_quantity(flops / six)};
    if (model.tokens) row.push_back(number(flops * *model.tokens));
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string flops_json(const CostedModel& model) {
  const ModelConfig& m = model.config;
  Json json = {{"params", model.params},
               {"shape",
                {{"name", shape_name(m)},
                 {"params", count_params(m).total()},
                 {"active_params", count_params(m).active()},
                 {"non_embedding", count_params(m).non_embedding()},
                 {"vocab", m.vocab},
                 {"context", m.context},
                 {"layers", m.layers},
                 {"width", m.width},
                 {"heads", m.heads},
                 {"head_size", m.head_size},
                 {"hidden", m.hidden}}},
               {"components", Json::array()},
               {"flops_per_token", Json::object()}};
  if (m.sparse()) {
    json["shape"]["experts"] = m.experts;
    json["shape"]["experts_per_token"] = m.experts_per_token;
    json["shape"]["granularity"] = m.granularity;
    json["shape"]["shared_experts"] = m.shared_experts;
  }
  if (m.masked()) json["shape"]["objective"] = "masked";
  if (model.tokens) json["tokens"] = *model.tokens;
  for (const FlopPart& part : flop_parts(m)) {
    json["components"].push_back(
        {{"name", part.name}, {"params", part.params}, {"flops_per_token", part.flops}});
  }
  for (const FlopConvention convention : all_flop_conventions()) {
    const std::string name(name_of(convention));
    const double flops = model.flops_per_token(convention);
    json["flops_per_token"][name] = flops;
    if (model.tokens) json["flops"][name] = flops * *model.tokens;
  }
  return json_text(json);
}

std::string flops_headline(const CostedModel& model) {
  const double six = model.flops_per_token(FlopConvention::k6nd);
  const double exact = model.flops_per_token(FlopConvention::kExact);
  std::string text = "N " + format_quantity(model.params);
  if (model.config.sparse()) {
    const double times = model.params / model.dense_params();
    text += " dense, with experts " + format_quantity(times * model.own_params()) + " in all and " +
            format_quantity(times * model.active_params()) + " active";
  }
  text += ": " + format_flops(six) + " FLOP per token by 6 N, " + format_flops(exact) + " exact";
  if (model.tokens) {
    text += "; D " + format_quantity(*model.tokens) + ": C " + format_flops(six * *model.tokens) +
            " by 6 N D, " + format_flops(exact * *model.tokens) + " exact";
  }
  return text + "\n";
}

std::string flops_text(const CostedModel& model, bool markdown) {
  const auto table = [&](const TextTable& t) {
    return markdown ? markdown_text(t) : aligned_text(t);
  };
  const ModelConfig& m = model.config;
  std::string text = flops_headline(model) + "shape " + shape_name(m) + ", vocabulary " +
                     std::to_string(m.vocab) + ", context " + std::to_string(m.context) + ": " +
                     format_quantity(model.own_params()) + " parameters, " +
                     format_quantity(static_cast<double>(count_params(m).non_embedding())) +
                     " without embedding and head\n\n";
  text += table(parts_table(model)) + "\n" + table(convention_table(model, false));
  return text + "\nby component: the shape's, convention exact; by convention: for N " +
         format_quantity(model.params) + (m.sparse() ? " dense, of what is active" : "") +
         (m.masked() ? ", the head at the " + std::to_string(predictions_per_window(m)) + " of " +
                           std::to_string(m.context) + " tokens that are predicted"
                     : "") +
         "; docs/grid.md says what each one counts\n";
}

void run_flops(const FlopsFlags& flags) {
  const CostedModel model = model_of(flags);
  if (flags.format.json) return print(flops_json(model));
  if (flags.format.csv) return print(table_text(convention_table(model, true), flags.format));
  print(flops_text(model, flags.format.markdown));
}

void add_shape_flags(CLI::App* command, FlopsFlags& flags) {
  auto* shape = command->add_option_group("Shape", "What is not said is chosen by the shape rule");
  const auto count = [&](const char* name, std::int64_t& into, const char* about) {
    shape->add_option(name, into, about)->check(CLI::PositiveNumber);
  };
  count("--layers", flags.layers, "Layers");
  count("--width", flags.width, "Width of the model");
  count("--heads", flags.heads, "Heads of attention");
  count("--head-size", flags.head_size, "Width of a head");
  count("--hidden", flags.hidden, "Width of the feed-forward");
  count("--vocab", flags.vocab, "Vocabulary; default 32000");
  count("--context", flags.context, "Tokens of a sequence; default 2048");
  count("--experts", flags.experts, "Experts in the feed-forward's place; default none (dense)");
  count("--experts-per-token", flags.experts_per_token, "Of which a token passes through; 1");
  count("--granularity", flags.granularity, "How many times narrower an expert is; default 1");
  count("--shared-experts", flags.shared_experts, "That every token passes through; default 0");
  shape
      ->add_option("--objective", flags.objective,
                   "masked: both ways, the head at 15 % of the tokens; default autoregressive")
      ->check(CLI::IsMember({"autoregressive", "masked"}));
  shape->add_option("--feed-forward", flags.feed_forward, "Two matrices or three; default gelu")
      ->check(CLI::IsMember({"gelu", "swiglu"}));
  shape->add_option("--norm", flags.norm, "RMSNorm or LayerNorm; default rms")
      ->check(CLI::IsMember({"rms", "layer"}));
  shape->add_option("--positions", flags.positions, "Default rotary; learned ones have parameters")
      ->check(CLI::IsMember({"rotary", "learned"}));
  shape->add_flag("--untied", flags.untied, "The head has parameters of its own");
  shape->add_flag("--no-qk-norm", flags.no_qk_norm, "Queries and keys are not normalised");
}

}  // namespace

void add_flops_command(CLI::App& app) {
  auto flags = std::make_shared<FlopsFlags>();
  CLI::App* command = app.add_subcommand(
      "flops", "What a model costs: parameters and FLOPs by component, under every convention");
  command->footer(
      "  isoflop flops --params 124M --tokens 2.5B\n"
      "  isoflop flops --layers 12 --width 768 --vocab 50257 --context 1024 --tokens-per-param 20\n"
      "  isoflop flops --params 124M --experts 64 --experts-per-token 2\n"
      "  isoflop flops --params 7B --feed-forward swiglu --json");
  command->add_option("--params", flags->params, "Parameters; the shape rule finds a shape");
  auto* tokens = command->add_option("--tokens", flags->tokens, "Tokens to train on, for C");
  command
      ->add_option("--tokens-per-param", flags->tokens_per_param, "Or so many for each parameter")
      ->excludes(tokens);
  add_shape_flags(command, *flags);
  add_format_flags(command, flags->format);
  command->callback([flags] { run_flops(*flags); });
}

}  // namespace isoflop
