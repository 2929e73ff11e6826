#include "law/presets.h"

#include <cmath>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "core/error.h"

namespace isoflop {
namespace {

LawFit preset(std::string name, std::string citation, const LawParameters& parameters) {
  LawFit fit;
  fit.law = std::move(name);
  fit.citation = std::move(citation);
  fit.parameters = parameters;
  return fit;
}

LawFit form_preset(std::string name, std::string citation, FormParameters parameters) {
  LawFit fit;
  fit.law = std::move(name);
  fit.citation = std::move(citation);
  fit.form = std::move(parameters);
  return fit;
}

// Each golden number beside the source that published it; never rounded.
std::vector<LawFit> chinchilla_presets() {
  return {
      // TeX source: ln E = .5267228, ln A = 6.0073404, ln B = 6.0179186.
      preset("hoffmann2022",
             "Hoffmann et al. 2022, arXiv:2203.15556, approach 3, unrounded (the paper's TeX "
             "source)",
             {.E = 1.6933736809989528,
              .A = 406.4010175194737,
              .B = 410.7228269450398,
              .alpha = 0.33917084,
              .beta = 0.2849083}),
      preset("hoffmann2022-rounded", "Hoffmann et al. 2022, arXiv:2203.15556, eq. 10 as printed",
             {.E = 1.69, .A = 406.4, .B = 410.7, .alpha = 0.34, .beta = 0.28}),
      preset("hoffmann2022-tableA3",
             "Hoffmann et al. 2022, arXiv:2203.15556: exponents that give the approach-3 column of "
             "its Table A3; used by Sardana et al. 2023, arXiv:2401.00448",
             {.E = 1.69, .A = 406.4, .B = 410.7, .alpha = 0.336, .beta = 0.283}),
      preset("epoch2024", "Besiroglu et al. 2024, arXiv:2404.10102, as published",
             {.E = 1.8172, .A = 482.01, .B = 2085.43, .alpha = 0.3478, .beta = 0.3658}),
      preset("epoch2024-unrounded",
             "Besiroglu et al. 2024, arXiv:2404.10102, outputs of the published notebook",
             {.E = 1.8168640400416654,
              .A = 482.0057194215438,
              .B = 2085.434195928221,
              .alpha = 0.34781303,
              .beta = 0.36585412}),
      // Not published: the global minimum of Hoffmann's objective, delta 1e-3, as this program
      // finds it.
      preset("chinchilla-huber",
             "optimum of the objective of Hoffmann et al. 2022 (Huber, delta 1e-3) on the 240 "
             "clean points of Besiroglu et al. 2024, arXiv:2404.10102",
             {.E = 1.817218, .A = 477.826, .B = 2143.417, .alpha = 0.3473105, .beta = 0.36717243}),
      preset("kyo-takano",
             "README of the Python package chinchilla by kyo-takano (75e5858), its own small runs",
             {.E = 1.7004, .A = 185.39, .B = 1627.0, .alpha = 0.28923, .beta = 0.3556}),
      preset("muennighoff2023-c4",
             "Muennighoff et al. 2023, arXiv:2305.16264, base law on C4, alpha = beta",
             {.E = 1.8691436784054858,
              .A = 520.8249516599187,
              .B = 1487.716093782861,
              .alpha = 0.3526596,
              .beta = 0.3526596}),
      preset("krajewski2024-dense",
             "Krajewski et al. 2024, arXiv:2402.07871, Table 1, dense models; N without embeddings",
             {.E = 0.47, .A = 16.3, .B = 26.7, .alpha = 0.126, .beta = 0.127}),
  };
}

LawFit kaplan_preset() {
  return form_preset(
      "kaplan2020",
      "Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5; N without embeddings, C = 6 N D "
      "of it",
      {.form = "kaplan",
       .names = {"Nc", "Dc", "alpha_N", "alpha_D"},
       .values = {6.4e13, 1.8e13, 0.076, 0.103}});
}

// The published notebook: ln E = .6254804, ln A = 6.255414, ln B = 7.3049974.
LawFit muennighoff_preset() {
  return form_preset(
      "muennighoff2023",
      "Muennighoff et al. 2023, arXiv:2305.16264, on C4, values of the published notebook; N with "
      "embeddings, C = 6 N D. A local optimum: R_D may lie anywhere from 14 to 80",
      {.form = "muennighoff",
       .names = {"E", "A", "B", "alpha", "beta", "R_D", "R_N"},
       .values = {1.8691436784054858, 520.8249516599187, 1487.716093782861, 0.3526596, 0.3526596,
                  15.387756, 5.309743}});
}

// Published as alpha N^b + beta 6^(b/2) D^b + E, which is eq. 4 with eta = -b / 2, its a = alpha
// 6^eta and its b = beta.
LawFit gadre_preset(std::string data, double alpha, double beta, double b, double floor) {
  return form_preset("gadre2024-" + data,
                     "Gadre et al. 2024, arXiv:2403.08540, refit of its published runs; N with "
                     "embeddings, C = 6 N D",
                     {.form = "gadre",
                      .names = {"E", "a", "b", "eta"},
                      .values = {floor, alpha * std::pow(6, -b / 2), beta, -b / 2}});
}

LawFit of_experts(double low, double high, LawFit fit) {
  fit.experts_low = low;
  fit.experts_high = high;
  return fit;
}

LawFit clark_preset(std::string router, std::vector<double> values) {
  return of_experts(
      1, 512,
      form_preset("clark2022-" + router,
                  "Clark et al. 2022, arXiv:2202.01169, Table 3; N of the dense model, all runs "
                  "at 130B tokens: nothing is said of other D",
                  {.form = "clark",
                   .names = {"a", "b", "c", "d", "E_start", "E_max"},
                   .values = std::move(values)}));
}

LawFit krajewski_preset() {
  return of_experts(
      64, 64,
      form_preset(
          "krajewski2024",
          "Krajewski et al. 2024, arXiv:2402.07871, Table 1; 64 experts; N all parameters without "
          "embeddings, (8 E + 4) / 12 times the active ones",
          {.form = "krajewski",
           .names = {"c", "a", "g", "b", "alpha", "beta", "gamma"},
           .values = {0.47, 18.1, 2.1, 30.8, 0.115, 0.147, 0.58}}));
}

// Signs are as the paper's Table 3 prints them; Table 4, the same law reduced to each number of
// experts, confirms them.
LawFit ludziejewski_preset() {
  return of_experts(
      1, 32,
      form_preset("ludziejewski2025",
                  "Ludziejewski et al. 2025, arXiv:2502.05172, Table 3 (signs verified there and "
                  "against Table 4); N active parameters with embeddings, C = 6 N D of them, "
                  "1 to 32 experts",
                  {.form = "ludziejewski",
                   .names = {"c", "a", "b", "alpha", "delta", "gamma", "beta", "omega", "zeta",
                             "E_start", "E_max"},
                   .values = {1.3637, 35.91, 35.98, -0.1889, -0.2285, 0.0098, -0.1775, 0.5529,
                              -0.0259, 2.0732, 290.4521}}));
}

LawFit abnar_preset() {
  return form_preset(
      "abnar2025",
      "Abnar et al. 2025, arXiv:2501.12370, Table 3; N all parameters, S the share of experts that "
      "a token does not pass through; R2 on held-out sparsity 68 %",
      {.form = "abnar",
       .names = {"e", "a", "b", "c", "d", "alpha", "beta", "lambda", "delta", "gamma"},
       .values = {0.94, 16612.5, 5455.67, 0.4598, 17.26, 0.5962, 0.3954, -0.1666, 0.1603, 0.1595}});
}

LawFit kumar_preset() {
  return form_preset(
      "kumar2024",
      "Kumar et al. 2024, arXiv:2411.04330, Table 2, offsets as its appendix K says; 30M to 220M "
      "parameters; 3 bits of activations or cache are outside its fit",
      {.form = "kumar",
       .names = {"E", "A", "B", "alpha", "beta", "gamma_w", "n_w", "gamma_a", "n_a", "gamma_kv",
                 "n_kv", "C_T", "gamma_D", "gamma_N", "gamma_post", "n_post"},
       .values = {2.7648, 4299, 18060, 0.4965, 0.4965, 2.6745, 0.3037, 2.2102, 1.4072, 0.9578,
                  2.4185, 0.0598, 0.5068, 0.3439, 0.5907, 1.1277}});
}

const std::vector<LawFit>& table() {
  static const std::vector<LawFit> laws = [] {
    std::vector<LawFit> out = chinchilla_presets();
    for (LawFit& law : std::vector<LawFit>{
             kaplan_preset(), muennighoff_preset(),
             gadre_preset("c4", 113.69, 189.52, -0.24247, 1.50826),
             gadre_preset("redpajama", 166.211, 366.687, -0.272851, 1.836648),
             gadre_preset("refinedweb", 125.1, 246.21, -0.25439, 1.73446),
             clark_preset("sbase", {-0.082, -0.108, 0.009, 1.104, 1.847, 314.478}),
             clark_preset("rlr", {-0.083, -0.126, 0.012, 1.111, 1.88, 469.982}),
             clark_preset("hash", {-0.087, -0.136, 0.012, 1.157, 4.175, 477.741}),
             krajewski_preset(), ludziejewski_preset(), abnar_preset(), kumar_preset()}) {
      out.push_back(std::move(law));
    }
    return out;
  }();
  return laws;
}

}  // namespace

std::span<const LawFit> preset_laws() { return table(); }

const LawFit& preset_law(std::string_view name) {
  std::string names;
  for (const LawFit& law : table()) {
    if (law.law == name) return law;
    names += (names.empty() ? "" : ", ") + law.law;
  }
  throw usage_error(fmt::format("law: {}: no such published law; known are {}", name, names));
}

}  // namespace isoflop
