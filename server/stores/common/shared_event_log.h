// SharedEventLog: an event log that several servers share, in a database. A Speech says how to talk to that database.
//
// It commits concurrent publishers together, in a transaction or what the database has of the kind. A thread with a
// connection of its own waits for news, at most kStoreRetry. Then it drops entries beyond the bounds, reconnects after
// a failure, and delivers entries that other servers have appended.
//
// What a Speech has:
//
//   using Error = …;     // what connections throw: a std::runtime_error
//   using Queries = …;   // reads: log(), follow(sequence), and EventStore's members of the same names
//   using Writer = …;    // writes: log(), worth(), append(group, now), retire(now), is_usable() after other exceptions
//   using Listener = …;  // has news: socket()
//   struct Options { … };
//   static constexpr const char* kReconnecting;  // sentences for a writer that is not open yet, and
//   static constexpr const char* kReplaced;      // for a database that has another log than before
//   static constexpr bool kHasOutbox;            // then Queries has has_waiting(), Writer move_outbox(now)
//
//   std::unique_ptr<Queries> open_queries() const;
//   // `epoch`: of the log, empty at first. `head`: sequences up to it were given to clients.
//   std::unique_ptr<Writer> open_writer(const std::string& epoch, std::uint64_t head);
//   std::unique_ptr<Listener> listen(const std::string& epoch) const;
//   bool take_news(Listener& listener) const;              // reads it; whether others have appended
//   static bool is_survived(const Error& error);           // whether the writer can still be used
//   void look_after(Writer& writer, std::uint64_t head, bool is_accepting) const;  // now and then
//
// log() has epoch, head, oldest, entries and bytes; worth() has level and warnings.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "group_commit.h"
#include "log/event_log.h"
#include "millrace/server/event_store.h"
#include "millrace/server/limits.h"
#include "mutex.h"
#include "store_figures.h"
#include "store_trouble.h"
#include "thread_name.h"
#include "wake_pipe.h"

namespace millrace {

template <typename Speech>
class SharedEventLog final : public EventStore {
 public:
  using Queries = typename Speech::Queries;
  using Writer = typename Speech::Writer;
  using Error = typename Speech::Error;

  /// `preload`: entries that on_appended takes before start() returns, if the log has as many. Throws StoreUnavailable
  /// and Speech::Error.
  SharedEventLog(typename Speech::Options options, std::uint64_t preload) : speech_(std::move(options)) {
    open_writer();
    const auto& log = writer_->log();
    epoch_ = log.epoch;
    // Numbers may have been left out, so that few entries can be far apart.
    const std::uint64_t back = log.entries <= preload ? log.head : preload;
    head_ = std::max(log.oldest - 1, log.head - std::min(log.head, back));
  }
  /// No server may still use it.
  ~SharedEventLog() override { SharedEventLog::stop(); }
  SharedEventLog(const SharedEventLog&) = delete;
  SharedEventLog& operator=(const SharedEventLog&) = delete;

  void start(Callbacks callbacks) override;
  void stop() override;
  const std::string& epoch() const override { return epoch_; }
  std::uint64_t head() const override { return head_; }
  std::uint64_t oldest() const override { return oldest_; }
  void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) override {
    if (publications.empty()) return;
    if (on_appended_ == nullptr) throw StoreUnavailable(append_refusal("no server uses it"));
    commits_.append(publications, sequences, [this](const ContributionGroup& group) { write(group); });
  }
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const override {
    return ask(lookups_, [&](Queries& queries) { return queries.find(publisher_id, filter); });
  }
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const override {
    if (!filter.is_literal()) return std::nullopt;
    return ask(lookups_, [&](Queries& queries) { return queries.finished_at(filter, seen); });
  }
  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const override {
    // The reader may already have events that on_appended has not taken yet.
    const std::uint64_t head = std::max<std::uint64_t>(head_, sequence);
    return ask(pages_, [&](Queries& queries) { return queries.read_after(sequence, head, filter); });
  }
  Page read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                   Topics topics) const override {
    return ask(pages_, [&](Queries& queries) { return queries.read_newest(sequence, until, filter, topics); });
  }
  std::uint64_t first_after(std::uint64_t sequence, const TopicFilter& filter) const override {
    return ask(lookups_, [&](Queries& queries) { return queries.first_after(sequence, filter); });
  }
  bool retains() const override { return true; }
  bool takes_several_topics() const override { return true; }
  bool is_shared() const override { return true; }
  bool catch_up(std::uint64_t sequence) const override {
    if (head_ < sequence) follow_all();
    return head_ >= sequence;
  }
  void catch_up_with_others() const override { follow_all(); }
  StoreStatus status() const override { return trouble_.status(); }
  Durability durability() const override { return durability_; }
  std::vector<std::string> warnings() const override {
    const MutexLock lock(warnings_mutex_);
    return warnings_;
  }
  StoreStatistics statistics() const override { return figures_.with(trouble_); }

 private:
  using Clock = std::chrono::steady_clock;
  using SystemClock = std::chrono::system_clock;

  struct Reader {
    Mutex mutex;
    std::unique_ptr<Queries> queries GUARDED_BY(mutex);
  };

  void open_writer();
  void write(const ContributionGroup& group) noexcept;
  std::vector<LogEntry> commit(const ContributionGroup& group);
  void fail_writer(const Error& error) noexcept;
  void give_up_writer(std::string_view why) noexcept;
  void note_log(const auto& log) const;
  void note_worth();
  void hand_over(std::span<const LogEntry> entries) noexcept;
  void deliver(std::span<const LogEntry> entries) const REQUIRES(handing_);
  void follow(std::uint64_t until) const REQUIRES(handing_);
  void follow_all() const;
  template <typename Ask>
  auto ask(Reader& reader, const Ask& question) const;
  void run();
  bool take_news() noexcept;
  template <typename Work>
  void alone(const Work& work) noexcept;
  void tend();
  void move_outbox();

  Speech speech_;
  std::string epoch_;
  // Of the server that uses the log; set while no other member is called.
  std::function<void(std::span<const LogEntry>)> on_appended_;
  mutable std::atomic<std::uint64_t> head_ = 0;  // the newest entry that on_appended has taken
  mutable std::atomic<std::uint64_t> oldest_ = 1;
  mutable StoreFigures figures_;
  StoreTrouble trouble_;
  std::atomic<Durability> durability_ = Durability::kMemory;

  GroupCommit commits_{trouble_};
  std::unique_ptr<Writer> writer_;  // for the thread that has the turn; null while the database cannot be used

  mutable Mutex handing_;  // held while on_appended takes entries, to keep their order
  mutable Reader lookups_;
  mutable Reader pages_;

  mutable Mutex warnings_mutex_;
  std::vector<std::string> warnings_ GUARDED_BY(warnings_mutex_);

  WakePipe wake_;
  std::atomic<bool> is_stopping_ = false;
  std::unique_ptr<typename Speech::Listener> listener_;  // the thread's
  std::thread thread_;
};

template <typename Speech>
void SharedEventLog<Speech>::start(Callbacks callbacks) {
  if (thread_.joinable()) throw std::logic_error("another server already uses this store: open one for each server");
  on_appended_ = std::move(callbacks.on_appended);
  trouble_.report_to(std::move(callbacks.on_status));
  try {
    follow_all();
  } catch (const StoreUnavailable&) {
    // The thread delivers the entries later.
  }
  is_stopping_ = false;
  thread_ = std::thread([this] {
    name_this_thread("millrace-store");
    run();
  });
}

template <typename Speech>
void SharedEventLog<Speech>::stop() {
  is_stopping_ = true;
  wake_.wake();
  if (thread_.joinable()) thread_.join();
  listener_.reset();
  const MutexLock lock(handing_);
  on_appended_ = nullptr;
  trouble_.report_to(nullptr);
}

// --- Writing: all of it only for the thread that has the turn -------------------------------------------------------

template <typename Speech>
void SharedEventLog<Speech>::open_writer() {
  auto writer = speech_.open_writer(epoch_, head_);
  if (!epoch_.empty() && writer->log().epoch != epoch_) throw StoreUnavailable(Speech::kReplaced);
  writer_ = std::move(writer);
  note_worth();
  note_log(writer_->log());
}

// On failure every publisher of the group gets its result. If the database has committed the entries all the same, the
// thread delivers them.
template <typename Speech>
void SharedEventLog<Speech>::write(const ContributionGroup& group) noexcept {
  try {
    hand_over(commit(group));
    accept(group);
  } catch (const Error& error) {
    fail_writer(error);
    wake_.wake();
    refuse(group, error.what());
  } catch (const StoreUnavailable& unavailable) {
    refuse(group, unavailable.what());
  } catch (const std::exception&) {
    if (writer_ != nullptr && !writer_->is_usable()) give_up_writer(kOutOfMemory);
    wake_.wake();
    refuse(group, kOutOfMemory);
  }
}

template <typename Speech>
std::vector<LogEntry> SharedEventLog<Speech>::commit(const ContributionGroup& group) {
  if (writer_ == nullptr) {
    const std::string reason = status().reason;
    throw StoreUnavailable(reason.empty() ? Speech::kReconnecting : reason);
  }
  std::vector<LogEntry> entries = writer_->append(group, SystemClock::now());
  if (!entries.empty()) ++figures_.commits;
  note_log(writer_->log());
  return entries;
}

template <typename Speech>
void SharedEventLog<Speech>::fail_writer(const Error& error) noexcept {
  if (!Speech::is_survived(error)) writer_.reset();
  trouble_.set(error.what());
}

// The thread opens another.
template <typename Speech>
void SharedEventLog<Speech>::give_up_writer(std::string_view why) noexcept {
  writer_.reset();
  trouble_.set(why);
}

template <typename Speech>
void SharedEventLog<Speech>::note_log(const auto& log) const {
  // A reader may have an older state than a publisher that has gone on since.
  std::uint64_t oldest = oldest_;
  while (oldest < log.oldest && !oldest_.compare_exchange_weak(oldest, log.oldest)) {
  }
  figures_.entries = log.entries;
  figures_.bytes = log.bytes;
}

template <typename Speech>
void SharedEventLog<Speech>::note_worth() {
  durability_ = writer_->worth().level;
  const MutexLock lock(warnings_mutex_);
  warnings_ = writer_->worth().warnings;
}

// --- Handing over ---------------------------------------------------------------------------------------------------

// Delivers entries that this server has committed, after other servers' entries before them.
template <typename Speech>
void SharedEventLog<Speech>::hand_over(std::span<const LogEntry> entries) noexcept {
  if (entries.empty()) return;
  const MutexLock lock(handing_);
  try {
    if (entries.front().sequence > head_ + 1) follow(entries.front().sequence - 1);
  } catch (const std::exception&) {
    return wake_.wake();  // they are committed: the thread delivers them when it can read
  }
  deliver(entries);
}

template <typename Speech>
void SharedEventLog<Speech>::deliver(std::span<const LogEntry> entries) const {
  while (!entries.empty() && entries.front().sequence <= head_) entries = entries.subspan(1);
  if (entries.empty() || on_appended_ == nullptr) return;
  on_appended_(entries);
  head_ = entries.back().sequence;
}

template <typename Speech>
void SharedEventLog<Speech>::follow(std::uint64_t until) const {
  while (head_ < until) {
    const Page page = ask(pages_, [&](Queries& queries) { return queries.follow(head_); });
    deliver(page.entries);
    if (page.through <= head_ && page.entries.empty()) return;
    head_ = std::max<std::uint64_t>(head_, page.through);
  }
}

template <typename Speech>
void SharedEventLog<Speech>::follow_all() const {
  const auto log = ask(lookups_, [](Queries& queries) { return queries.log(); });
  if (log.epoch != epoch_) throw StoreUnavailable(Speech::kReplaced);
  note_log(log);
  const MutexLock lock(handing_);
  follow(log.head);
}

// A reader that has failed reconnects at its next use.
template <typename Speech>
template <typename Ask>
auto SharedEventLog<Speech>::ask(Reader& reader, const Ask& question) const {
  const MutexLock lock(reader.mutex);
  try {
    if (reader.queries == nullptr) reader.queries = speech_.open_queries();
    return question(*reader.queries);
  } catch (const Error& error) {
    reader.queries.reset();
    throw StoreUnavailable(std::string("cannot read the store: ") + error.what());
  }
}

}  // namespace millrace

#include "shared_event_log_thread.h"
