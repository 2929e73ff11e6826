#include "trainer/step_graph.h"

#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

namespace isoflop {
namespace {

constexpr int kRunsBefore = 3;  // a recording, as PyTorch's guide to CUDA graphs advises

// All graphs of a process share LibTorch's default generator of random numbers. It keeps a set of
// them that is not made for several threads, and refuses replays while one is recorded: recording
// and destroying take this alone, replaying takes it together with others.
std::shared_mutex& generator_mutex() {
  static auto* mutex = new std::shared_mutex;  // graphs may outlive what is static
  return *mutex;
}

template <class Call>
void quietly(const Call& call) {
  try {
    call();
  } catch (const std::exception&) {
    // It says again what was said.
  }
}

// LibTorch's capture_end throws before it closes what capture_begin has opened: both allocators
// would send memory to the graph's pool, and keep it, for as long as the process lives, and the
// generator would refuse every replay. `abandon` closes it.
class Graph : public at::cuda::CUDAGraph {
 public:
  // After capture_begin, the work or capture_end has thrown.
  void abandon() {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    C10_CUDA_IGNORE_ERROR(cudaStreamIsCapturing(capture_stream_, &status));
    if (status != cudaStreamCaptureStatusNone) quietly([&] { capture_end(); });
    if (!capture_ended_ && mempool_id_ != at::cuda::MempoolId_t{}) close();
    C10_CUDA_CLEAR_ERROR();
  }

 private:
  void close() {
    quietly([&] { c10::cuda::CUDACachingAllocator::endAllocateToPool(capture_dev_, mempool_id_); });
    quietly([&] { at::getHostAllocator(at::kCUDA)->end_allocate_to_pool(mempool_id_); });
    for (auto& generator : captured_generator_states_) generator.first->capturing_ = false;
    capture_ended_ = true;  // the destructor gives back pools of captures that ended
  }
};

class GraphRecorder : public StepRecorder {
 public:
  ~GraphRecorder() override {
    const std::lock_guard alone(generator_mutex());
    recordings_.clear();
  }

  void run(std::int64_t key, const std::function<void()>& work) override {
    Recording& recording = recordings_[key];
    if (recording.graph) return replay(*recording.graph);
    if (!can_record() || recording.runs++ < kRunsBefore) return work();
    recording.graph = recorded(work);
    recording.graph ? replay(*recording.graph) : work();
  }

  std::string note() const override { return note_; }

 private:
  struct Recording {
    int runs = 0;
    std::unique_ptr<Graph> graph;
  };

  bool can_record() {
    if (!note_.empty()) return false;
    if (c10::cuda::getCurrentCUDAStream() != c10::cuda::getDefaultCUDAStream()) return true;
    note_ = "CUDA graphs: not used on the default stream";
    return false;
  }

  static void replay(Graph& graph) {
    const std::shared_lock together(generator_mutex());
    graph.replay();
  }

  // Nothing runs while it is recorded. Null, and a note, where it cannot be.
  std::unique_ptr<Graph> recorded(const std::function<void()>& work) {
    const std::lock_guard alone(generator_mutex());
    auto graph = std::make_unique<Graph>();
    try {
      // The runs before have left their memory in the common pool, which a recording cannot use.
      c10::cuda::CUDACachingAllocator::emptyCache();
      // Other threads (trials of a pack, autograd's own) may allocate meanwhile.
      graph->capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
      work();
      graph->capture_end();
      return graph;
    } catch (const std::exception& error) {
      const std::string why = error.what();
      note_ = "CUDA graphs: not used, steps are launched one operation at a time: " +
              why.substr(0, why.find('\n'));
    }
    graph->abandon();
    return nullptr;
  }

  // One pool for all: no tensor of one recording is read by another.
  at::cuda::MempoolId_t pool_ = at::cuda::graph_pool_handle();
  std::map<std::int64_t, Recording> recordings_;
  std::string note_;
};

}  // namespace

std::unique_ptr<StepRecorder> make_step_recorder(torch::Device device, const std::string& waits) {
  if (!device.is_cuda()) return std::make_unique<DirectSteps>();
  if (!waits.empty()) return std::make_unique<DirectSteps>("CUDA graphs: not used: " + waits);
  return std::make_unique<GraphRecorder>();
}

}  // namespace isoflop
