#include "millrace/server/push_service.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "../http/refusal.h"
#include "millrace/core/limits.h"
#include "millrace/core/protocol.h"

namespace millrace {

namespace {

std::string topic_name(std::string_view uid) {
  return std::string("users/").append(uid);
}

void require_uid(std::string_view uid) {
  if (std::string error = PushService::uid_error(uid); !error.empty()) throw std::invalid_argument(error);
}

bool resumes(const httplib::Request& request) {
  return !request.get_header_value(std::string(protocol::kLastEventIdHeader)).empty() ||
         !request.get_param_value(std::string(protocol::kLastEventIdParameter)).empty();
}

}  // namespace

// Shared with the streams, which may outlive the service.
class PushService::State : public std::enable_shared_from_this<State> {
 public:
  State(Server& server, PushOptions options) : server_(server), options_(std::move(options)) {}

  // One stream. It may be over before the handler that opens it has returned; its callbacks keep their order all the
  // same.
  struct Device {
    std::string uid;
    std::uint64_t visit = 0;        // which of the user's visits it counts for
    bool announced = false;         // on_open has returned
    std::optional<StreamEnd> over;  // how it ended
  };

  bool open(const httplib::Request& request, httplib::Response& response, std::string_view uid,
            const std::shared_ptr<Device>& device);
  void announce(Device& device);
  void ended(Device& device, StreamEnd end);
  Sent send(std::string_view uid, const Event& event);
  std::size_t close(std::string_view uid);
  std::vector<User> connected() const;
  void retire();

  Hub& hub() const { return server_.hub(); }

 private:
  // From a user's first stream to the end of the last, or to close().
  struct Visit {
    std::uint64_t number = 0;
    std::chrono::system_clock::time_point since;
    std::size_t devices = 0;
  };

  // A user whose stream is being opened.
  class Opening {
   public:
    Opening(State& state, const std::string& uid);
    ~Opening();
    Opening(const Opening&) = delete;
    Opening& operator=(const Opening&) = delete;

   private:
    State& state_;
    const std::string& uid_;
  };

  void enter(Device& device);
  void await_opening(std::string_view uid, std::unique_lock<std::mutex>& lock);
  void report_end(const Device& device, StreamEnd end);
  void call(const std::function<void(const std::string&)>& callback, const std::string& uid);

  Server& server_;
  const PushOptions options_;

  // Held while the hub is asked to publish or finish, so that sending and closing come one after the other.
  mutable std::mutex mutex_;
  // Guarded by mutex_, the devices included.
  std::map<std::string, Visit, std::less<>> visits_;
  std::uint64_t last_visit_ = 0;
  std::size_t running_callbacks_ = 0;
  bool retired_ = false;
  std::condition_variable callback_returned_;
  std::map<std::string, std::uint64_t, std::less<>> opening_;  // users, and the how-manyeth opening it is
  std::uint64_t last_opening_ = 0;
  mutable std::condition_variable opened_;
};

// Who sends to the user meanwhile waits: once its client can know of the stream, the user is connected; and what is
// sent from then on is behind the place where the stream begins. Others are not kept waiting.
bool PushService::State::open(const httplib::Request& request, httplib::Response& response, std::string_view uid,
                              const std::shared_ptr<Device>& device) {
  device->uid = uid;
  const Opening opening(*this, device->uid);
  const std::string topic = topic_name(uid);
  // A device that comes for the first time begins a user's stream that was closed; one that comes back is told so.
  if (!resumes(request)) server_.hub().begin(*Topic::parse(topic));
  const bool open = server_.subscribe(
      request, response,
      {.topics = {topic},
       .user = device->uid,
       .retry = options_.retry,
       .lifetime = options_.lifetime,
       .on_close = [state = shared_from_this(), device](StreamEnd end) { state->ended(*device, end); }});
  if (open) enter(*device);
  return open;
}

// One more device, unless its stream is over already.
void PushService::State::enter(Device& device) {
  const std::lock_guard lock(mutex_);
  if (device.over) return;
  Visit& visit = visits_[device.uid];
  if (visit.devices++ == 0) {
    visit.number = ++last_visit_;
    visit.since = std::chrono::system_clock::now();
  }
  device.visit = visit.number;
}

// While it lives nobody else opens, sends to or closes the user's streams.
PushService::State::Opening::Opening(State& state, const std::string& uid) : state_(state), uid_(uid) {
  std::unique_lock lock(state_.mutex_);
  state_.await_opening(uid_, lock);
  state_.opening_.emplace(uid_, ++state_.last_opening_);
}

PushService::State::Opening::~Opening() {
  const std::lock_guard lock(state_.mutex_);
  state_.opening_.erase(uid_);
  state_.opened_.notify_all();
}

void PushService::State::await_opening(std::string_view uid, std::unique_lock<std::mutex>& lock) {
  opened_.wait(lock, [&] { return opening_.find(uid) == opening_.end(); });
}

void PushService::State::announce(Device& device) {
  call(options_.on_open, device.uid);
  std::optional<StreamEnd> over;
  {
    const std::lock_guard lock(mutex_);
    device.announced = true;
    over = device.over;
  }
  if (over) report_end(device, *over);
}

void PushService::State::ended(Device& device, StreamEnd end) {
  {
    const std::lock_guard lock(mutex_);
    device.over = end;
    const auto visit = visits_.find(device.uid);
    if (visit != visits_.end() && visit->second.number == device.visit && --visit->second.devices == 0) {
      visits_.erase(visit);
    }
    if (!device.announced) return;
  }
  report_end(device, end);
}

void PushService::State::report_end(const Device& device, StreamEnd end) {
  if (end == StreamEnd::kLifetime) call(options_.on_timeout, device.uid);
  if (end == StreamEnd::kClientLeft || end == StreamEnd::kClosed) call(options_.on_error, device.uid);
  call(options_.on_close, device.uid);
}

void PushService::State::call(const std::function<void(const std::string&)>& callback, const std::string& uid) {
  if (callback == nullptr) return;
  {
    const std::lock_guard lock(mutex_);
    if (retired_) return;
    ++running_callbacks_;
  }
  callback(uid);
  const std::lock_guard lock(mutex_);
  --running_callbacks_;
  callback_returned_.notify_all();
}

void PushService::State::retire() {
  std::unique_lock lock(mutex_);
  retired_ = true;
  callback_returned_.wait(lock, [this] { return running_callbacks_ == 0; });
}

PushService::Sent PushService::State::send(std::string_view uid, const Event& event) {
  std::unique_lock lock(mutex_);
  await_opening(uid, lock);
  if (!options_.keep_for_later && visits_.find(uid) == visits_.end()) {
    return {.connected = false, .reason = "uid: \"" + std::string(uid) + "\" is not connected"};
  }
  const std::string topic = topic_name(uid);
  try {
    Published published = server_.hub().publish(*Topic::parse(topic), event);
    return {.id = std::move(published.id), .repeated = published.repeated};
  } catch (const StoreUnavailable&) {
    return {.stored = false, .reason = std::string(kStoreTakesNothing)};
  }
}

std::size_t PushService::State::close(std::string_view uid) {
  std::unique_lock lock(mutex_);
  await_opening(uid, lock);
  const std::string topic = topic_name(uid);
  server_.hub().finish(*Topic::parse(topic));  // where it throws, the streams go on
  const auto visit = visits_.find(uid);
  if (visit == visits_.end()) return 0;
  const std::size_t devices = visit->second.devices;
  visits_.erase(visit);
  return devices;
}

std::vector<PushService::User> PushService::State::connected() const {
  std::unique_lock lock(mutex_);
  // Clients may know of streams that are being opened now.
  opened_.wait(lock, [this, last = last_opening_] {
    return std::none_of(opening_.begin(), opening_.end(), [&](const auto& entry) { return entry.second <= last; });
  });
  std::vector<User> users;
  for (const auto& [uid, visit] : visits_) {
    users.push_back({.uid = uid, .since = visit.since, .devices = visit.devices});
  }
  return users;
}

PushService::PushService(Server& server, PushOptions options) {
  if (options.retry && (*options.retry < Duration{0} || *options.retry > kMaxReconnectionTime)) {
    throw std::invalid_argument("PushOptions::retry must be 0 to " + std::to_string(kMaxReconnectionTime.count()) +
                                " ms");
  }
  if (options.lifetime < Duration{0}) throw std::invalid_argument("PushOptions::lifetime must not be negative");
  state_ = std::make_shared<State>(server, std::move(options));
}

PushService::~PushService() {
  state_->retire();
}

bool PushService::connect(const httplib::Request& request, httplib::Response& response, std::string_view uid) {
  require_uid(uid);
  const auto device = std::make_shared<State::Device>();
  const bool open = state_->open(request, response, uid, device);
  if (open) state_->announce(*device);
  return open;
}

PushService::Sent PushService::send(std::string_view uid, std::string_view id, std::string_view message) {
  if (std::string error = uid_error(uid); !error.empty()) return {.reason = std::move(error)};
  if (message.empty()) return {.reason = "message: empty"};
  const auto event_id = EventId::parse(id);
  if (!event_id) {
    return {.reason =
                "id: longer than " + std::to_string(kMaxEventIdBytes) + " bytes, or with a line end or NUL in it"};
  }
  const Event event{.data = message, .id = *event_id};
  if (std::string reason = state_->hub().refusal(*Topic::parse(topic_name(uid)), event); !reason.empty())
    return {.reason = std::move(reason)};
  return state_->send(uid, event);
}

std::size_t PushService::close(std::string_view uid) {
  require_uid(uid);
  return state_->close(uid);
}

std::vector<PushService::User> PushService::connected() const {
  return state_->connected();
}

std::string PushService::uid_error(std::string_view uid) {
  if (uid.empty()) return "uid: missing or empty";
  if (uid.size() > kMaxUidBytes) return "uid: longer than " + std::to_string(kMaxUidBytes) + " bytes";
  if (uid.find('/') != std::string_view::npos || !Topic::parse(uid)) {
    return "uid: must be UTF-8 without /, * and control characters";
  }
  return {};
}

}  // namespace millrace
