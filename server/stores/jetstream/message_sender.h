// MessageSender: sends the messages of all concurrent publishers to JetStream, and waits for the acknowledgements. Any
// thread.
//
// It sends messages in groups, each as soon as NATS has read the previous one, so that a single publisher never waits
// for a group, and many publishers need few writes and reads. A group's publishers wake together, when everything that
// they wait for has happened. If memory runs out, the affected publishers get an error; none waits for ever.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "log/turns.h"
#include "nats_connection.h"
#include "stream_follower.h"

namespace millrace {

class MessageSender {
 public:
  enum class Until : std::uint8_t {
    kStored,      ///< acknowledged
    kHandedOver,  ///< and delivered by the follower; only for messages to its stream
  };

  /// Both must outlive it.
  MessageSender(NatsConnection& connection, const StreamFollower& follower)
      : connection_(connection), follower_(follower) {}

  /// Returns the messages' acks. Throws StoreUnavailable if a message was not acknowledged within kStoreAckTimeout;
  /// those before it may be stored.
  std::vector<NatsAck> send(const std::vector<NatsMessage>& messages, Until until);

 private:
  // One publisher's messages, and their result.
  struct Contribution {
    const std::vector<NatsMessage>& messages;
    Until until;
    std::vector<NatsAck> acks;  // already as many as messages
    bool is_done = false;       // the acks are from JetStream
  };
  using Place = Turns<Contribution>::Place;
  struct Batch;

  void send(Place& place);
  void send(const std::shared_ptr<Batch>& batch, const std::shared_ptr<NatsConnection::OnAck>& on_ack) noexcept;

  NatsConnection& connection_;
  const StreamFollower& follower_;
  Turns<Contribution> turns_;
};

}  // namespace millrace
