// Short ways to import a text and to say what should come of it.
#ifndef ISOFLOP_TESTS_IMPORTS_LOG_TEST_SUPPORT_H_
#define ISOFLOP_TESTS_IMPORTS_LOG_TEST_SUPPORT_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "core/error.h"
#include "imports/import_runs.h"

namespace isoflop {

inline RunImport import_text(const std::string& path, const std::string& text,
                             const ImportOptions& options = {}) {
  return import_bytes({.path = path, .bytes = text}, options);
}

// The message of the Error(kUsage) that importing throws.
inline std::string import_error(const std::string& path, const std::string& text,
                                const ImportOptions& options = {}) {
  try {
    import_text(path, text, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

inline const ImportedPoint* point_at(const ImportedRun& run, std::int64_t step) {
  for (const ImportedPoint& point : run.points) {
    if (point.step == step) return &point;
  }
  return nullptr;
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_IMPORTS_LOG_TEST_SUPPORT_H_
