// EventSourcePool: threads that run any number of event sources, for gateways and load tests.
//
// Ten thousand sources on one thread cost a connection and a few kilobytes each. A listener or a `headers_for_attempt`
// that blocks delays the other sources of its thread. Over HTTP/2, the sources of a thread share connections to a
// server, each with as many streams as the server allows, up to kMaxStreamsPerConnection.
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

#include "millrace/client/limits.h"

namespace millrace {

class ClientLoop;

/// Options of an EventSourcePool.
struct EventSourcePoolOptions {
  /// Number of threads, from 1 to kMaxPoolThreads. Each runs its share of the sources.
  std::size_t threads = 1;
};

/// Threads that event sources share; see EventSource's constructor that takes one.
class EventSourcePool {
 public:
  /// Throws std::invalid_argument if the number of threads is out of range, and std::system_error if the process has no
  /// file descriptors or threads left.
  explicit EventSourcePool(EventSourcePoolOptions options = {});

  /// Closes the remaining sources for good, and joins the threads. Must not be called from a listener.
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
