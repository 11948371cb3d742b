// Subscribers: very many event streams on one epoll, each read with the real parser and checked for its sequence.
//
// Each group runs in its own process, so that the bound on open files of a process does not bound the load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "link.h"
#include "load.h"
#include "millrace/core/event.h"
#include "tally.h"

namespace millrace::load {

class Subscribers {
 public:
  /// Those in [first, last). `last_event_id`, unless empty, is where they resume; what comes next is `next_sequence`.
  /// Throws std::system_error if the system has no epoll to give.
  Subscribers(const Load& load, std::size_t first, std::size_t last, std::string last_event_id,
              std::uint64_t next_sequence, Tally& tally);
  ~Subscribers();
  Subscribers(const Subscribers&) = delete;
  Subscribers& operator=(const Subscribers&) = delete;

  /// Connects them all and reads until the tally stops.
  void run();

 private:
  struct Stream;

  void connect_some();
  void fail(Stream& stream);
  void shake_hands(Stream& stream);
  void send_request(Stream& stream);
  void read(Stream& stream);
  std::size_t first_topic(const Stream& stream) const;
  std::size_t topic_of(const Stream& stream, const MessageEvent& event) const;
  void take_event(Stream& stream, const MessageEvent& event, std::int64_t now);
  void close(Stream& stream);

  const Load& load_;
  const std::string last_event_id_;
  Tally& tally_;
  const TlsSetUp tls_;
  int epoll_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<char> buffer_;
  std::size_t begun_ = 0;       // streams whose connecting has begun
  std::size_t connecting_ = 0;  // of them, those not answered yet
};

}  // namespace millrace::load
