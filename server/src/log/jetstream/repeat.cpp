#include "repeat.h"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace millrace {

std::jthread repeat(std::function<void(const std::stop_token&)> work, Duration pause) {
  return std::jthread([work = std::move(work), pause](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopping;
    while (!stop.stop_requested()) {
      work(stop);
      std::unique_lock lock(mutex);
      stopping.wait_for(lock, stop, pause, [] { return false; });
    }
  });
}

}  // namespace millrace
