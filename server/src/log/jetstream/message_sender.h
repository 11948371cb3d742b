// MessageSender: sends to JetStream what all who publish at the same time bring, and waits for the acknowledgements.
// Any thread.
//
// They go out in groups, each as soon as NATS has read the one before, so that a lone publisher waits for nothing, and
// many cost the network and NATS few writes and reads. A group's publishers are woken together, when all that they wait
// for has come about. Where memory runs out, those whose messages it was for are told so, and nobody is left waiting.
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
  struct Turn {
    const std::vector<NatsMessage>& messages;
    Until until;
    std::vector<NatsAck> acks;  // as many, from the beginning
    bool is_done = false;       // they are JetStream's
  };
  using Place = Turns<Turn>::Place;
  struct Batch;

  void send(Place& place);
  void send(const std::shared_ptr<Batch>& batch, const std::shared_ptr<NatsConnection::OnAck>& on_ack) noexcept;

  NatsConnection& connection_;
  const StreamFollower& follower_;
  Turns<Turn> turns_;
};

}  // namespace millrace
