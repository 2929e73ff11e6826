// The precompiled header of model/ and trainer/: torch/torch.h alone costs 12 s of CPU a file.
#ifndef ISOFLOP_MODEL_TORCH_HEADERS_H_
#define ISOFLOP_MODEL_TORCH_HEADERS_H_

#include <torch/torch.h>

#endif  // ISOFLOP_MODEL_TORCH_HEADERS_H_
