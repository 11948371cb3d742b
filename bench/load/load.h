// Load: the load that `millrace bench` puts on a server. Two path templates describe the server, so that other servers
// can get the same load.
#pragma once

#include <netinet/in.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::load {

struct Load {
  sockaddr_in server{};
  std::string host;                                      ///< for the Host header
  std::string subscribe_path = "/events?topic={topic}";  ///< GET; {topic} is replaced by the topic
  std::string publish_path = "/events";                  ///< POST
  bool raw_body = false;                                 ///< the body is the data alone, not a JSON object
  std::size_t subscribers = 1000;
  std::size_t topics = 1;
  std::size_t topics_each = 1;  ///< of each subscriber: i listens from topic i * topics_each % topics on
  std::size_t conflate =
      0;  ///< milliseconds between a topic's newest events, the only ones that subscribers get; 0: all events
  std::size_t processes = 1;                  ///< of subscribers
  std::size_t connect_window = 256;           ///< connections that one process makes at a time
  double rate = 1;                            ///< events a second; 0: as fast as possible
  std::chrono::duration<double> duration{5};  ///< of publishing
  std::size_t window = 256;                   ///< without a rate: events that may be in flight
  std::size_t publishers = 1;                 ///< connections; one connection carries all events of a topic
  std::size_t pipeline = 1;                   ///< requests in flight on one connection
  std::size_t batch = 1;                      ///< events per request, as NDJSON
  std::size_t data_bytes = 120;
  std::size_t behind = 0;        ///< subscribers resume this many events behind
  std::string topic_prefix;      ///< of all topics: segments, each followed by `/`
  std::size_t strangers = 0;     ///< connections with patterns that match nothing
  std::size_t patterns = 64;     ///< per such connection
  std::size_t replays = 0;       ///< connections with such patterns that repeatedly request the whole log
  std::size_t fill = 0;          ///< events published before the first subscription
  std::string trigger_path;      ///< POST that makes the server publish instead
  std::uint64_t expected = 0;    ///< deliveries that the trigger causes
  bool gzip = false;             ///< ask for compressed streams
  bool http2 = false;            ///< subscribers and publishers speak it
  std::size_t streams_each = 1;  ///< with http2: subscribers on one connection
  bool tls = false;              ///< https
  bool verify_tls = true;        ///< the server's certificate
  bool resume_tls = false;       ///< connections resume the first one's TLS session
  double handshakes = 0;         ///< per second, of clients that leave at once, while events are published
  std::string ca_file;           ///< trusted certificates; empty: the system's
  std::vector<int> server_pids;  ///< processes whose CPU time and memory count, with their children
};

/// Longest wait for an event to arrive.
inline constexpr std::chrono::seconds kPatience{10};

/// The topic with this number.
std::string topic_name(const Load& load, std::size_t topic);

/// `path` with its {topic} replaced.
std::string with_topic(const Load& load, std::string_view path, std::size_t topic);

/// The data of an event: sequence, time of publishing, and padding.
std::string payload(std::uint64_t sequence, std::int64_t published_ns, std::size_t bytes);

/// Reads the text of payload(). Returns false for any other text.
bool read_payload(std::string_view data, std::uint64_t& sequence, std::int64_t& published_ns);

/// Nanoseconds of the machine's monotonic clock, the same in all processes.
std::int64_t clock_ns();

/// A connected, blocking socket, for the few connections that are not measured. Throws std::system_error.
int connect_to(const sockaddr_in& server);

}  // namespace millrace::load
