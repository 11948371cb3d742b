#include "stream_follower.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "jetstream_limits.h"

namespace millrace {

namespace {

// Most entries passed to on_appended together.
constexpr std::size_t kHandedOverTogether = 256;

constexpr const char* kEndsEarly =
    "NATS has lost events that this server has delivered, or the NATS server that answered is behind the others";

// Heartbeats that may be missing.
constexpr int kMissedHeartbeats = 3;

// What the reply subject of a message says of it: `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<in this
// consumer>.<nanoseconds since 1970>.<pending>`; with a domain there are two more tokens before the stream, and one at
// the end.
struct Position {
  std::uint64_t sequence;
  std::uint64_t in_consumer;
  std::int64_t published;
};
std::optional<Position> position_of(std::string_view reply) {
  std::vector<std::string_view> tokens;
  while (true) {
    const std::size_t dot = reply.find('.');
    tokens.push_back(reply.substr(0, dot));
    if (dot == std::string_view::npos) break;
    reply.remove_prefix(dot + 1);
  }
  if (tokens.size() != 9 && tokens.size() < 11) return std::nullopt;
  const std::size_t first = tokens.size() == 9 ? 5 : 7;
  std::array<std::uint64_t, 3> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::string_view token = tokens[first + i];
    if (std::from_chars(token.data(), token.data() + token.size(), numbers[i]).ec != std::errc{}) return std::nullopt;
  }
  return Position{numbers[0], numbers[1], static_cast<std::int64_t>(numbers[2])};
}

std::string_view header(const NatsSubscription::Message& message, const char* name) {
  const char* value = nullptr;
  return natsMsgHeader_Get(message.get(), name, &value) == NATS_OK && value != nullptr ? value : "";
}

}  // namespace

StreamFollower::StreamFollower(const NatsConnection& connection, StreamQueries& queries, Options options)
    : connection_(connection),
      queries_(queries),
      options_(std::move(options)),
      head_(options_.head),
      log_head_(queries.numbers()->in_log(options_.head)) {}

void StreamFollower::start(OnAppended on_appended) {
  on_appended_ = std::move(on_appended);
  thread_ = Repetition([this](const Repetition::IsStopping& is_stopping) { follow(is_stopping); }, kStoreReconnectWait);
}

void StreamFollower::stop() {
  thread_.stop();
  on_appended_ = nullptr;
}

// --- Following ------------------------------------------------------------------------------------------------------

void StreamFollower::follow(const Repetition::IsStopping& is_stopping) {
  in_consumer_ = 0;
  try {
    is_suspicious_ = false;
    check_continuity();
    seen_ = head_;
    NatsSubscription subscription = consume(seen_);
    int missed = 0;
    while (!is_stopping) {
      if (is_suspicious_) throw StoreUnavailable(kEndsEarly);
      const auto wait = entries_.empty() ? kStoreHeartbeat : Duration{0};
      const NatsSubscription::Message message =
          entries_.size() < kHandedOverTogether ? subscription.next(wait) : nullptr;
      if (message == nullptr) {
        if (entries_.empty() && ++missed > kMissedHeartbeats) throw StoreUnavailable("no heartbeat from the stream");
        hand_over();
        continue;
      }
      missed = 0;
      options_.on_trouble({});
      header(message, "Status") == "100" ? answer(message) : handle(message);
    }
    hand_over();
  } catch (const std::exception& failure) {
    // Passes on the entries that arrived in order, and continues after them at the next attempt.
    hand_over();
    options_.on_trouble(failure.what());
  }
}

NatsSubscription StreamFollower::consume(std::uint64_t after) const {
  const std::string inbox = connection_.new_inbox();
  NatsSubscription subscription = connection_.subscribe(inbox);
  const nlohmann::json made = connection_.ask("CONSUMER.CREATE." + options_.stream,
                                              {{"stream_name", options_.stream},
                                               {"config",
                                                {{"deliver_subject", inbox},
                                                 {"deliver_policy", "by_start_sequence"},
                                                 {"opt_start_seq", after + 1},
                                                 {"ack_policy", "none"},
                                                 {"replay_policy", "instant"},
                                                 {"max_deliver", 1},
                                                 {"flow_control", true},
                                                 {"idle_heartbeat", std::chrono::nanoseconds(kStoreHeartbeat).count()},
                                                 {"mem_storage", true},
                                                 {"num_replicas", 1}}}});
  if (made.contains("error")) {
    throw StoreUnavailable("JetStream: " + made["error"].value("description", std::string("cannot follow the stream")));
  }
  return subscription;
}

// Answers a heartbeat or a flow control request.
void StreamFollower::answer(const NatsSubscription::Message& message) const {
  if (const char* reply = natsMsg_GetReply(message.get()); reply != nullptr) connection_.reply(reply);
  const std::string_view stalled = header(message, "Nats-Consumer-Stalled");
  if (!stalled.empty()) connection_.reply(std::string(stalled).c_str());
  const std::string_view last = header(message, "Nats-Last-Consumer");
  if (!last.empty() && last != std::to_string(in_consumer_)) throw StoreUnavailable("an event is missing");
}

void StreamFollower::handle(const NatsSubscription::Message& message) {
  const char* reply = natsMsg_GetReply(message.get());
  const auto position = reply != nullptr ? position_of(reply) : std::nullopt;
  if (!position || position->in_consumer != in_consumer_ + 1) throw StoreUnavailable("an event is missing");
  ++in_consumer_;
  if (position->sequence <= seen_) return;
  const StreamEntry entry{
      .sequence = position->sequence,
      .subject = natsMsg_GetSubject(message.get()),
      .type = std::string(header(message, "Millrace-Type")),
      .id = std::string(header(message, "Millrace-Id")),
      .publisher = std::string(header(message, "Millrace-Publisher")),
      .retry = std::string(header(message, "Millrace-Retry")),
      .trace_parent = std::string(header(message, "Millrace-Traceparent")),
      .trace_state = std::string(header(message, "Millrace-Tracestate")),
      .data = {natsMsg_GetData(message.get()), static_cast<std::size_t>(natsMsg_GetDataLength(message.get()))}};
  deliver(entry, position->published);
}

void StreamFollower::deliver(const StreamEntry& entry, std::int64_t published) {
  // Entries before a mark are delivered with the numbers that they had.
  const bool is_mark = queries_.is_loss_mark(entry.subject);
  if (is_mark) {
    hand_over();
    queries_.take_loss(entry.data, entry.sequence);
  }
  std::optional<LogEntry> ours = queries_.log_entry(entry);
  const bool is_ours = ours.has_value();
  delivered_.push_back({.sequence = entry.sequence, .published = published});
  if (delivered_.size() > kStoreRememberedEntries) delivered_.pop_front();
  if (is_ours) {
    ours->sequence = queries_.numbers()->in_log(entry.sequence);
    ours->published = std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(std::chrono::nanoseconds(published)));
    entries_.push_back(std::move(*ours));
  }
  assert(entry.sequence > seen_);
  seen_ = entry.sequence;  // set last, so that an entry that failed is requested again
  if (!is_ours) hand_over();
}

void StreamFollower::hand_over() noexcept {
  if (seen_ == head_) return;
  if (!entries_.empty()) on_appended_(entries_);
  entries_.clear();
  WaitersByHead reached;
  {
    const MutexLock lock(waiting_mutex_);
    head_ = seen_;
    log_head_ = std::max(log_head_.load(), queries_.numbers()->in_log(seen_));
    while (!waiting_.empty() && waiting_.begin()->first <= seen_) {
      reached.insert(reached.end(), waiting_.extract(waiting_.begin()));
    }
  }
  for (const auto& [sequence, one] : reached) one();
}

// --- Losses ---------------------------------------------------------------------------------------------------------

StreamFollower::Progress StreamFollower::progress() const {
  const MutexLock lock(waiting_mutex_);
  return {.head = head_, .losses = losses_};
}

void StreamFollower::suspect(const Progress& delivered) {
  const MutexLock lock(waiting_mutex_);
  if (delivered.losses == losses_) is_suspicious_ = true;
}

bool StreamFollower::is_there(const Delivered& entry) const {
  const auto published = queries_.published_at(entry.sequence);
  return !published || *published == entry.published;  // one that was removed cannot be compared
}

// Returns if the stream has what was delivered, or has been set to follow anew. Throws StoreUnavailable if that is not
// certain yet.
void StreamFollower::check_continuity() {
  while (!delivered_.empty() && delivered_.back().sequence > head_) delivered_.pop_back();
  if (delivered_.empty()) return;
  const StreamQueries::State now = queries_.state();
  const bool ends_early = now.head < head_;
  if (!ends_early && is_there(delivered_.back())) {
    ends_early_since_.reset();
    return;
  }
  // A server that is behind the others catches up soon.
  const auto time = std::chrono::steady_clock::now();
  if (!ends_early_since_) ends_early_since_ = time;
  if (time - *ends_early_since_ < kStoreLossAfter) throw StoreUnavailable(kEndsEarly);
  const auto end = std::partition_point(delivered_.begin(), delivered_.end(),
                                        [&](const Delivered& one) { return one.sequence <= now.head; });
  const auto lost = std::partition_point(delivered_.begin(), end, [&](const Delivered& one) { return is_there(one); });
  if (lost == delivered_.end()) return;  // they are there again
  const std::uint64_t through = std::min(lost->sequence - 1, now.head);
  mark_loss(through, now.head);
  follow_anew(through);
}

// Without a later entry, nothing shows yet that the stream goes on without what was delivered: the mark does, and is
// refused if the stream does not end there.
void StreamFollower::mark_loss(std::uint64_t through, std::uint64_t end) {
  const std::uint64_t given = std::max(log_head_.load(), queries_.numbers()->in_log(end));
  const StreamLoss loss{.through = through, .next = given + kNumbersBehindLoss, .mark = end + 1};
  const std::string text = loss.text();
  try {
    options_.append(queries_.loss_mark(text, through == end ? std::optional(end) : std::nullopt));
  } catch (const StoreUnavailable& failure) {
    throw StoreUnavailable(std::string(kEndsEarly) +
                           "; the stream does not accept a note about it yet: " + failure.what());
  }
}

void StreamFollower::follow_anew(std::uint64_t through) {
  queries_.take_losses_after(through, true);
  while (!delivered_.empty() && delivered_.back().sequence > through) delivered_.pop_back();
  const MutexLock lock(waiting_mutex_);
  head_ = through;
  ++losses_;
  is_suspicious_ = false;
  log_head_ = std::max(log_head_.load(), queries_.numbers()->through_in_log(through));
  ends_early_since_.reset();
}

// --- Waiting --------------------------------------------------------------------------------------------------------

void StreamFollower::when_at(std::uint64_t sequence, std::function<void()> reached) const {
  {
    const MutexLock lock(waiting_mutex_);
    if (head_ < sequence) {
      waiting_.emplace(sequence, std::move(reached));
      return;
    }
  }
  reached();
}

bool StreamFollower::wait_for(std::uint64_t sequence) const {
  if (head_ >= sequence) return true;
  struct Wait {
    Mutex mutex;
    Condition over;
    bool is_over GUARDED_BY(mutex) = false;
  };
  const auto wait = std::make_shared<Wait>();
  when_at(sequence, [wait] {
    {
      const MutexLock lock(wait->mutex);
      wait->is_over = true;
    }
    wait->over.notify_all();
  });
  MutexLock lock(wait->mutex);
  return wait->over.wait_for(lock, kStoreAckTimeout, [&]() REQUIRES(wait->mutex) { return wait->is_over; });
}

}  // namespace millrace
