// Presence: who listens to what, and what of it has changed since it was last told.
//
// What changes is collected and told a little later, topic by topic, so that who reconnects neither leaves nor joins,
// and a crowd that comes together makes one event a topic. Any thread; no clock, no I/O.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "../stream/topic_filter.h"
#include "../string_map.h"
#include "millrace/core/owned.h"

namespace millrace {

class Presence {
 public:
  /// Who listens, as far as is known: the user whom the authorizer knows, and the name the client gave itself.
  struct Listener {
    std::string user;
    std::string client;
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the 0 in a comparison made of this one for a pointer.
    auto operator<=>(const Listener&) const = default;
  };

  /// A subscription has begun, or is over. Topics of Millrace's own are left out. True if there is something to tell
  /// and nobody has been asked to: then the caller is to have take() called in a moment.
  bool join(const TopicFilter& filter, const Listener& listener) { return change(filter, listener, 1); }
  bool leave(const TopicFilter& filter, const Listener& listener) { return change(filter, listener, -1); }

  /// An event to publish.
  struct Change {
    OwnedTopic topic;
    std::string data;
  };
  /// What has changed: at most kMaxPresenceEvents topics. Nothing left: the next join() or leave() asks again. Else
  /// take() is to be called once more, in a moment.
  std::vector<Change> take(bool& is_all);

 private:
  // Of a pattern that is subscribed to, or was a moment ago.
  struct Entry {
    std::size_t subscribers = 0;
    std::size_t told = 0;               // of them
    std::map<Listener, int> listeners;  // who has come (> 0) and gone (< 0) since; at most kMaxPresenceNames
    bool is_pending = false;            // its key is in pending_
  };

  bool change(const TopicFilter& filter, const Listener& listener, int by);
  static std::string data_of(const std::string& pattern, const Entry& entry);

  std::mutex mutex_;
  // All guarded by mutex_.
  StringMap<Entry> entries_;         // by pattern
  std::deque<std::string> pending_;  // patterns; at most kMaxPendingPresence
  bool is_asked_ = false;
};

}  // namespace millrace
