#include "sweep/energy_meter.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <dlfcn.h>
#include <utility>

#include "core/stopwatch.h"

namespace isoflop {
namespace {

// What is used of nvml.h; 0 is NVML_SUCCESS.
using NvmlDevice = void*;
struct Nvml {
  int (*init)();
  int (*shut_down)();
  int (*by_index)(unsigned, NvmlDevice*);
  int (*by_uuid)(const char*, NvmlDevice*);
  int (*power)(NvmlDevice, unsigned*);
  int (*energy)(NvmlDevice, unsigned long long*);
};

template <class Function>
bool find_symbol(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

// The library stays loaded as long as the counter lives.
struct Library {
  void* handle = nullptr;
  Nvml nvml = {};
  bool ready = false;

  explicit Library(const std::string& name) : handle(::dlopen(name.c_str(), RTLD_NOW)) {
    ready = handle != nullptr && find_symbol(handle, "nvmlInit_v2", nvml.init) &&
            find_symbol(handle, "nvmlShutdown", nvml.shut_down) &&
            find_symbol(handle, "nvmlDeviceGetHandleByIndex_v2", nvml.by_index) &&
            find_symbol(handle, "nvmlDeviceGetHandleByUUID", nvml.by_uuid) &&
            find_symbol(handle, "nvmlDeviceGetPowerUsage", nvml.power) && nvml.init() == 0;
    // Older drivers have none.
    if (ready) find_symbol(handle, "nvmlDeviceGetTotalEnergyConsumption", nvml.energy);
  }
  ~Library() {
    if (ready) nvml.shut_down();
    if (handle != nullptr) ::dlclose(handle);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
};

class NvmlCounter : public EnergyCounter {
 public:
  NvmlCounter(std::unique_ptr<Library> library, NvmlDevice device)
      : library_(std::move(library)), device_(device) {
    unsigned long long millijoules = 0;
    counts_ = library_->nvml.energy != nullptr && library_->nvml.energy(device_, &millijoules) == 0;
    first_ = static_cast<double>(millijoules);
    unsigned milliwatts = 0;
    works_ = counts_ || library_->nvml.power(device_, &milliwatts) == 0;
    milliwatts_ = milliwatts;
  }
  bool works() const { return works_; }

  double joules() override {
    counts_ ? count() : integrate();
    return joules_;
  }

 private:
  // The counter begins anew when the driver is loaded anew; then what it lost is left out.
  void count() {
    unsigned long long millijoules = 0;
    if (library_->nvml.energy(device_, &millijoules) != 0) return;
    const auto now = static_cast<double>(millijoules);
    if (now < first_) first_ = now;
    joules_ += (now - first_) / 1000;
    first_ = now;
  }
  void integrate() {
    unsigned milliwatts = 0;
    if (library_->nvml.power(device_, &milliwatts) != 0) return;
    joules_ += 0.5 * (milliwatts_ + milliwatts) / 1000 * since_.seconds();
    milliwatts_ = milliwatts;
    since_.restart();
  }

  std::unique_ptr<Library> library_;
  NvmlDevice device_;
  bool counts_ = false, works_ = false;
  double first_ = 0;       // mJ at the last reading
  double milliwatts_ = 0;  // at the last reading
  double joules_ = 0;
  Stopwatch since_;
};

// The N-th name of "0,1" or "GPU-a,GPU-b"; the number itself where nothing is said.
std::string visible_name(std::size_t number, const char* visible) {
  if (visible == nullptr || *visible == '\0') return std::to_string(number);
  std::string names = visible;
  for (; number > 0; --number) {
    const auto comma = names.find(',');
    if (comma == std::string::npos) return "";
    names.erase(0, comma + 1);
  }
  return names.substr(0, names.find(','));
}

bool find_nvml_device(const Nvml& nvml, const std::string& name, NvmlDevice& device) {
  if (name.empty()) return false;
  const bool number = name.find_first_not_of("0123456789") == std::string::npos;
  const auto index = static_cast<unsigned>(std::strtoul(name.c_str(), nullptr, 10));
  return (number ? nvml.by_index(index, &device) : nvml.by_uuid(name.c_str(), &device)) == 0;
}

}  // namespace

std::unique_ptr<EnergyCounter> open_energy_counter(const std::string& device,
                                                   const std::string& library,
                                                   const char* visible) {
  if (device.rfind("cuda", 0) != 0) return nullptr;
  const std::size_t number =
      device.size() > 5 ? std::strtoul(device.c_str() + 5, nullptr, 10) : std::size_t{0};
  auto loaded = std::make_unique<Library>(library);
  NvmlDevice found = nullptr;
  if (!loaded->ready || !find_nvml_device(loaded->nvml, visible_name(number, visible), found)) {
    return nullptr;
  }
  auto counter = std::make_unique<NvmlCounter>(std::move(loaded), found);
  if (!counter->works()) return nullptr;
  return counter;
}

// --- The meter.

EnergyMeter::EnergyMeter(std::unique_ptr<EnergyCounter> counter, double period)
    : counter_(std::move(counter)) {
  last_ = counter_->joules();
  if (period > 0) thread_ = std::thread([this, period] { work(period); });
}

EnergyMeter::~EnergyMeter() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void EnergyMeter::work(double period) {
  std::unique_lock lock(mutex_);
  while (!ended_) {
    wake_.wait_for(lock, std::chrono::duration<double>(period));
    sample();
  }
}

void EnergyMeter::sample() {
  const double now = counter_->joules();
  const double drawn = now - std::exchange(last_, now);
  double flops = 0;
  for (const Part* part : parts_) flops += part->flops_;
  for (Part* part : parts_) {
    const double share =
        flops > 0 ? part->flops_ / flops : 1.0 / static_cast<double>(parts_.size());
    part->joules_ += share * drawn;
    part->flops_ = 0;
  }
}

std::unique_ptr<EnergyMeter::Part> EnergyMeter::begin(double flops_per_token) {
  const std::lock_guard lock(mutex_);
  sample();
  std::unique_ptr<Part> part(new Part(*this, flops_per_token));
  parts_.push_back(part.get());
  return part;
}

void EnergyMeter::Part::reached(double tokens) {
  const std::lock_guard lock(meter_.mutex_);
  if (tokens_ >= 0 && tokens > tokens_) flops_ += flops_per_token_ * (tokens - tokens_);
  tokens_ = tokens;
}

double EnergyMeter::Part::end() {
  const std::lock_guard lock(meter_.mutex_);
  if (!ended_) {
    meter_.sample();
    std::erase(meter_.parts_, this);
    ended_ = true;
  }
  return joules_;
}

}  // namespace isoflop
