#include "connection_loops.h"

#include <iterator>
#include <stdexcept>
#include <string>
#include <type_traits>
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

// The answers of all loops. The caller waits for them without the lock, which others need who ask a loop that answers.
template <typename Ask>
auto ConnectionLoops::ask_all(const Ask& ask) const {
  std::vector<std::invoke_result_t<Ask, ConnectionLoop&>> answers;
  for_each([&](ConnectionLoop& loop) { answers.push_back(ask(loop)); });
  return answers;
}

// Asks the loop that has the newest stream with this name. Returns one answer, or none if no stream has the name.
template <typename Ask>
auto ConnectionLoops::ask_owner(const StreamName& name, const Ask& ask) const {
  std::vector<std::invoke_result_t<Ask, ConnectionLoop&, std::uint64_t>> answers;
  visit([&](const auto& loops) {
    if (loops.empty()) return;
    const auto newest = loops.front()->names().newest(name);
    if (newest) answers.push_back(ask(*newest->loop, newest->opening));
  });
  return answers;
}

Answered<std::size_t> ConnectionLoops::disconnect(std::string_view client) const {
  Answered<std::size_t> cut;
  cut.silent_loops = take_answers(ask_all([&](ConnectionLoop& loop) { return loop.disconnect(std::string(client)); }),
                                  [&](std::size_t count) { cut.result += count; });
  return cut;
}

Answered<std::size_t> ConnectionLoops::disconnect(const StreamSelection& selection, const Farewell& farewell) const {
  Answered<std::size_t> ended;
  if (!selection.user && !selection.client && !selection.topic.topic()) return ended;
  ended.silent_loops = take_answers(ask_all([&](ConnectionLoop& loop) { return loop.disconnect(selection, farewell); }),
                                    [&](std::size_t count) { ended.result += count; });
  return ended;
}

std::vector<StreamRightPtr> ConnectionLoops::open_rights() const {
  std::vector<StreamRightPtr> all;
  for (auto& answer : ask_all([](ConnectionLoop& loop) { return loop.open_rights(); })) {
    std::vector<StreamRightPtr> some = answer.get();
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

Answered<std::optional<NamedStream>> ConnectionLoops::named_stream(const StreamName& name) const {
  Answered<std::optional<NamedStream>> found;
  found.silent_loops = take_answers(
      ask_owner(name, [&](ConnectionLoop& loop, std::uint64_t opening) { return loop.named_stream(name, opening); }),
      [&](std::optional<NamedStream> stream) { found.result = std::move(stream); });
  return found;
}

Answered<bool> ConnectionLoops::change_topics(const TopicChange& change) const {
  Answered<bool> has_changed;
  has_changed.silent_loops = take_answers(
      ask_owner(change.name, [&](ConnectionLoop& loop, std::uint64_t) { return loop.change_topics(change); }),
      [&](bool changed) { has_changed.result = changed; });
  return has_changed;
}

Answered<std::vector<SubscriptionInfo>> ConnectionLoops::subscriptions() const {
  Answered<std::vector<SubscriptionInfo>> all;
  all.silent_loops = take_answers(
      ask_all([](ConnectionLoop& loop) { return loop.subscriptions(); }),
      [&](std::vector<SubscriptionInfo> some) { std::move(some.begin(), some.end(), std::back_inserter(all.result)); });
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
