// All that a report shows, gathered by app/ from a store or a table: plain data in, a page out.
//
// What is absent is said on the page with what to do about it, never left out in silence.
#ifndef ISOFLOP_PAGE_REPORT_DATA_H_
#define ISOFLOP_PAGE_REPORT_DATA_H_

#include <optional>
#include <string>
#include <vector>

#include "core/comparison.h"
#include "core/corpus_manifest.h"
#include "core/imported_run.h"
#include "core/law_fit.h"
#include "core/loss_unit.h"
#include "core/observation.h"
#include "core/plan.h"
#include "core/published_rows.h"
#include "core/rate_rung.h"
#include "core/sweep_view.h"
#include "core/training_curve.h"
#include "core/trial.h"

namespace isoflop {

// A store's part: how the runs were made.
struct ReportSweep {
  SweepView view;
  SweepBill bill;
  std::vector<RateRung> rungs;
  std::vector<Trial> trials;            // of the grid, by ordinal
  std::vector<CorpusManifest> corpora;  // that they read
  std::vector<ImportRow> imports;
};

struct ReportData {
  std::string title;    // the study's name, or the table's
  std::string source;   // "runs.db, study demo"
  std::string command;  // that made the report
  std::string version;  // of isoflop
  double now = 0;       // Unix seconds

  std::vector<Observation> observations;  // that the fit saw
  std::string loss_unit = kNatsPerToken;
  std::vector<TrainingCurve> curves;
  // The parametric law with approaches 1 and 2, diagnostics, profiles and backtest, compared at
  // the plan's budget.
  std::optional<LawFit> fit;
  std::string why_no_fit;  // the refusal's text, with its code
  std::optional<Plan> plan;
  std::string why_no_plan;
  std::string why_no_profiles;  // profile likelihoods that were left out, and how to get them

  std::optional<ReportSweep> sweep;  // absent for a table
  std::vector<LargeModel> large_models;
  // Chinchilla against Gopher under this fit and the published laws.
  std::optional<ModelComparison> gopher;
};

}  // namespace isoflop

#endif  // ISOFLOP_PAGE_REPORT_DATA_H_
