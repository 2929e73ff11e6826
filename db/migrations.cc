#include "db/migrations.h"

#include <array>

#include "db/migration_texts.h"

namespace isoflop {

std::span<const char* const> migrations() {
  static const std::array<const char*, 5> texts = {kMigration1, kMigration2, kMigration3,
                                                   kMigration4, kMigration5};
  return texts;
}

}  // namespace isoflop
