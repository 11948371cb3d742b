// MessageSender: sends the messages of all concurrent publishers to JetStream, and waits for the acknowledgements. Any
// thread.
//
// It sends messages in groups, each as soon as NATS has read the previous one. So a single publisher never waits for a
// group, and many publishers cost the network and NATS few writes and reads. A group's publishers wake together, when
// everything that they wait for has happened. If memory runs out, the affected publishers get an error; none waits
// forever.
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
    kHandedOver,  ///< and come back by the follower: of messages to its stream
  };

  /// Both must stay.
  MessageSender(NatsConnection& connection, const StreamFollower& follower)
      : connection_(connection), follower_(follower) {}

  /// Their acks. Throws StoreUnavailable if one of them was not acknowledged within kStoreAckTimeout; those before it
  /// may be stored.
  std::vector<NatsAck> send(const std::vector<NatsMessage>& messages, Until until);

 private:
  // What one publisher brings, and what becomes of it.
  struct Contribution {
    const std::vector<NatsMessage>& messages;
    Until until;
    std::vector<NatsAck> acks;  // as many, from the beginning
    bool is_done = false;       // they are JetStream's
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
