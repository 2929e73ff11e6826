// The energy that a device draws while trials run on it, measured.
//
// EnergyCounter: joules of one NVIDIA device since it was opened, through NVML, which is loaded
// when it is asked for (dlopen "libnvidia-ml.so.1") and never linked. Where the device counts its
// energy (nvmlDeviceGetTotalEnergyConsumption, mJ; Volta and later) that is read; where it only
// tells its power (nvmlDeviceGetPowerUsage, mW) the power is integrated by trapezoids over the
// times at which joules() is called. "cuda:N" is the N-th of CUDA_VISIBLE_DEVICES, an index or a
// UUID; indices are NVML's (by PCI bus), as CUDA's are with CUDA_DEVICE_ORDER=PCI_BUS_ID or among
// equal devices.
//
// EnergyMeter: shares what the device draws among the trials that run. Every `period` seconds, and
// whenever one begins or ends, the joules since the last time go to them in proportion to the FLOPs
// (exact) that each did since then; to all alike where none did any. What is drawn while no trial
// runs is nobody's.
//
// No library, no such device, no permission: nothing is measured, and nothing is said. Threads: a
// meter has one of its own and may be used from any; a counter belongs to one thread at a time.
#ifndef ISOFLOP_SWEEP_ENERGY_METER_H_
#define ISOFLOP_SWEEP_ENERGY_METER_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace isoflop {

class EnergyCounter {
 public:
  virtual ~EnergyCounter() = default;
  virtual double joules() = 0;  // since it was opened; never falls
};

// Null where nothing can be measured. `device` is "cuda" or "cuda:N"; `library` is what dlopen is
// given, `visible` CUDA_VISIBLE_DEVICES.
std::unique_ptr<EnergyCounter> open_energy_counter(const std::string& device,
                                                   const std::string& library = "libnvidia-ml.so.1",
                                                   const char* visible = nullptr);

class EnergyMeter {
 public:
  // Samples every `period` seconds; 0: only when trials begin and end.
  explicit EnergyMeter(std::unique_ptr<EnergyCounter> counter, double period = 0.5);
  ~EnergyMeter();
  EnergyMeter(const EnergyMeter&) = delete;
  EnergyMeter& operator=(const EnergyMeter&) = delete;

  // One trial's part, from begin to end.
  class Part {
   public:
    ~Part() { end(); }
    // How many of its tokens have been trained, a checkpoint's included.
    void reached(double tokens);
    // What it has drawn, joules.
    double end();

   private:
    friend class EnergyMeter;
    Part(EnergyMeter& meter, double flops_per_token)
        : meter_(meter), flops_per_token_(flops_per_token) {}
    EnergyMeter& meter_;
    double flops_per_token_;
    double tokens_ = -1;  // -1: not told yet
    double flops_ = 0;    // since the last sample
    double joules_ = 0;
    bool ended_ = false;
  };
  std::unique_ptr<Part> begin(double flops_per_token);

 private:
  void sample();  // under the lock
  void work(double period);

  std::unique_ptr<EnergyCounter> counter_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Part*> parts_;
  double last_ = 0;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_ENERGY_METER_H_
