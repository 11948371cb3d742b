// NatsConnection: a connection to a NATS cluster that repairs itself, requests to JetStream's API on it, and messages
// that JetStream acknowledges.
//
// Any thread may call everything. A call that cannot succeed now throws StoreUnavailable with the reason. Callbacks run
// on threads of the client library.
#pragma once

#include <nats/nats.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/server/publication.h"
#include "mutex.h"
#include "store_address.h"

namespace millrace {

/// No reachable NATS server has JetStream.
class NoJetStream : public StoreUnavailable {
 public:
  using StoreUnavailable::StoreUnavailable;
};

struct NatsMessage {
  std::string subject;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string_view data;  ///< must stay valid until it is sent
};

/// JetStream's answer to a message.
struct NatsAck {
  std::uint64_t sequence = 0;
  bool duplicate = false;  ///< the stream has a message with its Nats-Msg-Id, at `sequence`
  std::string trouble;     ///< why it was not stored, or why that is unknown; empty if it was stored
};

class NatsConnection;

class NatsSubscription {
 public:
  struct Destroy {
    void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
  };
  using Message = std::unique_ptr<natsMsg, Destroy>;

  /// The connection must outlive it.
  NatsSubscription(const NatsConnection& connection, const std::string& subject);
  /// Returns null if no message arrives in time.
  Message next(std::chrono::milliseconds wait);

 private:
  struct Retire {
    const NatsConnection* connection;
    void operator()(natsSubscription* subscription) const;
  };
  std::unique_ptr<natsSubscription, Retire> handle_;
};

class NatsConnection {
 public:
  struct Options {
    StoreAddress address;
    std::string credentials;          ///< path of a file; may be empty
    std::function<void()> on_change;  ///< called when the connection is lost or restored
  };

  /// Connects. Throws StoreUnavailable.
  explicit NatsConnection(Options options);
  ~NatsConnection();
  NatsConnection(const NatsConnection&) = delete;
  NatsConnection& operator=(const NatsConnection&) = delete;

  bool is_connected() const;
  std::uint64_t max_payload() const;

  /// Sends a request to JetStream, `$JS.API.<what>`. An error is in the answer's `error`.
  nlohmann::json ask(const std::string& what, const nlohmann::json& request) const;
  /// The same with several requests at once; returns the answers in their order.
  std::vector<nlohmann::json> ask_all(const std::string& what, const std::vector<nlohmann::json>& requests) const;

  NatsSubscription subscribe(const std::string& subject) const;
  void reply(const char* subject) const;
  std::string new_inbox() const;

  /// Queues the messages in order. Calls `on_ack` exactly once for each, with its index, beginning with `first`; it
  /// must not throw.
  using OnAck = std::function<void(std::size_t index, NatsAck ack)>;
  void send(const std::vector<NatsMessage>& messages, const std::shared_ptr<OnAck>& on_ack, std::size_t first) noexcept;

  /// Sends the queued messages at once, and waits until NATS has read them, at most kStoreAnswerTimeout.
  void flush() const;

  /// Gives up all waits for acks: each on_ack gets `trouble`.
  void give_up(std::string_view trouble) noexcept;
  /// The same for the messages of one call of send().
  void give_up(const std::shared_ptr<OnAck>& on_ack, std::string_view trouble) noexcept;

 private:
  friend class NatsSubscription;

  // Ended subscriptions. Until version 3.6 the library's reader holds no reference to the subscription whose message it
  // is reading, so destroying it at once could free it during that. A later answer shows that the reader has passed it.
  class Retired {
   public:
    Retired() = default;
    ~Retired();
    Retired(const Retired&) = delete;
    Retired& operator=(const Retired&) = delete;

    void add(natsSubscription* subscription) noexcept;
    std::vector<natsSubscription*> take_all();

   private:
    Mutex mutex_;
    std::vector<natsSubscription*> subscriptions_ GUARDED_BY(mutex_);
  };
  class Reaping;

  struct Awaited {
    std::shared_ptr<OnAck> on_ack;
    std::size_t index;
  };
  struct Close {
    void operator()(natsConnection* connection) const;
  };
  struct Unsubscribe {
    void operator()(natsSubscription* subscription) const;
  };

  using AwaitedAcks = std::map<std::uint64_t, Awaited>;  // a map, because removing entries needs no memory

  std::optional<std::uint64_t> expect(std::size_t count, const std::shared_ptr<OnAck>& on_ack, std::size_t first);
  void handle_ack(natsMsg* message) noexcept;
  void answer(std::uint64_t token, NatsAck ack) noexcept;
  template <typename IsOne>
  void give_up_where(const IsOne& is_one, std::string_view trouble) noexcept;

  const Options options_;
  Mutex awaited_mutex_;
  AwaitedAcks awaited_ GUARDED_BY(awaited_mutex_);
  std::uint64_t next_token_ GUARDED_BY(awaited_mutex_) = 0;
  std::string inbox_;
  Mutex closed_mutex_;
  Condition closing_;
  bool is_closed_ GUARDED_BY(closed_mutex_) = false;
  mutable Retired retired_;  // destroyed after the connection, which ends its reader
  std::unique_ptr<natsConnection, Close> connection_;
  std::unique_ptr<natsSubscription, Unsubscribe> acks_;
};

}  // namespace millrace
