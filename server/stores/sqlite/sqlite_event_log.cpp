#include "sqlite_event_log.h"

#include <algorithm>
#include <cassert>
#include <stdexcept>
#include <utility>

#include "log/event_log.h"
#include "millrace/server/limits.h"

namespace millrace {

namespace {

// Entries that a commit drops per appended entry while the log exceeds its bounds, so that it gradually catches up.
constexpr std::uint64_t kRetiredPerAppended = 2;

// Entries dropped at once when nothing is appended.
constexpr std::uint64_t kRetiredAtOnce = 1'024;

std::int64_t milliseconds_of(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

SqliteEventLog::SqliteEventLog(Options options)
    : options_(std::move(options)),
      lock_file_(options_.path + "-lock"),
      durability_(options_.sync == StoreSync::kFull && !is_in_memory(options_.path + "-lock") ? Durability::kDisk
                                                                                              : Durability::kProcess) {
  try {
    writer_ =
        std::make_unique<SqliteWriter>(options_.path, options_.sync, options_.new_epoch,
                                       SqliteWriter::Boots{.now = options_.boot_id, .left_open = lock_file_.text()});
    lock_file_.set_text(options_.boot_id);
  } catch (const SqliteError& error) {
    if (error.code() != SQLITE_CORRUPT) throw StoreUnavailable(error.what());
    throw StoreUnavailable(std::string("the file is damaged, perhaps because its disk reported writes that it had not "
                                       "done before a power cut: ") +
                           error.what());
  }
  epoch_ = writer_->epoch();
  has_finishes_ = writer_->has_finishes();
  head_ = writer_->head();
  oldest_ = writer_->oldest();
  figures_.entries = writer_->entries();
  figures_.bytes = writer_->bytes();
}

SqliteEventLog::~SqliteEventLog() {
  tending_.stop();
  try {
    if (writer_ != nullptr) {
      writer_->close();
      lock_file_.set_text({});
    }
  } catch (const SqliteError&) {
    // Then the file counts as not closed in order, which the next start handles.
  }
}

void SqliteEventLog::start(Callbacks callbacks) {
  if (tending_.is_running()) throw std::logic_error("another server already uses this store: open one for each server");
  on_appended_ = std::move(callbacks.on_appended);
  trouble_.report_to(std::move(callbacks.on_status));
  tending_ = Repetition([this](const Repetition::IsStopping& is_stopping) { tend(is_stopping); }, kStoreRetry,
                        Repetition::First::kAfterPause);
}

void SqliteEventLog::stop() {
  tending_.stop();
  on_appended_ = nullptr;
  trouble_.report_to(nullptr);
}

// --- Writing --------------------------------------------------------------------------------------------------------

void SqliteEventLog::append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
  if (publications.empty()) return;
  if (on_appended_ == nullptr) throw StoreUnavailable(append_refusal("no server uses it"));
  commits_.append(publications, sequences, [this](const ContributionGroup& group) { write(group); });
}

// On failure every publisher of the group gets its result, and the file is unchanged or can be opened again.
void SqliteEventLog::write(const ContributionGroup& group) noexcept {
  try {
    hand_over(commit(group));
    accept(group);
    writer_->checkpoint();
  } catch (const SqliteError& error) {
    if (error.is_damage()) is_damaged_ = true;
    give_up_writer(error.what());
    refuse(group, error.what());
  } catch (const StoreUnavailable& unavailable) {
    refuse(group, unavailable.what());
  } catch (const std::exception&) {
    if (writer_ != nullptr && !writer_->is_usable()) give_up_writer(kOutOfMemory);
    refuse(group, kOutOfMemory);
  }
}

// Returns the committed entries in order.
std::vector<LogEntry> SqliteEventLog::commit(const ContributionGroup& group) {
  if (is_damaged_) writer_.reset();
  if (writer_ == nullptr) {
    const std::string reason = status().reason;
    throw StoreUnavailable(reason.empty() ? "the file is being reopened" : reason);
  }
  const auto now = options_.clock();
  std::vector<LogEntry> entries;
  entries.reserve(group.size());
  SqliteWriter::Transaction transaction(*writer_);
  for (Contribution* contribution : group) {
    contribution->conflict = writer_->id_conflict(contribution->publications);
    if (contribution->conflict) continue;
    contribution->refusal = writer_->refusal(contribution->publications, options_.bounds);
    if (contribution->refusal) continue;
    for (std::size_t i = 0; i < contribution->publications.size(); ++i) {
      std::optional<LogEntry> entry = writer_->append(contribution->publications[i], now);
      contribution->sequences[i] = entry ? entry->sequence : 0;
      if (!entry) continue;
      if (entry->kind == Publication::Kind::kFinish) has_finishes_ = true;
      entries.push_back(std::move(*entry));
    }
  }
  writer_->retire(options_.bounds, milliseconds_of(now), kRetiredPerAppended * entries.size() + 1);
  transaction.commit();
  return entries;
}

// Destroys the writer, which rolls back its transaction. The log's own thread opens another.
void SqliteEventLog::give_up_writer(std::string_view why) noexcept {
  writer_.reset();
  trouble_.set(why);
}

// Delivers committed entries before their publishers return. Only for the thread that has the turn.
void SqliteEventLog::hand_over(std::span<const LogEntry> entries) noexcept {
  oldest_ = writer_->oldest();
  figures_.entries = writer_->entries();
  figures_.bytes = writer_->bytes();
  if (entries.empty()) return;
  assert(entries.front().sequence > head_);
  ++figures_.commits;
  on_appended_(entries);
  head_ = entries.back().sequence;
}

// --- Tending --------------------------------------------------------------------------------------------------------

void SqliteEventLog::tend(const Repetition::IsStopping& is_stopping) {
  for (bool more = true; more && !is_stopping;) {
    // Publishers get turns in between.
    commits_.alone([&] { more = tend_a_while(); });
    trouble_.tell();
  }
}

// Returns true if more work is left.
bool SqliteEventLog::tend_a_while() noexcept {
  try {
    return tend_to_file();
  } catch (const SqliteError& error) {
    if (error.is_damage()) is_damaged_ = true;
    give_up_writer(error.what());
  } catch (const std::exception& failure) {
    give_up_writer(failure.what());
  }
  return false;
}

bool SqliteEventLog::tend_to_file() {
  if (is_damaged_) writer_.reset();
  if (writer_ == nullptr) open_again();
  if (writer_ == nullptr) return false;
  SqliteWriter::Transaction transaction(*writer_);
  bool more = writer_->retire(options_.bounds, milliseconds_of(options_.clock()), kRetiredAtOnce);
  transaction.commit();
  more = writer_->shrink() || more;
  writer_->checkpoint();
  hand_over({});
  return more;
}

// Once the file can be used again, delivers the entries that it has beyond the head: the result of their commit was
// unknown.
void SqliteEventLog::open_again() {
  if (is_damaged_) return;
  auto writer = std::make_unique<SqliteWriter>(options_.path, options_.sync, epoch_,
                                               SqliteWriter::Boots{.now = options_.boot_id});
  if (writer->epoch() != epoch_) {
    throw StoreUnavailable("the file was replaced: restart the server to use it");
  }
  {
    // A commit shows whether the disk has room.
    SqliteWriter::Transaction transaction(*writer);
    writer->skip_to(head_);
    transaction.commit();
  }
  writer_ = std::move(writer);
  const TopicFilter everything({TopicPattern("**")});
  for (std::uint64_t seen = head_; seen < writer_->head();) {
    const Page page = writer_->queries().read_after(seen, writer_->head(), everything);
    hand_over(page.entries);
    seen = page.through;
  }
  trouble_.set({});
}

std::vector<std::string> SqliteEventLog::warnings() const {
  if (!is_in_memory(options_.path + "-lock")) return {};
  return {"\"" + options_.path + "\" is on a file system in memory (tmpfs): the next start of the machine empties it"};
}

// --- Reading --------------------------------------------------------------------------------------------------------

// A reader that has failed opens the file again at its next use.
template <typename Ask>
auto SqliteEventLog::ask(Reader& reader, const Ask& question) const {
  try {
    const MutexLock lock(reader.mutex);
    try {
      if (reader.queries == nullptr) {
        reader.database = std::make_unique<SqliteDatabase>(options_.path, SqliteDatabase::Mode::kRead);
        reader.queries = std::make_unique<SqliteQueries>(*reader.database);
      }
      return question(*reader.queries);
    } catch (const SqliteError&) {
      reader.queries.reset();
      reader.database.reset();
      throw;
    }
  } catch (const SqliteError& error) {
    if (error.is_damage()) {
      is_damaged_ = true;
      trouble_.set(error.what());
      trouble_.tell();
    }
    throw StoreUnavailable(std::string("cannot read the store: ") + error.what());
  }
}

std::optional<std::uint64_t> SqliteEventLog::find(std::string_view publisher_id, const TopicFilter& filter) const {
  return ask(lookups_, [&](SqliteQueries& queries) { return queries.find(publisher_id, filter); });
}

std::optional<std::uint64_t> SqliteEventLog::finished_at(const TopicFilter& filter, std::uint64_t seen) const {
  if (!has_finishes_ || !filter.is_literal()) return std::nullopt;
  return ask(lookups_, [&](SqliteQueries& queries) { return queries.finished_at(filter, seen); });
}

EventStore::Page SqliteEventLog::read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                             Topics topics) const {
  return ask(pages_, [&](SqliteQueries& queries) { return queries.read_newest(sequence, until, filter, topics); });
}

std::uint64_t SqliteEventLog::first_after(std::uint64_t sequence, const TopicFilter& filter) const {
  const std::uint64_t next = EventStore::first_after(sequence, filter);
  const auto retained = ask(lookups_, [&](SqliteQueries& queries) { return queries.retained_after(sequence, filter); });
  return std::min(retained.value_or(next), next);
}

EventStore::Page SqliteEventLog::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  // The reader may already have events that on_appended has not taken yet.
  const std::uint64_t head = std::max<std::uint64_t>(head_, sequence);
  return ask(pages_, [&](SqliteQueries& queries) { return queries.read_after(sequence, head, filter); });
}

}  // namespace millrace
