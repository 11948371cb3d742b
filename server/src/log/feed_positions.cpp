// Where a client resumes, and whether anything is left for it.
#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

#include "feed_state.h"
#include "millrace/core/protocol.h"

namespace millrace {

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

// Whether a reader that has seen everything up to `sequence` has seen the end of all its topics.
bool is_over(const EventLog& log, std::uint64_t sequence, const TopicFilter& filter) {
  if (sequence + 1 < log.oldest()) return false;
  const auto finished_at = log.finished_at(filter, sequence);
  if (!finished_at) return false;
  // At most the finish itself may be left.
  const auto page = log.read_after(sequence, filter);
  return page.frames.empty() || page.frames.front()->sequence >= *finished_at;
}

}  // namespace

Feed::Cursor Feed::resolve(std::string_view last_event_id, const TopicFilter* filter, bool latest) const {
  MutexLock lock(state_->mutex);
  RingEventLog& ring = state_->ring;
  ring.expire(state_->clock());
  const std::uint64_t head = ring.head();
  if (last_event_id.empty()) return {.sequence = head};
  // Looks into memory first: the store may be unavailable, or not find its newest entries by ID yet.
  if (const auto own = own_sequence(last_event_id, ring.epoch()); own && *own <= head && *own + 1 >= ring.oldest()) {
    return {.sequence = *own};
  }
  const auto known = filter != nullptr ? ring.find(last_event_id, *filter) : std::nullopt;
  if (state_->store == nullptr)
    return known ? state_->after(*known, filter, latest, head) : state_->look_up(last_event_id, filter, head, latest);
  // Asks the store without the lock, because that may take long.
  lock.unlock();
  try {
    if (!known) return state_->look_up(last_event_id, filter, head, latest);
    // An older event with this ID may be in the store only.
    return {.sequence = std::min(*known, state_->store->find(last_event_id, *filter).value_or(*known))};
  } catch (const StoreUnavailable&) {
    // With a single topic, an older one could only be another publisher's.
    if (known && filter->is_literal() && filter->patterns().size() == 1) return {.sequence = *known};
    throw;
  }
}

// Called under the mutex without a store, and without the mutex with one.
Feed::Cursor Feed::State::look_up(std::string_view last_event_id, const TopicFilter* filter, std::uint64_t head,
                                  bool latest) const {
  if (last_event_id == protocol::kEarliest) {
    const std::uint64_t before_oldest = log().oldest() - 1;
    const std::uint64_t begin = before_first(0, filter);
    return {.sequence = begin,
            .state_until = before_oldest,
            .forgiven = before_oldest,
            .is_before_all = begin < before_oldest};
  }
  if (last_event_id == protocol::kLatest) {
    return {.sequence = 0, .state_until = head, .forgiven = log().forgotten(), .is_before_all = head > 0};
  }
  auto sequence = own_sequence(last_event_id, log().epoch());
  if (!sequence && filter != nullptr) sequence = log().find(last_event_id, *filter);
  if (!sequence && store != nullptr) {
    store->catch_up_with_others();
    const MutexLock lock(mutex);
    if (filter != nullptr) sequence = ring.find(last_event_id, *filter);
    if (sequence) return {.sequence = *sequence};
  }
  // Another server that uses the store may be ahead of this one.
  const bool is_there = sequence && (*sequence <= head || (store != nullptr && store->catch_up(*sequence)));
  if (!is_there) return gap_after(0, filter, latest, head, "unknown");
  return after(*sequence, filter, latest, head);
}

Feed::Cursor Feed::State::after(std::uint64_t sequence, const TopicFilter* filter, bool latest,
                                std::uint64_t head) const {
  if (sequence + 1 >= log().oldest()) return {.sequence = sequence};
  const std::uint64_t forgotten = log().forgotten();
  if (!latest || forgotten > sequence) return gap_after(sequence, filter, latest, head, "expired");
  return {.sequence = sequence, .state_until = head, .forgiven = forgotten};
}

std::uint64_t Feed::State::before_first(std::uint64_t sequence, const TopicFilter* filter) const {
  const std::uint64_t before_oldest = log().oldest() - 1;
  return filter == nullptr ? before_oldest : std::min(log().first_after(sequence, *filter) - 1, before_oldest);
}

Feed::Cursor Feed::State::gap_after(std::uint64_t sequence, const TopicFilter* filter, bool latest, std::uint64_t head,
                                    std::string_view reason) const {
  const std::uint64_t before_oldest = log().oldest() - 1;
  if (latest) {
    return {.sequence = before_first(sequence, filter),
            .gap_reason = reason,
            .state_until = head,
            .forgiven = log().forgotten()};
  }
  return {.sequence = before_first(sequence, filter),
          .gap_reason = reason,
          .state_until = before_oldest,
          .forgiven = before_oldest};
}

bool Feed::is_over(const Cursor& cursor, const TopicFilter& filter) const {
  if (!cursor.gap_reason.empty() || !filter.is_literal()) return false;
  // Finished topics have no state.
  const std::uint64_t seen = std::max(cursor.sequence, cursor.state_until);
  MutexLock lock(state_->mutex);
  // The ring's answer is right even while the store is unavailable.
  if (millrace::is_over(state_->ring, seen, filter)) return true;
  if (state_->store == nullptr) return false;
  const bool is_in_memory = seen + 1 >= state_->ring.oldest();
  lock.unlock();
  try {
    return millrace::is_over(*state_->stored, seen, filter);
  } catch (const StoreUnavailable&) {
    // The ring may have forgotten the end. Keeps the stream open rather than refuse it, which many clients take for the
    // end.
    if (is_in_memory) return false;
    throw;
  }
}

}  // namespace millrace
