// Hub: publishes events into the log.
//
// All events go into one log, in one order; subscribers are cursors on it. A hub belongs to its Server. Any thread may
// use it.
//
//   server.hub().publish("orders/created", {.type = "created", .data = json});     // checked by the compiler
//   server.hub().publish("rooms/" + room, {.data = text});                         // checked here: may throw
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "millrace/core/event.h"
#include "millrace/core/topic.h"
#include "millrace/server/publication.h"

namespace millrace {

class Feed;

namespace detail {
/// Text that is not a literal. (The compiler checks literals.)
template <typename Text>
concept TextAtRunTime = std::is_convertible_v<const Text&, std::string_view> && !std::is_array_v<Text>;
}  // namespace detail

/// The log of a server, as publishers see it.
class Hub {
 public:
  /// A Server makes its own.
  explicit Hub(Feed& feed);
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  /// Appends the event to the log and hands it to every subscriber of the topic. Returns once it is in the log, which
  /// with a store is: once it will survive. Throws std::invalid_argument if refusal() has something to say of it,
  /// StoreUnavailable if there is a store that cannot take it now. Where there is no memory left for the log itself,
  /// the program ends, by std::terminate(): with half of an event in it, it would lose others in silence.
  /// `publisher` is as in Publication.
  Published publish(Topic topic, const Event& event, std::string_view publisher = {});
  /// The same for text that is put together at run time. Throws std::invalid_argument, too, if it is not a topic.
  template <detail::TextAtRunTime Text>
  Published publish(const Text& topic, const Event& event, std::string_view publisher = {}) {
    return publish(topic_of(topic), event, publisher);
  }

  /// Publishes several, in order and at once: with a store all of them are stored, or none. Returns one result for
  /// each.
  std::vector<Published> publish(std::span<const Publication> publications);

  /// Ends the topic. Each event stream that has no other topic ends after the topic's last event. A client that comes
  /// back with that event's ID gets 204, as long as the log has the entry. Publishing to the topic begins it again for
  /// new clients; clients that were there before still get the end. Throws std::invalid_argument if the topic is
  /// reserved.
  void finish(Topic topic);
  /// The same for text that is put together at run time. Throws std::invalid_argument, too, if it is not a topic.
  template <detail::TextAtRunTime Text>
  void finish(const Text& topic) {
    finish(topic_of(topic));
  }

  /// Begins a finished topic again without an event, so that clients can subscribe to it. Does nothing to other topics.
  void begin(Topic topic);
  /// The same for text that is put together at run time. Throws std::invalid_argument, too, if it is not a topic.
  template <detail::TextAtRunTime Text>
  void begin(const Text& topic) {
    begin(topic_of(topic));
  }

  /// Why the event cannot be published to the topic, as a sentence that begins with the field's name; empty if it can:
  /// topics and types that Millrace keeps for itself; IDs that no header could bring back, or that a client could have
  /// from this log, or from a log in memory, which may be this server's before it was started anew; data larger than
  /// the log.
  std::string refusal(Topic topic, const Event& event) const;

  /// Why nobody but Millrace may publish to the topic, or finish it; empty if they may.
  static std::string refusal(Topic topic);

  /// The last event ID of a client that has seen everything published so far. A page that is rendered with it can
  /// subscribe with it, and misses nothing in between.
  std::string cursor() const;

  /// Counts since the hub was made, and what it holds now.
  struct Statistics {
    std::uint64_t publishes = 0;                ///< events and marks that were appended to the log
    std::uint64_t repeated = 0;                 ///< publishes of an ID that the log already had
    std::uint64_t evictions = 0;                ///< entries removed from memory
    std::size_t entries = 0;                    ///< in memory
    std::size_t bytes = 0;                      ///< of them
    std::optional<StoreStatistics> store = {};  ///< of the store, if there is one
  };
  /// The figures of now.
  Statistics statistics() const;

  /// Why nothing can be published now, as a sentence; empty if it can.
  std::string trouble() const;

 private:
  static Topic topic_of(std::string_view text);

  Feed& feed_;
  std::atomic<std::uint64_t> publishes_ = 0;
  std::atomic<std::uint64_t> repeated_ = 0;
};

}  // namespace millrace
