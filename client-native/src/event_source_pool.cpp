#include "millrace/client/event_source_pool.h"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "client_loop.h"
#include "millrace/client/limits.h"

namespace millrace {

class EventSourcePool::Threads {
 public:
  explicit Threads(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_shared<ClientLoop>());
    try {
      for (const auto& loop : loops_)
        threads_.emplace_back([this, loop] { loop->run([this] { return stopping_.load(); }); });
    } catch (...) {
      stop();
      throw;
    }
  }
  ~Threads() { stop(); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  std::shared_ptr<ClientLoop> next_loop() { return loops_[next_++ % loops_.size()]; }

 private:
  void stop() {
    stopping_ = true;
    for (const auto& loop : loops_) loop->wake();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  std::vector<std::shared_ptr<ClientLoop>> loops_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> next_{0};
  std::vector<std::thread> threads_;
};

EventSourcePool::EventSourcePool(EventSourcePoolOptions options) {
  if (options.threads == 0 || options.threads > kMaxPoolThreads) {
    throw std::invalid_argument("threads: must be 1 to " + std::to_string(kMaxPoolThreads));
  }
  threads_ = std::make_unique<Threads>(options.threads);
}

EventSourcePool::~EventSourcePool() = default;

std::shared_ptr<ClientLoop> EventSourcePool::next_loop() {
  return threads_->next_loop();
}

}  // namespace millrace
