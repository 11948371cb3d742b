// Load: what `millrace bench` puts on a server. Every server is described by two templates of a path, so that others
// than Millrace can be put under the same load.
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
  std::string host;                                      ///< as the Host header says it
  std::string subscribe_path = "/events?topic={topic}";  ///< GET; {topic} stands for the topic
  std::string publish_path = "/events";                  ///< POST
  bool raw_body = false;                                 ///< the body is the data alone, not a JSON object
  std::size_t subscribers = 1000;
  std::size_t topics = 1;
  std::size_t topics_each = 1;  ///< subscriber i listens to so many, from topic i * topics_each % topics on
  std::size_t conflate = 0;   ///< milliseconds between what is newest, which is all that subscribers get; 0: everything
  std::size_t processes = 1;  ///< that hold the subscribers
  std::size_t connect_window = 256;           ///< connections being made at a time, of one process
  double rate = 1;                            ///< events a second; 0: as fast as it goes
  std::chrono::duration<double> duration{5};  ///< of publishing
  std::size_t window = 256;                   ///< without a rate: events that may be on their way
  std::size_t publishers = 1;                 ///< connections; a topic's events all go over the same one
  std::size_t pipeline = 1;                   ///< requests on their way on one connection
  std::size_t batch = 1;                      ///< events in one request, as NDJSON
  std::size_t data_bytes = 120;
  std::size_t behind = 0;        ///< subscribers resume this many events behind
  std::string topic_prefix;      ///< of all topics: segments, each with its `/`
  std::size_t strangers = 0;     ///< connections that hold patterns which match nothing
  std::size_t patterns = 64;     ///< of each of them
  std::size_t replays = 0;       ///< connections with such patterns that ask for the whole log, again and again
  std::size_t fill = 0;          ///< events that are published before anybody subscribes
  std::string trigger_path;      ///< POST that makes the server itself publish, instead
  std::uint64_t expected = 0;    ///< deliveries that come of the trigger
  bool gzip = false;             ///< ask for compressed streams
  bool tls = false;              ///< https
  bool verify_tls = true;        ///< the server's certificate
  bool resume_tls = false;       ///< connections come back with the session of the first
  double handshakes = 0;         ///< of clients that leave at once, a second, while events are published
  std::string ca_file;           ///< whose certificates are trusted; empty: the system's
  std::vector<int> server_pids;  ///< whose CPU time and memory are counted, children and all
};

/// No event takes as long as this to arrive.
inline constexpr std::chrono::seconds kPatience{10};

/// The topic of this number.
std::string topic_name(const Load& load, std::size_t topic);

/// `path` with its {topic}.
std::string with_topic(const Load& load, std::string_view path, std::size_t topic);

/// The data of an event: sequence, time of publishing, and padding.
std::string payload(std::uint64_t sequence, std::int64_t published_ns, std::size_t bytes);

/// Reads what payload() wrote; false if it was something else.
bool read_payload(std::string_view data, std::uint64_t& sequence, std::int64_t& published_ns);

/// Nanoseconds of the machine's monotonic clock, the same in all processes.
std::int64_t clock_ns();

/// A socket connected to the server, blocking, for one of the few connections that do not count. Throws
/// std::system_error.
int connect_to(const sockaddr_in& server);

}  // namespace millrace::load
