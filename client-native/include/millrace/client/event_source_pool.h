// EventSourcePool: threads that run any number of event sources, for gateways and load tests.
//
// Ten thousand sources on one thread cost a connection and a few kilobytes each. A listener that blocks, or a
// `headers_for_attempt` that does, holds up the other sources of its thread. Over TLS, sources of one server may share
// a connection, as HTTP/2 has it.
//
//   millrace::EventSourcePool pool;
//   std::vector<std::unique_ptr<millrace::EventSource>> sources;
//   for (const std::string& url : urls) {
//     sources.push_back(std::make_unique<millrace::EventSource>(pool, url));
//     sources.back()->on_message(listener);
//     sources.back()->start();
//   }
#pragma once

#include <cstddef>
#include <memory>

namespace millrace {

class ClientLoop;

struct EventSourcePoolOptions {
  /// Threads, from 1 to kMaxPoolThreads; each runs its share of the sources, and there will be no more of them.
  std::size_t threads = 1;
};

class EventSourcePool {
 public:
  /// Throws std::invalid_argument if the number of threads is out of range, std::system_error if the process is out of
  /// file descriptors or threads.
  explicit EventSourcePool(EventSourcePoolOptions options = {});

  /// Closes the sources that are left, which stay closed, and joins the threads. Must not be called from a listener.
  ~EventSourcePool();
  EventSourcePool(const EventSourcePool&) = delete;
  EventSourcePool& operator=(const EventSourcePool&) = delete;

 private:
  friend class EventSource;
  std::shared_ptr<ClientLoop> next_loop();

  class Threads;
  std::unique_ptr<Threads> threads_;
};

}  // namespace millrace
