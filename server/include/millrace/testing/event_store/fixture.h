// EventStoreConformance's fixture: opens the store under test, and asks it in few words.
//
// event_store_conformance.h is the header to include.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/server/event_store.h"
#include "millrace/server/topic_filter.h"

namespace millrace {

/// How the tests open a store.
struct StoreUnderTest {
  std::string name;  ///< letters and digits

  /// Opens a new, empty store that keeps at most `events` entries; stores of earlier calls stay open.
  std::function<std::shared_ptr<EventStore>(std::uint64_t events)> open_new;

  /// Opens the last new store again after its object was destroyed, as a restarted program does. If empty, the tests
  /// about restarts are skipped.
  std::function<std::shared_ptr<EventStore>(std::uint64_t events)> open_again = nullptr;

  /// Random histories that a test compares with a model; use fewer for a slow store.
  std::uint32_t histories = 20;

  /// Prints the name, for GoogleTest's output.
  friend std::ostream& operator<<(std::ostream& out, const StoreUnderTest& store) { return out << store.name; }
};

/// The tests, for each StoreUnderTest.
class EventStoreConformance : public ::testing::TestWithParam<StoreUnderTest> {
 protected:
  using Sequences = std::vector<std::uint64_t>;
  static constexpr std::uint64_t kNow = UINT64_MAX;  ///< `seen` of a reader at the end

  ~EventStoreConformance() override { close(); }

  /// Opens a new store and starts it as a server does.
  EventStore& keeping(std::uint64_t events) {
    close();
    bound_ = events;
    return use(GetParam().open_new(events));
  }
  /// Destroys the store and opens it again.
  EventStore& again() {
    close();
    return use(GetParam().open_again(bound_));
  }

  void start() {
    store_->start({.on_appended =
                       [this](std::span<const LogEntry> entries) {
                         const std::lock_guard lock(mutex_);
                         handed_over_.insert(handed_over_.end(), entries.begin(), entries.end());
                       },
                   .on_status = [](const StoreStatus&) {}});
  }

  std::vector<LogEntry> handed_over() {
    const std::lock_guard lock(mutex_);
    return handed_over_;
  }

  std::uint64_t append(const Publication& publication) {
    std::uint64_t sequence = 0;
    store_->append({&publication, 1}, {&sequence, 1});
    return sequence;
  }
  std::uint64_t append(Topic topic, std::string_view data = "x", EventId id = {}, std::string_view publisher = {}) {
    return append({.topic = topic, .event = {.data = data, .id = id}, .publisher = publisher});
  }
  std::uint64_t finish(Topic topic) { return append({.topic = topic, .kind = Publication::Kind::kFinish}); }
  std::uint64_t begin(Topic topic) { return append({.topic = topic, .kind = Publication::Kind::kBegin}); }

  static TopicFilter filter_for(const std::vector<std::string>& patterns) {
    std::vector<TopicPattern> parsed;
    for (const std::string& pattern : patterns) parsed.push_back(TopicPattern::parse(pattern).value());
    return TopicFilter(parsed);
  }
  /// 0 if the store finds nothing.
  std::uint64_t find(std::string_view id, const std::vector<std::string>& patterns = {"**"}) {
    return store_->find(id, filter_for(patterns)).value_or(0);
  }
  std::uint64_t finished_at(const std::vector<std::string>& patterns, std::uint64_t seen = kNow) {
    return store_->finished_at(filter_for(patterns), seen).value_or(0);
  }
  EventStore::Page page_after(std::uint64_t sequence, const std::vector<std::string>& patterns) {
    return store_->read_after(sequence, filter_for(patterns));
  }

  /// All matching entries after `sequence`, page by page.
  Sequences read_all(std::uint64_t sequence, const std::vector<std::string>& patterns) {
    Sequences result;
    while (true) {
      const EventStore::Page page = page_after(sequence, patterns);
      EXPECT_LE(page.entries.size(), EventStore::kPageEntries);
      for (const LogEntry& entry : page.entries) result.push_back(entry.sequence);
      if (page.through >= store_->head()) return result;
      if (page.through <= sequence) {
        ADD_FAILURE() << "the page after " << sequence << " leads nowhere";
        return result;
      }
      sequence = page.through;
    }
  }

  using Topics = EventStore::Topics;
  /// The newest event of each topic after `sequence` and up to `until`, page by page.
  Sequences read_newest(std::uint64_t sequence, const std::vector<std::string>& patterns,
                        Topics topics = Topics::kGoingOn, std::uint64_t until = 0) {
    if (until == 0) until = store_->head();
    Sequences result;
    while (sequence < until) {
      const EventStore::Page page = store_->read_newest(sequence, until, filter_for(patterns), topics);
      EXPECT_LE(page.entries.size(), EventStore::kPageEntries);
      EXPECT_LE(page.through, until);
      for (const LogEntry& entry : page.entries) {
        EXPECT_EQ(entry.kind, Publication::Kind::kEvent);
        EXPECT_FALSE(entry.payload.empty());
        result.push_back(entry.sequence);
      }
      if (page.through <= sequence) {
        ADD_FAILURE() << "the page after " << sequence << " leads nowhere";
        return result;
      }
      sequence = page.through;
    }
    return result;
  }
  std::uint64_t retain(Topic topic, EventId id = {}) {
    return append({.topic = topic, .event = {.data = "x", .id = id}, .retain = true});
  }

  /// An event of several topics, the first of which is `topics[0]`.
  std::uint64_t append(const std::vector<Topic>& topics, EventId id = {}, bool retain = false) {
    return append({.topic = topics.front(),
                   .further_topics = std::span(topics).subspan(1),
                   .event = {.data = "x", .id = id},
                   .retain = retain});
  }
  static std::vector<std::string> topics_of(const LogEntry& entry) {
    std::vector<std::string> topics;
    for (std::size_t i = 0; i < entry.topic_count(); ++i) topics.push_back(entry.topic_at(i).text());
    return topics;
  }
  /// The topics of each entry in read_newest()'s page.
  std::vector<std::vector<std::string>> newest_topics(const std::vector<std::string>& patterns,
                                                      Topics topics = Topics::kGoingOn) {
    std::vector<std::vector<std::string>> result;
    const auto page = store_->read_newest(0, store_->head(), filter_for(patterns), topics);
    for (const LogEntry& entry : page.entries) result.push_back(topics_of(entry));
    for (std::vector<std::string>& names : result) std::sort(names.begin(), names.end());
    return result;
  }

  void compare_with_model(std::uint32_t seed);

  std::shared_ptr<EventStore> store_;

 private:
  EventStore& use(std::shared_ptr<EventStore> store) {
    store_ = std::move(store);
    start();
    return *store_;
  }
  void close() {
    if (store_ != nullptr) store_->stop();
    store_.reset();
    const std::lock_guard lock(mutex_);
    handed_over_.clear();
  }

  std::uint64_t bound_ = 0;
  std::mutex mutex_;
  std::vector<LogEntry> handed_over_;  // guarded by mutex_
};

}  // namespace millrace
