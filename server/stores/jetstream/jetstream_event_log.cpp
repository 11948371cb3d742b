#include "jetstream_event_log.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <stdexcept>
#include <utility>

#include "jetstream_limits.h"
#include "log/event_log.h"
#include "log/turns.h"
#include "millrace/server/limits.h"
#include "millrace/server/stores/jetstream.h"
#include "nats_survey.h"

namespace millrace {

namespace {

// A version that is known to lose whole streams.
class LosingServer : public StoreUnavailable {
 public:
  using StoreUnavailable::StoreUnavailable;
};

constexpr const char* kLostEvents = "NATS has lost events that this server has delivered";
constexpr const char* kLostConnection = "the connection to NATS was lost before NATS acknowledged it";

}  // namespace

JetStreamEventLog::JetStreamEventLog(Options options) : options_(std::move(options)) {
  connection_ = std::make_unique<NatsConnection>(NatsConnection::Options{
      .address = options_.address, .credentials = options_.credentials, .on_change = [this] { connection_changed(); }});
  connected_ = connection_.get();
  // Servers that have just started may have to elect a leader first.
  const auto begun = std::chrono::steady_clock::now();
  while (true) {
    try {
      open();
      return;
    } catch (const ForeignStream&) {
      throw;
    } catch (const LosingServer&) {
      throw;
    } catch (const NoJetStream&) {
      // They may not have found each other yet.
      if (std::chrono::steady_clock::now() - begun >= kStoreConnectTimeout) throw;
    } catch (const StoreUnavailable&) {
      if (std::chrono::steady_clock::now() - begun >= kStoreStartTimeout) throw;
    }
    std::this_thread::sleep_for(kStoreReconnectWait);
  }
}

void JetStreamEventLog::open() {
  auto queries = std::make_unique<StreamQueries>(*connection_, StreamQueries::Options{.name = options_.address.stream,
                                                                                      .replicas = options_.replicas,
                                                                                      .bounds = options_.bounds,
                                                                                      .new_epoch = options_.new_epoch});
  const StreamQueries::State state = queries->state();
  queries_ = std::move(queries);
  look_at_servers();
  figures_.entries = state.entries;
  figures_.bytes = state.bytes;
  follower_ = std::make_unique<StreamFollower>(
      *connection_, *queries_,
      StreamFollower::Options{
          .stream = options_.address.stream,
          .head = std::max(state.oldest - 1, state.head - std::min(state.head, options_.preload)),
          .on_trouble =
              [this](const std::string& trouble) { set_trouble(&JetStreamEventLog::following_trouble_, trouble); },
          .append = [this](const NatsMessage& message) { sender_->send({message}, MessageSender::Until::kStored); }});
  sender_ = std::make_unique<MessageSender>(*connection_, *follower_);
}

void JetStreamEventLog::start(Callbacks callbacks) {
  if (prober_.is_running()) throw std::logic_error("another server already uses this store: open one for each server");
  trouble_.report_to(std::move(callbacks.on_status));
  std::uint64_t there = 0;
  try {
    there = queries_->state().head;
  } catch (const StoreUnavailable&) {
    // Then it arrives later.
  }
  follower_->start(std::move(callbacks.on_appended));
  prober_ = Repetition([this](const Repetition::IsStopping&) { probe(); }, kStoreRetry);
  follower_->wait_for(there);
}

void JetStreamEventLog::stop() {
  follower_->stop();
  prober_.stop();
  trouble_.report_to(nullptr);
}

// --- Appending ------------------------------------------------------------------------------------------------------

void JetStreamEventLog::append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
  if (publications.empty()) return;
  if (!prober_.is_running()) throw StoreUnavailable(append_refusal("no server uses it"));
  if (const StoreStatus now = status(); !now.is_accepting()) throw StoreUnavailable(append_refusal(now.reason));
  if (!connection_->is_connected()) throw StoreUnavailable(append_refusal("there is no connection to NATS"));
  if (follower_->is_suspected()) throw StoreUnavailable(append_refusal(kLostEvents));
  const std::uint64_t losses = follower_->losses();
  std::size_t begun = 0;
  // Marks decide how later publications are handled, so those are sent after the marks are stored.
  for (std::size_t i = 0; i < publications.size(); ++i) {
    const bool is_mark = publications[i].kind != Publication::Kind::kEvent;
    const bool is_last = i + 1 == publications.size();
    const bool is_large = i + 1 - begun == kStoreGroupEntries;
    if (!is_mark && !is_last && !is_large && publications[i + 1].kind == Publication::Kind::kEvent) continue;
    append_some(publications.subspan(begun, i + 1 - begun), sequences.subspan(begun, i + 1 - begun));
    begun = i + 1;
  }
  // The entries are stored even if the follower takes longer.
  follower_->wait_for(*std::max_element(sequences.begin(), sequences.end()));
  if (follower_->losses() != losses) throw StoreUnavailable(append_refusal(kLostEvents));
  const auto numbers = queries_->numbers();
  for (std::uint64_t& sequence : sequences) sequence = numbers->in_log(sequence);
}

// Writes the sequence of each publication to `sequences`; 0 if there was nothing to append.
void JetStreamEventLog::append_some(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
  struct Outgoing {
    std::size_t index;
    std::optional<IdKey> key;
  };
  std::vector<Outgoing> sent;
  std::vector<NatsMessage> messages;
  std::set<std::string, std::less<>> keys;
  for (std::size_t i = 0; i < publications.size(); ++i) {
    const Publication& publication = publications[i];
    sequences[i] = 0;
    if (publication.kind != Publication::Kind::kEvent &&
        queries_->is_finished(publication.topic.view()) == (publication.kind == Publication::Kind::kFinish)) {
      continue;
    }
    NatsMessage message = queries_->message(publication);
    std::optional<IdKey> key;
    if (publication.kind == Publication::Kind::kEvent && !publication.event.id.empty()) {
      key = IdKey::of(publication);
      std::string name = key->digest();
      if (!keys.insert(name).second) continue;
      const auto found = queries_->find(*key);
      if (found && !is_stale(publication, *found)) continue;
      // The stream takes only one of two messages with the same name. If an earlier event with this ID no longer
      // counts, its sequence is a part of the name.
      if (found) name.append(1, '-').append(std::to_string(*found));
      message.headers.emplace_back("Nats-Msg-Id", std::move(name));
    }
    sent.push_back({.index = i, .key = std::move(key)});
    messages.push_back(std::move(message));
  }
  if (messages.empty()) return;
  const StreamFollower::Progress delivered = follower_->progress();
  const bool has_ids = !keys.empty();  // then the index is written without waiting for the follower
  std::vector<NatsAck> acks =
      sender_->send(messages, has_ids ? MessageSender::Until::kStored : MessageSender::Until::kHandedOver);

  std::vector<NatsMessage> entries;
  std::vector<std::string> texts(sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const Publication& publication = publications[sent[i].index];
    // For a while the stream also remembers IDs of events that are gone.
    while (acks[i].duplicate && is_stale(publication, acks[i].sequence)) {
      NatsMessage& again = messages[i];
      again.headers.back().second = sent[i].key->digest() + "-" + std::to_string(acks[i].sequence);
      acks[i] = sender_->send({again}, MessageSender::Until::kStored).front();
    }
    // The stream had another event there: it is behind the loss that the follower will find.
    if (!acks[i].duplicate && acks[i].sequence <= delivered.head) {
      follower_->suspect(delivered);
      throw StoreUnavailable(append_refusal(kLostEvents));
    }
    if (!acks[i].duplicate) sequences[sent[i].index] = acks[i].sequence;
    if (sent[i].key) entries.push_back(queries_->index_entry(*sent[i].key, acks[i].sequence, texts[i]));
  }
  if (!entries.empty()) sender_->send(entries, MessageSender::Until::kStored);
  ++figures_.commits;
}

// Whether the event with the publisher's ID at this sequence is gone, or is older than the topic's last beginning.
bool JetStreamEventLog::is_stale(const Publication& publication, std::uint64_t sequence) const {
  return sequence < queries_->state().oldest || queries_->has_begun_anew(publication.topic.view(), sequence);
}

bool JetStreamEventLog::catch_up(std::uint64_t sequence) const {
  if (head() >= sequence) return true;
  const std::uint64_t in_stream = queries_->numbers()->in_stream(sequence);
  if (queries_->state().head < in_stream) return false;
  wait_for(in_stream);
  return true;
}

void JetStreamEventLog::catch_up_with_others() const {
  wait_for(queries_->state().head);
}

void JetStreamEventLog::wait_for(std::uint64_t in_stream) const {
  if (follower_->wait_for(in_stream)) return;
  throw StoreUnavailable("this server is behind the others and has not received the event yet");
}

// --- Trouble --------------------------------------------------------------------------------------------------------

// Throws LosingServer if one of them must not be used.
void JetStreamEventLog::look_at_servers() {
  const NatsDurability found =
      durability_of(survey_nats(options_.address, options_.monitoring_port), queries_->facts());
  durability_ = found.level;
  {
    const MutexLock lock(mutex_);
    warnings_ = found.warnings;
  }
  if (found.refusal) throw LosingServer(*found.refusal);
}

std::vector<std::string> JetStreamEventLog::warnings() const {
  const MutexLock lock(mutex_);
  return warnings_;
}

void JetStreamEventLog::probe() {
  try {
    if (is_look_due_) {
      look_at_servers();
      is_look_due_ = false;
    }
    const StreamQueries::State state = queries_->state();
    // Compares what was delivered a while ago: the stream's leader may be a little behind the server that delivers.
    if (state.head < delivered_before_.head) follower_->suspect(delivered_before_);
    delivered_before_ = follower_->progress();
    figures_.entries = state.entries;
    figures_.bytes = state.bytes;
    queries_->keep_losses();
    set_trouble(&JetStreamEventLog::probing_trouble_, {});
  } catch (const std::exception& failure) {
    set_trouble(&JetStreamEventLog::probing_trouble_, failure.what());
  }
}

// Ends the waits for acks, which would go to the lost connection.
void JetStreamEventLog::connection_changed() {
  is_look_due_ = true;
  NatsConnection* connection = connected_;
  if (connection != nullptr) connection->give_up(kLostConnection);
}

void JetStreamEventLog::set_trouble(std::string JetStreamEventLog::*own, const std::string& trouble) {
  {
    const MutexLock lock(mutex_);
    if (this->*own == trouble) return;
    this->*own = trouble;
    trouble_.set(probing_trouble_.empty() ? following_trouble_ : probing_trouble_);
  }
  trouble_.tell();
}

// --- Reading --------------------------------------------------------------------------------------------------------

std::size_t JetStreamEventLog::max_event_bytes() const {
  // Bytes besides the data: topic, type, ID and the trace's state, each escaped to at most three times its length, the
  // trace's parent, and header names.
  constexpr std::uint64_t kHeaders = 4'096 + kMaxTraceParentBytes + 3 * kMaxTraceStateBytes;
  const std::uint64_t most = connection_->max_payload();
  return most > kHeaders ? most - kHeaders : 1;
}

std::optional<std::uint64_t> JetStreamEventLog::find(std::string_view publisher_id, const TopicFilter& filter) const {
  const auto found = queries_->find(publisher_id, filter);
  return found ? std::optional(queries_->numbers()->in_log(*found)) : std::nullopt;
}

std::optional<std::uint64_t> JetStreamEventLog::finished_at(const TopicFilter& filter, std::uint64_t seen) const {
  const auto numbers = queries_->numbers();
  const auto found = queries_->finished_at(filter, numbers->in_stream(seen));
  return found ? std::optional(numbers->in_log(*found)) : std::nullopt;
}

EventStore::Page JetStreamEventLog::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  const auto numbers = queries_->numbers();
  if (const auto next = numbers->first_after(sequence)) return {.through = *next - 1, .oldest = *next};
  const std::uint64_t after = numbers->in_stream(sequence);
  // The reader may already have events that on_appended has not taken yet.
  return in_log(*numbers, queries_->read_after(after, std::max(follower_->head(), after), filter));
}

EventStore::Page JetStreamEventLog::read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                                Topics topics) const {
  const auto numbers = queries_->numbers();
  const std::uint64_t after = numbers->in_stream(sequence);
  const std::uint64_t head = std::max(follower_->head(), after);
  Page page = in_log(*numbers, queries_->read_newest(after, numbers->in_stream(until), head, filter, topics));
  page.through = std::min(page.through, std::max(sequence, until));
  return page;
}

// The page with the log's numbers. IDs in its entries have those of when it was read.
EventStore::Page JetStreamEventLog::in_log(const StreamNumbers& numbers, Page page) const {
  if (queries_->numbers().get() != &numbers) throw StoreUnavailable("NATS has lost events: reading again");
  for (LogEntry& entry : page.entries) entry.sequence = numbers.in_log(entry.sequence);
  page.through = numbers.through_in_log(page.through);
  page.oldest = numbers.in_log(page.oldest);
  return page;
}

}  // namespace millrace
