#include "subscriber.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "millrace/core/event_stream_writer.h"
#include "millrace/core/protocol.h"

namespace millrace {

namespace {

constexpr EventId kGone("millrace.gone");
static_assert(kGone.view() == protocol::kGoneForGood);

bool is_mark(const FramePtr& frame) {
  return frame->is_mark;
}

}  // namespace

Subscriber::Subscriber(const Feed& feed, Outlet& outlet, Subscription subscription)
    : feed_(feed),
      outlet_(outlet),
      filter_(std::move(subscription.filter)),
      names_(subscription.client.empty() && subscription.id_prefix.empty()
                 ? nullptr
                 : std::make_unique<const Names>(
                       Names{std::move(subscription.client), std::move(subscription.id_prefix)})),
      form_(subscription.form),
      cursor_form_(subscription.cursor),
      poll_(subscription.poll) {
  if (subscription.conflate) reading().conflate = subscription.conflate;
}

void Subscriber::start(const Feed::Cursor& cursor, std::string_view last_event_id, std::string_view preface,
                       Duration retry) {
  std::string payload;
  if (cursor.state_until > cursor.sequence) {
    reading().state_until = cursor.state_until;
    reading().forgiven = cursor.forgiven;
    reading().is_before_all = cursor.is_before_all;
  }
  if (cursor.gap_reason.empty()) {
    append_cursor(cursor.sequence, retry, payload);
  } else {
    append_gap(last_event_id, cursor.gap_reason, cursor.sequence, retry, payload);
    outlet_.on_gap();
  }
  cursor_ = cursor.sequence;
  has_written_event_ = !cursor.gap_reason.empty();
  hold(control_frame(payload, cursor.sequence, preface), 0);
  catch_up();
}

std::span<const FramePtr> Subscriber::due(std::span<const FramePtr> frames) {
  if (!is_live()) return {};
  // After catching up from the log, the subscriber may be ahead of the posted events.
  const auto first = std::partition_point(frames.begin(), frames.end(),
                                          [this](const FramePtr& frame) { return frame->sequence <= cursor_; });
  if (first == frames.end()) return {};
  // A live subscriber has had all matching events before this one, so it need not read the log, which may have dropped
  // them.
  cursor_ = std::max(cursor_, (*first)->sequence - 1);
  // Marks are not written, and a finish may end the stream, so it reads from the log instead.
  if (std::any_of(first, frames.end(), is_mark)) {
    mode_ = Mode::kCatchingUp;
    catch_up();
    return {};
  }
  return {first, frames.end()};
}

void Subscriber::wrote(std::span<const FramePtr> due, std::size_t written) {
  if (account(due, written)) end_if_over();
}

void Subscriber::catch_up() {
  if (mode_ != Mode::kCatchingUp || !write_in_flight() || say_goodbye() || !tell_place() || awaits_stored_) return;
  begin_adding();
  while (!outlet_.reading().is_spent()) {
    const Place from = place();
    const Feed::Page page = feed_.read(from, *reads());
    outlet_.reading().spend(page.work + 1);
    if (page.behind > 0) outlet_.on_read(page.behind);
    if (page.stored) {
      awaits_stored_ = true;
      return outlet_.read_stored(from);
    }
    if (!write_page(page)) return;
  }
  outlet_.yield();
}

// What the client has to send to resume after `sequence`.
OwnedEventId Subscriber::id_of(std::uint64_t sequence) const {
  OwnedEventId id = feed_.id_of(sequence);
  if (names_ == nullptr || names_->id_prefix.empty()) return id;
  // The prefix was checked, and leaves room: it is an ID in any case.
  return OwnedEventId::parse(names_->id_prefix + id.text()).value_or(id);
}

Subscriber::Reading& Subscriber::reading() {
  if (reading_ == nullptr) reading_ = std::make_unique<Reading>();
  return *reading_;
}

Place Subscriber::place() const {
  using Reads = Place::Reads;
  if (reading_ == nullptr) return {.sequence = cursor_};
  const Reading& how = *reading_;
  if (is_adding()) {
    // What is gone of topics that it did not have is no gap.
    return {.sequence = cursor_, .reads = Reads::kState, .until = how.goes_on_at, .forgiven = UINT64_MAX};
  }
  if (cursor_ < how.state_until) {
    return {.sequence = cursor_, .reads = Reads::kState, .until = how.state_until, .forgiven = how.forgiven};
  }
  return {.sequence = cursor_, .reads = how.conflate ? Reads::kNewest : Reads::kEverything, .forgiven = how.forgiven};
}

std::uint64_t Subscriber::listen_to(std::shared_ptr<const TopicFilter> filter,
                                    const std::shared_ptr<const TopicFilter>& with_state, std::uint64_t served) {
  if (mode_ == Mode::kEnded) return cursor_;
  // One that is handed events at intervals has had what it has read.
  if (is_live() && interval() == Duration{0}) cursor_ = std::max(cursor_, served);
  if (with_state != nullptr || is_adding()) add_topics(*filter, with_state.get());
  filter_ = std::move(filter);
  stored_is_stale_ = awaits_stored_;
  tells_place_ = true;
  mode_ = Mode::kCatchingUp;
  outlet_.yield();
  return place_of_change();
}

// What is half written comes to its end first.
std::uint64_t Subscriber::place_of_change() const {
  const std::uint64_t own = in_flight_ != nullptr ? std::max(cursor_, in_flight_->sequence) : cursor_;
  return is_adding() ? std::max(own, reading_->goes_on_at) : own;
}

// With those whose state is being read: it is read again, as far as `filter` has them still.
void Subscriber::add_topics(const TopicFilter& filter, const TopicFilter* added) {
  const auto has = [](const TopicFilter* one, const TopicPattern& pattern) {
    return one != nullptr && std::any_of(one->patterns().begin(), one->patterns().end(),
                                         [&](const TopicPattern& its) { return its.view() == pattern.view(); });
  };
  std::vector<TopicPattern> patterns;
  std::copy_if(filter.patterns().begin(), filter.patterns().end(), std::back_inserter(patterns),
               [&](const TopicPattern& pattern) {
                 return has(added, pattern) || (is_adding() && has(reading_->added.get(), pattern));
               });
  if (!is_adding()) reading().goes_on_at = 0;
  reading().added = std::make_shared<const TopicFilter>(patterns);
  reading().adds_next = true;
}

// The client's last event ID may be a publisher's, of a topic that it does not have any more: it could not resume from
// that. False: the outlet is full.
bool Subscriber::tell_place() {
  if (!tells_place_) return true;
  tells_place_ = false;
  return is_behind() || write_cursor(cursor_);
}

void Subscriber::begin_adding() {
  if (!is_adding() || !std::exchange(reading_->adds_next, false)) return;
  reading_->goes_on_at = std::max(reading_->goes_on_at, cursor_);
  cursor_ = 0;
}

// The client's place is `cursor_` now. False: that cannot be said yet, since the outlet is full.
bool Subscriber::pass_phase() {
  if (reading_ == nullptr) return true;
  if (is_adding()) {
    if (cursor_ < reading_->goes_on_at) return true;
    // What it was sent of these topics has brought it to a place before its own.
    reading_->added = nullptr;
    if (!write_cursor(cursor_)) return false;
  }
  if (cursor_ < reading_->state_until) return true;
  reading_->is_before_all = false;
  if (!reading_->conflate) reading_.reset();
  return true;
}

void Subscriber::next_interval() {
  if (!is_live()) return;
  mode_ = Mode::kCatchingUp;
  catch_up();
}

void Subscriber::fall_behind() {
  if (!is_live()) return;
  mode_ = Mode::kCatchingUp;
  outlet_.yield();
}

// Returns whether to read on: false if the output does not fit, or if the subscriber is live or has ended.
bool Subscriber::write_page(const Feed::Page& page) {
  if (page.expired) {
    std::string payload;
    append_gap(id_of(cursor_).text(), "expired", page.through, {}, payload);
    outlet_.on_gap();
    if (page.state_until > page.through || reading_ != nullptr) {
      reading().state_until = std::max(reading().state_until, page.state_until);
      reading().forgiven = page.forgiven;
      reading().is_before_all = false;
    }
    const FramePtr gap = control_frame(payload, page.through);
    return write({&gap, 1});
  }
  if (!write_events(page.frames)) return false;
  // With this cursor, a client that has seen the end says so when it reconnects.
  if (page.finished && cursor_ < page.through && !write_cursor(page.through)) return false;
  cursor_ = page.through;
  if (!pass_phase()) return false;
  if (page.finished) {
    end();
    return false;
  }
  if (!page.at_head) return true;
  mode_ = Mode::kLive;
  end_if_over();
  return false;
}

void Subscriber::take_stored(const Feed::Page& page) {
  awaits_stored_ = false;
  outlet_.reading().spend(page.work + 1);
  if (stored_is_stale_) {
    stored_is_stale_ = false;
    return catch_up();
  }
  // If a heartbeat is only partly written, the page is read again later.
  if (mode_ != Mode::kCatchingUp || !write_in_flight()) return;
  if (write_page(page)) catch_up();
}

// Ends a poll that has carried something.
void Subscriber::end_if_over() {
  if (poll_ && has_written_event_) end();
}

void Subscriber::end() {
  mode_ = Mode::kEnded;
  outlet_.end();
}

void Subscriber::heartbeat(std::uint64_t sequence) {
  if (!is_live() && !awaits_stored()) return;
  // A subscriber with intervals has had only the events that it has read.
  if (is_live() && interval() == Duration{0}) cursor_ = std::max(cursor_, sequence);
  // Also ends a poll without events, so that a proxy that collects responses forwards it.
  if (write_cursor(cursor_) && poll_) end();
}

void Subscriber::tell(EventType type, std::span<const std::string> data, bool is_news) {
  if (!is_live()) return;
  std::string payload;
  for (const std::string& one : data) EventStreamWriter(payload).event({.type = type, .data = one});
  const FramePtr frame = control_frame(payload, cursor_);
  has_written_event_ = has_written_event_ || is_news;
  if (write({&frame, 1})) end_if_over();
}

bool Subscriber::retire(Duration retry) {
  if (!is_live()) return false;
  if (!write_cursor(cursor_, retry)) return false;
  end();
  return true;
}

void Subscriber::dismiss() {
  if (mode_ == Mode::kEnded) return;
  is_dismissed_ = true;
  mode_ = Mode::kCatchingUp;
  catch_up();
}

// An event without data, whatever form the client has chosen: it is the last block, and its ID is what matters.
bool Subscriber::say_goodbye() {
  if (!is_dismissed_) return false;
  if (!has_said_goodbye_) {
    has_said_goodbye_ = true;
    std::string payload;
    EventStreamWriter(payload).cursor_event(kGone);
    const FramePtr frame = control_frame(payload, cursor_);
    if (!write({&frame, 1})) return true;
  }
  end();
  return true;
}

// Writes the frames that carry events.
bool Subscriber::write_events(std::span<const FramePtr> frames) {
  if (std::none_of(frames.begin(), frames.end(), is_mark)) return frames.empty() || write(frames);
  std::vector<FramePtr> events;
  std::remove_copy_if(frames.begin(), frames.end(), std::back_inserter(events), is_mark);
  return events.empty() || write(events);
}

}  // namespace millrace
