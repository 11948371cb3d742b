#include "connection_loops.h"

#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

#include "millrace/core/topic.h"

namespace millrace {

void ConnectionLoops::start(std::size_t count, const std::function<std::unique_ptr<ConnectionLoop>()>& make) {
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < count; ++i) loops_.push_back(make());
}

// The loops end without the lock, because a thread that waits for the lock may be one that they wait for.
void ConnectionLoops::stop() {
  std::vector<std::unique_ptr<ConnectionLoop>> loops;
  const MutexLock lock(mutex_);
  loops.swap(loops_);
}

std::size_t ConnectionLoops::disconnect(std::string_view client) {
  std::size_t cut = 0;
  for_each([&](ConnectionLoop& loop) { cut += loop.disconnect(client); });
  return cut;
}

std::size_t ConnectionLoops::disconnect(const StreamSelection& selection, const Farewell& farewell) {
  if (!selection.user && !selection.client && !selection.topic.topic()) return 0;
  std::size_t ended = 0;
  for_each([&](ConnectionLoop& loop) { ended += loop.disconnect(selection, farewell); });
  return ended;
}

std::vector<StreamRightPtr> ConnectionLoops::open_rights() {
  std::vector<StreamRightPtr> all;
  for_each([&](ConnectionLoop& loop) {
    std::vector<StreamRightPtr> some = loop.open_rights();
    std::move(some.begin(), some.end(), std::back_inserter(all));
  });
  return all;
}

std::optional<NamedStream> ConnectionLoops::named_stream(const StreamName& name) const {
  std::optional<NamedStream> stream;
  ask_owner(name, [&](ConnectionLoop& loop, std::uint64_t opening) { stream = loop.named_stream(name, opening); });
  return stream;
}

bool ConnectionLoops::change_topics(const TopicChange& change) const {
  bool has_changed = false;
  ask_owner(change.name, [&](ConnectionLoop& loop, std::uint64_t) { has_changed = loop.change_topics(change); });
  return has_changed;
}

// Waits for the loop of the newest stream with this name, and for no other.
template <typename Call>
void ConnectionLoops::ask_owner(const StreamName& name, const Call& call) const {
  visit([&](const auto& loops) {
    if (loops.empty()) return;
    const auto newest = loops.front()->names().newest(name);
    if (newest) call(*newest->loop, newest->opening);
  });
}

std::vector<SubscriptionInfo> ConnectionLoops::subscriptions() const {
  std::vector<SubscriptionInfo> all;
  for_each([&](ConnectionLoop& loop) {
    std::vector<SubscriptionInfo> some = loop.subscriptions();
    std::move(some.begin(), some.end(), std::back_inserter(all));
  });
  return all;
}

void ConnectionLoops::drain(Duration window) {
  for_each([&](ConnectionLoop& loop) { loop.drain(window); });
}

std::size_t ConnectionLoops::open_streams() const {
  std::size_t open = 0;
  for_each([&](const ConnectionLoop& loop) { open += loop.open_streams(); });
  return open;
}

bool ConnectionLoops::are_drained() const {
  bool are_drained = true;
  for_each([&](const ConnectionLoop& loop) { are_drained = are_drained && loop.is_drained(); });
  return are_drained;
}

SendingWays ConnectionLoops::sending() const {
  SendingWays ways;
  for_each([&](const ConnectionLoop& loop) {
    ++(loop.uses_io_uring() ? ways.io_uring : ways.send);
    if (!loop.why_no_io_uring().empty()) ways.why_not = loop.why_no_io_uring();
  });
  return ways;
}

}  // namespace millrace
