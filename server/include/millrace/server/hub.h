// Hub: publishes events into the log.
//
// All events go into one log, in one order; subscribers are cursors on it. A hub belongs to its Server. Any thread may
// use it.
//
//   const auto published = server.hub().publish("orders", {.type = "created", .data = json});
//   if (!published) complain(published.sentence);
//
//   server.hub().publish("rooms/" + room, {.data = text}).or_throw();  // where an exception is the right answer
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/event.h"
#include "millrace/core/topic.h"
#include "millrace/server/publication.h"
#include "millrace/server/topic_patterns.h"

namespace millrace {

class Feed;
class TopicFilter;

/// The log of a server, as publishers see it.
class Hub {
 public:
  /// Why a topic, or an event for it, cannot be published.
  struct Refusal {
    /// The cause, for programs; `sentence` has it for people.
    enum class Reason : std::uint8_t {
      kReservedTopic,   ///< it is one of Millrace's own
      kReservedType,    ///< likewise
      kReservedId,      ///< `earliest`, `latest`, or an ID of Millrace's own
      kIdOfALog,        ///< a client could have the ID from this log, or from one in memory, which may have been this
                        ///< server's before it was started anew
      kUnreturnableId,  ///< no header could bring the ID back [EventId::returns_in_a_header()]
      kTooLarge,        ///< the data is larger than the log
    };
    Reason reason;         ///< the cause
    std::string sentence;  ///< begins with the field's name and a colon
  };

  /// A Server makes its own. Events of topics that `retained` matches are retained.
  explicit Hub(Feed& feed, const TopicPatterns& retained = {});
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  /// Appends the event to the log and hands it to every subscriber of the topic. Returns once it is in the log, which
  /// with a store is: once it will survive. Where there is no memory left for the log itself, the program ends, by
  /// std::terminate(): with half of an event in it, it would lose others in silence. `publisher` is as in Publication.
  [[nodiscard]] Published publish(Topic topic, const Event& event, std::string_view publisher = {});
  /// The same for text that is put together at run time; refused if it is not a topic.
  template <detail::TextAtRunTime Text>
  [[nodiscard]] Published publish(const Text& topic, const Event& event, std::string_view publisher = {}) {
    const auto checked = Topic::parse(std::string_view(topic));
    return checked ? publish(*checked, event, publisher) : not_a_topic(topic);
  }

  /// Publishes several, in order and at once: all of them, or none. Returns one result for each. If one of them cannot
  /// be published, all results say so, with its sentence. With Publication::retain an event outlives the log's bounds.
  [[nodiscard]] std::vector<Published> publish(std::span<const Publication> publications);

  /// Ends the topic. Each event stream that has no other topic ends after the topic's last event. A client that comes
  /// back with that event's ID gets 204, as long as the log has the entry. Publishing to the topic begins it again for
  /// new clients; clients that were there before still get the end. The result has no ID.
  [[nodiscard]] Published finish(Topic topic);
  /// The same for text that is put together at run time; refused if it is not a topic.
  template <detail::TextAtRunTime Text>
  [[nodiscard]] Published finish(const Text& topic) {
    const auto checked = Topic::parse(std::string_view(topic));
    return checked ? finish(*checked) : not_a_topic(topic);
  }

  /// Begins a finished topic again without an event, so that clients can subscribe to it. Does nothing to other topics.
  /// The result has no ID.
  [[nodiscard]] Published begin(Topic topic);
  /// The same for text that is put together at run time; refused if it is not a topic.
  template <detail::TextAtRunTime Text>
  [[nodiscard]] Published begin(const Text& topic) {
    const auto checked = Topic::parse(std::string_view(topic));
    return checked ? begin(*checked) : not_a_topic(topic);
  }

  static constexpr std::string_view kRetainsNothing =
      "retain: the server's store keeps no event beyond its bounds; publish without it";  ///< where retains() is false

  /// Why the event cannot be published to the topic; nothing if it can.
  std::optional<Refusal> refusal(Topic topic, const Event& event) const;

  /// Whether events can be retained: not with every store.
  bool retains() const;

  /// Why nobody but Millrace can publish to the topic, or finish it; nothing if others can.
  static std::optional<Refusal> refusal(Topic topic);

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
    std::size_t retained_topics = 0;            ///< topics with a retained event, in memory
    std::size_t retained_bytes = 0;             ///< of these events
    std::optional<StoreStatistics> store = {};  ///< of the store, if there is one
  };
  /// The figures of now.
  Statistics statistics() const;

  /// Why the store takes no events now, as a sentence; nothing if it takes them, or there is no store.
  std::optional<std::string> trouble() const;

 private:
  static Published not_a_topic(std::string_view text);

  Feed& feed_;
  std::unique_ptr<const TopicFilter> retained_;  // null: none
  std::atomic<std::uint64_t> publishes_ = 0;
  std::atomic<std::uint64_t> repeated_ = 0;
};

}  // namespace millrace
