// Guests: the people who have the demo page open, for the chat.
//
// A page is identified by the `client` name of its event stream, and may set a person's name for it. A page whose
// stream has been closed for some seconds has left. Each change publishes an event of type `presence` on
// `demo/presence` with the whole roster, {"here":[name…]}. It is retained: a page begins with the roster.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "demo_event.h"
#include "millrace/server/server.h"
#include "mutex.h"

namespace millrace::demo {

class Guests {
 public:
  /// Most pages that are kept; further pages get no name.
  static constexpr std::size_t kMaxGuests = 1000;
  static constexpr std::size_t kMaxNameBytes = 80;

  /// Gives the page a name. Returns an empty text, or a sentence that says why not.
  std::string rename(const std::string& client, const std::string& name);

  /// The event to publish when these streams are open; nothing if nothing has changed.
  std::optional<DemoEvent> look(const std::vector<SubscriptionInfo>& streams,
                                std::chrono::steady_clock::time_point now);

 private:
  struct Guest {
    std::string name;
    std::chrono::steady_clock::time_point seen;
    bool here = false;
  };

  Mutex mutex_;
  std::map<std::string, Guest> guests_ GUARDED_BY(mutex_);  // by client
  bool changed_ GUARDED_BY(mutex_) = false;
};

}  // namespace millrace::demo
