#include "sweep/makespan.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

namespace isoflop {
namespace {

double length(const Chain& chain) {
  double sum = 0;
  for (const Job& job : chain) sum += job.seconds;
  return sum;
}

template <class T>
using SmallestFirst = std::priority_queue<T, std::vector<T>, std::greater<>>;

template <class Queue>
auto taken(Queue& queue) {
  const auto top = queue.top();
  queue.pop();
  return top;
}

}  // namespace

double makespan(std::vector<Chain> chains, int workers) {
  std::erase_if(chains, [](const Chain& chain) { return chain.empty(); });
  std::stable_sort(chains.begin(), chains.end(),
                   [](const Chain& a, const Chain& b) { return length(a) > length(b); });
  SmallestFirst<double> free_at;
  for (int i = 0; i < std::max(workers, 1); ++i) free_at.push(0);
  SmallestFirst<size_t> ready;                       // chains, the longest first
  SmallestFirst<std::pair<double, size_t>> waiting;  // until when, which chain
  for (size_t i = 0; i < chains.size(); ++i) ready.push(i);
  std::vector<size_t> next(chains.size(), 0);
  double end = 0;
  while (!ready.empty() || !waiting.empty()) {
    double now = taken(free_at);
    if (ready.empty()) now = std::max(now, waiting.top().first);
    while (!waiting.empty() && waiting.top().first <= now) ready.push(taken(waiting).second);
    const size_t chain = taken(ready);
    const Job& job = chains[chain][next[chain]++];
    free_at.push(now + job.seconds);
    end = std::max(end, now + job.seconds);
    if (next[chain] < chains[chain].size()) waiting.emplace(now + job.hold, chain);
  }
  return end;
}

}  // namespace isoflop
