// StreamQueries: the two streams of a log in JetStream, and the queries on them, sent to their leaders. Any thread.
// Throws StoreUnavailable without an answer.
//
// The stream NAME has the entries by topic: `NAME.e.<topic_subject>` events, `NAME.f.…` finishes, `NAME.b.…`
// beginnings. The stream NAME-ids has the position of the newest event with a publisher's ID, also by topic, so that
// JetStream itself matches a subscription's patterns: `NAME-ids.<digest of the ID>.<publisher_key>.<topic_subject>`.
// Earlier versions used only `NAME-ids.<digest>`, with the digest of the ID, or of `<topic>\n<ID>` if the ID belonged
// to its topic. Queries still find entries of these versions.
//
// All sequences here are those of the stream, also in entries and pages; numbers() makes the log's of them. Only the
// IDs in payloads have the log's already.
//
// `NAME.lost` has the marks of losses (stream_numbers.h). The stream's description keeps them when the marks are gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/server/event_store.h"
#include "mutex.h"
#include "nats_connection.h"
#include "nats_durability.h"
#include "stream_entry.h"
#include "stream_numbers.h"

namespace millrace {

/// The stream with this name does not belong to Millrace: waiting does not help.
class ForeignStream : public StoreUnavailable {
 public:
  using StoreUnavailable::StoreUnavailable;
};

/// The identity of an event: a publisher's ID, with its topic and its publisher.
struct IdKey {
  std::string_view topic;
  std::string_view id;
  std::string publisher;  ///< publisher_key()

  static IdKey of(const Publication& publication);
  /// For JetStream's own detection of duplicates (Nats-Msg-Id).
  std::string digest() const;
};

class StreamQueries {
 public:
  struct Options {
    std::string name;
    std::optional<std::uint64_t> replicas = {};  ///< without a value: unchanged; one for a new stream
    StoreBounds bounds;
    std::string new_epoch;
  };

  /// Creates missing streams, and sets their limits. The connection must outlive it.
  StreamQueries(const NatsConnection& connection, Options options);

  const std::string& epoch() const { return epoch_; }

  struct State {
    std::uint64_t oldest = 1;  ///< head + 1 in an empty stream
    std::uint64_t head = 0;
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
  };
  State state() const;

  /// When the stream's entry with this sequence was published, in nanoseconds since 1970; nothing without such an
  /// entry. Two entries that the stream has had at one sequence differ in it.
  std::optional<std::int64_t> published_at(std::uint64_t sequence) const;

  /// Any thread; the value does not change.
  std::shared_ptr<const StreamNumbers> numbers() const;
  bool is_loss_mark(std::string_view subject) const { return subject == loss_subject(); }
  /// The mark of a loss. `ends_at`: the stream refuses it unless this is its last entry.
  NatsMessage loss_mark(const std::string& text, std::optional<std::uint64_t> ends_at) const;
  /// Takes the mark with this text, in the stream's order.
  void take_loss(std::string_view text, std::uint64_t mark);
  /// Takes all marks after this entry. `is_lost`: what there was after it is lost, marks as well.
  void take_losses_after(std::uint64_t sequence, bool is_lost);
  /// Adds to the stream's description what it lacks of them.
  void keep_losses();

  /// The stream's copies.
  NatsStreamFacts facts() const;

  /// The first entry with a matching subject from this sequence on.
  std::optional<StreamEntry> first(const std::string& subject, std::uint64_t from) const;
  /// The sequence of the last such entry.
  std::optional<std::uint64_t> last(const std::string& subject) const;

  /// The sequence of the event with this key, while the stream has it.
  std::optional<std::uint64_t> find(const IdKey& key) const;
  /// Like EventStore::find().
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const;
  /// The message that adds the event's position to the index.
  NatsMessage index_entry(const IdKey& key, std::uint64_t sequence, std::string& data) const;

  /// Like EventStore::read_after(), for entries up to `head`.
  EventStore::Page read_after(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter) const;
  /// As EventStore::read_newest(), of entries up to `head`.
  EventStore::Page read_newest(std::uint64_t sequence, std::uint64_t until, std::uint64_t head,
                               const TopicFilter& filter, EventStore::Topics topics) const;
  /// Like EventStore::finished_at().
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const;
  /// Whether the topic was finished and has begun again since the entry with this sequence.
  bool has_begun_anew(std::string_view topic, std::uint64_t sequence) const;
  bool is_finished(std::string_view topic) const;

  /// The message for the publication.
  NatsMessage message(const Publication& publication) const;
  /// The entry, without its time of publication; nothing if a log cannot have made it.
  std::optional<LogEntry> log_entry(const StreamEntry& entry) const;

 private:
  std::string subject(char kind, std::string_view topic) const;
  bool is_newest(const LogEntry& event, EventStore::Topics topics) const;
  EventStore::Page newest_of_topics(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                    EventStore::Topics topics) const;
  EventStore::Page newest_of_page(std::uint64_t sequence, std::uint64_t until, std::uint64_t head,
                                  const TopicFilter& filter, EventStore::Topics topics) const;
  std::string ids() const { return options_.name + "-ids"; }
  std::string index_subject(const IdKey& key) const;
  std::optional<std::uint64_t> indexed(const StreamEntry& entry, std::uint64_t oldest) const;
  std::optional<std::uint64_t> indexed_at(const std::string& subject) const;
  std::optional<std::uint64_t> former(std::string_view publisher_id, const TopicFilter& filter) const;
  std::optional<OwnedTopic> topic_at(std::uint64_t sequence) const;
  std::deque<StreamEntry> next(const std::string& stream, const std::string& subject, std::uint64_t from,
                               std::size_t& ahead) const;
  nlohmann::json info() const;
  static nlohmann::json checked(nlohmann::json answer);
  static std::string description(std::string_view epoch, const StreamNumbers& numbers);
  static std::string epoch_of(const nlohmann::json& info);
  static StreamNumbers numbers_of(const nlohmann::json& info);
  std::string loss_subject() const { return options_.name + ".lost"; }
  std::string tag(std::uint64_t sequence) const;
  void set_numbers(StreamNumbers numbers);
  nlohmann::json prepare(const std::string& name, const nlohmann::json& config,
                         const nlohmann::json& former_subjects) const;

  const NatsConnection& connection_;
  const Options options_;
  std::string epoch_;
  mutable Mutex numbers_mutex_;
  std::shared_ptr<const StreamNumbers> numbers_ GUARDED_BY(numbers_mutex_) = std::make_shared<StreamNumbers>();
  bool has_former_ids_ = false;  // entries of older versions existed when it was opened
};

}  // namespace millrace
