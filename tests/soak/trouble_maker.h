// TroubleMaker: attacks a server with everything that hurts: over HTTP/1.1 and HTTP/2, in clear or over TLS.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "raw_client.h"

namespace millrace::test {

inline const std::string kJson = "Content-Type: application/json\r\n";

/// A connection on which HTTP/2 can begin: by prior knowledge, or over TLS as agreed in the handshake.
RawClient connect_for_http2(int port, int receive_buffer = 0);

/// Attacks the server again and again. That the server refuses is no failure.
class TroubleMaker {
 public:
  using Clock = std::chrono::steady_clock;

  /// `pause` is between the beginnings of two attacks, at least.
  TroubleMaker(int port, std::uint64_t seed, Clock::duration pause) : port_(port), random_(seed), pause_(pause) {}

  /// Until `over`, or so many attacks.
  void run(const std::atomic<bool>& over, std::uint64_t rounds);

  std::uint64_t acts = 0;      ///< attacks so far
  std::uint64_t refusals = 0;  ///< those that the server refused

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }

  void act();
  void come_and_go(int count);
  void leave(const std::string& bytes) { leave(RawClient(port_), bytes); }
  void leave(RawClient client, const std::string& bytes);
  void garbage();
  void never_read();
  void flood();
  void oversize();
  void pipeline();
  void read_bytes();
  void odd_requests();

  void reset_streams();
  void odd_frames();
  void never_widen();

  const int port_;
  std::mt19937_64 random_;
  const Clock::duration pause_;
  std::vector<RawClient> idle_;
};

}  // namespace millrace::test
