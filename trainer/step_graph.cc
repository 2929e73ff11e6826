#include "trainer/step_graph.h"

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>
#include <map>
#include <utility>

namespace isoflop {
namespace {

constexpr int kRunsBefore = 3;  // a recording, as PyTorch's guide to CUDA graphs advises

class GraphRecorder : public StepRecorder {
 public:
  void run(std::int64_t key, const std::function<void()>& work) override {
    Recording& recording = recordings_[key];
    if (recording.graph) return recording.graph->replay();
    if (!can_record() || recording.runs++ < kRunsBefore) return work();
    record(recording, work);
  }

  std::string note() const override { return note_; }

 private:
  struct Recording {
    int runs = 0;
    std::unique_ptr<at::cuda::CUDAGraph> graph;
  };

  bool can_record() {
    if (!note_.empty()) return false;
    if (c10::cuda::getCurrentCUDAStream() != c10::cuda::getDefaultCUDAStream()) return true;
    note_ = "CUDA graphs: not used on the default stream";
    return false;
  }

  // Nothing runs while it is recorded.
  void record(Recording& recording, const std::function<void()>& work) {
    auto graph = std::make_unique<at::cuda::CUDAGraph>();
    bool is_open = false;
    try {
      // Other threads (trials of a pack, autograd's own) may allocate meanwhile.
      graph->capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
      is_open = true;
      work();
      is_open = false;
      graph->capture_end();
    } catch (const std::exception& error) {
      give_up(*graph, is_open, error.what());
      return work();
    }
    recording.graph = std::move(graph);
    recording.graph->replay();
  }

  void give_up(at::cuda::CUDAGraph& graph, bool is_open, std::string why) {
    if (is_open) {
      try {
        graph.capture_end();  // or the stream would record for ever
      } catch (const std::exception&) {
        // It says again that the recording is not valid.
      }
    }
    C10_CUDA_CLEAR_ERROR();
    why = why.substr(0, why.find('\n'));
    note_ = "CUDA graphs: not used, steps are launched one operation at a time: " + why;
  }

  // One pool for all: no tensor of one recording is read by another.
  at::cuda::MempoolId_t pool_ = at::cuda::graph_pool_handle();
  std::map<std::int64_t, Recording> recordings_;
  std::string note_;
};

}  // namespace

std::unique_ptr<StepRecorder> make_step_recorder(torch::Device device) {
  if (!device.is_cuda()) return std::make_unique<DirectSteps>();
  return std::make_unique<GraphRecorder>();
}

}  // namespace isoflop
