// The SQL of the store's schema, one text a version; see schema.h for how they are applied.
#ifndef ISOFLOP_DB_MIGRATIONS_H_
#define ISOFLOP_DB_MIGRATIONS_H_

#include <span>

namespace isoflop {

// Element k makes a store of version k one of version k + 1.
std::span<const char* const> migrations();

}  // namespace isoflop

#endif  // ISOFLOP_DB_MIGRATIONS_H_
