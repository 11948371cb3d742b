#include "sqlite_writer.h"

#include <algorithm>

#include "base/sip_hash.h"
#include "log/event_log.h"
#include "log/id_conflict.h"
#include "log/retention.h"
#include "schema.h"
#include "sqlite_writer_statements.h"
#include "write_ahead_log.h"

namespace millrace {

namespace {

// Sequences skipped after a power cut that may have undone commits: clients may have these sequences, so they must
// never be used again. Far more than SQLite holds between two checkpoints.
constexpr std::uint64_t kSkippedSequences = 1'000'000;
constexpr std::uint64_t kMostVariedSequences = std::uint64_t{1} << 32;

// Bytes appended between two measurements of the file's size.
constexpr std::uint64_t kMeasureEveryBytes = 64 * 1024;

// Entries for which the table `newest` does not account yet: every reader of newest events looks at all of them.
constexpr std::uint64_t kMostUnindexed = 256;

// Pages in SQLite's log at which they are moved into the file.
constexpr int kCheckpointPages = 1'000;

// Pages that shrink() returns at once, and free pages that it keeps for later entries.
constexpr std::int64_t kShrinkPages = 256;
constexpr std::int64_t kKeptFreePages = 1024;

SqliteKind kind_of(Publication::Kind kind) {
  switch (kind) {
    case Publication::Kind::kEvent:
      break;
    case Publication::Kind::kFinish:
      return SqliteKind::kFinish;
    case Publication::Kind::kBegin:
      return SqliteKind::kBegin;
  }
  return SqliteKind::kEvent;
}

std::string meta_text(SqliteDatabase& database, std::string_view key) {
  SqliteStatement statement(database, "SELECT value FROM meta WHERE key = ?1");
  SqliteRows rows = statement(key);
  return rows.next() ? std::string(rows.text(0)) : std::string();
}

}  // namespace

SqliteWriter::SqliteWriter(const std::string& path, StoreSync sync, const std::string& new_epoch, const Boots& boots)
    : database_((rewrite_log(path), path), SqliteDatabase::Mode::kWrite) {
  if (sqlite3_db_readonly(database_.handle(), "main") == 1) {
    throw StoreUnavailable("cannot write to the file: check its permissions, and those of its folder");
  }
  // Statements about the file itself must reach the disk.
  database_.execute("PRAGMA synchronous = FULL");
  prepare_schema(database_);
  load(new_epoch, boots);
  // In place of SQLite's own checkpoints, which keep their failures to themselves.
  sqlite3_wal_hook(
      database_.handle(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<SqliteWriter*>(self)->log_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  // In bytes: a journal that was once large must not keep its size for ever.
  database_.execute("PRAGMA journal_size_limit = 16777216");
  if (sync == StoreSync::kNormal) database_.execute("PRAGMA synchronous = NORMAL");
}

SqliteWriter::~SqliteWriter() = default;

void SqliteWriter::load(const std::string& new_epoch, const Boots& boots) {
  statements_ = std::make_unique<Statements>(database_);
  Transaction transaction(*this);
  epoch_ = meta_text(database_, "epoch");
  if (epoch_.empty()) {
    epoch_ = new_epoch;
    statements_->set_meta.run(std::string_view("epoch"), epoch_);
  }
  queries_ = std::make_unique<SqliteQueries>(database_);
  entries_ = static_cast<std::uint64_t>(database_.number("SELECT count(*) FROM entries"));
  head_ = std::max(queries_->newest().value_or(0),
                   static_cast<std::uint64_t>(database_.number("SELECT value FROM meta WHERE key = 'head'")));
  oldest_ = queries_->oldest().value_or(head_ + 1);
  retained_topics_ = static_cast<std::size_t>(database_.number("SELECT count(*) FROM retained"));
  retained_bytes_ = static_cast<std::size_t>(
      database_.number("SELECT ifnull(sum(length(payload) + length(CAST(topic AS BLOB)) +"
                       " ifnull(length(CAST(publisher_id AS BLOB)), 0) + length(publisher)), 0) FROM retained"));
  has_finishes_ = database_.number("SELECT EXISTS (SELECT 1 FROM entries WHERE kind = 1)") != 0;
  page_bytes_ = database_.number("PRAGMA page_size");
  indexed_ = static_cast<std::uint64_t>(database_.number("SELECT value FROM meta WHERE key = 'indexed'"));
  const std::string running = boots.left_open.empty() ? meta_text(database_, "running") : boots.left_open;
  if (!running.empty() && running != boots.now) queries_->check_everything();
  // Also in a file that was closed in order: a disk that lies can take all back that was written to it since.
  const std::string last = running.empty() ? meta_text(database_, "boot") : running;
  if (!last.empty() && last != boots.now) skip_after(boots.now);
  statements_->set_meta.run(std::string_view("boot"), boots.now);
  statements_->set_meta.run(std::string_view("running"), boots.now);
  transaction.commit();
  look_at_size();
}

// A power cut may have taken back commits: by StoreSync::kNormal, or by a disk that lies, which may have taken back the
// last skip as well. So the skip differs from start to start of the machine.
void SqliteWriter::skip_after(const std::string& boot_id) {
  const std::uint64_t varied = SipHash<1, 3>::hash({.first = head_, .second = 0}, boot_id) % kMostVariedSequences;
  skip_to(head_ + kSkippedSequences + varied);
}

void SqliteWriter::skip_to(std::uint64_t head) {
  head_ = std::max(head_, head);
  if (entries_ == 0) oldest_ = head_ + 1;
  statements_->set_meta.run(std::string_view("head"), head_);
}

SqliteWriter::Transaction::Transaction(SqliteWriter& writer)
    : writer_(writer),
      before_{.head = writer.head_,
              .oldest = writer.oldest_,
              .entries = writer.entries_,
              .bytes = writer.bytes_,
              .retained_topics = writer.retained_topics_,
              .retained_bytes = writer.retained_bytes_,
              .unmeasured_bytes = writer.unmeasured_bytes_,
              .indexed = writer.indexed_} {
  writer_.statements_->begin.run();
}

void SqliteWriter::Transaction::commit() {
  is_over_ = true;
  writer_.is_usable_ = false;  // while the result is unknown
  writer_.statements_->commit.run();
  writer_.is_usable_ = true;
}

// Does not allocate: memory may have run out.
SqliteWriter::Transaction::~Transaction() {
  if (is_over_) return;
  sqlite3* const database = writer_.database_.handle();
  const bool is_back = sqlite3_exec(database, "ROLLBACK", nullptr, nullptr, nullptr) == SQLITE_OK;
  writer_.head_ = before_.head;
  writer_.oldest_ = before_.oldest;
  writer_.entries_ = before_.entries;
  writer_.bytes_ = before_.bytes;
  writer_.retained_topics_ = before_.retained_topics;
  writer_.retained_bytes_ = before_.retained_bytes;
  writer_.unmeasured_bytes_ = before_.unmeasured_bytes;
  writer_.indexed_ = before_.indexed;
  if (!is_back) writer_.is_usable_ = false;
}

bool SqliteWriter::is_new(const Publication& publication) {
  if (publication.kind != Publication::Kind::kEvent) {
    const bool is_finished = queries_->is_finished(publication.topic.view()).has_value();
    return is_finished == (publication.kind == Publication::Kind::kBegin);
  }
  for (std::size_t i = 0; i < publication.topic_count(); ++i) {
    if (!published_as(publication, publication.topic_at(i))) return true;
  }
  return false;
}

// The publisher's event with this ID in the topic, published since the topic began.
std::optional<std::uint64_t> SqliteWriter::published_as(const Publication& publication, Topic topic) {
  const std::string_view id = publication.event.id.view();
  if (id.empty()) return std::nullopt;
  const auto found = std::max(queries_->find(id, topic.view(), publisher_key(publication.publisher)),
                              queries_->find(id, topic.view(), kAnyPublisher));  // an empty optional compares less
  return found && *found >= queries_->life_before(topic.view()) ? found : std::nullopt;
}

std::optional<std::string> SqliteWriter::id_conflict(std::span<const Publication> publications) {
  return millrace::id_conflict(publications,
                               [this](const Publication& one, Topic topic) { return published_as(one, topic); });
}

std::optional<LogEntry> SqliteWriter::append(const Publication& publication,
                                             std::chrono::system_clock::time_point published) {
  if (!is_new(publication)) return std::nullopt;
  LogEntry entry = LogEntry::of(epoch_, head_ + 1, publication, published);
  insert(entry, publication.retain);
  return entry;
}

void SqliteWriter::insert(const LogEntry& entry, bool is_retained) {
  const std::int64_t milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(entry.published.time_since_epoch()).count();
  if (entry.kind != Publication::Kind::kEvent) {
    statements_->insert_mark.run(entry.sequence, entry.topic.view(), static_cast<std::int64_t>(kind_of(entry.kind)),
                                 milliseconds);
  } else if (entry.publisher_id.empty()) {
    statements_->insert_event.run(entry.sequence, entry.topic.view(), SqliteNull{}, milliseconds,
                                  SqliteBlob{entry.payload}, std::string_view(),
                                  payload_digest(entry.sequence, entry.payload));
  } else {
    statements_->insert_event.run(entry.sequence, entry.topic.view(), entry.publisher_id, milliseconds,
                                  SqliteBlob{entry.payload}, entry.publisher_key,
                                  payload_digest(entry.sequence, entry.payload));
  }
  if (!entry.further_topics.empty()) statements_->set_topics.run(entry.sequence, entry.joined_topics());
  for (const OwnedTopic& topic : entry.further_topics) {
    statements_->insert_further.run(entry.sequence, topic.view());
    unmeasured_bytes_ += topic.view().size();
  }
  head_ = entry.sequence;
  ++entries_;
  unmeasured_bytes_ += entry.payload.size();
  if (entry.kind != Publication::Kind::kBegin) {
    for (std::size_t i = 0; i < entry.topic_count(); ++i) index(entry, entry.topic_at(i).view(), is_retained);
  }
  if (head_ - indexed_ >= kMostUnindexed) index_newest();
}

void SqliteWriter::index_newest() {
  statements_->index_events.run(indexed_);
  statements_->index_finishes.run(indexed_);
  indexed_ = head_;
  statements_->set_meta.run(std::string_view("indexed"), indexed_);
}

void SqliteWriter::restore(const LogEntry& entry, bool is_retained) {
  if (entries_ == 0) oldest_ = entry.sequence;
  insert(entry, is_retained);
}

void SqliteWriter::restore_log(const std::string& epoch, std::uint64_t oldest) {
  epoch_ = epoch;
  statements_->set_meta.run(std::string_view("epoch"), epoch_);
  if (oldest <= oldest_) return;
  statements_->retire_newest.run(oldest - 1);
  statements_->remove_further.run(oldest - 1);
  statements_->remove.run(oldest - 1);
  entries_ -= static_cast<std::uint64_t>(sqlite3_changes64(database_.handle()));
  oldest_ = queries_->oldest().value_or(head_ + 1);
}

// What the entry, no begin, changes in the topic's retained event. Other events wait for index_newest().
void SqliteWriter::index(const LogEntry& entry, std::string_view topic, bool is_retained) {
  const bool is_finish = entry.kind == Publication::Kind::kFinish;
  if (const std::size_t cost = retained_topics_ > 0 ? queries_->retained_cost(topic) : 0; cost > 0) {
    // Readers that are behind still get a finished topic's last event, as long as the log has it.
    if (is_finish) statements_->finish_retained.run(topic, oldest_);
    statements_->forget_retained.run(topic);
    --retained_topics_;
    retained_bytes_ -= cost;
  }
  if (is_finish || !is_retained) return;
  statements_->forget_newest.run(topic);
  statements_->retain.run(entry.sequence, topic);
  ++retained_topics_;
  retained_bytes_ += queries_->retained_cost(topic);
}

std::optional<std::string> SqliteWriter::refusal(std::span<const Publication> publications, const StoreBounds& bounds) {
  if (std::none_of(publications.begin(), publications.end(), [](const Publication& one) { return one.retain; })) {
    return std::nullopt;
  }
  RetentionCheck check(retained_topics_, retained_bytes_,
                       {.topics = bounds.retained_topics, .bytes = bounds.retained_bytes});
  for (const Publication& publication : publications) {
    if (!is_new(publication)) continue;
    const auto own = [&] {
      const LogEntry entry = LogEntry::of(epoch_, head_ + 1, publication, {});
      return entry.payload.size() + entry.joined_topics().size() + entry.publisher_id.size() +
             entry.publisher_key.size();
    };
    const auto before = [&](Topic topic) { return queries_->retained_cost(topic.view()); };
    if (auto refusal = check.add(publication, own, before)) return refusal;
  }
  return std::nullopt;
}

bool SqliteWriter::retire(const StoreBounds& bounds, std::int64_t published_now, std::uint64_t most) {
  if (unmeasured_bytes_ >= kMeasureEveryBytes) look_at_size();
  const std::uint64_t last = cutoff(bounds, published_now, most);
  if (last < oldest_) return false;
  // If no entry is left, only this records where to continue.
  if (last >= head_) statements_->set_meta.run(std::string_view("head"), head_);
  statements_->retire_newest.run(last);
  statements_->remove_further.run(last);
  statements_->remove.run(last);
  const auto removed = static_cast<std::uint64_t>(sqlite3_changes64(database_.handle()));
  entries_ -= removed;
  oldest_ = queries_->oldest().value_or(head_ + 1);
  look_at_size();
  return removed >= most || (bounds.bytes && bytes_ > *bounds.bytes && entries_ > 1);
}

// The newest entry to remove; 0 for none.
std::uint64_t SqliteWriter::cutoff(const StoreBounds& bounds, std::int64_t published_now, std::uint64_t most) {
  std::uint64_t count = 0;
  if (bounds.events && entries_ > *bounds.events) count = std::min(entries_ - *bounds.events, most);
  // Never removes the newest entry, even if it is too large.
  if (bounds.bytes && bytes_ > *bounds.bytes && entries_ > 1) {
    // By their average size, as many as are too much.
    const std::uint64_t too_many = (bytes_ - *bounds.bytes) / (bytes_ / entries_ + 1) + 1;
    count = std::max(count, std::min({too_many, entries_ - 1, most}));
  }
  std::uint64_t last = count > 0 ? oldest_ + count - 1 : 0;
  if (bounds.age) {
    SqliteRows rows = statements_->old(most, published_now - bounds.age->count());
    if (rows.next() && !rows.is_null(0)) last = std::max(last, static_cast<std::uint64_t>(rows.number(0)));
  }
  return last;
}

void SqliteWriter::look_at_size() {
  const auto number = [](SqliteStatement& statement) {
    SqliteRows rows = statement();
    return rows.next() ? rows.number(0) : 0;
  };
  bytes_ =
      static_cast<std::uint64_t>((number(statements_->page_count) - number(statements_->free_pages)) * page_bytes_);
  unmeasured_bytes_ = 0;
}

void SqliteWriter::checkpoint() {
  if (log_pages_ < kCheckpointPages) return;
  const int code = sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  // A reader may be in the way: the next one does it.
  if (code != SQLITE_OK && code != SQLITE_BUSY && code != SQLITE_LOCKED) {
    throw SqliteError(database_.handle(), "cannot write the file", code);
  }
}

bool SqliteWriter::shrink() {
  const auto free_pages = [this] {
    SqliteRows rows = statements_->free_pages();
    return rows.next() ? rows.number(0) : 0;
  };
  if (free_pages() <= kKeptFreePages) return false;
  database_.execute(("PRAGMA incremental_vacuum(" + std::to_string(kShrinkPages) + ")").c_str());
  return free_pages() > kKeptFreePages;
}

void SqliteWriter::close() {
  database_.execute("PRAGMA synchronous = FULL");
  Transaction transaction(*this);
  if (indexed_ != head_) index_newest();
  statements_->set_meta.run(std::string_view("running"), std::string());
  transaction.commit();
  database_.checkpoint_on_close();
}

}  // namespace millrace
