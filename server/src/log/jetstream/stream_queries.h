// StreamQueries: the two streams of a log in JetStream, and the questions it is asked, put to who leads them. Any
// thread. Throws StoreUnavailable where there is no answer.
//
// The stream NAME has the entries, by their topics: `NAME.e.<topic_subject>` events, `NAME.f.…` finishes, `NAME.b.…`
// beginnings. The stream NAME-ids says where the newest event with a publisher's ID is: `NAME-ids.<SHA-256 of id_key>`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "../event_log.h"
#include "millrace/server/options.h"
#include "nats_connection.h"

namespace millrace {

/// An entry, as the stream has it.
struct StreamEntry {
  std::uint64_t sequence = 0;
  std::string subject;
  std::string type;   // as these headers are written
  std::string id;     //
  std::string scope;  //
  std::string retry;  //
  std::string data;
};

/// The stream of this name is none of ours: waiting does not help.
class ForeignStream : public StoreUnavailable {
 public:
  using StoreUnavailable::StoreUnavailable;
};

/// What a publisher's ID goes by in JetStream, of its id_key().
std::string id_digest(std::string_view key);

class StreamQueries {
 public:
  struct Options {
    std::string name;
    std::uint64_t replicas = 0;  ///< 0: as it is; of a stream that is made: one
    StoreBounds bounds;
    std::string new_epoch;
  };

  /// Makes the streams where there are none, and sees to their limits. The connection must stay.
  StreamQueries(const NatsConnection& connection, Options options);

  const std::string& epoch() const { return epoch_; }

  struct State {
    std::uint64_t oldest = 1;  ///< head + 1 if there is none
    std::uint64_t head = 0;
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
  };
  State state() const;

  /// The first entry from this sequence on whose subject matches.
  std::optional<StreamEntry> first(const std::string& subject, std::uint64_t from) const;
  /// The sequence of the last.
  std::optional<std::uint64_t> last(const std::string& subject) const;

  /// As EventLog::find(), by id_key(): while its event is here.
  std::optional<std::uint64_t> find(std::string_view key) const;
  /// Says where it is.
  NatsMessage index_entry(std::string_view key, std::uint64_t sequence, std::string& data) const;

  /// As EventLog::read_after(), of entries up to `head`.
  EventLog::Page read_after(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter) const;
  /// As EventLog::finished_at().
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const;
  /// The sequence of the topic's last finish.
  std::optional<std::uint64_t> last_finish(std::string_view topic) const;
  bool is_finished(std::string_view topic) const;

  /// What is sent for the publication.
  NatsMessage message(const Publication& publication) const;
  /// The entry's frame; null if it is none that a log would make.
  FramePtr frame(const StreamEntry& entry, TimePoint published) const;

 private:
  std::string subject(char kind, std::string_view topic) const;
  std::deque<StreamEntry> next(const std::string& subject, std::uint64_t from, std::size_t& ahead) const;
  nlohmann::json prepare(const std::string& name, const nlohmann::json& config) const;

  const NatsConnection& connection_;
  const Options options_;
  std::string epoch_;
};

}  // namespace millrace
