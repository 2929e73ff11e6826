#include "fit/form_determined.h"

#include <Eigen/Core>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <optional>

#include "core/error.h"
#include "fit/form_problem.h"
#include "law/law_point.h"

namespace isoflop {
namespace {

constexpr int kPlaces = 7;
// A column that others explain to this share of its length. Rounding leaves some 1e-14; sizes that
// differ by 1 part in 1e6 leave 1e-6.
constexpr double kExplained = 1e-9;
constexpr double kNothing = 1e-14;  // of the logarithm of a prediction, over a whole start range
constexpr double kSameCoordinate = 1e-9;  // relative

// Somewhere in the start ranges, inside of them.
std::vector<double> place_in(const FormProblem& problem, int place) {
  std::vector<double> u;
  for (std::size_t c = 0; c < problem.free(); ++c) {
    const FormCoordinate& coordinate = problem.coordinates[c];
    // Irrational steps of another length in each coordinate.
    const double x = (place + 1) * std::sqrt(2.0 + 3 * static_cast<double>(c));
    const double share = 0.1 + 0.8 * (x - std::floor(x));
    u.push_back(coordinate.start_low + share * (coordinate.start_high - coordinate.start_low));
  }
  return u;
}

// Residuals by coordinates, with a row for each prior; empty where the form has no value.
std::optional<Eigen::MatrixXd> jacobian_at(const FormProblem& problem,
                                           const std::vector<double>& u) {
  const std::vector<double> values = form_values(problem, u);
  const auto q = static_cast<Eigen::Index>(problem.free());
  const auto n = static_cast<Eigen::Index>(problem.size());
  Eigen::MatrixXd out =
      Eigen::MatrixXd::Zero(n + static_cast<Eigen::Index>(problem.priors.size()), q);
  Eigen::VectorXd row(q);
  std::vector<double> scratch;
  for (Eigen::Index i = 0; i < n; ++i) {
    const double r =
        form_residual(problem, static_cast<std::size_t>(i), values, row.data(), scratch);
    if (std::isnan(r)) return std::nullopt;
    out.row(i) = row;
  }
  for (std::size_t k = 0; k < problem.priors.size(); ++k) {
    const PriorResidual prior = prior_residual(problem, problem.priors[k], values);
    if (prior.coordinate < 0) continue;
    // As long as what the rows say: a prior counts, however wide it is.
    const double length = out.col(prior.coordinate).head(n).norm();
    out(n + static_cast<Eigen::Index>(k), prior.coordinate) = length > 0 ? length : 1;
  }
  // By what the start range of each makes of the prediction: whatever its unit.
  for (Eigen::Index c = 0; c < q; ++c) {
    const FormCoordinate& coordinate = problem.coordinates[static_cast<std::size_t>(c)];
    out.col(c) *= coordinate.start_high - coordinate.start_low;
  }
  if (!out.allFinite()) return std::nullopt;
  return out;
}

// Columns that are combinations of the others. Their triangle has the same ones in fewer rows.
std::vector<bool> explained_columns(const Eigen::MatrixXd& jacobian) {
  const Eigen::Index q = jacobian.cols();
  Eigen::MatrixXd scaled = Eigen::MatrixXd::Zero(std::max(q, jacobian.rows()), q);
  scaled.topRows(jacobian.rows()) = jacobian;
  std::vector<bool> out(static_cast<std::size_t>(q), false);
  for (Eigen::Index c = 0; c < q; ++c) {
    const double length = scaled.col(c).norm();
    out[static_cast<std::size_t>(c)] = length <= kNothing;
    scaled.col(c) /= length <= kNothing ? std::numeric_limits<double>::infinity() : length;
  }
  const Eigen::MatrixXd triangle = Eigen::HouseholderQR<Eigen::MatrixXd>(scaled)
                                       .matrixQR()
                                       .topRows(q)
                                       .triangularView<Eigen::Upper>();
  for (Eigen::Index c = 0; c < q; ++c) {
    if (out[static_cast<std::size_t>(c)]) continue;
    Eigen::MatrixXd others = triangle;
    others.col(c).setZero();
    Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(others);
    qr.setThreshold(kExplained);
    const Eigen::VectorXd left = triangle.col(c) - others * qr.solve(triangle.col(c));
    out[static_cast<std::size_t>(c)] = left.norm() <= kExplained;
  }
  return out;
}

bool takes_one_value(std::span<const Observation> rows, std::string_view name) {
  const double first = coordinate(rows.front(), name).value_or(0);
  return std::all_of(rows.begin(), rows.end(), [&](const Observation& row) {
    return std::abs(coordinate(row, name).value_or(0) - first) <= kSameCoordinate * std::abs(first);
  });
}

// What the form looks at and the rows do not vary.
std::string constant_coordinates(const LawForm& form, std::span<const Observation> rows) {
  std::vector<std::string_view> names = form.needs;
  for (const FormParameter& parameter : form.parameters) names.push_back(parameter.only_with);
  std::string out;
  for (auto name = names.begin(); name != names.end(); ++name) {
    const bool again = std::find(names.begin(), name, *name) != name;
    if (name->empty() || again || !coordinate(rows.front(), *name)) continue;
    if (takes_one_value(rows, *name)) out += (out.empty() ? "" : " and ") + std::string(*name);
  }
  return out;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  }
  return out;
}

bool repeats_data(const Observation& row) {
  const double unique = law_point(row).unique_tokens;
  return row.tokens > unique * (1 + kSameCoordinate);
}

// Parameters of the law of repeated data that are free and without a prior.
std::vector<std::string> free_repetition(const LawForm& form,
                                         std::span<const ParameterConstraint> constraints) {
  std::vector<std::string> out;
  for (const FormParameter& parameter : form.parameters) {
    if (parameter.name != "R_D" && parameter.name != "R_N") continue;
    const bool said = std::any_of(constraints.begin(), constraints.end(), [&](const auto& c) {
      return c.name == parameter.name && (c.fixed || c.prior_mean || c.tied_to);
    });
    if (!said) out.emplace_back(parameter.name);
  }
  return out;
}

void require_repeats(const LawForm& form, std::span<const Observation> rows,
                     const FormFitOptions& options, std::string_view source) {
  if (std::any_of(rows.begin(), rows.end(), repeats_data)) return;
  const std::vector<std::string> names = free_repetition(form, options.constraints);
  if (names.empty()) return;
  throw refusal(
      "no_repeats",
      fmt::format("{}: no row sees a token twice (tokens above unique_tokens): {} of the law {} "
                  "cannot be known; add runs that repeat their data, give what is known (--fix "
                  "{}=15.39 or --prior), or fit --law chinchilla",
                  source, joined(names), form.name, names.front()));
}

}  // namespace

std::vector<std::string> undetermined_parameters(const LawForm& form,
                                                 std::span<const Observation> observations,
                                                 const FormFitOptions& options) {
  const FormProblem problem = make_form_problem(form, observations, options);
  std::vector<bool> explained(problem.free(), true);
  int places = 0;
  for (int place = 0; place < kPlaces; ++place) {
    const auto jacobian = jacobian_at(problem, place_in(problem, place));
    if (!jacobian) continue;
    ++places;
    const std::vector<bool> here = explained_columns(*jacobian);
    for (std::size_t c = 0; c < here.size(); ++c) explained[c] = explained[c] && here[c];
  }
  std::vector<std::string> names;
  for (std::size_t k = 0; places > 0 && k < problem.slots.size(); ++k) {
    const int c = problem.slots[k].coordinate;
    if (c >= 0 && explained[static_cast<std::size_t>(c)]) {
      names.emplace_back(form.parameters[k].name);
    }
  }
  return names;
}

void require_determined(const LawForm& form, std::span<const Observation> observations,
                        const FormFitOptions& options, std::string_view source) {
  require_repeats(form, observations, options, source);
  const std::vector<std::string> names = undetermined_parameters(form, observations, options);
  if (names.empty()) return;
  const std::string constant = constant_coordinates(form, observations);
  throw refusal(
      "undetermined",
      fmt::format(
          "{}: {} of the law {} cannot be known from these rows, whatever their losses: {}; "
          "add runs of {}, or give what is known (--fix {}=VALUE or --prior)",
          source, joined(names), form.name,
          constant.empty() ? "others do the same there" : "every row has the same " + constant,
          constant.empty() ? "other sizes and tokens" : "other " + constant, names.front()));
}

}  // namespace isoflop
