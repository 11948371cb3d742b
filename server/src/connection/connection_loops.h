// ConnectionLoops: the event loops of a listening server. Most calls wait for each loop, for kLoopPatience at most, so
// unless stated otherwise they must not run on a loop's thread; any other thread may call them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "connection_loop.h"
#include "loop_answers.h"
#include "millrace/server/sending_ways.h"
#include "millrace/server/subscription.h"
#include "mutex.h"
#include "stream_right.h"
#include "topic_change.h"

namespace millrace {

class ConnectionLoops {
 public:
  void start(std::size_t count, const std::function<std::unique_ptr<ConnectionLoop>()>& make);
  /// Closes all connections.
  void stop();

  /// For the thread that starts and stops the loops, and in between for the loops' threads.
  const std::vector<std::unique_ptr<ConnectionLoop>>& all() const { return loops_; }

  /// Like the calls of ConnectionLoop, for all loops.
  Answered<std::size_t> disconnect(std::string_view client) const;
  /// An empty selection ends no stream.
  Answered<std::size_t> disconnect(const StreamSelection& selection, const Farewell& farewell) const;
  /// Waits for as long as it takes: no right may be missing.
  std::vector<StreamRightPtr> open_rights() const;
  Answered<std::optional<NamedStream>> named_stream(const StreamName& name) const;
  Answered<bool> change_topics(const TopicChange& change) const;
  Answered<std::vector<SubscriptionInfo>> subscriptions() const;
  /// Does not wait.
  void drain(Duration window);

  /// Likewise.
  std::size_t open_streams() const;
  /// Whether all loops are, see ConnectionLoop::is_drained().
  bool are_drained() const;
  SendingWays sending() const;

  /// Passes all loops to `visitor`; no loop is destroyed before it returns.
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

  template <typename Ask>
  auto ask_all(const Ask& ask) const;
  template <typename Ask>
  auto ask_owner(const StreamName& name, const Ask& ask) const;

  mutable Mutex mutex_;
  std::vector<std::unique_ptr<ConnectionLoop>> loops_;  // changed under mutex_, while no loop accepts
};

}  // namespace millrace
