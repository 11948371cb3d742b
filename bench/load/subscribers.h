// Subscribers: many event streams on one poller. The real parser reads each of them, and their sequences are checked.
//
// Each group runs in its own process, so that the limit on open files per process does not limit the load.
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
  struct Stream;

  static std::uintptr_t tag_of(Stream& stream);
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
  Poller poller_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<char> buffer_;
  std::size_t begun_ = 0;       // streams whose connecting has begun
  std::size_t connecting_ = 0;  // of these, without an answer yet
};

}  // namespace millrace::load
