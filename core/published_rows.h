// Rows of published tables as plain data (published/tables.h reads them). Numbers are as printed;
// what is known to be misprinted is named in `misprint` beside it and never corrected.
#ifndef ISOFLOP_CORE_PUBLISHED_ROWS_H_
#define ISOFLOP_CORE_PUBLISHED_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>

namespace isoflop {

// A large language model: N, D and the training FLOPs that its authors state.
struct LargeModel {
  std::string name;
  double params = 0;                   // N; of a sparse model those that a token passes through
  double tokens = 0;                   // D
  std::optional<double> total_params;  // of a sparse model
  std::optional<double> flops;         // as published, whatever it counts
  std::string flops_source;
  std::string note;
  std::string misprint;
  std::string source;
};

// A decoder's shape as Hoffmann et al. write it.
struct ModelShape {
  std::string label;  // "44M" (Table A9), "Gopher" (Table 4)
  double printed_params = 0;
  std::int64_t layers = 0;
  std::int64_t width = 0;
  std::int64_t heads = 0;
  std::int64_t head_size = 0;
  std::int64_t hidden = 0;
  std::string source;
};

// N* ~ C^a and D* ~ C^b by one approach, with the printed interval.
struct ExponentRow {     // Table 2
  std::string approach;  // "1", "2", "3", "Kaplan"
  std::string label;
  double a = 0;
  std::optional<double> a_low, a_high;
  double b = 0;
  std::optional<double> b_low, b_high;
  std::string misprint;
  std::string source;
};

struct OptimalRow {  // Tables 3 (approach 1) and A3 (approaches 2 and 3)
  int approach = 0;
  std::string label;  // "67B"
  double params = 0;
  double flops = 0;
  std::string gopher_units;  // "1/29,968"; Table 3 only
  double tokens = 0;
  std::string misprint;
  std::string source;
};

struct DatasetRow {  // Table A2 and the projections in figures 2 to 4 and A2
  std::string dataset;
  int approach = 0;
  double a = 0;
  double b = 0;
  double params = 0;  // N* at 5.76e23 FLOP
  std::optional<double> tokens;
  std::string source;
};

struct FlopRatioRow {  // Table A4: FLOPs of App. F over 6 N D
  ModelShape shape;
  double ratio = 0;
};

struct TaskRow {  // Tables A5 (Pile), A6 (MMLU), A7 (BIG-bench)
  std::string suite;
  std::string task;
  double chinchilla = 0;
  double gopher = 0;
  std::string metric;  // "accuracy ...": higher is better; "bits per byte": lower is better
  std::string source;
};

// What the text says of a suite: on how many tasks Chinchilla is better than Gopher, and both
// means.
struct SuiteRow {
  std::string suite;
  int better = 0, equal = 0, worse = 0;
  std::optional<double> chinchilla, gopher;
  std::string source;
};

// A number that one publication states twice.
struct StatementRow {
  std::string what;
  std::string where;
  double value = 0;
  std::string elsewhere;
  double other_value = 0;
  std::string source;
};

struct ConstantRow {  // Kaplan et al. 2020
  std::string law;
  std::string constant;
  double value = 0;
  std::string units;
  std::string source;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_PUBLISHED_ROWS_H_
