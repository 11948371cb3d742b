#include "postgres_event_log.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "log/event_log.h"
#include "millrace/server/limits.h"
#include "millrace/server/stores/postgres.h"

namespace millrace {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kReconnecting = "the connection to PostgreSQL is being opened again";

StoreStatus status_of(const std::string& trouble) {
  return trouble.empty() ? StoreStatus() : StoreStatus::refusing(trouble);
}

std::size_t bytes_of(std::span<const Publication> publications) {
  std::size_t bytes = 0;
  for (const Publication& publication : publications) bytes += publication.event.data.size();
  return bytes;
}

}  // namespace

// Ends the thread's wait.
class PostgresEventLog::WakePipe {
 public:
  WakePipe() {
    if (::pipe(ends_.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    for (const int end : ends_) {
      ::fcntl(end, F_SETFD, FD_CLOEXEC);
      ::fcntl(end, F_SETFL, O_NONBLOCK);
    }
  }
  ~WakePipe() {
    for (const int end : ends_) ::close(end);
  }
  WakePipe(const WakePipe&) = delete;
  WakePipe& operator=(const WakePipe&) = delete;

  void wake() { [[maybe_unused]] const ssize_t written = ::write(ends_[1], "", 1); }
  // Until something came to `socket` (negative: none), or the time has passed, or it was woken, of which it returns
  // whether it was.
  bool wait(int socket, Duration most) {
    std::array<pollfd, 2> waiting{pollfd{.fd = ends_[0], .events = POLLIN, .revents = 0},
                                  pollfd{.fd = socket, .events = POLLIN, .revents = 0}};
    ::poll(waiting.data(), socket < 0 ? 1 : 2, static_cast<int>(std::max<Duration::rep>(most.count(), 0)));
    std::array<char, 16> bytes{};
    bool is_woken = false;
    while (::read(ends_[0], bytes.data(), bytes.size()) > 0) is_woken = true;
    return is_woken;
  }

 private:
  std::array<int, 2> ends_{};
};

// A reader that has failed connects again the next time.
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

PostgresEventLog::PostgresEventLog(Options options)
    : options_(std::move(options)), wake_(std::make_unique<WakePipe>()) {
  open_writer();
  const PgLogRow& row = writer_->log();
  epoch_ = row.epoch;
  head_ = std::max(row.oldest - 1, row.head - std::min(row.head, options_.preload));
}

PostgresEventLog::~PostgresEventLog() {
  stop();
}

// By whose turn it is.
void PostgresEventLog::open_writer() {
  auto writer = std::make_unique<PgWriter>(
      PgWriter::Options{.connection = options_.connection, .bounds = options_.bounds, .new_epoch = options_.new_epoch},
      head_);
  if (!epoch_.empty() && writer->log().epoch != epoch_) {
    throw StoreUnavailable("the database was replaced by another: restart the server to use it");
  }
  writer_ = std::move(writer);
  own_backend_ = writer_->backend();
  durability_ = writer_->durability().level;
  note(writer_->log());
  const MutexLock lock(trouble_mutex_);
  warnings_ = writer_->durability().warnings;
}

void PostgresEventLog::start(Callbacks callbacks) {
  if (thread_.joinable()) throw std::logic_error("a server uses this store already: open one for each server");
  callbacks_ = std::move(callbacks);
  try {
    follow_all();
  } catch (const StoreUnavailable&) {
    // Then it comes when it comes.
  }
  is_stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void PostgresEventLog::stop() {
  is_stopping_ = true;
  wake_->wake();
  if (thread_.joinable()) thread_.join();
  listener_.reset();
  const MutexLock lock(handing_);
  callbacks_ = {};
}

// --- Writing --------------------------------------------------------------------------------------------------------

void PostgresEventLog::append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
  if (publications.empty()) return;
  if (callbacks_.on_appended == nullptr) throw StoreUnavailable(append_refusal("no server uses it"));
  Contribution contribution;
  contribution.publications = publications;
  contribution.sequences = sequences;
  {
    auto place = turns_.join(contribution, publications.size(), bytes_of(publications));
    if (place.works()) {
      write(place.wait_for_turn());
    } else {
      place.wait_until_done();
    }
  }
  if (contribution.refusal) throw RetentionRefused(*contribution.refusal);
  if (contribution.is_done) return;
  tell_trouble();
  throw StoreUnavailable(contribution.trouble != nullptr ? *contribution.trouble : append_refusal(kOutOfMemory));
}

// On every failure each of the group gets its result. What the database has committed all the same is handed over by
// the thread.
void PostgresEventLog::write(const std::vector<Contribution*>& group) noexcept {
  const auto refuse = [&](std::string_view why) noexcept {
    try {
      const auto trouble = std::make_shared<const std::string>(append_refusal(why));
      for (Contribution* contribution : group) contribution->trouble = trouble;
    } catch (const std::bad_alloc&) {
      // They know by themselves what it means that nothing is said.
    }
  };
  try {
    hand_over(commit(group));
    for (Contribution* contribution : group) contribution->is_done = true;
  } catch (const PgError& error) {
    give_up_writer(error.what());
    wake_->wake();  // it may be committed all the same
    refuse(error.what());
  } catch (const StoreUnavailable& unavailable) {
    refuse(unavailable.what());
  } catch (const std::exception&) {
    if (writer_ != nullptr && !writer_->is_usable()) give_up_writer(std::string(kOutOfMemory));
    refuse(kOutOfMemory);
  }
}

std::vector<LogEntry> PostgresEventLog::commit(const std::vector<Contribution*>& group) {
  if (writer_ == nullptr) {
    const std::string reason = status().reason;
    throw StoreUnavailable(reason.empty() ? kReconnecting : reason);
  }
  const std::vector<PgContribution*> contributions(group.begin(), group.end());
  std::vector<LogEntry> entries = writer_->append(contributions, std::chrono::system_clock::now());
  if (!entries.empty()) ++commits_;
  note(writer_->log());
  return entries;
}

// The thread opens another.
void PostgresEventLog::give_up_writer(const std::string& why) noexcept {
  writer_.reset();
  set_trouble(why);
}

void PostgresEventLog::note(const PgLogRow& row) const {
  oldest_ = row.oldest;
  entries_ = row.entries;
  bytes_ = row.bytes;
}

// --- Handing over ---------------------------------------------------------------------------------------------------

// What this server has committed. Others' entries may lie before it.
void PostgresEventLog::hand_over(std::span<const LogEntry> entries) noexcept {
  if (entries.empty()) return;
  const MutexLock lock(handing_);
  try {
    if (entries.front().sequence > head_ + 1) follow(entries.front().sequence - 1);
  } catch (const std::exception&) {
    return wake_->wake();  // committed they are: the thread hands them over once it can read
  }
  deliver(entries);
}

void PostgresEventLog::deliver(std::span<const LogEntry> entries) const {
  while (!entries.empty() && entries.front().sequence <= head_) entries = entries.subspan(1);
  if (entries.empty() || callbacks_.on_appended == nullptr) return;
  callbacks_.on_appended(entries);
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
  if (row.epoch != epoch_) throw StoreUnavailable("the database was replaced by another: restart the server to use it");
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
      set_trouble(failure.what());
      if (is_due) tend();  // which connects again
    }
    tell_trouble();
    is_woken = wake_->wait(listener_ != nullptr ? listener_->socket() : -1, kStoreRetry);
  }
}

// Whether others have notified of something, or may have, as while there was no connection.
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

// Work on the writer, between the groups; not if there is none.
template <typename Work>
void PostgresEventLog::alone(const Work& work) noexcept {
  try {
    auto place = turns_.alone();
    place.wait_for_turn();
    try {
      if (writer_ == nullptr) open_writer();
      work();
      set_trouble({});
    } catch (const std::exception& failure) {
      give_up_writer(failure.what());
    }
  } catch (const std::bad_alloc&) {
    // It is due the next time, too.
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

// --- Trouble --------------------------------------------------------------------------------------------------------

// tell_trouble() is to follow, where no turn and no lock is held.
void PostgresEventLog::set_trouble(const std::string& trouble) const noexcept {
  const MutexLock lock(trouble_mutex_);
  if (trouble_ == trouble) return;
  try {
    if (callbacks_.on_status != nullptr) untold_.push_back(trouble);
    if (trouble_.empty()) ++failures_;
    trouble_ = trouble;
  } catch (const std::bad_alloc&) {
    // That there is no writer says enough.
  }
}

// In their order, and one after the other, by one thread of those that come.
void PostgresEventLog::tell_trouble() const {
  MutexLock lock(trouble_mutex_);
  if (is_telling_) return;
  is_telling_ = true;
  while (!untold_.empty()) {
    const std::string trouble = std::move(untold_.front());
    untold_.pop_front();
    lock.unlock();
    callbacks_.on_status(status_of(trouble));
    lock.lock();
  }
  is_telling_ = false;
}

StoreStatus PostgresEventLog::status() const {
  const MutexLock lock(trouble_mutex_);
  return status_of(trouble_);
}

std::vector<std::string> PostgresEventLog::warnings() const {
  const MutexLock lock(trouble_mutex_);
  return warnings_;
}

StoreStatistics PostgresEventLog::statistics() const {
  return {.entries = entries_,
          .bytes = bytes_,
          .commits = commits_,
          .failures = failures_,
          .takes_events = status().is_accepting()};
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
  // A reader may have been given events which the log is still handing over to others.
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
