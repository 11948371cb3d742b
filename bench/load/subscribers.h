// Subscribers: many event streams on one poller. A Subscriber reads each of them and checks its sequences.
//
// Each group runs in its own process, so that the limit on open files per process does not limit the load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "link.h"
#include "load.h"
#include "poller.h"
#include "tally.h"

namespace millrace::load {

class Subscribers {
 public:
  /// The subscribers in [first, last). With a `last_event_id` they resume there, and expect `next_sequence`. Throws
  /// std::system_error if the system lacks descriptors.
  Subscribers(const Load& load, std::size_t first, std::size_t last, std::string last_event_id,
              std::uint64_t next_sequence, Tally& tally);
  ~Subscribers();
  Subscribers(const Subscribers&) = delete;
  Subscribers& operator=(const Subscribers&) = delete;

  /// Connects all subscribers and reads until the tally stops.
  void run();

 private:
  class Connection;
  class Http1Connection;
  class Http2Connection;

  void connect_some();
  void open(Connection& connection);
  void shake_hands(Connection& connection);
  void read(Connection& connection);
  void write(Connection& connection);
  void settle(Connection& connection);
  void close(Connection& connection);

  const Load& load_;
  const std::string last_event_id_;
  Tally& tally_;
  const TlsSetUp tls_;
  Poller poller_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<char> buffer_;
  std::size_t begun_ = 0;       // connections that are made or being made
  std::size_t connecting_ = 0;  // of these, with a stream that has no answer yet
};

}  // namespace millrace::load
