#include "jetstream_event_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "millrace/core/limits.h"

namespace millrace {

namespace {

// Entries that are handed over together, at most.
constexpr std::size_t kHandedOverTogether = 256;

// Heartbeats that may fail to come.
constexpr int kMissedHeartbeats = 3;

constexpr const char* kLostConnection = "the connection to NATS was lost before it was acknowledged";

std::chrono::milliseconds milliseconds(Duration duration) {
  return std::chrono::milliseconds(duration.count());
}

std::string refusal(const std::string& reason) {
  return "the store takes no events: " + reason;
}

// What the reply subject of a message says of it: `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<in this
// consumer>.<nanoseconds since 1970>.<pending>`; with a domain there are two more tokens before the stream, and one at
// the end.
struct Place {
  std::uint64_t sequence;
  std::uint64_t in_consumer;
  std::int64_t published;
};
std::optional<Place> place_of(std::string_view reply) {
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
  return Place{numbers[0], numbers[1], static_cast<std::int64_t>(numbers[2])};
}

std::string_view header(natsMsg* message, const char* name) {
  const char* value = nullptr;
  return natsMsgHeader_Get(message, name, &value) == NATS_OK && value != nullptr ? value : "";
}

}  // namespace

JetStreamEventLog::JetStreamEventLog(Options options) : options_(std::move(options)) {
  connection_ = std::make_unique<NatsConnection>(NatsConnection::Options{
      .address = options_.address, .credentials = options_.credentials, .on_change = [this] { reconnected(); }});
  connected_ = connection_.get();
  // Servers that have just been started may have to agree on a leader first.
  const auto deadline = std::chrono::steady_clock::now() + milliseconds(kStoreStartTimeout);
  while (true) {
    try {
      queries_ = std::make_unique<StreamQueries>(*connection_, StreamQueries::Options{.name = options_.address.stream,
                                                                                      .replicas = options_.replicas,
                                                                                      .bounds = options_.bounds,
                                                                                      .new_epoch = options_.new_epoch});
      const StreamQueries::State state = queries_->state();
      head_ = std::max(state.oldest - 1, state.head - std::min(state.head, options_.preload));
      entries_ = state.entries;
      bytes_ = state.bytes;
      return;
    } catch (const ForeignStream&) {
      throw;
    } catch (const StoreUnavailable&) {
      if (std::chrono::steady_clock::now() >= deadline) throw;
    }
    std::this_thread::sleep_for(milliseconds(kStoreReconnectWait));
  }
}

JetStreamEventLog::~JetStreamEventLog() {
  {
    const std::lock_guard lock(run_mutex_);
    stopped_ = true;
  }
  stopping_.notify_all();
  if (follower_.joinable()) follower_.join();
  if (prober_.joinable()) prober_.join();
}

void JetStreamEventLog::start(OnAppended on_appended) {
  on_appended_ = std::move(on_appended);
  std::uint64_t there = 0;
  try {
    there = queries_->state().head;
  } catch (const StoreUnavailable&) {
    // Then it comes when it comes.
  }
  follower_ = std::thread([this] { run([this] { follow(); }, kStoreReconnectWait); });
  prober_ = std::thread([this] { run([this] { probe(); }, kStoreRetry); });
  wait_for_head(there);
}

// --- Appending ------------------------------------------------------------------------------------------------------

void JetStreamEventLog::Wait::end() {
  {
    const std::lock_guard lock(mutex);
    is_over = true;
  }
  over.notify_all();
}

// Messages that were sent together, and who waits for their acks.
struct JetStreamEventLog::Batch : Wait {
  explicit Batch(std::size_t size) : acks(size), left(size) {}
  std::vector<NatsAck> acks;  // guarded by mutex, as what follows
  std::size_t left;
  bool is_given_up = false;  // then it is over with the last ack
};

// Who publishes is woken once, when all that it waits for has come about.
std::vector<NatsAck> JetStreamEventLog::send(const std::vector<NatsMessage>& messages, Until until) {
  const auto batch = std::make_shared<Batch>(messages.size());
  const auto on_ack = std::make_shared<NatsConnection::OnAck>([this, batch, until](std::size_t index, NatsAck ack) {
    std::uint64_t last = 0;
    {
      const std::lock_guard lock(batch->mutex);
      batch->acks[index] = std::move(ack);
      if (--batch->left > 0) return;
      const bool is_stored =
          std::all_of(batch->acks.begin(), batch->acks.end(), [](const NatsAck& one) { return one.trouble.empty(); });
      if (until == Until::kHandedOver && is_stored && !batch->is_given_up) last = batch->acks.back().sequence;
    }
    end_at(last, batch);
  });
  connection_->send(messages, on_ack);
  std::unique_lock lock(batch->mutex);
  if (!batch->over.wait_for(lock, milliseconds(kStoreAckTimeout), [&] { return batch->is_over; }) && batch->left > 0) {
    batch->is_given_up = true;
    lock.unlock();
    connection_->give_up(on_ack, "it was not acknowledged in time");
    lock.lock();
    // One whose ack has just come is being told.
    batch->over.wait(lock, [&] { return batch->is_over; });
  }
  for (const NatsAck& ack : batch->acks) {
    if (!ack.trouble.empty()) throw StoreUnavailable(refusal(ack.trouble));
  }
  ++commits_;
  return batch->acks;
}

void JetStreamEventLog::append(std::span<const Publication> publications, TimePoint now, std::span<FramePtr> appended) {
  if (publications.empty()) return;
  if (const std::string reason = trouble(); !reason.empty()) throw StoreUnavailable(refusal(reason));
  if (!connection_->is_connected()) throw StoreUnavailable(refusal("there is no connection to NATS"));
  std::vector<std::uint64_t> sequences(publications.size());
  std::size_t begun = 0;
  // Marks change what comes behind them: that is sent once they are there.
  for (std::size_t i = 0; i < publications.size(); ++i) {
    const bool is_mark = publications[i].kind != Publication::Kind::kEvent;
    const bool is_last = i + 1 == publications.size();
    const bool is_large = i + 1 - begun == kStoreGroupEntries;
    if (!is_mark && !is_last && !is_large && publications[i + 1].kind == Publication::Kind::kEvent) continue;
    append_some(publications.subspan(begun, i + 1 - begun), std::span(sequences).subspan(begun, i + 1 - begun));
    begun = i + 1;
  }
  for (std::size_t i = 0; i < publications.size(); ++i) {
    appended[i] = sequences[i] == 0 ? nullptr : encode(epoch(), sequences[i], publications[i], now);
  }
  // Stored it is, also where the follower takes longer.
  wait_for_head(*std::max_element(sequences.begin(), sequences.end()));
}

// Puts each one's sequence into `sequences`, or 0 where there was nothing to append.
void JetStreamEventLog::append_some(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
  struct Sent {
    std::size_t index;
    std::string key;  // id_key(), or empty
  };
  std::vector<Sent> sent;
  std::vector<NatsMessage> messages;
  std::set<std::string, std::less<>> keys;
  for (std::size_t i = 0; i < publications.size(); ++i) {
    const Publication& publication = publications[i];
    sequences[i] = 0;
    if (publication.kind == Publication::Kind::kBegin && !queries_->is_finished(publication.topic.view())) continue;
    NatsMessage message = queries_->message(publication);
    std::string key;
    if (publication.kind == Publication::Kind::kEvent && !publication.event.id.empty()) {
      key = id_key(publication.topic.view(), publication.event.id.view(), publication.scope);
      if (!keys.insert(key).second) continue;
      const auto found = queries_->find(key);
      if (found && !is_stale(publication, *found)) continue;
      // Of two that are sent at the same time, the stream takes one. Where an event with this ID has been here, but is
      // forgotten, that is part of the name.
      std::string name = id_digest(key);
      if (found) name.append(1, '-').append(std::to_string(*found));
      message.headers.emplace_back("Nats-Msg-Id", std::move(name));
    }
    sent.push_back({.index = i, .key = std::move(key)});
    messages.push_back(std::move(message));
  }
  if (messages.empty()) return;
  const bool has_ids = !keys.empty();  // there is more to be done, for which nobody need be waited for
  std::vector<NatsAck> acks = send(messages, has_ids ? Until::kStored : Until::kHandedOver);

  std::vector<NatsMessage> entries;
  std::vector<std::string> texts(sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const Publication& publication = publications[sent[i].index];
    // The stream remembers IDs for a while, also those of events that are not here any more.
    while (acks[i].duplicate && is_stale(publication, acks[i].sequence)) {
      NatsMessage& again = messages[i];
      again.headers.back().second = id_digest(sent[i].key) + "-" + std::to_string(acks[i].sequence);
      acks[i] = send({again}, Until::kStored).front();
    }
    if (!acks[i].duplicate) sequences[sent[i].index] = acks[i].sequence;
    if (!sent[i].key.empty()) entries.push_back(queries_->index_entry(sent[i].key, acks[i].sequence, texts[i]));
  }
  if (!entries.empty()) send(entries, Until::kStored);
}

// Whether the event with its publisher's ID at this sequence is none that the new one would be confused with.
bool JetStreamEventLog::is_stale(const Publication& publication, std::uint64_t sequence) const {
  if (sequence < queries_->state().oldest) return true;
  if (publication.scope == IdScope::kLog) return false;
  return queries_->last_finish(publication.topic.view()).value_or(0) > sequence;
}

// --- Following ------------------------------------------------------------------------------------------------------

void JetStreamEventLog::run(const std::function<void()>& work, Duration pause) {
  while (!stopped_) {
    work();
    std::unique_lock lock(run_mutex_);
    stopping_.wait_for(lock, milliseconds(pause), [this] { return stopped_.load(); });
  }
}

void JetStreamEventLog::follow() {
  using nlohmann::json;
  const std::string& stream = options_.address.stream;
  std::vector<FramePtr> frames;
  try {
    const std::string inbox = connection_->new_inbox();
    NatsSubscription subscription = connection_->subscribe(inbox);
    std::uint64_t head = head_;
    const json made =
        connection_->ask("CONSUMER.CREATE." + stream,
                         {{"stream_name", stream},
                          {"config",
                           {{"deliver_subject", inbox},
                            {"deliver_policy", "by_start_sequence"},
                            {"opt_start_seq", head + 1},
                            {"ack_policy", "none"},
                            {"replay_policy", "instant"},
                            {"max_deliver", 1},
                            {"flow_control", true},
                            {"idle_heartbeat", std::chrono::nanoseconds(milliseconds(kStoreHeartbeat)).count()},
                            {"mem_storage", true},
                            {"num_replicas", 1}}}});
    if (made.contains("error")) {
      throw StoreUnavailable("JetStream: " + made["error"].value("description", std::string("it lets nobody follow")));
    }
    std::uint64_t in_consumer = 0;  // of the newest message
    int missed = 0;
    while (!stopped_) {
      const auto wait = frames.empty() ? milliseconds(kStoreHeartbeat) : std::chrono::milliseconds{0};
      const NatsSubscription::Message message = frames.size() < kHandedOverTogether ? subscription.next(wait) : nullptr;
      if (message == nullptr) {
        if (frames.empty() && ++missed > kMissedHeartbeats) throw StoreUnavailable("the stream is silent");
        hand_over(frames, head);
        continue;
      }
      missed = 0;
      set_trouble(following_trouble_, {});
      const char* reply = natsMsg_GetReply(message.get());
      if (header(message.get(), "Status") == "100") {
        if (reply != nullptr) connection_->answer(reply);
        const std::string_view stalled = header(message.get(), "Nats-Consumer-Stalled");
        if (!stalled.empty()) connection_->answer(std::string(stalled).c_str());
        const std::string_view last = header(message.get(), "Nats-Last-Consumer");
        if (!last.empty() && last != std::to_string(in_consumer)) throw StoreUnavailable("an event has been missed");
        continue;
      }
      const auto place = reply != nullptr ? place_of(reply) : std::nullopt;
      if (!place || place->in_consumer != in_consumer + 1) throw StoreUnavailable("an event has been missed");
      ++in_consumer;
      if (place->sequence <= head) continue;
      head = place->sequence;
      const StreamEntry entry{
          .sequence = head,
          .subject = natsMsg_GetSubject(message.get()),
          .type = std::string(header(message.get(), "Millrace-Type")),
          .id = std::string(header(message.get(), "Millrace-Id")),
          .scope = std::string(header(message.get(), "Millrace-Scope")),
          .retry = std::string(header(message.get(), "Millrace-Retry")),
          .data = {natsMsg_GetData(message.get()), static_cast<std::size_t>(natsMsg_GetDataLength(message.get()))}};
      const auto age = options_.time().time_since_epoch() - std::chrono::nanoseconds(place->published);
      const auto whole = std::max(Duration{0}, std::chrono::duration_cast<Duration>(age));
      if (FramePtr frame = queries_->frame(entry, options_.clock() - whole)) {
        frames.push_back(std::move(frame));
      } else {
        hand_over(frames, head);
      }
    }
    hand_over(frames, head);
  } catch (const StoreUnavailable& unavailable) {
    // What has come in order counts: it goes on from there.
    if (!frames.empty()) {
      const std::uint64_t head = frames.back()->sequence;
      hand_over(frames, head);
    }
    set_trouble(following_trouble_, unavailable.what());
  }
}

void JetStreamEventLog::hand_over(std::vector<FramePtr>& frames, std::uint64_t head) {
  if (head == head_) return;
  if (!frames.empty()) on_appended_(frames);
  frames.clear();
  std::vector<std::shared_ptr<Wait>> over;
  {
    const std::lock_guard lock(head_mutex_);
    head_ = head;
    const auto end = waits_.upper_bound(head);
    for (auto wait = waits_.begin(); wait != end; ++wait) over.push_back(std::move(wait->second));
    waits_.erase(waits_.begin(), end);
  }
  for (const auto& wait : over) wait->end();
}

// Ends the wait once head_ has come to the sequence.
void JetStreamEventLog::end_at(std::uint64_t sequence, const std::shared_ptr<Wait>& wait) const {
  {
    const std::lock_guard lock(head_mutex_);
    if (head_ < sequence) {
      waits_.emplace(sequence, wait);
      return;
    }
  }
  wait->end();
}

// False if it takes too long.
bool JetStreamEventLog::wait_for_head(std::uint64_t sequence) const {
  if (head_ >= sequence) return true;
  const auto wait = std::make_shared<Wait>();
  end_at(sequence, wait);
  std::unique_lock lock(wait->mutex);
  return wait->over.wait_for(lock, milliseconds(kStoreAckTimeout), [&] { return wait->is_over; });
}

bool JetStreamEventLog::catch_up(std::uint64_t sequence) const {
  if (head_ >= sequence) return true;
  if (queries_->state().head < sequence) return false;
  if (wait_for_head(sequence)) return true;
  throw StoreUnavailable("this server is behind the others: it has not come to the event yet");
}

// --- Trouble --------------------------------------------------------------------------------------------------------

void JetStreamEventLog::probe() {
  try {
    const StreamQueries::State state = queries_->state();
    entries_ = state.entries;
    bytes_ = state.bytes;
    set_trouble(probing_trouble_, {});
  } catch (const StoreUnavailable& unavailable) {
    set_trouble(probing_trouble_, unavailable.what());
  }
}

// Those who wait for an ack would wait in vain: it goes to the connection that is gone.
void JetStreamEventLog::reconnected() {
  NatsConnection* connection = connected_;
  if (connection != nullptr) connection->give_up(kLostConnection);
  stopping_.notify_all();
}

void JetStreamEventLog::set_trouble(std::string& own, const std::string& trouble) {
  std::string now;
  {
    const std::lock_guard lock(trouble_mutex_);
    if (own == trouble) return;
    own = trouble;
    now = probing_trouble_.empty() ? following_trouble_ : probing_trouble_;
    if (now == told_trouble_) return;
    if (told_trouble_.empty()) ++failures_;
    told_trouble_ = now;
  }
  if (options_.on_trouble != nullptr) options_.on_trouble(now);
}

std::string JetStreamEventLog::trouble() const {
  const std::lock_guard lock(trouble_mutex_);
  return told_trouble_;
}

StoreStatistics JetStreamEventLog::statistics() const {
  return {.entries = entries_,
          .bytes = bytes_,
          .commits = commits_,
          .failures = failures_,
          .takes_events = trouble().empty()};
}

// --- Reading --------------------------------------------------------------------------------------------------------

std::size_t JetStreamEventLog::max_event_bytes() const {
  // What is beside the data: topic, type and ID, each at most three times as long as they are, and names.
  constexpr std::uint64_t kHeaders = 4'096;
  const std::uint64_t most = connection_->max_payload();
  return most > kHeaders ? most - kHeaders : 1;
}

std::optional<std::uint64_t> JetStreamEventLog::find(std::string_view publisher_id) const {
  return queries_->find(publisher_id);
}

std::optional<std::uint64_t> JetStreamEventLog::find(std::string_view publisher_id, const TopicFilter& filter) const {
  std::optional<std::uint64_t> oldest;
  for (const std::string& topic : filter.patterns()) {
    const auto found = queries_->find(id_key(topic, publisher_id, IdScope::kTopic));
    if (found && (!oldest || *found < *oldest)) oldest = found;
  }
  return oldest;
}

std::optional<std::uint64_t> JetStreamEventLog::finished_at(const TopicFilter& filter, std::uint64_t seen) const {
  return queries_->finished_at(filter, seen);
}

EventLog::Page JetStreamEventLog::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  // A reader may have been given events which the log is still handing over to others.
  return queries_->read_after(sequence, std::max<std::uint64_t>(head_, sequence), filter);
}

}  // namespace millrace
