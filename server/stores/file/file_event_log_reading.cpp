// FileEventLog: what it answers to readers, from its index and its files.
#include <algorithm>
#include <utility>

#include "file_event_log.h"
#include "log_loader.h"

namespace millrace {

namespace {

// Tries to read a page while files are removed.
constexpr int kReadAttempts = 8;

// The end of the locations that follow one another in a file, and can be read at once. The page bounds their bytes.
std::size_t end_of_run(const std::vector<FileIndex::Location>& all, std::size_t begin) {
  std::size_t end = begin + 1;
  while (end < all.size() && all[end].segment == all[begin].segment &&
         all[end].offset == all[end - 1].offset + all[end - 1].bytes) {
    ++end;
  }
  return end;
}

}  // namespace

template <typename Ask>
auto FileEventLog::ask(const Ask& question) const {
  const MutexLock lock(mutex_);
  if (is_index_broken_) throw StoreUnavailable("cannot read the store: its index is being rebuilt");
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
  const auto& all = plan.locations;
  for (std::size_t i = 0; i < all.size();) {
    if (segment != all[i].segment) file = options_.folder->open(segment_name(all[i].segment));
    segment = all[i].segment;
    const std::size_t end = end_of_run(all, i);
    const std::string bytes = file->read(all[i].offset, all[end - 1].offset + all[end - 1].bytes - all[i].offset);
    for (const std::size_t begin = all[i].offset; i < end; ++i) {
      const std::size_t at = std::min(all[i].offset - begin, bytes.size());
      entries.push_back(decode(std::string_view(bytes).substr(at), all[i], plan));
    }
  }
  return entries;
}

LogEntry FileEventLog::decode(std::string_view bytes, const FileIndex::Location& location,
                              const FileIndex::Plan& plan) const {
  auto stored = decode_record(bytes, location.key, location.sequence);
  if (!stored) {
    const std::string why =
        damage_at(segment_name(location.segment), location.offset, "an event fails its integrity check");
    is_damaged_ = true;
    trouble_.set(why);
    trouble_.tell();
    throw StoreUnavailable("cannot read the store: " + why);
  }
  if (const auto topics = plan.topics.find(location.sequence); topics != plan.topics.end()) {
    stored->entry.topic = topics->second.front();
    stored->entry.further_topics.assign(topics->second.begin() + 1, topics->second.end());
  }
  return std::move(stored->entry);
}

}  // namespace millrace
