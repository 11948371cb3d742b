// How the connections of a loop take turns within the work of each: those with publish requests, and those that read
// the log, which also get pages of a store when they have arrived.
#include <memory>
#include <utility>

#include "connection.h"
#include "connection_loop.h"
#include "log/event_log.h"

namespace millrace {

// --- Publish requests -----------------------------------------------------------------------------------------------

bool ConnectionLoop::has_turn(const Connection& connection) {
  if (std::exchange(next_, nullptr) == &connection) return true;
  return waiting_.empty() && !serving_.is_spent();
}

// What can be answered now, without its socket being ready. Returns the time that it takes.
std::chrono::nanoseconds ConnectionLoop::serve_requests() {
  const auto began = std::chrono::steady_clock::now();
  returned_.finish();
  commits_.finish_committed();
  serve_waiting();
  return std::chrono::steady_clock::now() - began;
}

// Those that wait use the next turn's work first, one request each.
void ConnectionLoop::serve_waiting() {
  serving_.refill(kPublishWorkPerTurn);
  for (std::size_t count = waiting_.size(); count > 0 && !waiting_.empty() && !serving_.is_spent(); --count) {
    Connection& connection = *waiting_.front();
    waiting_.pop_front();
    next_ = &connection;
    connection.take_turn();
  }
  next_ = nullptr;
}

// --- Readers --------------------------------------------------------------------------------------------------------

// No request waits for as long as the tickets take to begin again.
std::uint32_t ConnectionLoop::read_stored(StreamSide& stream, const Place& place,
                                          std::shared_ptr<const TopicFilter> filter) {
  if (++last_ticket_ == 0) ++last_ticket_;
  const std::uint32_t ticket = last_ticket_;
  awaiting_[ticket] = &stream;
  feed_.read_stored(*this, ticket, place, std::move(filter));
  return ticket;
}

void ConnectionLoop::post_page(std::uint64_t ticket, const Feed::PagePtr& page) {
  loop_.defer([this, ticket, page] {
    const auto found = awaiting_.find(ticket);
    if (found == awaiting_.end()) return;
    StreamSide& stream = *found->second;
    awaiting_.erase(found);
    stream.take_stored(*page);
  });
}

void ConnectionLoop::read_later(StreamSide& stream) {
  if (!stream.set_reads_later(true)) readers_.push_back(&stream);
}

// Waiting readers use a turn's work first. What they leave goes to new readers, which then need not wait.
void ConnectionLoop::read_on() {
  reading_.refill(kReadWorkPerTurn);
  for (std::size_t count = readers_.size(); count > 0 && !reading_.is_spent(); --count) {
    StreamSide& stream = *readers_.front();
    readers_.pop_front();
    stream.set_reads_later(false);
    stream.read_on();
  }
}

}  // namespace millrace
