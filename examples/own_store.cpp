// A store of one's own: entries go to the end of a file, and are all in memory as well. It shows what an EventStore has
// to do, and passes the tests that say so, below. For a million events one would keep indexes instead of looking at
// each.
//
//   millrace::Server server({.store = std::make_shared<FileStore>("events.log", 10'000)});

#include <fcntl.h>
#include <millrace/server/event_store.h>
#include <millrace/testing/event_store_conformance.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace {

using namespace millrace;
using Kind = Publication::Kind;

class FileStore final : public EventStore {
 public:
  FileStore(const std::string& path, std::size_t events) : events_(events) {
    load(path);
    drop_old();
    // A new file, so that what is dropped does not take room for ever, and half a record of a crash is gone.
    std::string bytes = epoch_ + "\n";
    for (const LogEntry& entry : entries_) bytes += record(entry);
    file_ = ::open((path + ".new").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (file_ < 0 || !write(bytes) || std::rename((path + ".new").c_str(), path.c_str()) != 0) {
      throw StoreUnavailable(path + ": " + std::strerror(errno));
    }
  }
  ~FileStore() override { ::close(file_); }
  FileStore(const FileStore&) = delete;
  FileStore& operator=(const FileStore&) = delete;

  void start(Callbacks callbacks) override {
    const std::lock_guard lock(mutex_);
    if (callbacks_) throw std::logic_error("a server uses this store already");
    callbacks_ = std::move(callbacks);
  }
  void stop() override {
    const std::lock_guard lock(mutex_);
    callbacks_.reset();
  }

  const std::string& epoch() const override { return epoch_; }
  std::uint64_t head() const override { return head_; }
  std::uint64_t oldest() const override {
    const std::lock_guard lock(mutex_);
    return first();
  }

  // All or none: the entries are in memory while they are written, and are taken out again if that fails.
  void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) override {
    const std::lock_guard lock(mutex_);
    if (!callbacks_) throw StoreUnavailable("no server uses the store");
    const std::size_t before = entries_.size();
    std::string bytes;
    for (std::size_t i = 0; i < publications.size(); ++i) {
      sequences[i] = is_new(publications[i]) ? head_ + 1 + entries_.size() - before : 0;
      if (sequences[i] == 0) continue;
      entries_.push_back(LogEntry::of(epoch_, sequences[i], publications[i], std::chrono::system_clock::now()));
      bytes += record(entries_.back());
    }
    const bool is_written = write(bytes);
    set_status(is_written ? StoreStatus() : StoreStatus::refusing(std::strerror(errno)));
    if (!is_written) {
      entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(before), entries_.end());
      throw StoreUnavailable(status_.reason);
    }
    const std::vector<LogEntry> appended(entries_.begin() + static_cast<std::ptrdiff_t>(before), entries_.end());
    callbacks_->on_appended(appended);
    head_ += appended.size();
    drop_old();
  }

  // Of each topic and publisher the newest event, and of these the oldest.
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const override {
    const std::lock_guard lock(mutex_);
    std::map<std::pair<std::string_view, std::string_view>, std::uint64_t> newest;
    for (const LogEntry& entry : entries_) {
      if (publisher_id.empty() || entry.publisher_id != publisher_id || !filter.matches(entry.topic)) continue;
      newest[{entry.topic.view(), entry.publisher_key}] = entry.sequence;
    }
    std::optional<std::uint64_t> oldest;
    for (const auto& [holder, sequence] : newest) oldest = std::min(oldest.value_or(sequence), sequence);
    return oldest;
  }

  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const override {
    if (!filter.is_literal()) return std::nullopt;
    const std::lock_guard lock(mutex_);
    std::uint64_t last = 0;
    for (const TopicPattern& topic : filter.patterns()) {
      const LogEntry* newest = nullptr;
      for (const LogEntry& entry : entries_) {
        if (entry.topic.view() != topic.view()) continue;
        newest = &entry;
        const bool is_end = entry.kind == Kind::kFinish && entry.sequence >= seen;
        if (is_end && filter.patterns().size() == 1) return entry.sequence;
      }
      if (newest == nullptr || newest->kind != Kind::kFinish) return std::nullopt;
      last = std::max(last, newest->sequence);
    }
    return last;
  }

  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const override {
    const std::lock_guard lock(mutex_);
    Page page{.through = std::max(head_.load(), sequence), .oldest = first()};
    PageScan scan(filter, sequence);
    for (std::uint64_t next = std::max(sequence + 1, first()); next <= head_; ++next) {
      if (scan.is_full()) {
        page.through = scan.through();
        break;
      }
      const LogEntry& entry = entries_[next - first()];
      if (!scan.wants(next, entry.topic)) continue;
      scan.add(entry.payload.size());
      page.entries.push_back(entry);
    }
    return page;
  }

  StoreStatus status() const override {
    const std::lock_guard lock(mutex_);
    return status_;
  }
  StoreStatistics statistics() const override {
    const std::lock_guard lock(mutex_);
    return {.entries = entries_.size(), .takes_events = status_.is_accepting()};
  }

 private:
  std::uint64_t first() const { return entries_.empty() ? head_ + 1 : entries_.front().sequence; }

  void drop_old() {
    while (entries_.size() > events_) entries_.pop_front();
  }

  // Looks at the topic's entries from the newest on, as far as its present life goes back.
  bool is_new(const Publication& publication) const {
    const bool is_mark = publication.kind != Kind::kEvent;
    if (!is_mark && publication.event.id.empty()) return true;
    const std::string key = publisher_key(publication.publisher);
    bool goes_on = false;  // the topic, behind the entry that is looked at
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      if (entry->topic.view() != publication.topic.view()) continue;
      const bool is_finish = entry->kind == Kind::kFinish;
      if (is_mark) return is_finish == (publication.kind == Kind::kBegin);
      if (is_finish && goes_on) return true;
      if (entry->publisher_id == publication.event.id.view() && entry->publisher_key == key) return false;
      goes_on = goes_on || !is_finish;
    }
    return publication.kind != Kind::kBegin;
  }

  void set_status(StoreStatus status) {
    if (status == status_) return;
    status_ = std::move(status);
    callbacks_->on_status(status_);
  }

  // --- The file: its epoch, then for each entry a line of numbers and the texts that these are the lengths of ---

  static std::string record(const LogEntry& entry) {
    std::ostringstream text;
    text << entry.sequence << ' ' << static_cast<int>(entry.kind) << ' '
         << std::chrono::duration_cast<std::chrono::milliseconds>(entry.published.time_since_epoch()).count() << ' '
         << entry.topic.text().size() << ' ' << entry.publisher_id.size() << ' ' << entry.publisher_key.size() << ' '
         << entry.payload.size() << '\n'
         << entry.topic.text() << entry.publisher_id << entry.publisher_key << entry.payload << '\n';
    return text.str();
  }

  // Half a record at the end is what a crash has left: its publisher got no answer.
  void load(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!std::getline(file, epoch_)) epoch_ = new_store_epoch();
    while (true) {
      std::uint64_t sequence = 0;
      int kind = 0;
      std::int64_t published = 0;
      std::size_t sizes[4] = {};
      file >> sequence >> kind >> published >> sizes[0] >> sizes[1] >> sizes[2] >> sizes[3];
      std::string texts[4];
      file.get();
      for (int i = 0; i < 4 && file; ++i) {
        texts[i].resize(sizes[i]);
        file.read(texts[i].data(), static_cast<std::streamsize>(sizes[i]));
      }
      if (file.get() != '\n') return;
      auto topic = OwnedTopic::parse(texts[0]);
      if (!topic) throw StoreUnavailable(path + ": an entry has an invalid topic");
      entries_.push_back({.sequence = sequence,
                          .topic = std::move(*topic),
                          .kind = static_cast<Kind>(kind),
                          .publisher_id = texts[1],
                          .publisher_key = texts[2],
                          .payload = texts[3],
                          .published = std::chrono::system_clock::time_point(std::chrono::milliseconds(published))});
      head_ = sequence;
    }
  }

  // On the disk when it returns. What could be written of it only in part is cut off again.
  bool write(std::string_view bytes) {
    const off_t size = ::lseek(file_, 0, SEEK_END);
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_, bytes.data(), bytes.size());
      if (written < 0 && errno != EINTR) break;
      bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    }
    if (bytes.empty() && ::fdatasync(file_) == 0) return true;
    const int error = errno;
    [[maybe_unused]] const int cut = ::ftruncate(file_, size);
    errno = error;
    return false;
  }

  const std::size_t events_;
  std::string epoch_;
  int file_ = -1;
  std::atomic<std::uint64_t> head_ = 0;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::deque<LogEntry> entries_;
  std::optional<Callbacks> callbacks_;
  StoreStatus status_;
};

// --- The tests ------------------------------------------------------------------------------------------------------

StoreUnderTest file_store() {
  const std::shared_ptr<const std::filesystem::path> path(
      new std::filesystem::path(std::filesystem::temp_directory_path() / ("own-store-" + std::to_string(::getpid()))),
      [](const std::filesystem::path* file) {
        std::filesystem::remove(*file);
        delete file;
      });
  const auto open = [path](std::uint64_t events) { return std::make_shared<FileStore>(path->string(), events); };
  return {.name = "FileStore",
          .open_new =
              [path, open](std::uint64_t events) {
                std::filesystem::remove(*path);
                return open(events);
              },
          .open_again = open,
          .histories = 3};
}

INSTANTIATE_TEST_SUITE_P(Own, EventStoreConformance, ::testing::Values(file_store()));

}  // namespace
