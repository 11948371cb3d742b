#include "postgres_event_log.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "log/event_log.h"
#include "millrace/server/limits.h"
#include "millrace/server/stores/postgres.h"

namespace millrace {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kReconnecting = "the server is reconnecting to PostgreSQL";

}  // namespace

// A reader that has failed reconnects at its next use.
template <typename Ask>
auto PostgresEventLog::ask(Reader& reader, const Ask& question) const {
  const MutexLock lock(reader.mutex);
  try {
    if (reader.queries == nullptr) reader.queries = std::make_unique<PgQueries>(options_.connection);
    return question(*reader.queries);
  } catch (const PgError& error) {
    reader.queries.reset();
    throw StoreUnavailable(std::string("cannot read the store: ") + error.what());
  }
}

PostgresEventLog::PostgresEventLog(Options options) : options_(std::move(options)) {
  open_writer();
  const PgLogRow& row = writer_->log();
  epoch_ = row.epoch;
  head_ = std::max(row.oldest - 1, row.head - std::min(row.head, options_.preload));
}

PostgresEventLog::~PostgresEventLog() {
  stop();
}

// Only for the thread that has the turn.
void PostgresEventLog::open_writer() {
  auto writer = std::make_unique<PgWriter>(
      PgWriter::Options{.connection = options_.connection, .bounds = options_.bounds, .new_epoch = options_.new_epoch},
      head_);
  if (!epoch_.empty() && writer->log().epoch != epoch_) {
    throw StoreUnavailable("the database was replaced: restart the server to use it");
  }
  writer_ = std::move(writer);
  own_backend_ = writer_->backend();
  durability_ = writer_->durability().level;
  note(writer_->log());
  const MutexLock lock(warnings_mutex_);
  warnings_ = writer_->durability().warnings;
}

void PostgresEventLog::start(Callbacks callbacks) {
  if (thread_.joinable()) throw std::logic_error("a server uses this store already: open one for each server");
  on_appended_ = std::move(callbacks.on_appended);
  trouble_.report_to(std::move(callbacks.on_status));
  try {
    follow_all();
  } catch (const StoreUnavailable&) {
    // The thread delivers the entries later.
  }
  is_stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void PostgresEventLog::stop() {
  is_stopping_ = true;
  wake_.wake();
  if (thread_.joinable()) thread_.join();
  listener_.reset();
  const MutexLock lock(handing_);
  on_appended_ = nullptr;
  trouble_.report_to(nullptr);
}

// --- Writing --------------------------------------------------------------------------------------------------------

void PostgresEventLog::append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
  if (publications.empty()) return;
  if (on_appended_ == nullptr) throw StoreUnavailable(append_refusal("no server uses it"));
  commits_.append(publications, sequences, [this](const ContributionGroup& group) { write(group); });
}

// On failure every publisher of the group gets its result. If the database has committed the entries all the same, the
// thread delivers them.
void PostgresEventLog::write(const ContributionGroup& group) noexcept {
  try {
    hand_over(commit(group));
    accept(group);
  } catch (const PgError& error) {
    give_up_writer(error.what());
    wake_.wake();  // the entries may be committed all the same
    refuse(group, error.what());
  } catch (const StoreUnavailable& unavailable) {
    refuse(group, unavailable.what());
  } catch (const std::exception&) {
    if (writer_ != nullptr && !writer_->is_usable()) give_up_writer(kOutOfMemory);
    refuse(group, kOutOfMemory);
  }
}

std::vector<LogEntry> PostgresEventLog::commit(const ContributionGroup& group) {
  if (writer_ == nullptr) {
    const std::string reason = status().reason;
    throw StoreUnavailable(reason.empty() ? kReconnecting : reason);
  }
  std::vector<LogEntry> entries = writer_->append(group, std::chrono::system_clock::now());
  if (!entries.empty()) ++figures_.commits;
  note(writer_->log());
  return entries;
}

// The log's own thread opens another.
void PostgresEventLog::give_up_writer(std::string_view why) noexcept {
  writer_.reset();
  trouble_.set(why);
}

void PostgresEventLog::note(const PgLogRow& row) const {
  oldest_ = row.oldest;
  figures_.entries = row.entries;
  figures_.bytes = row.bytes;
}

// --- Handing over ---------------------------------------------------------------------------------------------------

// Delivers entries that this server has committed, after other servers' entries before them.
void PostgresEventLog::hand_over(std::span<const LogEntry> entries) noexcept {
  if (entries.empty()) return;
  const MutexLock lock(handing_);
  try {
    if (entries.front().sequence > head_ + 1) follow(entries.front().sequence - 1);
  } catch (const std::exception&) {
    return wake_.wake();  // they are committed: the thread delivers them when it can read
  }
  deliver(entries);
}

void PostgresEventLog::deliver(std::span<const LogEntry> entries) const {
  while (!entries.empty() && entries.front().sequence <= head_) entries = entries.subspan(1);
  if (entries.empty() || on_appended_ == nullptr) return;
  on_appended_(entries);
  head_ = entries.back().sequence;
}

void PostgresEventLog::follow(std::uint64_t until) const {
  while (head_ < until) {
    const Page page = ask(pages_, [&](PgQueries& queries) { return queries.follow(head_); });
    deliver(page.entries);
    if (page.through <= head_ && page.entries.empty()) return;
    head_ = std::max<std::uint64_t>(head_, page.through);
  }
}

void PostgresEventLog::follow_all() const {
  const PgLogRow row = ask(lookups_, [](PgQueries& queries) { return queries.log(); });
  if (row.epoch != epoch_) throw StoreUnavailable("the database was replaced: restart the server to use it");
  note(row);
  const MutexLock lock(handing_);
  follow(row.head);
}

bool PostgresEventLog::catch_up(std::uint64_t sequence) const {
  if (head_ >= sequence) return true;
  follow_all();
  return head_ >= sequence;
}

void PostgresEventLog::catch_up_with_others() const {
  follow_all();
}

// --- The thread -----------------------------------------------------------------------------------------------------

void PostgresEventLog::run() {
  auto due = Clock::now();
  bool is_woken = true;
  while (!is_stopping_) {
    const bool has_news = take_news() || is_woken;
    const bool is_due = Clock::now() >= due;
    if (is_due) due = Clock::now() + kStoreRetry;
    try {
      if (has_news || is_due) {
        follow_all();
        move_outbox();
      }
      if (is_due) tend();
    } catch (const std::exception& failure) {
      trouble_.set(failure.what());
      if (is_due) tend();  // which reconnects
    }
    trouble_.tell();
    is_woken = wake_.wait(listener_ != nullptr ? listener_->socket() : -1, kStoreRetry);
  }
}

// Returns true if other servers or applications have sent a notification, or may have sent one while there was no
// connection.
bool PostgresEventLog::take_news() noexcept {
  try {
    if (listener_ != nullptr) return listener_->take_notifications(own_backend_);
    listener_ = std::make_unique<PgConnection>(options_.connection);
    listener_->execute("LISTEN " + listener_->quoted("millrace_" + epoch_));
    return true;
  } catch (const std::exception&) {
    listener_.reset();
    return false;
  }
}

void PostgresEventLog::move_outbox() {
  while (!is_stopping_ && ask(lookups_, [](PgQueries& queries) { return queries.has_waiting(); })) {
    bool is_moved = false;
    alone([&] {
      hand_over(writer_->move_outbox(std::chrono::system_clock::now()));
      note(writer_->log());
      is_moved = true;
    });
    if (!is_moved) return;
  }
}

// Does work on the writer between the groups of publishers; opens a writer if none is open.
template <typename Work>
void PostgresEventLog::alone(const Work& work) noexcept {
  try {
    commits_.alone([&] {
      try {
        if (writer_ == nullptr) open_writer();
        work();
        trouble_.set({});
      } catch (const std::exception& failure) {
        give_up_writer(failure.what());
      }
    });
  } catch (const std::bad_alloc&) {
    // The next turn repeats it.
  }
}

void PostgresEventLog::tend() {
  for (bool more = true; more && !is_stopping_;) {
    more = false;
    alone([&] {
      more = writer_->retire(std::chrono::system_clock::now());
      note(writer_->log());
    });
  }
}

std::vector<std::string> PostgresEventLog::warnings() const {
  const MutexLock lock(warnings_mutex_);
  return warnings_;
}

// --- Reading --------------------------------------------------------------------------------------------------------

std::optional<std::uint64_t> PostgresEventLog::find(std::string_view publisher_id, const TopicFilter& filter) const {
  return ask(lookups_, [&](PgQueries& queries) { return queries.find(publisher_id, filter); });
}

std::optional<std::uint64_t> PostgresEventLog::finished_at(const TopicFilter& filter, std::uint64_t seen) const {
  if (!filter.is_literal()) return std::nullopt;
  return ask(lookups_, [&](PgQueries& queries) { return queries.finished_at(filter, seen); });
}

EventStore::Page PostgresEventLog::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  // The reader may already have events that on_appended has not taken yet.
  const std::uint64_t head = std::max<std::uint64_t>(head_, sequence);
  return ask(pages_, [&](PgQueries& queries) { return queries.read_after(sequence, head, filter); });
}

EventStore::Page PostgresEventLog::read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                               Topics topics) const {
  return ask(pages_, [&](PgQueries& queries) { return queries.read_newest(sequence, until, filter, topics); });
}

std::uint64_t PostgresEventLog::first_after(std::uint64_t sequence, const TopicFilter& filter) const {
  return ask(lookups_, [&](PgQueries& queries) { return queries.first_after(sequence, filter); });
}

}  // namespace millrace
