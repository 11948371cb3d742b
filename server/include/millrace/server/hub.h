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
class RetainedShares;
class TopicFilter;

/// A publisher's interface to a server's log.
class Hub {
 public:
  /// Why a topic, or an event for it, cannot be published.
  struct Refusal {
    /// The cause, for programs; `sentence` has it for people.
    enum class Reason : std::uint8_t {
      kReservedTopic,  ///< it belongs to Millrace
      kReservedType,   ///< the event type belongs to Millrace
      kReservedId,     ///< `earliest`, `latest`, or an ID of Millrace's own
      kIdOfALog,  ///< this log, or a log in memory (perhaps this server's before a restart), may have given the ID to
                  ///< another event
      kTopics,    ///< the list of topics is too long, names one twice, or the store takes only one
      kUnreturnableId,  ///< a client could not return the ID in a header [EventId::returns_in_a_header()]
      kTooLarge,        ///< the data is larger than the log
    };
    Reason reason;         ///< the cause
    std::string sentence;  ///< begins with the field's name and a colon
  };

  /// Each Server creates its own hub. Retains events of topics that match `retained`. While the store does not cover
  /// the level `required`, it counts as unavailable. `shares` bounds each publisher's retained events; null: no bound.
  explicit Hub(Feed& feed, const TopicPatterns& retained = {}, Durability required = Durability::kMemory,
               std::shared_ptr<RetainedShares> shares = nullptr);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  /// Appends the event to the log and sends it to every subscriber of the topic. Returns when the log has the event;
  /// with a store, when the event will survive. If memory for the log itself runs out, it calls std::terminate(),
  /// because a log with half of an event would lose other events silently. `publisher` is as in Publication.
  [[nodiscard]] Published publish(Topic topic, const Event& event, std::string_view publisher = {});
  /// The same for text that is put together at run time; refused if it is not a topic.
  template <detail::TextAtRunTime Text>
  [[nodiscard]] Published publish(const Text& topic, const Event& event, std::string_view publisher = {}) {
    const auto checked = Topic::parse(std::string_view(topic));
    return checked ? publish(*checked, event, publisher) : not_a_topic(topic);
  }

  /// Publishes one event to several topics: one entry of the log, which each subscriber gets once, however many of the
  /// topics it has. Publication says what several topics mean, and what bounds them. The topics are views for the
  /// duration of the call; a `std::vector<Topic>` will do.
  [[nodiscard]] Published publish(std::span<const Topic> topics, const Event& event, std::string_view publisher = {});

  /// Publishes several in order, all or none. Returns one result for each. If one cannot be published, all results have
  /// its outcome and sentence. With Publication::retain an event outlives the log's bounds.
  [[nodiscard]] std::vector<Published> publish(std::span<const Publication> publications);

  /// Ends the topic. Each event stream without other topics ends after the topic's last event. A client that reconnects
  /// with that event's ID gets 204 while the log has the entry. Publishing to the topic begins it again for new
  /// clients; earlier clients still get the end. The result has no ID.
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
      "retain: the server's store keeps no event beyond its bounds; publish without it";  ///< the refusal when
                                                                                          ///< retains() is false

  /// Why the event cannot be published to the topic; nothing if it can.
  std::optional<Refusal> refusal(Topic topic, const Event& event) const;

  /// The same for one event of several topics.
  std::optional<Refusal> refusal(std::span<const Topic> topics, const Event& event) const;

  /// Why only Millrace can publish to one of these topics, or why one request cannot name all of them; nothing
  /// otherwise.
  static std::optional<Refusal> refusal(std::span<const Topic> topics);

  /// Whether an event can have several topics. Not every store takes them.
  bool takes_several_topics() const;

  /// Whether events can be retained. Not every store can.
  bool retains() const;

  /// Which failures an event published now survives.
  Durability durability() const;

  /// Why an event that requires this level cannot be published, as a sentence that begins with `durability`; nothing if
  /// it can.
  std::optional<std::string> refusal(Durability required) const;

  /// Why only Millrace can publish to the topic or finish it; nothing if others can.
  static std::optional<Refusal> refusal(Topic topic);

  /// The last event ID of a client that has received everything published so far. A page rendered with this ID can
  /// subscribe with it and misses nothing in between.
  std::string cursor() const;

  /// Counts since the hub was created, and its current contents.
  struct Statistics {
    std::uint64_t publishes = 0;                  ///< events and marks appended to the log
    std::uint64_t repeated = 0;                   ///< publishes of an ID already in the log
    std::uint64_t evictions = 0;                  ///< entries removed from memory
    std::size_t entries = 0;                      ///< entries in memory
    std::size_t bytes = 0;                        ///< bytes of these entries
    std::size_t retained_topics = 0;              ///< topics with a retained event, in memory
    std::size_t retained_bytes = 0;               ///< bytes of these events
    std::optional<StoreStatistics> store = {};    ///< statistics of the store, if the server has one
    Durability durability = Durability::kMemory;  ///< durability of events published now
  };
  /// The current statistics.
  Statistics statistics() const;

  /// Why the store refuses events now, as a sentence; nothing if it accepts them, or without a store.
  std::optional<std::string> trouble() const;

 private:
  friend class AnswerService;  // its records go to topics of Millrace's own
  std::vector<Published> append(std::span<const Publication> publications);
  void append_to_feed(std::span<const Publication> publications, std::span<std::uint64_t> sequences);
  static Published not_a_topic(std::string_view text);
  std::optional<Refusal> refusal(const Publication& publication) const;
  std::optional<std::string> unmet_requirement(Durability promised) const;

  Feed& feed_;
  std::unique_ptr<const TopicFilter> retained_;  // null: none
  const Durability required_;
  const std::shared_ptr<RetainedShares> shares_;  // may be null
  std::atomic<std::uint64_t> publishes_ = 0;
  std::atomic<std::uint64_t> repeated_ = 0;
};

}  // namespace millrace
