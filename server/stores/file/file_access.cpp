// access_file_log(): the folder of a store, as its operators need it.
#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "log_loader.h"
#include "log_writer.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/stores/file.h"
#include "stores/common/boot_id.h"
#include "stores/common/lock_file.h"
#include "stores/common/named_store.h"
#include "system_folder.h"

namespace millrace {

namespace {

// Sentences about damage.
constexpr std::size_t kMostDamage = 20;

// Tries to read the files while a server removes some.
constexpr int kLoadAttempts = 8;

// Bytes of entries that fill() writes as one group.
constexpr std::size_t kFilledAtOnce = 1024 * 1024;

class FileAccess final : public StoreAccess {
 public:
  explicit FileAccess(const std::string& folder) : folder_(folder) {}

  StoreDescription describe() override {
    return named([&] {
      if (loaded_) return describe(*loaded_);
      return describe(load());
    });
  }

  std::vector<std::string> find_damage() override {
    return named([&] {
      if (read_nothing()) throw StoreUnavailable(kNoStore);
      return millrace::find_damage(folder_, kMostDamage);
    });
  }

  void update(Update /*update*/) override {
    named([&] { load(); });
  }

  std::vector<Entry> read_after(std::uint64_t sequence) override {
    return named([&] {
      if (!loaded_) loaded_ = load();
      std::vector<Entry> entries = retained_after(sequence);
      const FileIndex& index = loaded_->index;
      static const TopicFilter kEverything({TopicPattern("**")});
      std::uint64_t seen = std::max(sequence, index.oldest() - 1);
      while (entries.empty() && seen < index.head()) {
        const FileIndex::Plan plan = index.read_after(seen, index.head(), kEverything);
        for (const FileIndex::Location& location : plan.locations) entries.push_back(read(location));
        seen = plan.through;
      }
      return entries;
    });
  }

  void fill(const StoreDescription& log, const std::function<std::optional<Entry>()>& next) override {
    named([&] {
      check_log(log);
      folder_.make();
      const Locked locked(folder_);
      LoadedLog before = load_log(folder_);
      if (before.index.head() != 0) {
        throw StoreUnavailable("it has had " + std::to_string(before.index.head()) +
                               " entries; name a folder that does not exist, or move this one away");
      }
      try {
        // While it is there, the folder counts as empty.
        folder_.create(std::string(kImportingFile))->sync();
        folder_.sync();
        empty();
        write_all(log, next);
        folder_.remove(std::string(kImportingFile));
        folder_.sync();
      } catch (...) {
        clear_after_failure();
        throw;
      }
    });
  }

 private:
  struct Locked {
    explicit Locked(SystemFolder& locked) : folder(locked) { folder.lock(); }
    ~Locked() { folder.unlock(); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    SystemFolder& folder;
  };
  static constexpr const char* kNoStore = "the folder has no files of a store";

  bool read_nothing() { return load_log(folder_).epoch.empty(); }

  LoadedLog load() {
    for (int attempt = 1;; ++attempt) {
      try {
        LoadedLog log = load_log(folder_);
        if (log.epoch.empty()) throw StoreUnavailable(kNoStore);
        return log;
      } catch (const FileError& error) {
        if (!error.is_missing() || attempt == kLoadAttempts) throw;
      }
    }
  }

  StoreDescription describe(const LoadedLog& log) const {
    return {.version = kLogFormatVersion,
            .known_version = kLogFormatVersion,
            .epoch = log.epoch,
            .oldest = log.index.oldest(),
            .head = log.index.head(),
            .entries = log.index.entries(),
            .retained_topics = log.index.retained_topics(),
            .durability = is_in_memory(folder_.path()) ? Durability::kProcess : Durability::kDisk};
  }

  std::vector<Entry> retained_after(std::uint64_t sequence) const {
    std::vector<Entry> entries;
    for (LogEntry& entry : loaded_->index.retained_before(loaded_->index.oldest())) {
      if (entry.sequence > sequence && entries.size() < EventStore::kPageEntries) {
        entries.push_back({.entry = std::move(entry), .is_retained = true});
      }
    }
    return entries;
  }

  Entry read(const FileIndex::Location& location) {
    const std::string name = segment_name(location.segment);
    try {
      if (open_segment_ != location.segment) file_ = folder_.open(name);
      open_segment_ = location.segment;
    } catch (const FileError& error) {
      if (!error.is_missing()) throw;
      throw StoreUnavailable("a server has removed old events meanwhile; try again");
    }
    const std::string bytes = file_->read(location.offset, location.bytes);
    std::string_view rest = bytes;
    auto stored = decode_record(rest, location.key, location.sequence);
    if (!stored) throw StoreUnavailable(damage_at(name, location.offset, "an event fails its integrity check"));
    Entry entry{.entry = std::move(stored->entry)};
    for (std::size_t i = 0; i < entry.entry.topic_count(); ++i) {
      const TopicState* topic = loaded_->index.state_of(entry.entry.topic_at(i).view());
      if (topic != nullptr && topic->retained == location.sequence) entry.is_retained = true;
    }
    return entry;
  }

  // Removes the files of a log without entries, or of an import that did not come to its end.
  void empty() {
    for (const std::string& name : load_log(folder_).leftovers) {
      if (name != kImportingFile) folder_.remove(name);
    }
    folder_.sync();
  }
  void clear_after_failure() noexcept {
    try {
      empty();
      folder_.remove(std::string(kImportingFile));
      folder_.sync();
    } catch (const std::exception&) {
      // The next program that opens the store does it.
    }
  }

  // Retained events before `log.oldest` go into a file of their own, all others into segments.
  void write_all(const StoreDescription& log, const std::function<std::optional<Entry>()>& next) {
    std::vector<LogEntry> retained;
    LoadedLog empty_log;
    empty_log.epoch = log.epoch;
    empty_log.index.skip_to(log.oldest - 1);
    LogWriter writer(folder_, StoreSync::kNormal, empty_log, boot_number(machine_boot_id()));
    std::vector<Entry> group;
    std::size_t bytes = 0;
    const auto flush = [&] {
      if (!group.empty()) write_group(writer, group, log.oldest);
      group.clear();
      bytes = 0;
    };
    while (std::optional<Entry> entry = next()) {
      if (entry->entry.sequence < log.oldest) {
        retained.push_back(std::move(entry->entry));
        continue;
      }
      const bool follows = group.empty() || group.back().entry.sequence + 1 == entry->entry.sequence;
      if (!follows || bytes >= kFilledAtOnce) flush();
      bytes += entry->entry.payload.size();
      group.push_back(std::move(*entry));
    }
    flush();
    // Its name says which sequences are used.
    if (log.head + 1 > writer.head().first) writer.begin_segment(log.head + 1);
    writer.sync();
    writer.write_retained(retained, log.oldest);
  }

  static void write_group(LogWriter& writer, const std::vector<Entry>& group, std::uint64_t oldest) {
    const std::uint64_t first = group.front().entry.sequence;
    if (writer.bytes() >= kFileLogBytes) writer.begin_segment(first);
    std::vector<LogEntry> entries;
    entries.reserve(group.size());
    for (const Entry& one : group) entries.push_back(one.entry);
    writer.append(
        std::span<const LogEntry>(entries), [&](std::size_t i) { return group[i].is_retained; }, oldest);
    writer.keep();
  }

  template <typename Work>
  auto named(const Work& work) -> decltype(work()) {
    return naming_store<FileError>("file:" + folder_.path(), work);
  }

  SystemFolder folder_;
  std::optional<LoadedLog> loaded_;
  std::unique_ptr<LogFile> file_;
  std::uint64_t open_segment_ = 0;
};

}  // namespace

std::unique_ptr<StoreAccess> access_file_log(const std::string& folder) {
  if (folder.empty()) throw InvalidOption("access_file_log(folder)", "the path is empty; expected that of a folder");
  return std::make_unique<FileAccess>(folder);
}

}  // namespace millrace
