// What the kernels of this folder are told about the tensors that they are given.
#ifndef ISOFLOP_MODEL_CUDA_ELEMENT_H_
#define ISOFLOP_MODEL_CUDA_ELEMENT_H_

struct CUstream_st;  // cudaStream_t is a pointer to it; so that no caller needs CUDA's headers

namespace isoflop {

enum class Element { kFloat, kBfloat16 };

using GpuStream = CUstream_st*;

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_CUDA_ELEMENT_H_
