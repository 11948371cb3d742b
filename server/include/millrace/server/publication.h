// What is published, what becomes of it, and how a store says that it cannot take it.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "millrace/core/event.h"
#include "millrace/core/owned.h"
#include "millrace/core/topic.h"

namespace millrace {

/// What became of a publish.
struct Published {
  std::string id;         ///< the event's ID: the publisher's own, else `<epoch>-<sequence>`
  bool repeated = false;  ///< the publisher has published an event with this ID to the topic: nothing was published
};

/// One thing to be published: an event, or a mark in the life of a topic. A view, like Event: topics that are put
/// together at run time have to be kept, as OwnedTopic, until the publications have been published.
///
/// An ID that a publisher gives stands for one event of this publisher in this topic, for as long as the log holds the
/// event and until the topic begins anew (finish() and begin(), or another event). Other topics' and publishers' events
/// with the same ID are others.
struct Publication {
  /// What a publication is.
  enum class Kind : std::uint8_t {
    kEvent,   ///< an event
    kFinish,  ///< as Hub::finish()
    kBegin,   ///< as Hub::begin()
  };
  Topic topic;       ///< where it goes
  Event event = {};  ///< of kEvent
  /// Whose ID it is, of any length. Empty: the program's own. Events routes use `user NAME` for a user whom the
  /// authorizer names, and `anonymous` for all others.
  std::string_view publisher = {};
  Kind kind = Kind::kEvent;  ///< an event, or a mark
};

/// The store cannot do now what it is asked for: its disk is full, or its machine is out of reach. Nothing was
/// published, or nobody can tell; trying again later is right, with an ID of the publisher's if it must not come twice.
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
  bool takes_events = true;    ///< false while it is in trouble
};

}  // namespace millrace
