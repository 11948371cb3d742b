// WebhookQueue: what is to be told to an application, in order, and bounded. No thread, clock or I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/string_map.h"
#include "millrace/server/limits.h"

namespace millrace {

class WebhookQueue {
 public:
  struct Bounds {
    std::size_t events = kMaxWebhookEvents;
    std::size_t bytes = kMaxWebhookBytes;
    std::size_t events_per_holder = kMaxWebhookEventsPerClient;
    std::size_t bytes_per_holder = kMaxWebhookBytesPerClient;
    std::size_t batch_events = kWebhookBatchEvents;
    std::size_t batch_bytes = kWebhookBatchBytes;
  };

  WebhookQueue() : WebhookQueue(Bounds{}) {}
  explicit WebhookQueue(const Bounds& bounds) : bounds_(bounds) {}

  /// Takes an event, as JSON. False: there is no room, or its holder has used up its share; then it is dropped.
  bool add(std::string event, std::string_view holder);
  bool empty() const { return events_.empty(); }

  /// The events that are next, as a JSON array; the same until settle().
  std::string batch();
  /// The batch is done with: it was delivered, or given up.
  void settle(bool was_delivered);

  struct Statistics {
    std::size_t waiting = 0;
    std::uint64_t delivered = 0;
    std::uint64_t dropped = 0;     ///< for which there was no room, and of batches that were given up
    std::uint64_t over_share = 0;  ///< whose holder had used up its share
  };
  Statistics statistics() const { return {events_.size(), delivered_, dropped_, over_share_}; }

 private:
  struct Amount {
    std::size_t events = 0;
    std::size_t bytes = 0;
  };
  using Holder = StringMap<Amount>::value_type;
  struct Waiting {
    std::string event;
    Holder* holder;  // the map's entries do not move
  };

  const Bounds bounds_;
  std::deque<Waiting> events_;
  StringMap<Amount> holders_;  // of events that wait
  std::size_t bytes_ = 0;
  std::size_t in_batch_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t over_share_ = 0;
};

}  // namespace millrace
