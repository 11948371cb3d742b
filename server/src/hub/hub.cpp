#include "millrace/server/hub.h"

#include <algorithm>
#include <charconv>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "../log/ring_event_log.h"
#include "millrace/core/protocol.h"

namespace millrace {

struct Hub::Shared {
  explicit Shared(Options options)
      : max_event_bytes(options.history_bytes),
        clock(std::move(options.clock)),
        log(std::move(options.epoch),
            {.events = options.history_events, .bytes = options.history_bytes, .age = options.history_age}) {}

  void post(const FramePtr& frame) {
    for (Sink* sink : sinks) sink->post(frame);
  }

  const std::size_t max_event_bytes;
  const std::function<TimePoint()> clock;
  mutable std::mutex mutex;
  RingEventLog log;             // guarded by mutex, but for its epoch
  std::vector<Sink*> sinks;     // guarded by mutex
  std::uint64_t publishes = 0;  // guarded by mutex
  std::uint64_t repeated = 0;   // guarded by mutex
};

namespace {

// The sequence in an ID that this log gave: `<epoch>-<digits>`.
std::optional<std::uint64_t> own_sequence(std::string_view id, std::string_view epoch) {
  if (!id.starts_with(epoch) || id.substr(epoch.size(), 1) != "-") return std::nullopt;
  id.remove_prefix(epoch.size() + 1);
  std::uint64_t sequence = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), sequence);
  if (error != std::errc{} || end != id.data() + id.size()) return std::nullopt;
  return sequence;
}

}  // namespace

Hub::Hub(Options options) : shared_(std::make_unique<Shared>(std::move(options))) {}

Hub::~Hub() = default;

std::string Hub::refusal(Topic topic) {
  return topic.is_reserved() ? "topic: topics that begin with \"millrace.\" are reserved" : std::string();
}

std::string Hub::refusal(Topic topic, const Event& event) const {
  if (std::string reason = refusal(topic); !reason.empty()) return reason;
  const std::string_view id = event.id.view();
  if (!event.id.returns_in_a_header()) {
    return "id: must be UTF-8 without control characters, and neither begin nor end with a blank: a client could not "
           "send it back in Last-Event-ID";
  }
  if (id == protocol::kEarliest) return "id: \"earliest\" is reserved";
  if (id.starts_with(protocol::kReservedPrefix)) return "id: IDs that begin with \"millrace.\" are reserved";
  if (id.starts_with(shared_->log.epoch() + '-')) return "id: IDs of the form <epoch>-<number> are the log's own";
  if (event.type.view().starts_with(protocol::kReservedPrefix)) {
    return "event: types that begin with \"millrace.\" are reserved";
  }
  if (event.data.size() > shared_->max_event_bytes) {
    return "data: larger than the whole history may be (" + std::to_string(shared_->max_event_bytes) + " bytes)";
  }
  return {};
}

void Hub::announce(Topic topic, EventType type, std::string_view data) {
  const std::lock_guard lock(shared_->mutex);
  shared_->post(shared_->log.append(topic, {.type = type, .data = data}, shared_->clock()));
}

Published Hub::publish(Topic topic, const Event& event, IdScope scope) {
  if (std::string reason = refusal(topic, event); !reason.empty()) throw std::invalid_argument(reason);
  const std::lock_guard lock(shared_->mutex);
  RingEventLog& log = shared_->log;
  if (!event.id.empty() && log.has_published(topic, event.id.view(), scope)) {
    ++shared_->repeated;
    return {.id = std::string(event.id.view()), .repeated = true};
  }
  const FramePtr frame = log.append(topic, event, shared_->clock(), scope);
  ++shared_->publishes;
  shared_->post(frame);
  return {.id = event.id.empty() ? id_of(frame->sequence) : frame->publisher_id};
}

void Hub::finish(Topic topic) {
  if (std::string reason = refusal(topic); !reason.empty()) throw std::invalid_argument(reason);
  const std::lock_guard lock(shared_->mutex);
  shared_->post(shared_->log.append_finish(topic, shared_->clock()));
}

void Hub::begin(Topic topic) {
  const std::lock_guard lock(shared_->mutex);
  if (const FramePtr frame = shared_->log.append_begin(topic, shared_->clock())) shared_->post(frame);
}

Hub::Statistics Hub::statistics() const {
  const std::lock_guard lock(shared_->mutex);
  const RingEventLog& log = shared_->log;
  return {.publishes = shared_->publishes,
          .repeated = shared_->repeated,
          .evictions = log.oldest() - 1,
          .entries = static_cast<std::size_t>(log.head() + 1 - log.oldest()),
          .bytes = log.bytes()};
}

void Hub::attach(Sink& sink) {
  const std::lock_guard lock(shared_->mutex);
  shared_->sinks.push_back(&sink);
}

void Hub::detach(Sink& sink) {
  const std::lock_guard lock(shared_->mutex);
  std::erase(shared_->sinks, &sink);
}

Hub::Cursor Hub::resolve(std::string_view last_event_id, const TopicFilter* filter) const {
  const std::lock_guard lock(shared_->mutex);
  RingEventLog& log = shared_->log;
  log.expire(shared_->clock());
  const std::uint64_t before_oldest = log.oldest() - 1;
  if (last_event_id.empty()) return {.sequence = log.head()};
  if (last_event_id == protocol::kEarliest) return {.sequence = before_oldest};
  auto sequence = own_sequence(last_event_id, log.epoch());
  if (!sequence) sequence = log.find(last_event_id);
  if (!sequence && filter != nullptr) sequence = log.find(last_event_id, *filter);
  if (!sequence || *sequence > log.head()) return {.sequence = before_oldest, .gap_reason = "unknown"};
  if (*sequence < before_oldest) return {.sequence = before_oldest, .gap_reason = "expired"};
  return {.sequence = *sequence};
}

bool Hub::is_over(const Cursor& cursor, const TopicFilter& filter) const {
  const std::lock_guard lock(shared_->mutex);
  const RingEventLog& log = shared_->log;
  if (!cursor.gap_reason.empty() || cursor.sequence + 1 < log.oldest()) return false;
  const auto finished_at = log.finished_at(filter, cursor.sequence);
  if (!finished_at) return false;
  // Nothing but the finish itself may be left.
  const auto page = log.read_after(cursor.sequence, filter);
  return page.frames.empty() || page.frames.front()->sequence >= *finished_at;
}

Hub::Page Hub::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  const std::lock_guard lock(shared_->mutex);
  const RingEventLog& log = shared_->log;
  if (sequence + 1 < log.oldest()) return {.frames = {}, .through = log.oldest() - 1, .expired = true};
  auto page = log.read_after(sequence, filter);
  const auto finished_at = log.finished_at(filter, sequence);
  // What comes behind the end is for those who come then.
  if (finished_at && page.through > *finished_at) {
    std::erase_if(page.frames, [&](const FramePtr& frame) { return frame->sequence > *finished_at; });
    page.through = std::max(sequence, *finished_at);
  }
  return {.frames = std::move(page.frames),
          .through = page.through,
          .at_head = page.through >= log.head(),
          .finished = finished_at && page.through >= *finished_at};
}

std::string Hub::id_of(std::uint64_t sequence) const {
  return shared_->log.id_of(sequence);
}

}  // namespace millrace
