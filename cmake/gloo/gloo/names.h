// Names of gloo's types, for c10d's ProcessGroupGloo.hpp.
//
// LibTorch's wheel holds that header and the compiled class, but none of gloo's own headers. What
// the header needs of them are names behind pointers, one base class and one method, which
// libtorch_cpu exports. Not for making a c10d::ProcessGroupGloo::GlooStore in a file of ours: the
// layout of its base is gloo's own.
#ifndef ISOFLOP_CMAKE_GLOO_NAMES_H_
#define ISOFLOP_CMAKE_GLOO_NAMES_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

namespace transport {
class Device;
class UnboundBuffer;
}  // namespace transport

namespace rendezvous {

class Store {
 public:
  virtual ~Store();
  virtual void set(const std::string& key, const std::vector<char>& value) = 0;
  virtual std::vector<char> get(const std::string& key) = 0;
  virtual void wait(const std::vector<std::string>& keys) = 0;
  virtual void wait(const std::vector<std::string>& keys,
                    const std::chrono::milliseconds& timeout) = 0;
};

}  // namespace rendezvous
}  // namespace gloo

#endif  // ISOFLOP_CMAKE_GLOO_NAMES_H_
