// Publication, Published, StoreUnavailable: what is published, the result, and a store's refusal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/core/event.h"
#include "millrace/core/owned.h"
#include "millrace/core/topic.h"
#include "millrace/server/durability.h"

namespace millrace {

/// The result of a publication.
struct Published {
  /// The kinds of results.
  enum class Outcome : std::uint8_t {
    kPublished,  ///< the log has it; with a store, it will survive
    kRepeated,  ///< nothing to do: the publisher has already published an event with this ID to the topic; for a finish
                ///< or begin, the topic is already in that state
    kRefused,   ///< the topic or the event cannot be published, see Hub::refusal()
    kIdInUse,   ///< refused: some of the event's topics have the publisher's ID, or have it for different events
    kNotRetained,       ///< refused: the event would exceed the bounds of retained events, StoreBounds
    kStoreUnavailable,  ///< the store cannot append it now. It was not published, or that is unknown: try again later,
                        ///< with an ID of your own if the event must not arrive twice
  };
  /// The result.
  Outcome outcome = Outcome::kRefused;
  std::string id = {};        ///< the publisher's, otherwise `<epoch>-<sequence>`; empty if not published or repeated
  std::string sentence = {};  ///< why it was not published; for kRefused it begins with the field's name and a colon
  Durability durability = Durability::kMemory;  ///< which failures the event survives now, if published or repeated

  /// Whether the log has it: kPublished or kRepeated.
  explicit operator bool() const { return outcome == Outcome::kPublished || outcome == Outcome::kRepeated; }
  /// Whether it is kRepeated.
  bool is_repeated() const { return outcome == Outcome::kRepeated; }

  /// Returns itself if it is true. Otherwise throws, with the sentence: std::invalid_argument for kRefused,
  /// IdConflict for kIdInUse, RetentionRefused for kNotRetained, StoreUnavailable for kStoreUnavailable. For programs
  /// that cannot handle the result otherwise.
  const Published& or_throw() const&;
  /// The same.
  Published or_throw() && {
    static_cast<const Published&>(*this).or_throw();
    return std::move(*this);
  }
};

/// One entry to publish: an event, or the end or beginning of a topic. A view, like Event: keep a topic made at run
/// time, as OwnedTopic, and the array behind `further_topics` until the publication has been published.
///
/// An event of several topics is one entry of the log. A subscriber of several of them gets it once. It begins each
/// topic that was finished, is the newest event of each, and is retained for each separately.
///
/// A publisher's ID identifies one event of this publisher in this topic, as long as the log holds the event and until
/// the topic begins again (after finish(), by begin() or another event). The same ID in another topic, or from another
/// publisher, is another event. For an event of several topics, this holds in each of them.
struct Publication {
  /// The kinds of publications.
  enum class Kind : std::uint8_t {
    kEvent,   ///< an event
    kFinish,  ///< like Hub::finish()
    kBegin,   ///< like Hub::begin()
  };
  Topic topic;  ///< the topic to publish to
  /// Further topics of an event, each different. With `topic` at most kMaxTopicsPerEvent, of at most
  /// kMaxTopicBytesPerEvent. Not every store takes them: EventStore::takes_several_topics().
  std::span<const Topic> further_topics = {};
  Event event = {};  ///< for kEvent
  /// The publisher that the ID belongs to, of any length. Empty: the program itself. Events routes use `user NAME` for
  /// a user that the authorizer names, and `anonymous` for all others.
  std::string_view publisher = {};
  Kind kind = Kind::kEvent;  ///< an event, or a mark
  /// Keeps the event beyond the log's bounds as long as it is its topic's newest and the topic is not finished.
  bool retain = false;
  /// With `retain`: the client whose share of the retained events it takes. Empty: nobody's, as for the program's own.
  std::string_view retained_by = {};
  /// The level that the acknowledged event must have. If the store promises less, the event is refused, and nothing is
  /// published.
  Durability durability = Durability::kMemory;

  /// The number of topics.
  std::size_t topic_count() const { return 1 + further_topics.size(); }
  /// The topic at `index`, which must be less than topic_count(): `topic`, then the further ones.
  Topic topic_at(std::size_t index) const { return index == 0 ? topic : further_topics[index - 1]; }
};

/// The event has several topics, and the publisher's ID stands for another event in some of them, or not in all. The
/// sentence begins with `id:`. Nothing was published.
class IdConflict : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The event would exceed a bound of retained events, which the sentence names, or the store retains nothing. Nothing
/// was published.
class RetentionRefused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The store cannot do this now: its disk is full, or its machine cannot be reached. Nothing was published, or that is
/// unknown. Try again later, with an ID of your own if the event must not arrive twice.
class StoreUnavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Statistics of a store.
struct StoreStatistics {
  std::uint64_t entries = 0;   ///< entries in the store
  std::uint64_t bytes = 0;     ///< bytes of these entries
  std::uint64_t commits = 0;   ///< groups of entries that were committed together
  std::uint64_t failures = 0;  ///< times it began to refuse events
  bool takes_events = true;    ///< whether EventStore::status() is accepting
};

}  // namespace millrace
