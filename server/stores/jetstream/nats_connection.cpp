#include "nats_connection.h"

#include <algorithm>
#include <new>
#include <nlohmann/json.hpp>

#include "jetstream_limits.h"
#include "log/event_log.h"
#include "millrace/server/limits.h"
#include "millrace/server/publication.h"
#include "nats_messages.h"

namespace millrace {

namespace {

using nlohmann::json;

struct OptionsDestroy {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
};

// Why connecting failed, for operators.
std::string sentence(natsStatus status) {
  switch (status) {
    case NATS_NO_SERVER:
      return "no NATS server answers: check that it runs, and check host and port";
    case NATS_CONNECTION_AUTH_FAILED:
      return "NATS refuses the user, password, token or credentials";
    case NATS_TIMEOUT:
      return "NATS did not answer in time";
    case NATS_SECURE_CONNECTION_REQUIRED:
      return "NATS requires TLS: write tls:// instead of nats://";
    case NATS_SECURE_CONNECTION_WANTED:
      return "NATS has no TLS: write nats:// instead of tls://, or turn TLS on in NATS";
    case NATS_SSL_ERROR:
      return "TLS with NATS failed: an authority that this machine trusts must have signed its certificate";
    default:
      return std::string("cannot connect to NATS: ") + natsStatus_GetText(status);
  }
}

constexpr const char* kNoJetStream = "NATS answers, but has no JetStream: turn JetStream on in NATS";

}  // namespace

NatsConnection::Retired::~Retired() {
  for (natsSubscription* subscription : take_all()) natsSubscription_Destroy(subscription);
}

// Without memory, the subscription is leaked.
void NatsConnection::Retired::add(natsSubscription* subscription) noexcept {
  const MutexLock lock(mutex_);
  try {
    subscriptions_.push_back(subscription);
  } catch (const std::bad_alloc&) {
  }
}

std::vector<natsSubscription*> NatsConnection::Retired::take_all() {
  const MutexLock lock(mutex_);
  return std::exchange(subscriptions_, {});
}

// Holds subscriptions retired before a request until its answer has arrived.
class NatsConnection::Reaping {
 public:
  explicit Reaping(Retired& retired) : retired_(retired), subscriptions_(retired.take_all()) {}
  ~Reaping() {
    for (natsSubscription* subscription : subscriptions_) retired_.add(subscription);
  }
  Reaping(const Reaping&) = delete;
  Reaping& operator=(const Reaping&) = delete;

  void answered() {
    for (natsSubscription* subscription : subscriptions_) natsSubscription_Destroy(subscription);
    subscriptions_.clear();
  }

 private:
  Retired& retired_;
  std::vector<natsSubscription*> subscriptions_;
};

void NatsSubscription::Retire::operator()(natsSubscription* subscription) const {
  natsSubscription_Unsubscribe(subscription);
  connection->retired_.add(subscription);
}

NatsSubscription::NatsSubscription(const NatsConnection& connection, const std::string& subject)
    : handle_(nullptr, Retire{&connection}) {
  natsSubscription* made = nullptr;
  check_nats(natsConnection_SubscribeSync(&made, connection.connection_.get(), subject.c_str()),
             "cannot subscribe to NATS");
  handle_.reset(made);
  // The consumer's flow control sets in before this bound.
  natsSubscription_SetPendingLimits(made, -1, static_cast<int>(kStorePendingBytes));
}

NatsSubscription::Message NatsSubscription::next(std::chrono::milliseconds wait) {
  natsMsg* message = nullptr;
  const natsStatus status = natsSubscription_NextMsg(&message, handle_.get(), wait.count());
  if (status == NATS_TIMEOUT) return nullptr;
  check_nats(status, "cannot follow the stream");
  return Message(message);
}

void NatsConnection::Close::operator()(natsConnection* connection) const {
  natsConnection_Close(connection);
  natsConnection_Destroy(connection);
}

void NatsConnection::Unsubscribe::operator()(natsSubscription* subscription) const {
  natsSubscription_Unsubscribe(subscription);
  natsSubscription_Destroy(subscription);
}

NatsConnection::NatsConnection(Options options) : options_(std::move(options)) {
  natsOptions* made = nullptr;
  check_nats(natsOptions_Create(&made), "cannot use the NATS library");
  const std::unique_ptr<natsOptions, OptionsDestroy> nats(made);
  std::vector<const char*> servers;
  for (const std::string& server : options_.address.servers) servers.push_back(server.c_str());
  check_nats(natsOptions_SetServers(made, servers.data(), static_cast<int>(servers.size())),
             "cannot use the servers' addresses");
  check_nats(natsOptions_SetName(made, "millrace"), "NATS");
  check_nats(natsOptions_SetTimeout(made, kStoreConnectTimeout.count()), "NATS");
  check_nats(natsOptions_SetReconnectWait(made, kStoreReconnectWait.count()), "NATS");
  check_nats(natsOptions_SetMaxReconnect(made, -1), "NATS");
  // Detects a machine that has vanished.
  check_nats(natsOptions_SetPingInterval(made, kStoreRetry.count()), "NATS");
  check_nats(natsOptions_SetMaxPingsOut(made, 2), "NATS");
  check_nats(natsOptions_SetWriteDeadline(made, kStoreAckTimeout.count()), "NATS");
  check_nats(natsOptions_SetFailRequestsOnDisconnect(made, true), "NATS");
  if (options_.address.tls) check_nats(natsOptions_SetSecure(made, true), "TLS");
  if (!options_.credentials.empty()) {
    check_nats(natsOptions_SetUserCredentialsFromFiles(made, options_.credentials.c_str(), nullptr),
               "the credentials file \"" + options_.credentials + "\" cannot be read");
  }
  const auto changed = [](natsConnection* /*connection*/, void* self) {
    static_cast<NatsConnection*>(self)->options_.on_change();
  };
  check_nats(natsOptions_SetDisconnectedCB(made, changed, this), "NATS");
  check_nats(natsOptions_SetReconnectedCB(made, changed, this), "NATS");
  check_nats(natsOptions_SetClosedCB(
                 made,
                 [](natsConnection*, void* closed) {
                   auto& self = *static_cast<NatsConnection*>(closed);
                   const MutexLock lock(self.closed_mutex_);
                   self.is_closed_ = true;
                   self.closing_.notify_all();
                 },
                 this),
             "NATS");
  // Without a handler the library prints errors.
  check_nats(natsOptions_SetErrorHandler(
                 made, [](natsConnection*, natsSubscription*, natsStatus, void*) {}, nullptr),
             "NATS");
  natsConnection* connection = nullptr;
  const natsStatus status = natsConnection_Connect(&connection, made);
  if (status != NATS_OK) throw StoreUnavailable(sentence(status));
  connection_.reset(connection);
  inbox_ = new_inbox();
  natsSubscription* acks = nullptr;
  check_nats(natsConnection_Subscribe(
                 &acks, connection, (inbox_ + ".*").c_str(),
                 [](natsConnection*, natsSubscription*, natsMsg* message, void* self) {
                   static_cast<NatsConnection*>(self)->handle_ack(message);
                 },
                 this),
             "cannot subscribe to NATS");
  acks_.reset(acks);
  natsSubscription_SetPendingLimits(acks, -1, -1);  // one ack per message sent
}

NatsConnection::~NatsConnection() {
  // Running callbacks use members that are destroyed afterwards.
  natsSubscription* acks = acks_.get();
  Mutex mutex;
  Condition completed;
  bool is_over = false;
  struct Over {
    Mutex& mutex;
    Condition& completed;
    bool& is_over;
  } over{mutex, completed, is_over};
  const natsStatus status = natsSubscription_SetOnCompleteCB(
      acks,
      [](void* closure) {
        auto& waiting = *static_cast<Over*>(closure);
        const MutexLock lock(waiting.mutex);
        waiting.is_over = true;
        waiting.completed.notify_all();
      },
      &over);
  natsSubscription_Unsubscribe(acks);
  if (status == NATS_OK) {
    MutexLock lock(mutex);
    completed.wait(lock, [&] { return is_over; });
  }
  give_up("the server is stopping");
  natsConnection_Close(connection_.get());
  MutexLock lock(closed_mutex_);
  closing_.wait(lock, [this]() REQUIRES(closed_mutex_) { return is_closed_; });
}

bool NatsConnection::is_connected() const {
  return natsConnection_Status(connection_.get()) == NATS_CONN_STATUS_CONNECTED;
}

std::uint64_t NatsConnection::max_payload() const {
  return static_cast<std::uint64_t>(natsConnection_GetMaxPayload(connection_.get()));
}

json NatsConnection::ask(const std::string& what, const json& request) const {
  const std::string subject = "$JS.API." + what;
  const std::string text = request.is_null() ? std::string() : request.dump();
  natsMsg* reply = nullptr;
  Reaping reaping(retired_);
  const natsStatus status = natsConnection_Request(&reply, connection_.get(), subject.c_str(), text.data(),
                                                   static_cast<int>(text.size()), kStoreAnswerTimeout.count());
  if (status == NATS_NO_RESPONDERS) throw NoJetStream(kNoJetStream);
  if (status == NATS_TIMEOUT) throw StoreUnavailable("JetStream did not answer in time");
  if (status != NATS_OK) throw StoreUnavailable(std::string("no connection to NATS: ") + natsStatus_GetText(status));
  reaping.answered();
  return answer_in(NatsSubscription::Message(reply));
}

std::vector<json> NatsConnection::ask_all(const std::string& what, const std::vector<json>& requests) const {
  const std::string subject = "$JS.API." + what;
  const std::string inbox = new_inbox() + ".";
  Reaping reaping(retired_);
  NatsSubscription subscription = subscribe(inbox + "*");
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::string text = requests[i].dump();
    check_nats(natsConnection_PublishRequestString(connection_.get(), subject.c_str(),
                                                   (inbox + std::to_string(i)).c_str(), text.c_str()),
               "cannot send a request to JetStream");
  }
  flush();
  std::vector<json> answers(requests.size());
  const auto deadline = std::chrono::steady_clock::now() + kStoreAnswerTimeout;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto left = std::chrono::duration_cast<Duration>(deadline - std::chrono::steady_clock::now());
    NatsSubscription::Message message = subscription.next(std::max(left, Duration{1}));
    if (message == nullptr) throw StoreUnavailable("JetStream did not answer in time");
    reaping.answered();
    if (natsMsg_IsNoResponders(message.get())) throw NoJetStream(kNoJetStream);
    const std::size_t index = number_after(natsMsg_GetSubject(message.get()), inbox.size());
    if (index < answers.size()) answers[index] = answer_in(message);
  }
  return answers;
}

NatsSubscription NatsConnection::subscribe(const std::string& subject) const {
  return {*this, subject};
}

void NatsConnection::reply(const char* subject) const {
  natsConnection_Publish(connection_.get(), subject, nullptr, 0);
}

std::string NatsConnection::new_inbox() const {
  natsInbox* inbox = nullptr;
  check_nats(natsInbox_Create(&inbox), "NATS");
  std::string name(inbox);
  natsInbox_Destroy(inbox);
  return name;
}

// Returns the first message's token; nothing if memory runs out.
std::optional<std::uint64_t> NatsConnection::expect(std::size_t count, const std::shared_ptr<OnAck>& on_ack,
                                                    std::size_t first) {
  const MutexLock lock(awaited_mutex_);
  const std::uint64_t token = next_token_;
  try {
    for (std::size_t i = 0; i < count; ++i) {
      awaited_.emplace_hint(awaited_.end(), next_token_, Awaited{on_ack, first + i});
      ++next_token_;
    }
  } catch (const std::bad_alloc&) {
    awaited_.erase(awaited_.lower_bound(token), awaited_.end());
    return std::nullopt;
  }
  return token;
}

void NatsConnection::send(const std::vector<NatsMessage>& messages, const std::shared_ptr<OnAck>& on_ack,
                          std::size_t first) noexcept {
  const std::size_t count = messages.size();
  const auto token = expect(count, on_ack, first);
  if (!token) {
    for (std::size_t i = 0; i < count; ++i) (*on_ack)(first + i, refused(kOutOfMemory));
    return;
  }
  NatsAck failure;
  for (std::size_t i = 0; i < count; ++i) {
    if (failure.trouble.empty()) {
      try {
        const NatsSubscription::Message made(new_message(messages[i], inbox_ + "." + std::to_string(*token + i)));
        check_nats(natsConnection_PublishMsg(connection_.get(), made.get()), "cannot send to NATS");
      } catch (const StoreUnavailable& unavailable) {
        failure = refused(unavailable.what());
      } catch (const std::bad_alloc&) {
        failure = refused(kOutOfMemory);
      }
    }
    // After a failure, sends no further message, to keep the order.
    if (!failure.trouble.empty()) answer(*token + i, refused(failure.trouble));
  }
}

void NatsConnection::flush() const {
  natsConnection_FlushTimeout(connection_.get(), kStoreAnswerTimeout.count());
}

// Delivers the ack, unless the wait was given up.
void NatsConnection::answer(std::uint64_t token, NatsAck ack) noexcept {
  AwaitedAcks::node_type awaited;
  {
    const MutexLock lock(awaited_mutex_);
    awaited = awaited_.extract(token);
  }
  if (awaited) (*awaited.mapped().on_ack)(awaited.mapped().index, std::move(ack));
}

// Runs on a thread of the library. On every failure here a caller still needs an answer.
void NatsConnection::handle_ack(natsMsg* message) noexcept {
  const NatsSubscription::Message owner(message);
  const std::uint64_t token = number_after(natsMsg_GetSubject(message), inbox_.size() + 1);
  NatsAck ack;
  try {
    ack = ack_in(owner);
  } catch (const std::bad_alloc&) {
    ack = refused(kOutOfMemory);
  } catch (const json::exception&) {
    ack = refused(kUnreadableAnswer);
  }
  answer(token, std::move(ack));
}

void NatsConnection::give_up(std::string_view trouble) noexcept {
  give_up_where([](const Awaited&) { return true; }, trouble);
}

void NatsConnection::give_up(const std::shared_ptr<OnAck>& on_ack, std::string_view trouble) noexcept {
  give_up_where([&](const Awaited& one) { return one.on_ack == on_ack; }, trouble);
}

template <typename IsOne>
void NatsConnection::give_up_where(const IsOne& is_one, std::string_view trouble) noexcept {
  AwaitedAcks given_up;
  {
    const MutexLock lock(awaited_mutex_);
    for (auto next = awaited_.begin(); next != awaited_.end();) {
      const auto one = next++;
      if (is_one(one->second)) given_up.insert(given_up.end(), awaited_.extract(one));
    }
  }
  for (const auto& [token, one] : given_up) (*one.on_ack)(one.index, refused(trouble));
}

}  // namespace millrace
