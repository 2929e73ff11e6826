// The attempts of a task as files of a folder that hosts share; see io/attempt_file.h.
#ifndef ISOFLOP_APP_TASK_FOLDER_H_
#define ISOFLOP_APP_TASK_FOLDER_H_

#include <memory>
#include <string>

#include "sweep/task.h"

namespace isoflop {

// `folder` holds the attempt files; it is made when the first is.
std::unique_ptr<TaskAttempts> attempts_in(const std::string& folder);

}  // namespace isoflop

#endif  // ISOFLOP_APP_TASK_FOLDER_H_
