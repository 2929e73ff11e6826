// How far a law's residuals are from what the runs' own noise explains; plain data, made by
// fit/noise.h. Every sigma is a standard deviation of ln L.
#ifndef ISOFLOP_CORE_NOISE_ESTIMATE_H_
#define ISOFLOP_CORE_NOISE_ESTIMATE_H_

#include <optional>

namespace isoflop {

struct NoiseEstimate {
  double residual_sigma = 0;  // sqrt(sum of squared residuals / (rows - parameters)); 0: none left
  int residual_degrees = 0;   // rows - parameters

  // From replicates: rows of the same N and D (and other coordinates of the law), other runs.
  std::optional<double> replicate_sigma;  // pooled over the replicated points
  int replicate_degrees = 0;              // rows - distinct points
  int replicated_points = 0;              // distinct points with more than one row

  // Root mean square of loss_error / loss, where every row has one.
  std::optional<double> evaluation_sigma;
  // The scatter is clearly smaller than the evaluation's error, so that the error is one that all
  // rows share (the same held-out windows): it moves every loss alike, and no N*.
  bool evaluation_shared = false;

  // Where there are replicates: lack of fit over pure error, sqrt(F), and P(F or more | the law).
  std::optional<double> lack_of_fit_ratio;
  std::optional<double> lack_of_fit_p;

  bool operator==(const NoiseEstimate&) const = default;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_NOISE_ESTIMATE_H_
