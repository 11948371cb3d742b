#include "redis_event_log.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "log/event_log.h"
#include "millrace/server/limits.h"

namespace millrace {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kReconnecting = "the connection to Redis is being opened again";
constexpr const char* kReplaced = "Redis has another log than before: restart the server to use it";

}  // namespace

// A reader that has failed connects again the next time.
template <typename Ask>
auto RedisEventLog::ask(Reader& reader, const Ask& question) const {
  const MutexLock lock(reader.mutex);
  try {
    if (reader.queries == nullptr) reader.queries = std::make_unique<RedisQueries>(options_.place);
    return question(*reader.queries);
  } catch (const RedisError& error) {
    reader.queries.reset();
    throw StoreUnavailable(std::string("cannot read the store: ") + error.what());
  }
}

RedisEventLog::RedisEventLog(Options options) : options_(std::move(options)) {
  open_writer();
  const RedisState& log = writer_->log();
  epoch_ = log.epoch;
  // Numbers may have been passed over, so few entries can be far apart.
  const std::uint64_t behind = log.entries <= options_.preload ? log.head : options_.preload;
  head_ = std::max(log.oldest - 1, log.head - std::min(log.head, behind));
}

RedisEventLog::~RedisEventLog() {
  stop();
}

// By whose turn it is. Where Redis has lost the log, the same log begins anew, behind all that it has given away.
void RedisEventLog::open_writer() {
  auto writer =
      std::make_unique<RedisWriter>(RedisWriter::Options{.place = options_.place,
                                                         .bounds = options_.bounds,
                                                         .new_epoch = epoch_.empty() ? options_.new_epoch : epoch_,
                                                         .tag = options_.tag},
                                    head_);
  if (!epoch_.empty() && writer->log().epoch != epoch_) throw StoreUnavailable(kReplaced);
  writer_ = std::move(writer);
  note_server(writer_->server());
  note(writer_->log());
}

void RedisEventLog::note_server(const RedisServer& server) {
  durability_ = server.level;
  const MutexLock lock(warnings_mutex_);
  warnings_ = server.warnings;
}

void RedisEventLog::start(Callbacks callbacks) {
  if (thread_.joinable()) throw std::logic_error("a server uses this store already: open one for each server");
  on_appended_ = std::move(callbacks.on_appended);
  trouble_.report_to(std::move(callbacks.on_status));
  try {
    follow_all();
  } catch (const StoreUnavailable&) {
    // The thread tries again.
  }
  is_stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void RedisEventLog::stop() {
  is_stopping_ = true;
  wake_.wake();
  if (thread_.joinable()) thread_.join();
  listener_.reset();
  const MutexLock lock(handing_);
  on_appended_ = nullptr;
  trouble_.report_to(nullptr);
}

// --- Writing --------------------------------------------------------------------------------------------------------

void RedisEventLog::append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
  if (publications.empty()) return;
  if (on_appended_ == nullptr) throw StoreUnavailable(append_refusal("no server uses it"));
  commits_.append(publications, sequences, [this](const ContributionGroup& group) { write(group); });
}

// On every failure each of the group gets its result. What Redis has appended all the same is handed over by the
// thread.
void RedisEventLog::write(const ContributionGroup& group) noexcept {
  try {
    hand_over(commit(group));
    accept(group);
  } catch (const RedisError& error) {
    fail_writer(error);
    wake_.wake();
    refuse(group, error.what());
  } catch (const StoreUnavailable& unavailable) {
    refuse(group, unavailable.what());
  } catch (const std::exception&) {
    give_up_writer(kOutOfMemory);
    wake_.wake();
    refuse(group, kOutOfMemory);
  }
}

std::vector<LogEntry> RedisEventLog::commit(const ContributionGroup& group) {
  if (writer_ == nullptr) {
    const std::string reason = status().reason;
    throw StoreUnavailable(reason.empty() ? kReconnecting : reason);
  }
  std::vector<LogEntry> entries = writer_->append(group, std::chrono::system_clock::now());
  if (!entries.empty()) ++figures_.commits;
  note(writer_->log());
  return entries;
}

// A Redis that is full may still be asked to drop entries.
void RedisEventLog::fail_writer(const RedisError& error) noexcept {
  if (error.code() != kRedisFull) return give_up_writer(error.what());
  trouble_.set(error.what());
}

// The thread opens another.
void RedisEventLog::give_up_writer(std::string_view why) noexcept {
  writer_.reset();
  trouble_.set(why);
}

void RedisEventLog::note(const RedisState& log) const {
  oldest_ = log.oldest;
  figures_.entries = log.entries;
  figures_.bytes = log.bytes;
}

// --- Handing over ---------------------------------------------------------------------------------------------------

// What this server has appended. Others' entries may lie before it.
void RedisEventLog::hand_over(std::span<const LogEntry> entries) noexcept {
  if (entries.empty()) return;
  const MutexLock lock(handing_);
  try {
    if (entries.front().sequence > head_ + 1) follow(entries.front().sequence - 1);
  } catch (const std::exception&) {
    return wake_.wake();  // the thread hands them over once it can read
  }
  deliver(entries);
}

void RedisEventLog::deliver(std::span<const LogEntry> entries) const {
  while (!entries.empty() && entries.front().sequence <= head_) entries = entries.subspan(1);
  if (entries.empty() || on_appended_ == nullptr) return;
  on_appended_(entries);
  head_ = entries.back().sequence;
}

void RedisEventLog::follow(std::uint64_t until) const {
  while (head_ < until) {
    const Page page = ask(pages_, [&](RedisQueries& queries) { return queries.follow(head_); });
    deliver(page.entries);
    if (page.through <= head_ && page.entries.empty()) return;
    head_ = std::max<std::uint64_t>(head_, page.through);
  }
}

void RedisEventLog::follow_all() const {
  const RedisState log = ask(lookups_, [](RedisQueries& queries) { return queries.log(); });
  if (log.epoch != epoch_) throw StoreUnavailable(kReplaced);
  note(log);
  const MutexLock lock(handing_);
  follow(log.head);
}

bool RedisEventLog::catch_up(std::uint64_t sequence) const {
  if (head_ >= sequence) return true;
  follow_all();
  return head_ >= sequence;
}

void RedisEventLog::catch_up_with_others() const {
  follow_all();
}

// --- The thread -----------------------------------------------------------------------------------------------------

void RedisEventLog::run() {
  auto due = Clock::now();
  bool is_woken = true;
  while (!is_stopping_) {
    const bool has_news = take_news() || is_woken;
    const bool is_due = Clock::now() >= due;
    if (is_due) {
      due = Clock::now() + kStoreRetry;
      tend();
    }
    try {
      if (has_news || is_due) follow_all();
    } catch (const std::exception&) {
      // What is not handed over now is the next time. Whether events are accepted is the writer's to know.
    }
    trouble_.tell();
    is_woken = wake_.wait(listener_ != nullptr ? listener_->socket() : -1, kStoreRetry);
  }
}

// Whether others have said that there is something new, or may have, as while there was no connection.
bool RedisEventLog::take_news() noexcept {
  try {
    if (listener_ != nullptr) return listener_->take_messages(options_.tag);
    auto listener = std::make_unique<RedisConnection>(options_.place.address);
    listener->run({"SUBSCRIBE", options_.place.channel()});
    listener_ = std::move(listener);
    return true;
  } catch (const std::exception&) {
    listener_.reset();
    return false;
  }
}

// Work on the writer, between the groups.
template <typename Work>
void RedisEventLog::alone(const Work& work) noexcept {
  try {
    commits_.alone([&] {
      try {
        work();
        trouble_.set({});
      } catch (const RedisError& error) {
        fail_writer(error);
      } catch (const std::exception& failure) {
        give_up_writer(failure.what());
      }
    });
  } catch (const std::bad_alloc&) {
    // It is due the next time, too.
  }
}

void RedisEventLog::tend() noexcept {
  alone([this] { look_after_writer(); });
  for (bool more = true; more && !is_stopping_;) {
    more = false;
    alone([&] { more = retire(); });
  }
}

// Before it knows that Redis has room again, it drops what may be dropped.
void RedisEventLog::look_after_writer() {
  if (writer_ == nullptr) return open_writer();
  writer_->ask_again();
  note_server(writer_->server());
  if (status().is_accepting()) return;
  retire();
  writer_->enter(head_);
}

bool RedisEventLog::retire() {
  if (writer_ == nullptr) throw StoreUnavailable(kReconnecting);
  const bool more = writer_->retire(std::chrono::system_clock::now());
  note(writer_->log());
  return more;
}

std::vector<std::string> RedisEventLog::warnings() const {
  const MutexLock lock(warnings_mutex_);
  return warnings_;
}

// --- Reading --------------------------------------------------------------------------------------------------------

std::optional<std::uint64_t> RedisEventLog::find(std::string_view publisher_id, const TopicFilter& filter) const {
  return ask(lookups_, [&](RedisQueries& queries) { return queries.find(publisher_id, filter); });
}

std::optional<std::uint64_t> RedisEventLog::finished_at(const TopicFilter& filter, std::uint64_t seen) const {
  if (!filter.is_literal()) return std::nullopt;
  return ask(lookups_, [&](RedisQueries& queries) { return queries.finished_at(filter, seen); });
}

EventStore::Page RedisEventLog::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  // A reader may have been given events which the log is still handing over to others.
  const std::uint64_t head = std::max<std::uint64_t>(head_, sequence);
  return ask(pages_, [&](RedisQueries& queries) { return queries.read_after(sequence, head, filter); });
}

EventStore::Page RedisEventLog::read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                            Topics topics) const {
  return ask(pages_, [&](RedisQueries& queries) { return queries.read_newest(sequence, until, filter, topics); });
}

std::uint64_t RedisEventLog::first_after(std::uint64_t sequence, const TopicFilter& filter) const {
  return ask(lookups_, [&](RedisQueries& queries) { return queries.first_after(sequence, filter); });
}

}  // namespace millrace
