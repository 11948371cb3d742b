#include "millrace/server/push_service.h"

#include <algorithm>
#include <cassert>
#include <memory>
#include <stdexcept>
#include <utility>

#include "base/failure.h"
#include "base/option_time.h"
#include "http/error_response.h"
#include "httplib/refusal.h"
#include "millrace/core/limits.h"
#include "millrace/core/owned.h"
#include "millrace/core/protocol.h"
#include "push_state.h"

namespace millrace {

namespace {

// Returns the user's topic; nothing, and a sentence in `error`, if the uid is invalid.
std::optional<OwnedTopic> topic_of(std::string_view uid, std::string& error) {
  if (uid.empty()) {
    error = "uid: missing or empty";
  } else if (uid.size() > PushService::kMaxUidBytes) {
    error = "uid: longer than " + std::to_string(PushService::kMaxUidBytes) + " bytes";
  } else {
    auto topic =
        uid.find('/') == std::string_view::npos ? OwnedTopic::parse(std::string("users/").append(uid)) : std::nullopt;
    if (topic) return topic;
    error = "uid: must be UTF-8 without /, * and control characters";
  }
  return std::nullopt;
}

bool resumes(const httplib::Request& request) {
  return !request.get_header_value(std::string(protocol::kLastEventIdHeader)).empty() ||
         !request.get_param_value(std::string(protocol::kLastEventIdParameter)).empty();
}

}  // namespace

// --- Turns ----------------------------------------------------------------------------------------------------------

PushService::State::Turn::Turn(State& state, std::string_view uid, Kind kind) : state_(state), kind_(kind) {
  MutexLock lock(state_.mutex_);
  user_ = state_.recipients_.find(uid);
  if (user_ == state_.recipients_.end()) user_ = state_.recipients_.try_emplace(std::string(uid)).first;
  Recipient& user = user_->second;
  ++user.uses;
  if (kind_ == Kind::kShared) {
    user.passed_on.wait(lock, [&] { return !user.is_alone && user.to_be_alone == 0; });
    ++user.senders;
  } else {
    ++user.to_be_alone;
    user.passed_on.wait(lock, [&] { return !user.is_alone && user.senders == 0; });
    --user.to_be_alone;
    user.is_alone = true;
  }
}

PushService::State::Turn::~Turn() {
  const MutexLock lock(state_.mutex_);
  Recipient& user = user_->second;
  assert(user.uses > 0 && user.is_alone == (kind_ == Kind::kAlone) && (user.senders > 0) == (kind_ == Kind::kShared));
  if (kind_ == Kind::kAlone) {
    user.is_alone = false;
  } else {
    --user.senders;
  }
  if (--user.uses > 0 && user.senders == 0) user.passed_on.notify_all();
  state_.forget_if_idle(user_);
}

void PushService::State::forget_if_idle(Recipients::iterator user) {
  if (user->second.uses == 0 && !user->second.visit) recipients_.erase(user);
}

PushService::State::Opening::Opening(State& state) : state_(state) {
  const MutexLock lock(state_.mutex_);
  number_ = state_.openings_.insert(state_.openings_.end(), ++state_.last_opening_);
}

PushService::State::Opening::~Opening() {
  const MutexLock lock(state_.mutex_);
  state_.openings_.erase(number_);
  state_.opened_.notify_all();
}

// --- Streams --------------------------------------------------------------------------------------------------------

// Senders to the user wait meanwhile: when the client can know of the stream, the user counts as connected, and later
// messages follow the place where the stream begins.
Subscribed PushService::State::open(const httplib::Request& request, httplib::Response& response, std::string_view uid,
                                    Topic topic, const std::shared_ptr<Device>& device) {
  device->uid = uid;
  Turn turn(*this, uid, Turn::Kind::kAlone);
  const Opening opening(*this);
  // A new device begins a user's stream that was closed; a device that reconnects gets 204.
  if (!resumes(request) && !hub().begin(topic)) {
    refuse(request, response, 503, RefusalReason::kStore, kStoreTakesNothing);
    response.set_header("Retry-After", retry_spread_.draw());
    return {Subscribed::Outcome::kStoreUnavailable, std::string(kStoreTakesNothing)};
  }
  Subscribed subscribed = server_.subscribe(
      request, response,
      {.topics = {topic},
       .user = device->uid,
       .retry = options_.retry,
       .lifetime = options_.lifetime,
       .on_close = [state = shared_from_this(), device](StreamEnd end) { state->ended(*device, end); }});
  if (subscribed) enter(*device, turn);
  return subscribed;
}

// Counts the device, unless its stream is over already.
void PushService::State::enter(Device& device, Turn& turn) {
  const MutexLock lock(mutex_);
  if (device.over) return;
  std::optional<Visit>& visit = turn.user().visit;
  if (!visit) visit = {.number = ++last_visit_, .since = std::chrono::system_clock::now()};
  ++visit->devices;
  device.visit = visit->number;
}

void PushService::State::announce(Device& device) {
  call("on_open", options_.on_open, device.uid);
  std::optional<StreamEnd> over;
  {
    const MutexLock lock(mutex_);
    device.announced = true;
    over = device.over;
  }
  if (over) report_end(device, *over);
}

void PushService::State::ended(Device& device, StreamEnd end) {
  {
    const MutexLock lock(mutex_);
    assert(!device.over);  // a stream ends once
    device.over = end;
    const auto user = recipients_.find(device.uid);
    if (user != recipients_.end() && user->second.visit && user->second.visit->number == device.visit &&
        --user->second.visit->devices == 0) {
      user->second.visit.reset();
      forget_if_idle(user);
    }
    if (!device.announced) return;
  }
  report_end(device, end);
}

void PushService::State::report_end(const Device& device, StreamEnd end) {
  if (end == StreamEnd::kLifetime) call("on_timeout", options_.on_timeout, device.uid);
  if (end == StreamEnd::kClientLeft || end == StreamEnd::kClosed) call("on_error", options_.on_error, device.uid);
  call("on_close", options_.on_close, device.uid);
}

void PushService::State::call(std::string_view name, const std::function<void(const std::string&)>& callback,
                              const std::string& uid) {
  if (callback == nullptr) return;
  {
    const MutexLock lock(mutex_);
    if (retired_) return;
    ++running_callbacks_;
  }
  // An exception must neither skip the rest nor leave retire() waiting.
  call_guarded(server_.options().on_failure, name, [&] { callback(uid); });
  const MutexLock lock(mutex_);
  assert(running_callbacks_ > 0);
  --running_callbacks_;
  callback_returned_.notify_all();
}

void PushService::State::retire() {
  MutexLock lock(mutex_);
  retired_ = true;
  callback_returned_.wait(lock, [this]() REQUIRES(mutex_) { return running_callbacks_ == 0; });
}

// --- Messages -------------------------------------------------------------------------------------------------------

PushService::Sent PushService::State::send(std::string_view uid, Topic topic, const Event& event) {
  Turn turn(*this, uid, Turn::Kind::kShared);
  bool is_connected = false;
  {
    const MutexLock lock(mutex_);
    is_connected = turn.user().visit.has_value();
  }
  if (!options_.keep_for_later && !is_connected) {
    return {.outcome = Sent::Outcome::kNotConnected, .sentence = "uid: \"" + std::string(uid) + "\" is not connected"};
  }
  // If no device has opened the user's stream since it was closed, the message begins the topic again, so that old IDs
  // are free.
  std::vector<Publication> publications;
  if (!is_connected) publications.push_back({.topic = topic, .kind = Publication::Kind::kBegin});
  publications.push_back({.topic = topic, .event = event});
  Published published = std::move(hub().publish(publications).back());
  switch (published.outcome) {
    case Published::Outcome::kPublished:
      return {.outcome = Sent::Outcome::kSent, .id = std::move(published.id)};
    case Published::Outcome::kRepeated:
      return {.outcome = Sent::Outcome::kRepeated, .id = std::move(published.id)};
    case Published::Outcome::kRefused:
    case Published::Outcome::kIdInUse:      // its messages have one topic
    case Published::Outcome::kNotRetained:  // no option of this service retains
      return {.outcome = Sent::Outcome::kInvalid, .sentence = std::move(published.sentence)};
    case Published::Outcome::kStoreUnavailable:
      return {.outcome = Sent::Outcome::kStoreUnavailable, .sentence = std::string(kStoreTakesNothing)};
  }
  return {};
}

PushService::Closed PushService::State::close(std::string_view uid, Topic topic) {
  Turn turn(*this, uid, Turn::Kind::kAlone);
  std::size_t devices = 0;
  std::uint64_t number = 0;
  {
    // The streams may be over before the hub has returned.
    const MutexLock lock(mutex_);
    if (const auto& visit = turn.user().visit) {
      devices = visit->devices;
      number = visit->number;
    }
  }
  if (!hub().finish(topic)) {
    return {.outcome = Closed::Outcome::kStoreUnavailable, .sentence = std::string(kStoreTakesNothing)};
  }
  const MutexLock lock(mutex_);
  std::optional<Visit>& visit = turn.user().visit;
  if (visit && visit->number == number) visit.reset();
  return {.outcome = Closed::Outcome::kClosed, .streams = devices};
}

std::vector<PushService::User> PushService::State::connected() const {
  MutexLock lock(mutex_);
  // Waits for streams being opened now, because clients may know of them.
  opened_.wait(
      lock, [this, last = last_opening_]() REQUIRES(mutex_) { return openings_.empty() || *openings_.begin() > last; });
  std::vector<PushService::User> users;
  for (const auto& [uid, user] : recipients_) {
    if (user.visit) users.push_back({.uid = uid, .since = user.visit->since, .devices = user.visit->devices});
  }
  return users;
}

PushService::PushService(Server& server, PushOptions options) {
  if (options.retry && (*options.retry < Duration{0} || *options.retry > kMaxReconnectionTime)) {
    throw std::invalid_argument("PushOptions::retry must be 0 to " + std::to_string(kMaxReconnectionTime.count()) +
                                " ms");
  }
  if (!is_time_or_zero(options.lifetime)) {
    throw std::invalid_argument(std::string("PushOptions::lifetime ") + kExpectedTimeOrZero);
  }
  state_ = std::make_shared<State>(server, std::move(options));
}

PushService::~PushService() {
  state_->retire();
}

Subscribed PushService::connect(const httplib::Request& request, httplib::Response& response, std::string_view uid) {
  std::string error;
  const auto topic = topic_of(uid, error);
  if (!topic) {
    refuse(request, response, 400, RefusalReason::kInvalid, error);
    return {Subscribed::Outcome::kInvalid, std::move(error)};
  }
  const auto device = std::make_shared<State::Device>();
  Subscribed subscribed = state_->open(request, response, uid, *topic, device);
  if (subscribed) state_->announce(*device);
  return subscribed;
}

PushService::Sent PushService::send(std::string_view uid, EventId id, std::string_view message) {
  std::string error;
  const auto topic = topic_of(uid, error);
  if (!topic) return {.sentence = std::move(error)};
  if (message.empty()) return {.sentence = "message: empty"};
  const Event event{.data = message, .id = id};
  if (auto refused = state_->hub().refusal(*topic, event)) return {.sentence = std::move(refused->sentence)};
  return state_->send(uid, *topic, event);
}

PushService::Sent PushService::send_by_text(std::string_view uid, std::string_view id, std::string_view message) {
  if (const auto checked = EventId::parse(id)) return send(uid, *checked, message);
  return {.sentence = "id: longer than " + std::to_string(kMaxEventIdBytes) + " bytes, or contains a line end or NUL"};
}

PushService::Closed PushService::close(std::string_view uid) {
  std::string error;
  const auto topic = topic_of(uid, error);
  return topic ? state_->close(uid, *topic) : Closed{.sentence = std::move(error)};
}

std::vector<PushService::User> PushService::connected() const {
  return state_->connected();
}

std::optional<std::string> PushService::uid_error(std::string_view uid) {
  std::string error;
  if (topic_of(uid, error)) return std::nullopt;
  return error;
}

}  // namespace millrace
