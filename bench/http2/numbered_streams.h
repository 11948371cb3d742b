// NumberedStreams: many event streams over HTTP/2, as clients have them. Each is read by the real parser, checks the
// numbers of its events, and resumes by its last event ID.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "http2/bench_server.h"
#include "http2/client_end.h"

namespace millrace::bench {

class NumberedStreams {
 public:
  /// Of all streams together, since the beginning.
  struct Counts {
    std::uint64_t delivered = 0;  ///< events
    std::uint64_t lost = 0;       ///< numbers that a stream has passed over
    std::uint64_t doubled = 0;    ///< numbers that a stream had already
    std::uint64_t gaps = 0;       ///< events of the server that report missing ones
    std::uint64_t heartbeats = 0;
  };

  /// Opens the streams, so many on each connection. Fails if the server refuses one.
  NumberedStreams(const BenchServer& server, std::size_t streams, std::size_t streams_a_connection);
  ~NumberedStreams();
  NumberedStreams(const NumberedStreams&) = delete;
  NumberedStreams& operator=(const NumberedStreams&) = delete;

  std::size_t connections() const { return connections_.size(); }
  std::size_t streams() const { return connections_.size() * each_; }
  const Counts& counts() const { return counts_; }

  /// Cuts the first `connections` without a word to the server.
  void cut(std::size_t connections);
  /// Connects what is cut; each of its streams goes on after its last event. Returns when all streams have begun.
  void resume();

  /// Reads until each stream that is open has the event with this number. Fails after kLongest.
  void await(std::uint32_t number);
  /// Reads for this time.
  void read_for(std::chrono::milliseconds time);

  static constexpr std::chrono::minutes kLongest{5};

 private:
  struct Connection;
  struct Stream;

  void read_until(const std::function<bool()>& is_so, std::chrono::steady_clock::time_point end);
  void connect(Connection& connection);
  void read(Connection& connection, std::string_view bytes);
  void take_frame(Connection& connection, std::string_view frame);
  void take_data(Stream& stream, std::string_view data);

  const BenchServer& server_;
  const std::size_t each_;
  const TlsContext tls_;  // null in clear
  const int epoll_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::size_t primed_ = 0;      // open streams that have begun
  std::size_t open_ = 0;        // streams of open connections
  std::uint32_t awaited_ = 0;   // a number,
  std::size_t are_behind_ = 0;  // and the open streams that do not have it yet
  Counts counts_;
};

}  // namespace millrace::bench
