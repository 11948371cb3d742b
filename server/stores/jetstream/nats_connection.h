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

/// None of NATS's servers that can be reached has JetStream.
class NoJetStream : public StoreUnavailable {
 public:
  using StoreUnavailable::StoreUnavailable;
};

struct NatsMessage {
  std::string subject;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string_view data;  ///< must stay until it has been sent
};

/// What JetStream answered a message with.
struct NatsAck {
  std::uint64_t sequence = 0;
  bool duplicate = false;  ///< the stream has a message with its Nats-Msg-Id, at `sequence`
  std::string trouble;     ///< why it was not stored, or why that is unknown; empty if it was
};

class NatsConnection;

class NatsSubscription {
 public:
  struct Destroy {
    void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
  };
  using Message = std::unique_ptr<natsMsg, Destroy>;

  /// The connection must stay.
  NatsSubscription(const NatsConnection& connection, const std::string& subject);
  /// Null if none comes in time.
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
    std::string credentials;          ///< file, or empty
    std::function<void()> on_change;  ///< the connection was lost, or is there again
  };

  /// Connects. Throws StoreUnavailable.
  explicit NatsConnection(Options options);
  ~NatsConnection();
  NatsConnection(const NatsConnection&) = delete;
  NatsConnection& operator=(const NatsConnection&) = delete;

  bool is_connected() const;
  std::uint64_t max_payload() const;

  /// Asks JetStream, `$JS.API.<what>`. An answer that is an error comes as `error`.
  nlohmann::json ask(const std::string& what, const nlohmann::json& request) const;
  /// The same with several at once: their answers, in the order of the requests.
  std::vector<nlohmann::json> ask_all(const std::string& what, const std::vector<nlohmann::json>& requests) const;

  NatsSubscription subscribe(const std::string& subject) const;
  void reply(const char* subject) const;
  std::string new_inbox() const;

  /// Puts them on their way, in order. `on_ack` is called once for each, with its index, of which `first` is the
  /// first's, whatever happens; and must not throw.
  using OnAck = std::function<void(std::size_t index, NatsAck ack)>;
  void send(const std::vector<NatsMessage>& messages, const std::shared_ptr<OnAck>& on_ack, std::size_t first) noexcept;

  /// Sends what is on its way, at once, and waits until NATS has read it, or kStoreAnswerTimeout.
  void flush() const;

  /// Gives up what waits for an ack: its on_ack gets `trouble`.
  void give_up(std::string_view trouble) noexcept;
  /// The same for one that has called send().
  void give_up(const std::shared_ptr<OnAck>& on_ack, std::string_view trouble) noexcept;

 private:
  friend class NatsSubscription;

  // Ended subscriptions. The library's reader holds no reference to the one whose message it is at (until its version
  // 3.6), so that destroying it at once would free it under the reader's hands. An answer that has come since tells
  // that the reader is past it.
  class Retired {
   public:
    Retired() = default;
    ~Retired();
    Retired(const Retired&) = delete;
    Retired& operator=(const Retired&) = delete;

    void add(natsSubscription* subscription) noexcept;
    std::vector<natsSubscription*> take();

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

  using AwaitedAcks = std::map<std::uint64_t, Awaited>;  // whose entries can be taken out without memory for it

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
  mutable Retired retired_;  // goes after the connection, which ends its reader
  std::unique_ptr<natsConnection, Close> connection_;
  std::unique_ptr<natsSubscription, Unsubscribe> acks_;
};

}  // namespace millrace
