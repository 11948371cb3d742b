// ConnectionLoops: the event loops of a server, while it listens. Any thread that is none of theirs, where nothing else
// is said: most calls wait for each loop.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "connection_loop.h"
#include "millrace/server/sending_ways.h"
#include "millrace/server/subscription.h"
#include "mutex.h"
#include "stream_right.h"

namespace millrace {

class ConnectionLoops {
 public:
  void start(std::size_t count, const std::function<std::unique_ptr<ConnectionLoop>()>& make);
  /// Closes all connections.
  void stop();

  /// Of the thread that starts and stops them, and, in between, of theirs.
  const std::vector<std::unique_ptr<ConnectionLoop>>& all() const { return loops_; }

  /// As the calls of ConnectionLoop, over all loops.
  std::size_t disconnect(std::string_view client);
  /// Throws std::invalid_argument if the topic is not one. Ends none if nothing is given.
  std::size_t disconnect(const StreamSelection& selection);
  std::vector<StreamRightPtr> open_rights();
  std::vector<SubscriptionInfo> subscriptions() const;
  /// Does not wait.
  void drain(Duration window);

  /// Likewise.
  std::size_t open_streams() const;
  SendingWays sending() const;

  /// Gives `visitor` all loops, none of which goes before it returns.
  template <typename Visitor>
  void visit(const Visitor& visitor) const {
    const MutexLock lock(mutex_);
    visitor(loops_);
  }

 private:
  template <typename Call>
  void for_each(const Call& call) const {
    visit([&](const auto& loops) {
      for (const auto& loop : loops) call(*loop);
    });
  }

  mutable Mutex mutex_;
  std::vector<std::unique_ptr<ConnectionLoop>> loops_;  // changed under mutex_, while none of them accepts
};

}  // namespace millrace
