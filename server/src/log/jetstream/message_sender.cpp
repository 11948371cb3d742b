#include "message_sender.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <utility>

#include "millrace/core/limits.h"
#include "millrace/server/hub.h"

namespace millrace {

namespace {

std::size_t bytes_of(const std::vector<NatsMessage>& messages) {
  std::size_t bytes = 0;
  for (const NatsMessage& message : messages) bytes += message.data.size();
  return bytes;
}

}  // namespace

// A group's messages on their way.
struct MessageSender::Batch {
  std::shared_ptr<Group> group;
  std::mutex mutex;
  std::condition_variable over;
  std::vector<NatsAck> acks;   // guarded by mutex, as what follows
  std::vector<bool> followed;  // which of them are to be handed over
  std::size_t left = 0;        // not acknowledged yet
  bool is_given_up = false;    // then it is over with the last ack
  bool is_over = false;

  // True if it was the last. Then `last` is the sequence that the follower is to come to.
  bool take(std::size_t index, NatsAck ack, std::uint64_t& last) {
    const std::lock_guard lock(mutex);
    acks[index] = std::move(ack);
    if (--left > 0) return false;
    for (std::size_t i = 0; i < acks.size() && !is_given_up; ++i) {
      if (followed[i] && acks[i].trouble.empty()) last = std::max(last, acks[i].sequence);
    }
    return true;
  }

  // Everybody has theirs before they are woken.
  void end() {
    {
      const std::lock_guard lock(mutex);
      if (is_over) return;
      is_over = true;
      auto next = acks.begin();
      for (Turn* turn : group->members()) {
        const auto begin = next;
        next += std::ssize(turn->messages);
        turn->acks.assign(begin, next);
      }
    }
    over.notify_one();
    group->end();
  }
};

std::vector<NatsAck> MessageSender::send(const std::vector<NatsMessage>& messages, Until until) {
  Turn turn{.messages = messages, .until = until, .acks = {}};
  const auto [group, sends] = turns_.join(turn, messages.size(), bytes_of(messages));
  if (sends) {
    send(group);
  } else {
    group->wait_until_done();
  }
  for (const NatsAck& ack : turn.acks) {
    if (!ack.trouble.empty()) throw StoreUnavailable(append_refusal(ack.trouble));
  }
  return std::move(turn.acks);
}

void MessageSender::send(const std::shared_ptr<Group>& group) {
  turns_.wait_for_turn(*group);
  const auto deadline = std::chrono::steady_clock::now() + kStoreAckTimeout;
  const auto batch = std::make_shared<Batch>();
  batch->group = group;
  for (const Turn* turn : group->members()) {
    batch->left += turn->messages.size();
    batch->followed.resize(batch->left, turn->until == Until::kHandedOver);
  }
  batch->acks.resize(batch->left);
  const auto on_ack = std::make_shared<NatsConnection::OnAck>([this, batch](std::size_t index, NatsAck ack) {
    std::uint64_t last = 0;
    if (batch->take(index, std::move(ack), last)) follower_.when_at(last, [batch] { batch->end(); });
  });
  std::size_t first = 0;
  // Once all are sent it may be over, and who has brought them gone.
  const std::vector<Turn*> turns = group->members();
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const std::size_t count = turns[i]->messages.size();
    connection_.send(turns[i]->messages, on_ack, first);
    first += count;
  }
  connection_.flush();
  turns_.pass_on();

  const auto is_over = [&] { return batch->is_over; };
  std::unique_lock lock(batch->mutex);
  if (batch->over.wait_until(lock, deadline, is_over)) return;
  const bool is_stored = batch->left == 0;
  batch->is_given_up = true;
  lock.unlock();
  if (is_stored) return batch->end();  // also where the follower takes longer
  connection_.give_up(on_ack, "it was not acknowledged in time");
  // One whose ack has just come is being told.
  lock.lock();
  batch->over.wait(lock, is_over);
}

}  // namespace millrace
