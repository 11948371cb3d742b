#include "repeat.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>

namespace millrace {

std::jthread repeat(std::function<void(const std::stop_token&)> work, Duration pause) {
  return std::jthread([work = std::move(work), pause](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopping;
    while (!stop.stop_requested()) {
      try {
        work(stop);
      } catch (const std::exception&) {
        // Where there was no memory even to say what is wrong, there may be the next time.
      }
      std::unique_lock lock(mutex);
      stopping.wait_for(lock, stop, pause, [] { return false; });
    }
  });
}

}  // namespace millrace
