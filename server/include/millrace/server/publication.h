// Publication, Published, StoreUnavailable: what is published, what became of it, and a store's refusal.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/core/event.h"
#include "millrace/core/owned.h"
#include "millrace/core/topic.h"

namespace millrace {

/// What became of a publication.
struct Published {
  /// What became of it.
  enum class Outcome : std::uint8_t {
    kPublished,         ///< it is in the log; with a store, it will survive
    kRepeated,          ///< nothing to do: the publisher already published an event with this ID to the topic; for a
                        ///< finish or begin, the topic is in that state
    kRefused,           ///< no: the topic or the event cannot be published, see Hub::refusal()
    kNotRetained,       ///< no: it would be retained beyond the bounds of retained events, StoreBounds
    kStoreUnavailable,  ///< the store cannot take it now. It was not published, or that is unknown: try again later,
                        ///< with an ID of your own if the event must not come twice
  };
  /// Says what became of it.
  Outcome outcome = Outcome::kRefused;
  std::string id = {};  ///< the event's ID: the publisher's own, otherwise `<epoch>-<sequence>`; empty if not true
  std::string sentence = {};  ///< why it was not published; for kRefused it begins with the field's name and a colon

  /// Whether the log has it: kPublished or kRepeated.
  explicit operator bool() const { return outcome == Outcome::kPublished || outcome == Outcome::kRepeated; }
  /// Whether it is kRepeated.
  bool is_repeated() const { return outcome == Outcome::kRepeated; }

  /// Returns itself if it is true. Otherwise throws, with the sentence: std::invalid_argument for kRefused,
  /// RetentionRefused for kNotRetained, StoreUnavailable for kStoreUnavailable. For a program that has nothing else to
  /// do about it. Thrown by a handler, they are answered with 500 and 503.
  const Published& or_throw() const&;
  /// The same.
  Published or_throw() && {
    static_cast<const Published&>(*this).or_throw();
    return std::move(*this);
  }
};

/// One entry to publish: an event, or the end or beginning of a topic. A view, like Event: keep a topic that is made at
/// run time, as OwnedTopic, until the publications have been published.
///
/// A publisher's ID stands for one event of this publisher in this topic, as long as the log holds the event and until
/// the topic begins again (finish() and begin(), or another event). The same ID in another topic, or from another
/// publisher, is another event.
struct Publication {
  /// What a publication is.
  enum class Kind : std::uint8_t {
    kEvent,   ///< an event
    kFinish,  ///< like Hub::finish()
    kBegin,   ///< like Hub::begin()
  };
  Topic topic;       ///< where it goes
  Event event = {};  ///< for kEvent
  /// The publisher of the ID, of any length. Empty: the program itself. Events routes use `user NAME` for a user whom
  /// the authorizer names, and `anonymous` for all others.
  std::string_view publisher = {};
  Kind kind = Kind::kEvent;  ///< an event, or a mark
  /// The event outlives the log's bounds as long as it is its topic's newest and the topic is not finished.
  bool retain = false;
};

/// The event would be retained beyond the bounds of retained events (a sentence that names the bound), or the store
/// retains nothing. Nothing was published.
class RetentionRefused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The store cannot do this now: its disk is full, or its machine cannot be reached. Nothing was published, or it is
/// unknown. Try again later, with an ID of your own if the event must not come twice.
class StoreUnavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Statistics of a store.
struct StoreStatistics {
  std::uint64_t entries = 0;   ///< in it
  std::uint64_t bytes = 0;     ///< that they take
  std::uint64_t commits = 0;   ///< groups of entries that were made to last together
  std::uint64_t failures = 0;  ///< times it began to refuse events
  bool takes_events = true;    ///< as EventStore::status()
};

}  // namespace millrace
