// Tensors for tests of kernels: the same values as float32 or bfloat16 in memory of their exact
// size, and as doubles for the reference.
#ifndef ISOFLOP_TESTS_MODEL_CUDA_KERNEL_TEST_H_
#define ISOFLOP_TESTS_MODEL_CUDA_KERNEL_TEST_H_

#include <cmath>
#include <cstdint>
#include <cuda_bf16.h>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

#include "model/cuda/element.h"
#include "tests/model/cuda/host/device_on_host.h"

namespace isoflop {

class KernelTensor {
 public:
  KernelTensor(Element element, std::size_t size)
      : element_(element),
        floats_(element == Element::kFloat ? size : 0),
        halves_(element == Element::kFloat ? 0 : size, __nv_bfloat16{0x7fff}),
        size_(size) {
    std::fill(floats_.begin(), floats_.end(), NAN);  // what is not written is seen
  }

  void* data() {
    return element_ == Element::kFloat ? static_cast<void*>(floats_.data()) : halves_.data();
  }
  float* floats() {  // of float32 ones
    EXPECT_EQ(element_, Element::kFloat);
    return floats_.data();
  }
  float operator[](std::size_t i) const {
    return element_ == Element::kFloat ? floats_.at(i) : __bfloat162float(halves_.at(i));
  }
  void set(std::size_t i, float value) {
    if (element_ == Element::kFloat) {
      floats_.at(i) = value;
    } else {
      halves_.at(i) = __float2bfloat16_rn(value);
    }
  }
  std::vector<double> values() const {
    std::vector<double> all(size_);
    for (std::size_t i = 0; i < size_; ++i) all[i] = (*this)[i];
    return all;
  }
  KernelTensor& fill_normal(unsigned seed, double deviation = 1, double mean = 0) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(mean, deviation);
    for (std::size_t i = 0; i < size_; ++i) set(i, static_cast<float>(normal(random)));
    return *this;
  }

 private:
  Element element_;
  std::vector<float> floats_;
  std::vector<__nv_bfloat16> halves_;
  std::size_t size_;
};

// Rounding of one stored value, relative.
inline double half_an_ulp(Element element) { return element == Element::kFloat ? 0x1p-24 : 0x1p-8; }

inline std::string name_of(Element element) {
  return element == Element::kFloat ? "float32" : "bfloat16";
}

// |a - b| within `relative` of what is stored, and `absolute` besides.
inline void expect_near(const std::vector<double>& actual, const std::vector<double>& expected,
                        double relative, double absolute, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], relative * std::fabs(expected[i]) + absolute)
        << what << " at " << i;
  }
}

// Runs `kernel` under two orders of the threads, which must give the same bits, and returns
// what it gives: one vector of all outputs.
template <class Kernel>
std::vector<double> same_in_every_order(const Kernel& kernel) {
  std::vector<double> first = kernel();
  for (const unsigned order : {5u}) {
    on_host::set_order(order);
    const std::vector<double> other = kernel();
    for (std::size_t i = 0; i < first.size(); ++i) {
      EXPECT_EQ(first[i], other.at(i)) << "in order " << order << " at " << i;
    }
  }
  on_host::set_order(0);
  return first;
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_MODEL_CUDA_KERNEL_TEST_H_
