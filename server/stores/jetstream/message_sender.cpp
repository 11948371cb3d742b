#include "message_sender.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <new>
#include <utility>

#include "jetstream_limits.h"
#include "log/event_log.h"
#include "millrace/server/publication.h"
#include "mutex.h"

namespace millrace {

namespace {

std::size_t bytes_of(const std::vector<NatsMessage>& messages) {
  std::size_t bytes = 0;
  for (const NatsMessage& message : messages) bytes += message.data.size();
  return bytes;
}

}  // namespace

// A group's messages in flight.
struct MessageSender::Batch {
  explicit Batch(std::vector<Contribution*> members) : contributions(std::move(members)) {
    for (const Contribution* contribution : contributions) {
      left += contribution->messages.size();
      followed.resize(left, contribution->until == Until::kHandedOver);
    }
    acks.resize(left);
  }

  const std::vector<Contribution*> contributions;
  std::shared_ptr<Flag> done;  // the contributions' publishers wait for it
  Mutex mutex;
  Condition over;
  std::vector<NatsAck> acks GUARDED_BY(mutex);
  std::vector<bool> followed GUARDED_BY(mutex);  // which messages the follower must deliver
  std::size_t left GUARDED_BY(mutex) = 0;        // not acknowledged yet
  bool is_given_up GUARDED_BY(mutex) = false;    // then it ends with the last ack
  bool is_over GUARDED_BY(mutex) = false;

  // Notes a message's ack; returns true for the last one, and sets `last` to the sequence that the follower must reach.
  bool settle(std::size_t index, NatsAck ack, std::uint64_t& last) noexcept {
    const MutexLock lock(mutex);
    acks[index] = std::move(ack);
    if (--left > 0) return false;
    for (std::size_t i = 0; i < acks.size() && !is_given_up; ++i) {
      if (followed[i] && acks[i].trouble.empty()) last = std::max(last, acks[i].sequence);
    }
    return true;
  }

  // Distributes the acks before it wakes the publishers.
  void end() noexcept {
    {
      const MutexLock lock(mutex);
      if (is_over) return;
      is_over = true;
      auto next = acks.begin();
      for (Contribution* contribution : contributions) {
        const auto begin = next;
        next += std::ssize(contribution->messages);
        std::move(begin, next, contribution->acks.begin());
        contribution->is_done = true;
      }
    }
    over.notify_one();
    done->set();
  }
};

std::vector<NatsAck> MessageSender::send(const std::vector<NatsMessage>& messages, Until until) {
  Contribution contribution{.messages = messages, .until = until, .acks = std::vector<NatsAck>(messages.size())};
  {
    Place place = turns_.join(contribution, messages.size(), bytes_of(messages));
    if (place.works()) {
      send(place);
    } else {
      place.wait_until_done();
    }
  }
  if (!contribution.is_done) throw StoreUnavailable(append_refusal(kOutOfMemory));
  for (const NatsAck& ack : contribution.acks) {
    if (!ack.trouble.empty()) throw StoreUnavailable(append_refusal(ack.trouble));
  }
  return std::move(contribution.acks);
}

// If it throws, nothing was sent, and the place lets the others go on.
void MessageSender::send(Place& place) {
  const std::vector<Contribution*>& contributions = place.wait_for_turn();
  const auto deadline = std::chrono::steady_clock::now() + kStoreAckTimeout;
  const auto batch = std::make_shared<Batch>(contributions);
  const auto on_ack = std::make_shared<NatsConnection::OnAck>([this, batch](std::size_t index, NatsAck ack) noexcept {
    std::uint64_t last = 0;
    if (!batch->settle(index, std::move(ack), last)) return;
    try {
      follower_.when_at(last, [batch] { batch->end(); });
    } catch (const std::bad_alloc&) {
      batch->end();  // the messages are stored, even if the follower may not have delivered them
    }
  });
  batch->done = place.take_end();
  send(batch, on_ack);
  place.pass_on();

  const auto is_over = [&]() REQUIRES(batch->mutex) { return batch->is_over; };
  MutexLock lock(batch->mutex);
  if (batch->over.wait_until(lock, deadline, is_over)) return;
  const bool is_stored = batch->left == 0;
  batch->is_given_up = true;
  lock.unlock();
  if (is_stored) return batch->end();  // even if the follower takes longer
  connection_.give_up(on_ack, "NATS did not acknowledge it in time");
  // An ack that has just arrived may be ending the batch now.
  lock.lock();
  batch->over.wait(lock, is_over);
}

// Sends each message, or gives it a failed ack. Afterwards the batch may be over, and its callers may have returned.
void MessageSender::send(const std::shared_ptr<Batch>& batch,
                         const std::shared_ptr<NatsConnection::OnAck>& on_ack) noexcept {
  std::size_t first = 0;
  for (const Contribution* contribution : batch->contributions) {
    const std::size_t count = contribution->messages.size();  // asked before the batch may be over
    connection_.send(contribution->messages, on_ack, first);
    first += count;
  }
  connection_.flush();
}

}  // namespace millrace
