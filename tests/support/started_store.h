// StartedStore: a store as a server uses it, with all that it was handed.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "eventually.h"
#include "millrace/server/event_store.h"
#include "millrace/server/topic_filter.h"

namespace millrace::test {

inline std::string data_of(const LogEntry& entry) {
  const std::size_t data = entry.payload.find("data: ");
  if (data == std::string::npos) return {};
  return entry.payload.substr(data + 6, entry.payload.find('\n', data) - data - 6);
}

inline const TopicFilter& everything() {
  static const TopicFilter filter({TopicPattern("**")});
  return filter;
}

class StartedStore {
 public:
  explicit StartedStore(std::shared_ptr<EventStore> store) : store_(std::move(store)) {
    store_->start({.on_appended =
                       [this](std::span<const LogEntry> entries) {
                         const std::lock_guard lock(mutex_);
                         entries_.insert(entries_.end(), entries.begin(), entries.end());
                       },
                   .on_status = [](const StoreStatus&) {}});
  }
  ~StartedStore() { store_->stop(); }
  StartedStore(const StartedStore&) = delete;
  StartedStore& operator=(const StartedStore&) = delete;

  EventStore* operator->() { return store_.get(); }

  /// The sequence; 0 if there was nothing to append.
  std::uint64_t publish(const Publication& publication) {
    std::uint64_t sequence = 0;
    store_->append({&publication, 1}, {&sequence, 1});
    return sequence;
  }
  std::uint64_t publish(Topic topic, std::string_view data, EventId id = {}) {
    return publish(Publication{.topic = topic, .event = {.data = data, .id = id}});
  }
  /// Why it could not be published.
  std::string refusal(Topic topic, std::string_view data) {
    try {
      return "it was published as " + std::to_string(publish(topic, data));
    } catch (const StoreUnavailable& unavailable) {
      return unavailable.what();
    }
  }

  std::vector<LogEntry> entries() {
    const std::lock_guard lock(mutex_);
    return entries_;
  }
  std::vector<std::string> data() {
    std::vector<std::string> data;
    for (const LogEntry& entry : entries()) data.push_back(data_of(entry));
    return data;
  }
  bool has(const std::string& data) {
    const std::vector<std::string> all = this->data();
    return std::find(all.begin(), all.end(), data) != all.end();
  }

 private:
  std::shared_ptr<EventStore> store_;
  std::mutex mutex_;
  std::vector<LogEntry> entries_;  // guarded by mutex_
};

/// Sequence and data of what publishers were told is in the log.
using Acknowledged = std::map<std::uint64_t, std::string>;

/// Four publishers, until `kill` at some moment, after which none gets through. No sequence may be given twice.
template <typename Kill>
void publish_until_killed(StartedStore& store, Acknowledged& acknowledged, std::mt19937& random, const Kill& kill) {
  std::atomic<bool> is_over = false;
  std::mutex mutex;
  std::vector<std::thread> publishers;
  const std::size_t before = acknowledged.size();
  for (int p = 0; p < 4; ++p) {
    publishers.emplace_back([&, p] {
      for (int i = 0; !is_over; ++i) {
        const std::string data = std::to_string(before) + "/" + std::to_string(p) + "/" + std::to_string(i);
        try {
          const std::uint64_t sequence = store.publish("a", data);
          const std::lock_guard lock(mutex);
          EXPECT_TRUE(acknowledged.emplace(sequence, data).second) << "given twice: " << sequence;
        } catch (const StoreUnavailable&) {
          is_over = true;
        }
      }
    });
  }
  const std::size_t enough = before + 1 + random() % 200;
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return acknowledged.size() >= enough;
  }));
  kill();
  for (std::thread& publisher : publishers) publisher.join();
}

/// How many of them the store does not have as it handed them over.
inline std::size_t lost_of(const Acknowledged& acknowledged, StartedStore& store) {
  Acknowledged found;
  for (const LogEntry& entry : store.entries()) found.emplace(entry.sequence, data_of(entry));
  return static_cast<std::size_t>(std::count_if(acknowledged.begin(), acknowledged.end(), [&](const auto& one) {
    const auto there = found.find(one.first);
    return there == found.end() || there->second != one.second;
  }));
}

}  // namespace millrace::test
