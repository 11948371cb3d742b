// Guests: the people that have the demo page open, for the chat.
//
// A page is known by the `client` name of its event stream. It may give a name of a person to that; one whose stream
// has been gone for some seconds has left. At each change an event of type `presence` on `demo/presence` has the whole
// roster: {"here":[name…]}. It is retained: a page begins with the roster.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "demo_event.h"
#include "millrace/server/server.h"

namespace millrace::demo {

class Guests {
 public:
  /// Pages that are remembered at most; further ones stay nameless.
  static constexpr std::size_t kMaxGuests = 1000;
  static constexpr std::size_t kMaxNameBytes = 80;

  /// Gives the page a name. Returns why not, as a sentence; empty if it has it now.
  std::string rename(const std::string& client, const std::string& name);

  /// What is to be published, now that these streams are open; nothing if everybody knows that.
  std::optional<DemoEvent> look(const std::vector<SubscriptionInfo>& streams,
                                std::chrono::steady_clock::time_point now);

 private:
  struct Guest {
    std::string name;
    std::chrono::steady_clock::time_point seen;
    bool here = false;
  };

  std::mutex mutex_;
  std::map<std::string, Guest> guests_;  // by client
  bool changed_ = false;
};

}  // namespace millrace::demo
