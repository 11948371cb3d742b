#include "sqlite_event_log.h"

#include <algorithm>
#include <utility>

namespace millrace {

namespace {

// Entries that a commit drops for each that it appends, when there are too many, so that it catches up by and by.
constexpr std::uint64_t kRetiredPerAppended = 2;

// Those that are dropped at once when nothing is appended.
constexpr std::uint64_t kRetiredAtOnce = 1'024;

std::size_t bytes_of(std::span<const Publication> publications) {
  std::size_t bytes = 0;
  for (const Publication& publication : publications) bytes += publication.event.data.size();
  return bytes;
}

}  // namespace

SqliteEventLog::SqliteEventLog(Options options) : options_(std::move(options)), lock_file_(options_.path + "-lock") {
  try {
    writer_ = std::make_unique<SqliteWriter>(options_.path, options_.sync, options_.new_epoch);
  } catch (const SqliteError& error) {
    throw StoreUnavailable(error.what());
  }
  epoch_ = writer_->epoch();
  has_finishes_ = writer_->has_finishes();
  head_ = writer_->head();
  oldest_ = writer_->oldest();
  entries_ = writer_->entries();
  bytes_ = writer_->bytes();
}

SqliteEventLog::~SqliteEventLog() {
  {
    const std::lock_guard lock(run_mutex_);
    stopped_ = true;
  }
  stopping_.notify_all();
  if (thread_.joinable()) thread_.join();
  try {
    if (writer_ != nullptr) writer_->close();
  } catch (const SqliteError&) {
    // Then it counts as not closed in order, which is made up for when it is opened.
  }
}

void SqliteEventLog::start(OnAppended on_appended) {
  on_appended_ = std::move(on_appended);
  thread_ = std::thread([this] { run(); });
}

// --- Writing --------------------------------------------------------------------------------------------------------

void SqliteEventLog::append(std::span<const Publication> publications, TimePoint now, std::span<FramePtr> appended) {
  if (publications.empty()) return;
  Turn turn{.publications = publications, .appended = appended, .now = now, .trouble = {}};
  const auto [group, writes] = turns_.join(turn, publications.size(), bytes_of(publications));
  if (writes) {
    turns_.wait_for_turn(*group);
    write(group->members());
    turns_.pass_on();
    group->end();
  } else {
    group->wait_until_done();
  }
  if (!turn.trouble.empty()) throw StoreUnavailable(turn.trouble);
}

void SqliteEventLog::write(const std::vector<Turn*>& group) {
  std::vector<FramePtr> frames;
  try {
    if (is_damaged_) writer_.reset();
    if (writer_ == nullptr) throw StoreUnavailable(trouble());
    const std::int64_t now = published_now();
    writer_->begin();
    for (const Turn* turn : group) {
      for (std::size_t i = 0; i < turn->publications.size(); ++i) {
        turn->appended[i] = writer_->append(turn->publications[i], turn->now, now);
        if (turn->appended[i] == nullptr) continue;
        if (turn->appended[i]->finishes_topic) has_finishes_ = true;
        frames.push_back(turn->appended[i]);
      }
    }
    writer_->retire(options_.bounds, now, kRetiredPerAppended * frames.size() + 1);
    writer_->commit();
  } catch (const SqliteError& error) {
    writer_.reset();  // which takes back what it has begun
    fail(error);
    frames.clear();
    for (Turn* turn : group) turn->trouble = append_refusal(error.what());
  } catch (const StoreUnavailable& unavailable) {
    for (Turn* turn : group) turn->trouble = append_refusal(unavailable.what());
  }
  hand_over(frames);
}

// What is committed is delivered before its publishers hear of it. To be called by whose turn it is.
void SqliteEventLog::hand_over(const std::vector<FramePtr>& frames) {
  if (writer_ == nullptr) return;
  oldest_ = writer_->oldest();
  entries_ = writer_->entries();
  bytes_ = writer_->bytes();
  if (frames.empty()) return;
  ++commits_;
  on_appended_(frames);
  head_ = frames.back()->sequence;
}

// --- Tending --------------------------------------------------------------------------------------------------------

void SqliteEventLog::run() {
  std::unique_lock lock(run_mutex_);
  while (!stopping_.wait_for(lock, kStoreRetry, [this] { return stopped_; })) {
    lock.unlock();
    tend();
    lock.lock();
  }
}

void SqliteEventLog::tend() {
  bool more = true;
  while (more) {
    // Publishers go in between.
    const auto group = turns_.alone();
    turns_.wait_for_turn(*group);
    more = tend_a_while();
    turns_.pass_on();
    const std::lock_guard lock(run_mutex_);
    more = more && !stopped_;
  }
}

// True if there is more to do.
bool SqliteEventLog::tend_a_while() {
  try {
    if (is_damaged_) writer_.reset();
    if (writer_ == nullptr) open_again();
    if (writer_ == nullptr) return false;
    writer_->begin();
    bool more = writer_->retire(options_.bounds, published_now(), kRetiredAtOnce);
    writer_->commit();
    more = writer_->shrink() || more;
    hand_over({});
    return more;
  } catch (const SqliteError& error) {
    writer_.reset();
    fail(error);
  } catch (const StoreUnavailable& unavailable) {
    writer_.reset();
    set_trouble(unavailable.what());
  }
  return false;
}

// Where the file can be used again, whatever could not be told to be in it or not is settled: it is there, and
// delivered, or it never was.
void SqliteEventLog::open_again() {
  if (is_damaged_) return;
  auto writer = std::make_unique<SqliteWriter>(options_.path, options_.sync, epoch_);
  if (writer->epoch() != epoch_) {
    throw StoreUnavailable("the file is not the one that was opened: start the server anew to use it");
  }
  // A commit tells whether there is room.
  writer->begin();
  writer->skip_to(head_);
  writer->commit();
  writer_ = std::move(writer);
  const TopicFilter everything({TopicPattern("**")});
  for (std::uint64_t seen = head_; seen < writer_->head();) {
    const Page page = writer_->queries().read_after(seen, writer_->head(), everything);
    hand_over(page.frames);
    seen = page.through;
  }
  set_trouble({});
}

void SqliteEventLog::fail(const SqliteError& error) const {
  if (error.is_damage()) is_damaged_ = true;
  set_trouble(error.what());
}

void SqliteEventLog::set_trouble(const std::string& trouble) const {
  {
    const std::lock_guard lock(trouble_mutex_);
    if (trouble_ == trouble) return;
    if (trouble_.empty()) ++failures_;
    trouble_ = trouble;
  }
  if (options_.on_trouble != nullptr) options_.on_trouble(trouble);
}

std::string SqliteEventLog::trouble() const {
  const std::lock_guard lock(trouble_mutex_);
  return trouble_;
}

StoreStatistics SqliteEventLog::statistics() const {
  return {.entries = entries_,
          .bytes = bytes_,
          .commits = commits_,
          .failures = failures_,
          .takes_events = trouble().empty()};
}

std::int64_t SqliteEventLog::published_now() const {
  const auto since_1970 = options_.clock().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count();
}

// --- Reading --------------------------------------------------------------------------------------------------------

// A reader that has failed opens the file anew the next time.
template <typename Ask>
auto SqliteEventLog::ask(Reader& reader, const Ask& question) const {
  const std::lock_guard lock(reader.mutex);
  try {
    if (reader.queries == nullptr) {
      reader.database = std::make_unique<SqliteDatabase>(options_.path, SqliteDatabase::Mode::kRead);
      reader.queries = std::make_unique<SqliteQueries>(*reader.database, epoch_);
    }
    return question(*reader.queries);
  } catch (const SqliteError& error) {
    reader.queries.reset();
    reader.database.reset();
    if (error.is_damage()) fail(error);
    throw StoreUnavailable(std::string("the store cannot be read: ") + error.what());
  }
}

std::optional<std::uint64_t> SqliteEventLog::find(std::string_view publisher_id, const TopicFilter& filter) const {
  return ask(lookups_, [&](SqliteQueries& queries) { return queries.find(publisher_id, filter); });
}

std::optional<std::uint64_t> SqliteEventLog::finished_at(const TopicFilter& filter, std::uint64_t seen) const {
  if (!has_finishes_ || !filter.is_literal()) return std::nullopt;
  return ask(lookups_, [&](SqliteQueries& queries) { return queries.finished_at(filter, seen); });
}

EventLog::Page SqliteEventLog::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  // A reader may have been given events which the log is still handing over to others.
  const std::uint64_t head = std::max<std::uint64_t>(head_, sequence);
  return ask(pages_, [&](SqliteQueries& queries) { return queries.read_after(sequence, head, filter); });
}

}  // namespace millrace
