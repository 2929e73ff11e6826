// `isoflop sweep status --json`; the keys are in docs/design.md.
#ifndef ISOFLOP_APP_STATUS_JSON_H_
#define ISOFLOP_APP_STATUS_JSON_H_

#include "app/sweep_text.h"
#include "io/json.h"

namespace isoflop {

Json status_json(const StatusAnswer& answer);

}  // namespace isoflop

#endif  // ISOFLOP_APP_STATUS_JSON_H_
