// FileEventLog: what it answers to readers, from its index and its files.
#include <algorithm>
#include <utility>

#include "file_event_log.h"
#include "log_loader.h"

namespace millrace {

namespace {

// Tries to read a page while files are removed.
constexpr int kReadAttempts = 8;

}  // namespace

template <typename Ask>
auto FileEventLog::ask(const Ask& question) const {
  const MutexLock lock(mutex_);
  if (is_index_broken_) throw StoreUnavailable("cannot read the store: its index is being made again");
  return question(index_);
}

std::optional<std::uint64_t> FileEventLog::find(std::string_view publisher_id, const TopicFilter& filter) const {
  return ask([&](const FileIndex& index) { return index.find(publisher_id, filter); });
}

std::optional<std::uint64_t> FileEventLog::finished_at(const TopicFilter& filter, std::uint64_t seen) const {
  return ask([&](const FileIndex& index) { return index.finished_at(filter, seen); });
}

std::uint64_t FileEventLog::first_after(std::uint64_t sequence, const TopicFilter& filter) const {
  return ask([&](const FileIndex& index) { return index.first_after(sequence, filter); });
}

EventStore::Page FileEventLog::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  return read([&](const FileIndex& index) {
    return index.read_after(sequence, std::max<std::uint64_t>(head_, sequence), filter);
  });
}

EventStore::Page FileEventLog::read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                           Topics topics) const {
  return read([&](const FileIndex& index) { return index.read_newest(sequence, until, filter, topics); });
}

// Files are read without the mutex: meanwhile some may be removed.
template <typename MakePlan>
EventStore::Page FileEventLog::read(const MakePlan& make_plan) const {
  try {
    for (int attempt = 1;; ++attempt) {
      const FileIndex::Plan plan = ask(make_plan);
      try {
        return {.entries = read(plan), .through = plan.through, .oldest = plan.oldest};
      } catch (const FileError& error) {
        if (!error.is_missing() || attempt == kReadAttempts) throw;
      }
    }
  } catch (const FileError& error) {
    throw StoreUnavailable(std::string("cannot read the store: ") + error.what());
  }
}

std::vector<LogEntry> FileEventLog::read(const FileIndex::Plan& plan) const {
  std::vector<LogEntry> entries = plan.from_memory;
  std::unique_ptr<LogFile> file;
  std::uint64_t segment = 0;
  for (const FileIndex::Location& location : plan.locations) {
    if (segment != location.segment) file = options_.folder->open(segment_name(location.segment));
    segment = location.segment;
    const std::string bytes = file->read(location.offset, location.bytes);
    std::string_view rest = bytes;
    auto stored = decode_record(rest, location.key, location.sequence);
    if (!stored) {
      const std::string why = damage_at(segment_name(segment), location.offset, "an event is not what was written");
      is_damaged_ = true;
      trouble_.set(why);
      trouble_.tell();
      throw StoreUnavailable("cannot read the store: " + why);
    }
    if (const auto topics = plan.topics.find(location.sequence); topics != plan.topics.end()) {
      stored->entry.topic = topics->second.front();
      stored->entry.further_topics.assign(topics->second.begin() + 1, topics->second.end());
    }
    entries.push_back(std::move(stored->entry));
  }
  return entries;
}

}  // namespace millrace
