#include "pg_writer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "log/retention.h"
#include "pg_locked_log.h"
#include "pg_rows.h"

namespace millrace {

namespace {

// Entries that a commit drops per appended entry while the log exceeds its bounds, so that it gradually catches up.
constexpr std::uint64_t kRetiredPerAppended = 2;

constexpr PgStatement kSave{
    "save",
    "WITH saved AS (UPDATE millrace_log SET head = $1, oldest = $2, entries = $3, bytes = $4, retained_topics = $5,"
    " retained_bytes = $6 RETURNING epoch) SELECT pg_notify('millrace_' || epoch, '') FROM saved"};

}  // namespace

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
    contribution->conflict = batch.id_conflict(contribution->publications);
    if (contribution->conflict) continue;
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
  PgRows rows;
  for (std::size_t i = 0; i < batch.entries().size(); ++i) {
    const LogEntry& entry = batch.entries()[i];
    rows.add(entry, [&](std::string_view topic) { return batch.is_retained(i, topic); });
    for (std::size_t n = 0; n < entry.topic_count(); ++n) {
      if (!batch.is_retained(i, entry.topic_at(n).view())) continue;
      ++log_.retained_topics;
      log_.retained_bytes += PgBatch::cost_of(entry);
    }
  }
  rows.insert(connection_);
}

}  // namespace millrace
