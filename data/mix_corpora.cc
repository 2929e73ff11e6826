#include "data/mix_corpora.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

std::string quoted(const std::string& name) { return '"' + name + '"'; }

std::string tokenizer_of(const CorpusManifest& manifest) {
  return manifest.tokenizer + (manifest.tokenizer_sha256.empty()
                                   ? ""
                                   : " (model " + manifest.tokenizer_sha256.substr(0, 12) + ")");
}

void check_to_mix(const PartToMix& part) {
  const std::string which = "mix: " + quoted(part.manifest.name) + ": ";
  if (!std::isfinite(part.weight) || part.weight <= 0) {
    throw usage_error(which + "weight " +
                      (std::isfinite(part.weight) ? exact_number(part.weight) : "not finite") +
                      ": must be above 0; leave the part out to have none of it");
  }
  if (part.manifest.parts.empty()) return;
  throw usage_error(which + "is itself a mixture: name its parts, with their weights");
}

void check_pair(const PartToMix& one, const PartToMix& other) {
  const std::string both =
      "mix: " + quoted(one.manifest.name) + " and " + quoted(other.manifest.name) + ": ";
  if (one.manifest.identity() == other.manifest.identity()) {
    throw usage_error(both + "are the same tokens (" + one.dir + ", " + other.dir +
                      "): name the corpus once");
  }
  if (one.manifest.name == other.manifest.name) {
    throw usage_error(both + "two parts have one name (" + one.dir + ", " + other.dir +
                      "): change \"name\" in the manifest.json of one; no sweep minds");
  }
  if (tokenizer_of(one.manifest) != tokenizer_of(other.manifest)) {
    throw usage_error(both + "tokenizer " + tokenizer_of(one.manifest) + " and " +
                      tokenizer_of(other.manifest) +
                      ": an id would mean two things; prepare both with the same tokenizer");
  }
  if (one.manifest.vocab != other.manifest.vocab) {
    throw usage_error(both + "vocabulary " + std::to_string(one.manifest.vocab) + " and " +
                      std::to_string(other.manifest.vocab) +
                      ": must be the same; prepare both with the same tokenizer");
  }
}

void check_all(const std::vector<PartToMix>& parts) {
  if (parts.size() < 2) {
    throw usage_error("mix: a mixture has at least two parts: name them as web=0.7 code=0.3");
  }
  for (auto part = parts.begin(); part != parts.end(); ++part) {
    check_to_mix(*part);
    for (auto other = parts.begin(); other != part; ++other) check_pair(*other, *part);
  }
}

void sort_by_weight(std::vector<PartToMix>& parts) {
  std::sort(parts.begin(), parts.end(), [](const PartToMix& a, const PartToMix& b) {
    return a.weight != b.weight ? a.weight > b.weight
                                : a.manifest.identity() < b.manifest.identity();
  });
}

// 1 when it is 1 but for rounding, so that shares stay as they were written.
double sum_of_weights(const std::vector<PartToMix>& parts) {
  const double sum = std::accumulate(parts.begin(), parts.end(), 0.0,
                                     [](double s, const PartToMix& p) { return s + p.weight; });
  return std::abs(sum - 1) < 1e-12 ? 1 : sum;
}

// Links are followed, so that ".." means the same to us and to the system.
std::filesystem::path true_path(const std::filesystem::path& path) {
  std::error_code error;
  const auto found = std::filesystem::weakly_canonical(path, error);
  return error ? path : found;
}

}  // namespace

CorpusManifest mix_corpora(const std::string& name, const std::string& out_dir,
                           std::vector<PartToMix> parts) {
  check_all(parts);
  sort_by_weight(parts);
  const double sum = sum_of_weights(parts);
  CorpusManifest mixture;
  mixture.name = name;
  mixture.tokenizer = parts.front().manifest.tokenizer;
  mixture.vocab = parts.front().manifest.vocab;
  for (const PartToMix& part : parts) {
    mixture.parts.push_back(
        {.name = part.manifest.name,
         .dir = true_path(part.dir).lexically_proximate(true_path(out_dir)).string(),
         .identity = part.manifest.identity(),
         .weight = part.weight / sum});
  }
  return mixture;
}

std::string part_dir(const std::string& mixture_dir, const CorpusPart& part) {
  return true_path(std::filesystem::path(mixture_dir) / part.dir).string();
}

CorpusManifest read_part(const std::string& mixture_dir, const CorpusPart& part,
                         const ReadManifest& read_manifest) {
  const std::string dir = part_dir(mixture_dir, part);
  const std::string which = "mixture: part " + quoted(part.name) + ": " + dir + ": ";
  if (!std::filesystem::is_directory(dir)) {
    throw failure(which + "is gone: bring it back, or mix again (isoflop data mix)");
  }
  CorpusManifest manifest = read_manifest(dir);
  if (manifest.identity() == part.identity) return manifest;
  throw usage_error(which + "is not the corpus that was mixed (has " +
                    manifest.identity().substr(0, 12) + ", the mixture names " +
                    part.identity.substr(0, 12) +
                    "): bring it back, or mix again (isoflop data mix)");
}

}  // namespace isoflop
