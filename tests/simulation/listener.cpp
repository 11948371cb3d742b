#include "listener.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "millrace/core/protocol.h"

namespace millrace::simulation {

namespace {

// The field's number; 0 if it is not there.
std::uint64_t number_in(std::string_view head, std::string_view field) {
  const std::size_t found = head.find(field);
  std::uint64_t number = 0;
  if (found != std::string_view::npos) {
    std::from_chars(head.data() + found + field.size(), head.data() + head.size(), number);
  }
  return number;
}

std::vector<std::string> texts_of(const std::vector<TopicPattern>& patterns) {
  std::vector<std::string> texts;
  for (const TopicPattern& pattern : patterns) texts.emplace_back(pattern.view());
  return texts;
}

}  // namespace

Listener::Listener(Schedule& schedule, Record& record, const Options& options, Connect connect, Change change)
    : schedule_(schedule),
      options_(options),
      connect_(std::move(connect)),
      change_(std::move(change)),
      filter_(options.filter),
      view_(record, options.name, texts_of(options.filter->patterns()), options.latest, options.conflate.has_value()) {}

void Listener::start(std::string_view last_event_id, std::uint64_t seed) {
  const std::string id(last_event_id);  // which may be the old state's
  state_ = std::make_unique<EventSourceState>(options_.policy, id, seed);
  not_before_.reset();
  retry_after_.reset();
  state_->start();
  poll();
}

void Listener::reload(std::uint64_t seed) {
  tell("is loaded again, with last event ID \"" + std::string(state_->last_event_id()) + "\"");
  drop();
  start(state_->last_event_id(), seed);
}

void Listener::close() {
  tell("closes");
  state_->close();
  drop();
}

// As the npm package does it.
void Listener::listen_to(const Filter& filter, std::uint64_t seed) {
  std::vector<std::string> added;
  const auto before = texts_of(filter_->patterns());
  for (const std::string& pattern : texts_of(filter->patterns())) {
    if (std::find(before.begin(), before.end(), pattern) == before.end()) added.push_back(pattern);
  }
  filter_ = filter;
  if (!options_.latest) added.clear();
  std::string story = "listens to";
  for (const TopicPattern& pattern : filter->patterns()) story.append(" ").append(pattern.view());
  if (change(added)) return tell(story + " from now on, on its stream");
  tell(story + " from now on, by another stream");
  view_.changes(0, texts_of(filter->patterns()), {});
  if (added.empty()) return restart();
  unsure_.clear();
  drop();
  start(protocol::kLatest, seed);
}

bool Listener::change(const std::vector<std::string>& added) {
  if (wire_ == nullptr) return false;
  std::vector<TopicPattern> patterns;
  for (const std::string& pattern : added) patterns.push_back(*TopicPattern::parse(std::string_view(pattern)));
  const auto with_state = added.empty() ? nullptr : std::make_shared<const TopicFilter>(patterns);
  const auto place = change_(wire_, filter_, with_state);
  if (!place) return false;
  view_.changes(*place, texts_of(filter_->patterns()), added);
  unsure_.insert(unsure_.end(), added.begin(), added.end());
  return true;
}

void Listener::go_online() {
  tell("is online again");
  not_before_ = retry_after_;
  state_->handle_online(schedule_.now());
  poll();
}

void Listener::restart() {
  tell("starts over");
  not_before_.reset();
  retry_after_.reset();
  drop();
  state_->handle_restart(schedule_.now());
  poll();
}

void Listener::sleep(Duration time) {
  tell("sleeps for " + std::to_string(time.count()) + " ms");
  asleep_until_ = schedule_.now() + time;
  if (wire_ != nullptr) wire_->stall(time);
}

void Listener::heal() {
  healed_ = true;
  asleep_until_ = schedule_.now();
  if (wire_ != nullptr) wire_->heal();
  expect_timeout();
}

// --- What comes in --------------------------------------------------------------------------------------------------

void Listener::on_bytes(std::string_view bytes) {
  pending_.append(bytes);
  // An event may lead to another connection: then the rest of this one's bytes is ignored.
  const auto wire = wire_;
  while (wire == wire_ && read_some()) {
  }
}

void Listener::on_end() {
  wire_.reset();
  if (reading_ == Reading::kBare || reading_ == Reading::kEnd) {
    tell("has heard the end");
    state_->handle_end(schedule_.now());
  } else {
    tell("has heard the end in the middle");
    state_->handle_network_error(schedule_.now());
  }
  poll();
}

void Listener::on_broken() {
  tell("is cut off");
  wire_.reset();
  state_->handle_network_error(schedule_.now());
  poll();
}

// Reads the next piece of a response [RFC 9112 7.1]; false if that is not whole.
bool Listener::read_some() {
  const std::size_t line = pending_.find("\r\n");
  switch (reading_) {
    case Reading::kHead: {
      const std::size_t end = pending_.find("\r\n\r\n");
      if (end == std::string::npos) return false;
      const std::string head = pending_.substr(0, end + 4);
      pending_.erase(0, head.size());
      read_head(head);
      return true;
    }
    case Reading::kSize: {
      if (line == std::string::npos) return false;
      const auto [end, failure] = std::from_chars(pending_.data(), pending_.data() + line, left_, 16);
      if (failure != std::errc{} || end != pending_.data() + line) throw Broken(options_.name + ": not a chunk's size");
      pending_.erase(0, line + 2);
      reading_ = left_ > 0 ? Reading::kData : Reading::kEnd;
      return true;
    }
    case Reading::kData: {
      const std::size_t bytes = std::min(left_, pending_.size());
      left_ -= bytes;
      if (left_ == 0) reading_ = Reading::kDataEnd;
      take(bytes);
      return bytes > 0;
    }
    case Reading::kDataEnd:
      if (pending_.size() < 2) return false;
      if (!pending_.starts_with("\r\n")) throw Broken(options_.name + ": no line end behind a chunk");
      pending_.erase(0, 2);
      reading_ = Reading::kSize;
      return true;
    case Reading::kBare:
      if (pending_.empty()) return false;
      take(pending_.size());
      return true;
    case Reading::kEnd:
      if (pending_.size() > 2 || !std::string_view("\r\n").starts_with(pending_)) {
        throw Broken(options_.name + ": bytes behind the last chunk");
      }
      return false;
  }
  return false;
}

void Listener::read_head(std::string_view head) {
  const int status = static_cast<int>(number_in(head, "HTTP/1.1 ") + number_in(head, "HTTP/1.0 "));
  tell("is answered " + std::to_string(status));
  EventSourceState::Response response{.status = status, .content_type = "text/event-stream"};
  if (status == 503) response.retry_after = Duration{1'000 * static_cast<int>(number_in(head, "Retry-After: "))};
  if (status == 200) view_.begins(number_in(head, "X-State: "), number_in(head, "X-Forgiven: "));
  if (status == 204) view_.told_that_it_is_over(number_in(head, "X-Entries: "), number_in(head, "X-Place: "));
  reading_ = status != 200 ? Reading::kEnd : options_.http_1_0 ? Reading::kBare : Reading::kSize;
  state_->handle_response(response, schedule_.now());
  // Nobody knows whether the state had come of what was added on an earlier stream.
  if (status == 200) {
    std::vector<std::string> again;
    const auto wanted = texts_of(filter_->patterns());
    for (const std::string& pattern : std::exchange(unsure_, {})) {
      const bool is_new = std::find(again.begin(), again.end(), pattern) == again.end();
      if (is_new && std::find(wanted.begin(), wanted.end(), pattern) != wanted.end()) again.push_back(pattern);
    }
    if (!again.empty() && !change(again)) unsure_ = again;
  }
  if (status == 503 && options_.policy.retry_on_server_error) {
    not_before_ = retry_after_ = schedule_.now() + *response.retry_after;
  }
  poll();
}

void Listener::take(std::size_t bytes) {
  const std::string piece = pending_.substr(0, bytes);
  pending_.erase(0, bytes);
  state_->handle_bytes(piece, schedule_.now());
  poll();
}

// --- What is decided ------------------------------------------------------------------------------------------------

void Listener::poll() {
  using Output = EventSourceState::Output;
  for (Output output = state_->poll(schedule_.now()); output != Output::kNothing;
       output = state_->poll(schedule_.now())) {
    act(output);
  }
  view_.cursor(state_->last_event_id());
  expect_timeout();
}

void Listener::act(EventSourceState::Output output) {
  switch (output) {
    case EventSourceState::Output::kConnect:
      return connect();
    case EventSourceState::Output::kEvent:
      if (schedule_.tells_story()) {
        const MessageEvent& event = state_->event();
        tell("gets " + std::string(event.type) + " " + std::string(event.data.substr(0, 60)) + " with ID " +
             std::string(event.last_event_id));
      }
      view_.event(state_->event());
      view_.cursor(state_->last_event_id());
      return;
    case EventSourceState::Output::kReconnect: {
      drop();
      const TimePoint earliest = schedule_.now() + state_->reconnection_time();
      not_before_ = std::max(not_before_.value_or(earliest), earliest);
      return;
    }
    case EventSourceState::Output::kFail:
      tell("has failed for good, with status " + std::to_string(state_->status()));
      return drop();
    case EventSourceState::Output::kNothing:
    case EventSourceState::Output::kOpen:
    case EventSourceState::Output::kComment:
      return;
  }
}

void Listener::connect() {
  if (not_before_ && schedule_.now() < *not_before_) throw Broken(options_.name + ": comes back too soon");
  not_before_.reset();
  retry_after_.reset();
  const std::string_view id = state_->last_event_id();
  tell("asks with last event ID \"" + std::string(id) + "\"");
  view_.connect(id);
  wire_is_sound_ = healed_;
  pending_.clear();
  reading_ = Reading::kHead;
  wire_ = connect_(*this, {.filter = filter_,
                           .last_event_id = std::string(id),
                           .http_1_0 = options_.http_1_0,
                           .poll = options_.poll,
                           .cursor = options_.cursor,
                           .latest = options_.latest,
                           .conflate = options_.conflate});
  if (schedule_.now() < asleep_until_) wire_->stall(asleep_until_ - schedule_.now());
}

void Listener::drop() {
  if (const auto wire = std::exchange(wire_, nullptr)) wire->drop();
}

void Listener::expect_timeout() {
  const auto timeout = state_->poll_timeout();
  if (!timeout) return;
  const TimePoint time = std::max(*timeout, asleep_until_);
  if (time >= timeout_expected_) return;
  timeout_expected_ = time;
  schedule_.at(time, [this, time] {
    if (timeout_expected_ != time) return;
    timeout_expected_ = TimePoint::max();
    if (schedule_.now() >= asleep_until_) {
      const auto sound = wire_is_sound_ ? wire_ : nullptr;
      state_->handle_timeout(schedule_.now());
      poll();
      // A watchdog must not hide that the server has forgotten a stream.
      if (sound != nullptr && sound != wire_) {
        throw Broken(options_.name + ": silence on a connection that nothing is wrong with");
      }
    } else {
      expect_timeout();
    }
  });
}

}  // namespace millrace::simulation
