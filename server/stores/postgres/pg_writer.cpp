#include "pg_writer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "log/retention.h"
#include "pg_locked_log.h"

namespace millrace {

namespace {

// Entries that a commit drops per appended entry while the log exceeds its bounds, so that it gradually catches up.
constexpr std::uint64_t kRetiredPerAppended = 2;

constexpr PgStatement kInsert{
    "insert",
    "INSERT INTO millrace_events"
    " (sequence, topic, kind, publisher_id, id_topic, publisher, published, payload, retained)"
    " SELECT s, t, k, i, d, p, $7, y, r FROM unnest($1, $2, $3, $4, $5, $6, $8, $9) u(s, t, k, i, d, p, y, r)"};
constexpr PgStatement kSave{
    "save",
    "WITH saved AS (UPDATE millrace_log SET head = $1, oldest = $2, entries = $3, bytes = $4, retained_topics = $5,"
    " retained_bytes = $6 RETURNING epoch) SELECT pg_notify('millrace_' || epoch, '') FROM saved"};

}  // namespace

std::uint64_t PgWriter::milliseconds_of(Time time) {
  const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0));
}

PgWriter::LockedLog::LockedLog(PgWriter& writer)
    : writer_(writer),
      transaction_(writer.connection_,
                   std::string("BEGIN; SELECT ") + PgLogRow::kColumns + " FROM millrace_log FOR UPDATE") {
  PgLogRow& log = writer_.log_;
  log = PgLogRow::of(transaction_.begun());
  if (!writer_.epoch_.empty() && log.epoch != writer_.epoch_) throw StoreUnavailable(kPostgresLogReplaced);
  if (log.head >= writer_.given_to_clients_) return;
  if (log.entries == 0) log.oldest = writer_.given_to_clients_ + 1;
  log.head = writer_.given_to_clients_;
}

void PgWriter::LockedLog::commit() {
  const PgLogRow& log = writer_.log_;
  writer_.connection_.run(kSave, PgParams()
                                     .number(log.head)
                                     .number(log.oldest)
                                     .number(log.entries)
                                     .number(log.bytes)
                                     .number(log.retained_topics)
                                     .number(log.retained_bytes));
  transaction_.commit();
  writer_.given_to_clients_ = std::max(writer_.given_to_clients_, log.head);
}

PgWriter::PgWriter(const Options& options, std::uint64_t head)
    : bounds_(options.bounds), connection_(options.connection), given_to_clients_(head) {
  prepare_schema(connection_, options.connection.schema, options.new_epoch);
  durability_ = durability_of(connection_);
  LockedLog(*this).commit();  // shows whether the log can be written
  epoch_ = log_.epoch;
}

std::vector<LogEntry> PgWriter::append(std::span<Contribution* const> group, Time now) {
  LockedLog locked(*this);
  std::vector<LogEntry> entries = append_locked(group, now);
  if (!entries.empty()) locked.commit();
  return entries;
}

std::vector<LogEntry> PgWriter::append_locked(std::span<Contribution* const> group, Time now) {
  PgBatch batch(connection_, group, log_.oldest);
  std::optional<RetentionCheck> check(
      std::in_place, log_.retained_topics, log_.retained_bytes,
      RetentionCheck::Bounds{.topics = bounds_.retained_topics, .bytes = bounds_.retained_bytes});
  const bool retains = std::any_of(group.begin(), group.end(), [](const Contribution* one) {
    return std::any_of(one->publications.begin(), one->publications.end(), [](const auto& p) { return p.retain; });
  });
  for (Contribution* contribution : group) {
    if (retains) {
      RetentionCheck tried = *check;  // nothing of a refused contribution counts
      for (const Publication& publication : contribution->publications) {
        if (!batch.is_new(publication)) continue;
        const auto cost = [&] { return PgBatch::cost_of(LogEntry::of(log_.epoch, log_.head + 1, publication, now)); };
        const auto before = [&](Topic topic) { return retained_cost(topic.view()); };
        if ((contribution->refusal = tried.add(publication, cost, before))) break;
      }
      if (contribution->refusal) continue;
      check.emplace(std::move(tried));
    }
    for (std::size_t i = 0; i < contribution->publications.size(); ++i) {
      const Publication& publication = contribution->publications[i];
      contribution->sequences[i] = batch.is_new(publication) ? ++log_.head : 0;
      if (contribution->sequences[i] == 0) continue;
      LogEntry entry = LogEntry::of(log_.epoch, log_.head, publication, now);
      log_.bytes += PgBatch::cost_of(entry);
      ++log_.entries;
      batch.add(std::move(entry), publication);
    }
  }
  if (batch.entries().empty()) return {};
  if (log_.retained_topics > 0) release_retained(batch);
  insert(batch);
  retire_locked(kRetiredPerAppended * batch.entries().size() + 1, std::nullopt);
  return batch.take_entries();
}

void PgWriter::insert(const PgBatch& batch) {
  std::vector<std::uint64_t> sequences;
  std::vector<std::uint64_t> kinds;
  std::vector<std::string_view> topics;
  std::vector<std::optional<std::string_view>> publishers;
  std::vector<std::optional<std::string_view>> ids;
  std::vector<std::optional<std::string_view>> id_topics;
  std::vector<std::optional<std::string_view>> payloads;
  std::vector<bool> retained;
  for (std::size_t i = 0; i < batch.entries().size(); ++i) {
    const LogEntry& entry = batch.entries()[i];
    sequences.push_back(entry.sequence);
    kinds.push_back(static_cast<std::uint64_t>(entry.kind));
    topics.push_back(entry.topic.view());
    publishers.emplace_back(entry.publisher_key);
    const bool has_id = !entry.publisher_id.empty();
    ids.push_back(has_id ? std::optional<std::string_view>(entry.publisher_id) : std::nullopt);
    id_topics.push_back(has_id ? std::optional(entry.topic.view()) : std::nullopt);
    payloads.emplace_back(entry.payload);
    retained.push_back(batch.is_retained(i));
    if (!batch.is_retained(i)) continue;
    ++log_.retained_topics;
    log_.retained_bytes += PgBatch::cost_of(entry);
  }
  connection_.run(kInsert, PgParams()
                               .numbers(sequences)
                               .texts(topics)
                               .numbers(kinds)
                               .blobs(ids)
                               .blobs(id_topics)
                               .blobs(publishers)
                               .number(milliseconds_of(batch.entries().front().published))
                               .blobs(payloads)
                               .flags(retained));
}

}  // namespace millrace
