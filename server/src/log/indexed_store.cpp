#include "millrace/server/indexed_store.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <deque>
#include <exception>
#include <map>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <utility>

#include "id_conflict.h"
#include "id_holders.h"
#include "mutex.h"

namespace millrace {

namespace {

using Kind = Publication::Kind;
using Time = std::chrono::system_clock::time_point;

std::size_t bytes_of(const LogEntry& entry) {
  return entry.payload.size() + entry.joined_topics().size() + entry.publisher_id.size() + entry.publisher_key.size();
}

// The entries of one topic.
struct TopicLife {
  std::size_t entries = 0;
  std::deque<std::uint64_t> finishes = {};
  std::uint64_t begun = 0;  // sequence with which the topic began again; 0 if it did not
  std::uint64_t newest = 0;
  bool is_finished() const { return !finishes.empty() && finishes.back() == newest; }
};

// Finds entries by topic and by publisher's ID.
class Index {
 public:
  using HolderKey = std::tuple<std::string, std::string, std::string>;  // ID, topic, publisher's key

  void add(const LogEntry& entry) {
    for (std::size_t i = 0; i < entry.topic_count(); ++i) add(entry, entry.topic_at(i).text());
  }
  void remove(const LogEntry& oldest) {
    for (std::size_t i = 0; i < oldest.topic_count(); ++i) remove(oldest, oldest.topic_at(i).text());
  }

  // Whether the publication must be appended.
  bool is_new(const Publication& publication) const {
    const TopicLife* topic = life_of(publication.topic.view());
    if (publication.kind != Kind::kEvent) {
      return (topic != nullptr && topic->is_finished()) == (publication.kind == Kind::kBegin);
    }
    for (std::size_t i = 0; i < publication.topic_count(); ++i) {
      if (!published_as(publication, publication.topic_at(i))) return true;
    }
    return false;
  }

  // The publisher's event with this ID in the topic, published since the topic began.
  std::optional<std::uint64_t> published_as(const Publication& publication, Topic name) const {
    const TopicLife* topic = life_of(name.view());
    if (topic == nullptr || publication.event.id.empty()) return std::nullopt;
    const auto holder = holders_.find(
        {std::string(publication.event.id.view()), std::string(name.view()), publisher_key(publication.publisher)});
    if (holder == holders_.end() || holder->second < topic->begun) return std::nullopt;
    return holder->second;
  }

  std::optional<IdHolder> holder_from(std::string_view id, std::string_view topic, std::string_view publisher) const {
    const auto found = holders_.lower_bound({std::string(id), std::string(topic), std::string(publisher)});
    if (found == holders_.end() || std::get<0>(found->first) != id) return std::nullopt;
    return IdHolder{.topic = OwnedTopic::parse(std::get<1>(found->first)).value(),
                    .publisher = std::get<2>(found->first),
                    .sequence = found->second};
  }

  const TopicLife* life_of(std::string_view topic) const {
    const auto found = topics_.find(topic);
    return found != topics_.end() ? &found->second : nullptr;
  }

 private:
  static HolderKey key_of(const LogEntry& entry, const std::string& topic) {
    return {entry.publisher_id, topic, entry.publisher_key};
  }

  void add(const LogEntry& entry, const std::string& name) {
    TopicLife& topic = topics_[name];
    if (topic.is_finished() && entry.kind != Kind::kFinish) topic.begun = entry.sequence;
    if (entry.kind == Kind::kFinish) topic.finishes.push_back(entry.sequence);
    topic.newest = entry.sequence;
    ++topic.entries;
    if (!entry.publisher_id.empty()) holders_[key_of(entry, name)] = entry.sequence;
  }
  void remove(const LogEntry& oldest, const std::string& name) {
    const auto topic = topics_.find(name);
    if (oldest.kind == Kind::kFinish) topic->second.finishes.pop_front();
    if (--topic->second.entries == 0) topics_.erase(topic);
    if (oldest.publisher_id.empty()) return;
    const auto holder = holders_.find(key_of(oldest, name));
    if (holder->second == oldest.sequence) holders_.erase(holder);
  }

  std::map<std::string, TopicLife, std::less<>> topics_;
  std::map<HolderKey, std::uint64_t> holders_;
};

}  // namespace

struct IndexedStore::State {
  State(std::string tag, std::uint64_t most) : epoch(std::move(tag)), max_entries(most) {}

  std::uint64_t first() const REQUIRES(mutex) { return entries.empty() ? head + 1 : entries.front().sequence; }

  void add(LogEntry entry) REQUIRES(mutex) {
    index.add(entry);
    bytes += bytes_of(entry);
    entries.push_back(std::move(entry));
  }
  // Keeps the first `count` entries: the others did not survive.
  void take_back(std::size_t count) REQUIRES(mutex) {
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(count), entries.end());
    index = {};
    bytes = 0;
    for (const LogEntry& entry : entries) {
      index.add(entry);
      bytes += bytes_of(entry);
    }
  }
  // Drops entries beyond the bound; returns whether it dropped any.
  bool drop_old() REQUIRES(mutex) {
    const bool has_more = entries.size() > max_entries;
    for (; entries.size() > max_entries; entries.pop_front()) {
      index.remove(entries.front());
      bytes -= bytes_of(entries.front());
    }
    return has_more;
  }
  void set_status(StoreStatus now) REQUIRES(mutex) {
    if (now == status) return;
    failures += now.is_accepting() ? 0 : 1;
    status = std::move(now);
    callbacks->on_status(status);
  }

  const std::string epoch;
  const std::uint64_t max_entries;
  std::atomic<std::uint64_t> head = 0;
  mutable Mutex mutex;
  std::deque<LogEntry> entries GUARDED_BY(mutex);
  Index index GUARDED_BY(mutex);
  std::uint64_t bytes GUARDED_BY(mutex) = 0;
  std::uint64_t commits GUARDED_BY(mutex) = 0;
  std::uint64_t failures GUARDED_BY(mutex) = 0;
  std::optional<Callbacks> callbacks GUARDED_BY(mutex);
  StoreStatus status GUARDED_BY(mutex);
};

IndexedStore::IndexedStore(std::string epoch, std::vector<LogEntry> entries, std::uint64_t max_entries)
    : state_(std::make_unique<State>(std::move(epoch), max_entries)) {
  if (max_entries == 0) throw std::invalid_argument("IndexedStore(max_entries): must be greater than 0");
  const MutexLock lock(state_->mutex);
  for (LogEntry& entry : entries) {
    const std::uint64_t expected = state_->entries.empty() ? entry.sequence : state_->head + 1;
    if (entry.sequence == 0 || entry.sequence != expected) {
      throw StoreUnavailable("the entry after " + std::to_string(state_->head) + " is missing");
    }
    state_->head = entry.sequence;
    state_->add(std::move(entry));
  }
  state_->drop_old();
}

IndexedStore::~IndexedStore() = default;

void IndexedStore::start(Callbacks callbacks) {
  const MutexLock lock(state_->mutex);
  if (state_->callbacks) throw std::logic_error("another server already uses this store");
  state_->callbacks = std::move(callbacks);
}

void IndexedStore::stop() {
  const MutexLock lock(state_->mutex);
  state_->callbacks.reset();
}

const std::string& IndexedStore::epoch() const {
  return state_->epoch;
}

std::uint64_t IndexedStore::head() const {
  return state_->head;
}

std::uint64_t IndexedStore::oldest() const {
  const MutexLock lock(state_->mutex);
  return state_->first();
}

void IndexedStore::append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
  const MutexLock lock(state_->mutex);
  if (!state_->callbacks) throw StoreUnavailable("no server uses the store");
  const std::size_t before = state_->entries.size();
  const auto refuse = [&](const char* reason) REQUIRES(state_->mutex) {
    state_->take_back(before);
    state_->set_status(StoreStatus::refusing(reason));
    throw StoreUnavailable(reason);
  };
  const auto find = [&index = std::as_const(state_->index)](const Publication& one, Topic topic) {
    return index.published_as(one, topic);
  };
  if (const auto conflict = id_conflict(publications, find)) throw IdConflict(*conflict);
  std::vector<LogEntry> added;
  try {
    for (std::size_t i = 0; i < publications.size(); ++i) {
      sequences[i] = state_->index.is_new(publications[i]) ? state_->head + 1 + added.size() : 0;
      if (sequences[i] == 0) continue;
      added.push_back(LogEntry::of(state_->epoch, sequences[i], publications[i], std::chrono::system_clock::now()));
      state_->add(added.back());
    }
    if (!added.empty()) persist(added);
  } catch (const std::exception& failure) {
    refuse(failure.what());
  } catch (...) {
    refuse("an exception that is not a std::exception");
  }
  state_->set_status({});
  if (added.empty()) return;
  ++state_->commits;
  state_->callbacks->on_appended(added);
  state_->head = added.back().sequence;
  if (state_->drop_old()) forget(state_->first() - 1);
}

std::optional<std::uint64_t> IndexedStore::find(std::string_view publisher_id, const TopicFilter& filter) const {
  if (publisher_id.empty()) return std::nullopt;
  const MutexLock lock(state_->mutex);
  return oldest_holder(filter, [&](std::string_view topic, std::string_view publisher) REQUIRES(state_->mutex) {
    return state_->index.holder_from(publisher_id, topic, publisher);
  });
}

std::optional<std::uint64_t> IndexedStore::finished_at(const TopicFilter& filter, std::uint64_t seen) const {
  if (!filter.is_literal()) return std::nullopt;
  const MutexLock lock(state_->mutex);
  std::uint64_t last = 0;
  for (const TopicPattern& pattern : filter.patterns()) {
    const TopicLife* topic = state_->index.life_of(pattern.view());
    if (topic == nullptr) return std::nullopt;
    const auto first = std::lower_bound(topic->finishes.begin(), topic->finishes.end(), seen);
    if (filter.patterns().size() == 1 && first != topic->finishes.end()) return *first;
    if (!topic->is_finished()) return std::nullopt;
    last = std::max(last, topic->newest);
  }
  return last;
}

EventStore::Page IndexedStore::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  const MutexLock lock(state_->mutex);
  const std::uint64_t first = state_->first();
  const std::uint64_t head = state_->head;
  Page page{.through = std::max(head, sequence), .oldest = first};
  PageScan scan(filter, sequence);
  for (std::uint64_t next = std::max(sequence + 1, first); next <= head; ++next) {
    if (scan.is_full()) {
      page.through = scan.through();
      break;
    }
    const LogEntry& entry = state_->entries[next - first];
    if (!scan.wants(next, entry.topic, entry.further_topics)) continue;
    scan.add(entry.payload.size());
    page.entries.push_back(entry);
  }
  return page;
}

StoreStatus IndexedStore::status() const {
  const MutexLock lock(state_->mutex);
  return state_->status;
}

StoreStatistics IndexedStore::statistics() const {
  const MutexLock lock(state_->mutex);
  return {.entries = state_->entries.size(),
          .bytes = state_->bytes,
          .commits = state_->commits,
          .failures = state_->failures,
          .takes_events = state_->status.is_accepting()};
}

// --- Records --------------------------------------------------------------------------------------------------------

std::string encode_entry(const LogEntry& entry) {
  const auto published = std::chrono::duration_cast<std::chrono::milliseconds>(entry.published.time_since_epoch());
  std::string record = std::to_string(entry.sequence);
  const auto add = [&record](auto number) { record.append(1, ' ').append(std::to_string(number)); };
  add(static_cast<int>(entry.kind));
  add(published.count());
  const std::string topics = entry.joined_topics();
  for (const std::string* text : {&topics, &entry.publisher_id, &entry.publisher_key, &entry.payload}) {
    add(text->size());
  }
  record.append(1, '\n').append(topics).append(entry.publisher_id).append(entry.publisher_key);
  return record.append(entry.payload).append(1, '\n');
}

std::optional<LogEntry> decode_entry(std::string_view& bytes) {
  std::array<std::int64_t, 7> numbers{};  // sequence, kind, time; sizes of topic, ID, key and payload
  const char* next = bytes.data();
  const char* const end = next + bytes.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto [after, error] = std::from_chars(next, end, numbers[i]);
    const char separator = i + 1 < numbers.size() ? ' ' : '\n';
    if (error != std::errc{} || after == end || *after != separator || (i != 2 && numbers[i] < 0)) return std::nullopt;
    next = after + 1;
  }
  std::array<std::string, 4> texts;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (numbers[3 + i] > end - next) return std::nullopt;
    texts[i].assign(next, static_cast<std::size_t>(numbers[3 + i]));
    next += numbers[3 + i];
  }
  const bool is_kind = numbers[1] <= static_cast<std::int64_t>(Kind::kBegin);
  if (next == end || *next != '\n' || !is_kind) return std::nullopt;
  LogEntry entry{.sequence = static_cast<std::uint64_t>(numbers[0]),
                 .topic = Topic("-"),
                 .kind = static_cast<Kind>(numbers[1]),
                 .publisher_id = std::move(texts[1]),
                 .publisher_key = std::move(texts[2]),
                 .payload = std::move(texts[3]),
                 .published = Time(std::chrono::milliseconds(numbers[2]))};
  if (!entry.set_topics(texts[0])) return std::nullopt;
  bytes.remove_prefix(static_cast<std::size_t>(next + 1 - bytes.data()));
  return entry;
}

}  // namespace millrace
