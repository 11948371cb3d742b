#include "feed.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <utility>

#include "feed_state.h"

namespace millrace {

void Feed::State::post(const FramePtr& frame) noexcept {
  if (frame == nullptr) return;
  for (Sink* sink : sinks) sink->post(frame);
}

void Feed::State::append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
  const TimePoint now = clock();
  if (store != nullptr) {
    store->append(publications, sequences);
    store_appends.add(static_cast<std::uint64_t>(std::max(clock() - now, Duration{0}).count()));
    return;
  }
  const MutexLock lock(mutex);
  if (const auto conflict = ring.id_conflict(publications)) throw IdConflict(*conflict);
  std::vector<FramePtr> encoded;
  if (const auto refusal = ring.refusal(publications, now, encoded)) throw RetentionRefused(*refusal);
  append_to_ring(publications, encoded, now, sequences);
}

void Feed::State::append_to_ring(std::span<const Publication> publications, std::span<FramePtr> encoded, TimePoint now,
                                 std::span<std::uint64_t> sequences) noexcept {
  for (std::size_t i = 0; i < publications.size(); ++i) {
    const FramePtr frame = ring.append(publications[i], now, i < encoded.size() ? std::move(encoded[i]) : nullptr);
    sequences[i] = frame != nullptr ? frame->sequence : 0;
    post(frame);
  }
}

// Makes the frames before it takes the lock.
void Feed::State::follow(std::span<const LogEntry> entries) noexcept {
  const TimePoint now = clock();
  const auto time_now = time();
  std::vector<FramePtr> frames;
  frames.reserve(entries.size());
  for (const LogEntry& entry : entries) {
    const auto age = std::chrono::duration_cast<Duration>(time_now - entry.published);
    frames.push_back(frame_of(epoch(), entry, now - std::max(Duration{0}, age)));
  }
  const MutexLock lock(mutex);
  const auto first_new = std::find_if(frames.begin(), frames.end(), [this](const FramePtr& frame) REQUIRES(mutex) {
    return frame->sequence > ring.head();  // the others are in the ring
  });
  const std::span<const FramePtr> new_frames(first_new, frames.end());
  if (new_frames.empty()) return;
  for (const FramePtr& frame : new_frames) ring.follow(frame);
  for (Sink* sink : sinks) sink->post_group(new_frames);
}

Feed::Feed(Options options) {
  auto on_store_status = std::move(options.on_store_status);
  state_ = std::make_unique<State>(std::move(options));
  State& shared = *state_;
  static_cast<void>(id_of(std::numeric_limits<std::uint64_t>::max()));  // throws if the epoch is invalid in IDs
  if (shared.store == nullptr) return;
  shared.reader = std::make_unique<PageReader>(
      [&shared](const Place& place, const TopicFilter& filter) { return shared.stored_page(place, filter); });
  if (on_store_status == nullptr) on_store_status = [](const StoreStatus&) {};
  shared.store->start({.on_appended = [&shared](std::span<const LogEntry> entries) { shared.follow(entries); },
                       .on_status = std::move(on_store_status)});
  shared.is_started = true;
}

Feed::~Feed() = default;

void Feed::append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
  state_->append(publications, sequences);
}

const std::string& Feed::epoch() const {
  return state_->epoch();
}

bool Feed::retains() const {
  return state_->store == nullptr || state_->store->retains();
}

bool Feed::takes_several_topics() const {
  return state_->store == nullptr || state_->store->takes_several_topics();
}

std::size_t Feed::max_event_bytes() const {
  return state_->max_event_bytes;
}

Feed::Statistics Feed::statistics() const {
  std::optional<StoreStatistics> store;
  if (state_->store != nullptr) store = state_->store->statistics();
  const MutexLock lock(state_->mutex);
  return {.evictions = state_->ring.oldest() - 1,
          .entries = state_->ring.entries(),
          .bytes = state_->ring.bytes(),
          .retained_topics = state_->ring.retained_topics(),
          .retained_bytes = state_->ring.retained_bytes(),
          .store = store};
}

const SharedLatencyHistogram* Feed::store_appends() const {
  return state_->store != nullptr ? &state_->store_appends : nullptr;
}

StoreStatus Feed::status() const {
  return state_->store != nullptr ? state_->store->status() : StoreStatus();
}

Durability Feed::durability() const {
  return state_->store != nullptr ? state_->store->durability() : Durability::kMemory;
}

void Feed::attach(Sink& sink) {
  const MutexLock lock(state_->mutex);
  state_->sinks.push_back(&sink);
}

void Feed::detach(Sink& sink) {
  {
    const MutexLock lock(state_->mutex);
    std::erase(state_->sinks, &sink);
  }
  if (state_->reader != nullptr) state_->reader->forget(sink);
}

void Feed::read_stored(Sink& sink, std::uint64_t ticket, const Place& place,
                       std::shared_ptr<const TopicFilter> filter) const {
  state_->reader->request(sink, ticket, place, std::move(filter));
}

PinnedBytes& Feed::pinned() const {
  return state_->pinned;
}

OwnedEventId Feed::id_of(std::uint64_t sequence) const {
  return millrace::id_of(state_->epoch(), sequence);
}

}  // namespace millrace
