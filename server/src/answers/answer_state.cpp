#include "answer_state.h"

#include <algorithm>
#include <array>
#include <utility>

#include "answer_service.h"
#include "loop/event_loop.h"
#include "millrace/server/hub.h"

namespace millrace {

namespace {

// Whether something else than its producer has ended it.
bool is_stop(AnswerEnd end) {
  return end != AnswerEnd::kNone && end != AnswerEnd::kFinished && end != AnswerEnd::kFailed;
}

}  // namespace

Answer::State::State(std::shared_ptr<AnswerService> service, Terms terms)
    : service_(std::move(service)), terms_(std::move(terms)), is_produced_here_(true), started_(monotonic_now()) {}

Answer::State::State(std::shared_ptr<AnswerService> service, Terms terms, const Past& past)
    : service_(std::move(service)),
      terms_(std::move(terms)),
      is_produced_here_(false),
      started_(monotonic_now()),
      end_(past.end),
      ended_(past.ended),
      events_(past.events) {}

AnswerEnd Answer::State::ended_by() const {
  const MutexLock lock(mutex_);
  return end_;
}

std::uint64_t Answer::State::events() const {
  const MutexLock lock(mutex_);
  return events_;
}

AnswerInfo Answer::State::info() const {
  const MutexLock lock(mutex_);
  return {.id = terms_.id,
          .owner = terms_.owner,
          .note = terms_.note,
          .end = end_,
          .events = events_,
          .listeners = static_cast<std::size_t>(std::max<std::ptrdiff_t>(listeners_, 0)),
          .begun = terms_.begun};
}

Answer::State::Past Answer::State::past() const {
  const MutexLock lock(mutex_);
  return {.end = end_, .events = events_, .ended = ended_};
}

// The ID of an answer is checked, and leaves room for any number.
OwnedEventId Answer::State::id_of(std::uint64_t number) const {
  return OwnedEventId::parse(terms_.id + ':' + std::to_string(number)).value_or(EventId());
}

// --- The producer ---------------------------------------------------------------------------------------------------

bool Answer::State::send(const AnswerEvent& event) {
  std::optional<AnswerEnd> over;
  std::string sentence;
  {
    const MutexLock lock(mutex_);
    if (end_ != AnswerEnd::kNone || !is_produced_here_) return false;
    over = add(event, sentence);
  }
  if (!over) return true;
  end(*over, sentence);
  return false;
}

// Adds the event; returns nothing, or why the answer ends instead.
std::optional<AnswerEnd> Answer::State::add(const AnswerEvent& event, std::string& sentence) {
  const AnswersOptions& options = service_->options();
  if (event.data.size() > options.max_bytes - bytes_) return AnswerEnd::kTooLarge;
  const OwnedEventId id = id_of(events_ + 1);
  if (service_->writes_at_once()) {
    if (const auto over = write_now(event, id, sentence)) return over;
  } else {
    if (auto refused = service_->hub().refusal(terms_.topic, {.type = event.type, .data = event.data, .id = id})) {
      sentence = std::move(refused->sentence);
      return AnswerEnd::kFailed;
    }
    Entry entry{.id = id, .type = event.type, .data = std::string(event.data)};
    if (waiting_ + entry.cost() > options.max_waiting_bytes) return AnswerEnd::kTooFast;
    queue(std::move(entry));
  }
  if (events_ == 0) service_->count_first_event(monotonic_now() - started_);
  ++events_;
  bytes_ += event.data.size();
  return std::nullopt;
}

std::optional<AnswerEnd> Answer::State::write_now(const AnswerEvent& event, const OwnedEventId& id,
                                                  std::string& sentence) {
  Published published = service_->hub().publish(terms_.topic, Event{.type = event.type, .data = event.data, .id = id});
  if (published) return std::nullopt;
  sentence = std::move(published.sentence);
  return AnswerEnd::kFailed;
}

void Answer::State::queue(Entry entry) {
  waiting_ += entry.cost();
  service_->count_waiting(static_cast<std::ptrdiff_t>(entry.cost()));
  entries_.push_back(std::move(entry));
  if (!std::exchange(is_queued_, true)) service_->writer().enqueue(shared_from_this());
}

bool Answer::State::end(AnswerEnd end, std::string_view sentence) {
  std::vector<std::function<void()>> callbacks;
  std::uint64_t number = 0;
  {
    const MutexLock lock(mutex_);
    if (end_ != AnswerEnd::kNone || !is_produced_here_) return false;
    is_ending_ = true;
    end_ = end;
    ended_ = std::chrono::system_clock::now();
    number = events_ + 1;
    callbacks.swap(on_stop_);
    stop_clock();
    room_.notify_all();
  }
  // Nothing is sent any more, so the number stays the last event's.
  write_end(service_->last_events({.id = terms_.id,
                                   .end = end,
                                   .sentence = sentence.empty() ? sentence_of(end) : sentence,
                                   .number = number,
                                   .note = terms_.note}));
  service_->ended(shared_from_this(), end);
  if (is_stop(end)) service_->call_later(std::move(callbacks));
  return true;
}

void Answer::State::discard() {
  {
    const MutexLock lock(mutex_);
    if (end_ != AnswerEnd::kNone) return;
    end_ = AnswerEnd::kStopped;
    stop_clock();
  }
  write_end({});
  service_->forget(*this);
}

// The writer drops the entries that wait, and reports them as written.
void Answer::State::abandon(AnswerEnd end) {
  std::vector<std::function<void()>> callbacks;
  {
    const MutexLock lock(mutex_);
    if (end_ != AnswerEnd::kNone || !is_produced_here_) return;
    is_abandoned_ = awaits_end_ = true;
    end_ = end;
    ended_ = std::chrono::system_clock::now();
    callbacks.swap(on_stop_);
    stop_clock();
    room_.notify_all();
  }
  service_->ended(shared_from_this(), end);
  service_->call_later(std::move(callbacks));
}

void Answer::State::write_end(std::vector<OwnedAnswerEvent> last) {
  const MutexLock lock(mutex_);
  is_ending_ = false;
  std::vector<OwnedEventId> ids;
  for (std::size_t i = 0; i < last.size(); ++i) ids.push_back(id_of(++events_));
  if (!service_->writes_at_once()) {
    for (std::size_t i = 0; i < last.size(); ++i) {
      queue({.id = std::move(ids[i]), .type = std::move(last[i].type), .data = std::move(last[i].data)});
    }
    return queue({.kind = Publication::Kind::kFinish});
  }
  std::vector<Publication> publications;
  for (std::size_t i = 0; i < last.size(); ++i) {
    publications.push_back(
        {.topic = terms_.topic, .event = {.type = last[i].type.get(), .data = last[i].data, .id = ids[i].get()}});
  }
  publications.push_back({.topic = terms_.topic, .kind = Publication::Kind::kFinish});
  // An event that cannot be published must not keep the listeners waiting for the end.
  if (!service_->hub().publish(publications).back()) static_cast<void>(service_->hub().finish(terms_.topic));
}

Answer::Waited Answer::State::wait_for_room(Duration timeout) {
  MutexLock lock(mutex_);
  room_.wait_for(lock, timeout,
                 [this]() REQUIRES(mutex_) { return end_ != AnswerEnd::kNone || waiting_ <= kAnswerRoomBytes; });
  if (end_ != AnswerEnd::kNone) return {Room::kNever};
  return {waiting_ <= kAnswerRoomBytes ? Room::kNow : Room::kNotInTime};
}

void Answer::State::on_stop(std::function<void()> callback) {
  {
    const MutexLock lock(mutex_);
    if (end_ == AnswerEnd::kNone) return on_stop_.push_back(std::move(callback));
    if (!is_stop(end_)) return;
  }
  service_->call(callback);
}

// --- Listeners ------------------------------------------------------------------------------------------------------

void Answer::State::arrived() {
  service_->count_listener(true);
  const MutexLock lock(mutex_);
  ++listeners_;
}

void Answer::State::settled(bool is_open) {
  bool is_first = false;
  if (!is_open) service_->count_listener(false);
  {
    const MutexLock lock(mutex_);
    if (!is_open) {
      --listeners_;
    } else {
      joined();
      is_first = !is_produced_here_ && end_ == AnswerEnd::kNone && !std::exchange(is_listened_to_, true);
    }
  }
  if (is_first) service_->request(*this, AnswerRequest::kArrived);
}

// The listener may have left before its handler gets here.
void Answer::State::joined() {
  if (listeners_ > 0) stop_clock();
}

void Answer::State::left() {
  service_->count_listener(false);
  bool is_over = false;
  bool is_last = false;
  {
    const MutexLock lock(mutex_);
    is_over = leave();
    is_last = listeners_ == 0 && end_ == AnswerEnd::kNone && std::exchange(is_listened_to_, false);
  }
  if (is_over) end(AnswerEnd::kAlone);
  if (is_last) service_->request(*this, AnswerRequest::kLeft);
}

// Returns true if the answer ends with its last listener.
bool Answer::State::leave() {
  const std::optional<Duration>& grace = service_->options().when_alone.grace;
  if (--listeners_ > 0 || end_ != AnswerEnd::kNone || !is_produced_here_ || !grace) return false;
  if (*grace == Duration{0}) return true;
  if (!clock_) {
    clock_ = monotonic_now() + *grace;
    service_->writer().wake_at(*clock_, shared_from_this());
  }
  return false;
}

void Answer::State::obey_listeners(bool come) {
  bool is_over = false;
  {
    const MutexLock lock(mutex_);
    if (come) {
      ++listeners_;
      joined();
    } else {
      is_over = leave();
    }
  }
  if (is_over) end(AnswerEnd::kAlone);
}

void Answer::State::stop_clock() {
  if (clock_) service_->writer().cancel(*clock_, shared_from_this());
  clock_.reset();
}

// --- Its service and writer -----------------------------------------------------------------------------------------

std::vector<Answer::State::Entry> Answer::State::take_entries() {
  const MutexLock lock(mutex_);
  is_queued_ = false;
  return std::exchange(entries_, {});
}

void Answer::State::wrote(std::size_t cost) {
  service_->count_waiting(-static_cast<std::ptrdiff_t>(cost));
  const MutexLock lock(mutex_);
  waiting_ -= cost;
  if (waiting_ <= kAnswerRoomBytes) room_.notify_all();
}

void Answer::State::look_at_clock() {
  {
    const MutexLock lock(mutex_);
    if (!clock_ || monotonic_now() < *clock_) return;  // a listener has come meanwhile
    clock_.reset();
  }
  end(AnswerEnd::kAlone);
}

bool Answer::State::end_if_too_old(TimePoint now) {
  if (now - started_ < service_->options().max_age) return false;
  end(AnswerEnd::kTooOld);
  return true;
}

void Answer::State::learn(const Past& past) {
  if (past.end == AnswerEnd::kInterrupted) abandon(past.end);
  const MutexLock lock(mutex_);
  const bool is_news = is_produced_here_ ? awaits_end_ && past.end != AnswerEnd::kNone : end_ == AnswerEnd::kNone;
  if (!is_news) return;
  awaits_end_ = false;
  end_ = past.end;
  events_ = past.events;
  ended_ = past.ended;
}

std::optional<std::uint64_t> Answer::State::events_when_over() const {
  const MutexLock lock(mutex_);
  return end_ != AnswerEnd::kNone && !is_ending_ && !awaits_end_ ? std::optional(events_) : std::nullopt;
}

bool Answer::State::is_abandoned() const {
  const MutexLock lock(mutex_);
  return is_abandoned_;
}

std::optional<std::uint64_t> Answer::State::events_written() const {
  const MutexLock lock(mutex_);
  return waiting_ == 0 ? std::optional(events_) : std::nullopt;
}

}  // namespace millrace
