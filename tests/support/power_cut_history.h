// PowerCutHistory: a store's log from its first life to its last, with a power cut at the end of each. It publishes
// until the power is gone, and then compares the log with what was acknowledged, and with what anybody has seen of it.
// What is expected is what the levels promise: `disk` with StoreSync::kFull, `process` with kNormal.
//
// A Store is one kind of log, on one disk:
//
//   using Log = …;                        // an EventStore with tend()
//   static constexpr std::uint64_t kMostLives, kMostOperations, kOneLargeInLies;  // the last two on a disk that lies:
//                                         // operations before a power cut; one event in so many is large
//   static constexpr bool kKeepsToItsBound;  // at once, not gradually
//   Store(std::uint64_t seed, std::mt19937_64& random);
//   Power& power();                       // PowerCut or FaultyDisk
//   void fail(std::mt19937_64& random, StoreSync sync);              // lets the disk fail now and then
//   std::unique_ptr<Log> open(const PowerCutBoot& boot);             // throws StoreUnavailable
//   static bool names_damage(const std::string& sentence);           // what a refused log says
//   std::vector<std::string> find_damage();                          // no log is open
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "from_environment.h"
#include "millrace/core/owned.h"
#include "millrace/server/event_store.h"
#include "millrace/server/stores/store_sync.h"
#include "millrace/server/topic_filter.h"

namespace millrace::test {

enum class Disk : std::uint8_t {
  kWorks,
  kFails,  // now and then, and says so
  kLies,   // it says that it has synced, and has not
};

/// One start of the machine.
struct PowerCutBoot {
  StoreSync sync;
  std::uint64_t bound;  ///< events
  std::string new_epoch;
  std::string id;
};

/// What became of histories.
struct PowerCutTally {
  std::uint64_t acknowledged = 0;
  std::uint64_t refused = 0;
  std::uint64_t compared = 0;
  std::uint64_t retained = 0;
  std::uint64_t lost = 0;
  std::uint64_t failed_syncs = 0;
  std::uint64_t cuts = 0;
  std::uint64_t warnings = 0;
  std::uint64_t refused_logs = 0;
};

template <typename Store>
class PowerCutHistory {
 public:
  PowerCutHistory(std::uint64_t seed, StoreSync sync, Disk disk)
      : seed_(seed), sync_(sync), disk_(disk), random_(seed), store_(seed, random_), bound_(5 + random_() % 300) {}

  void run(PowerCutTally& tally) {
    const std::uint64_t lives = 1 + random_() % Store::kMostLives;
    for (std::uint64_t life = 0; life < lives && !is_refused_ && !::testing::Test::HasFailure(); ++life) {
      live(tally);
      store_.power().cut_now();
      log_.reset();
      store_.power().restore();
      ++tally.cuts;
      check(tally);
    }
    tally.failed_syncs += store_.power().failed_syncs();
  }

 private:
  // What the log has of each topic, as far as publishers know.
  struct Topics {
    std::map<std::string, std::string> retained = {};  // data
    std::set<std::string> unknown = {};                // an entry may be there or not
  };
  // Publications, and the texts of which they are views.
  struct Batch {
    std::vector<std::string> data = {};
    std::vector<OwnedEventId> ids = {};
    std::vector<Publication> publications = {};
  };

  bool may_lose() const { return sync_ == StoreSync::kNormal || disk_ == Disk::kLies; }
  std::string where() const { return "seed " + std::to_string(seed_) + ", boot " + std::to_string(boot_); }
  bool one_in(std::uint64_t count) { return random_() % count == 0; }

  void open() {
    const std::string boot = std::to_string(boot_);
    log_ = store_.open({.sync = sync_, .bound = bound_, .new_epoch = "e" + boot, .id = "boot " + boot});
    if (!epoch_.empty() && epoch_ != log_->epoch()) {
      // A new log, whose IDs are others.
      EXPECT_TRUE(may_lose() || acknowledged_.empty()) << where();
      seen_.clear();
    }
    epoch_ = log_->epoch();
    log_->start({.on_appended =
                     [this](std::span<const LogEntry> entries) {
                       for (const LogEntry& entry : entries) note(entry.sequence, entry.payload);
                     },
                 .on_status = [](const StoreStatus&) {}});
  }

  // What somebody outside has seen of the log.
  void note(std::uint64_t sequence, const std::string& payload) {
    const auto [known, is_new] = seen_.try_emplace(sequence, payload);
    EXPECT_TRUE(is_new || known->second == payload) << where() << ": " << sequence << " was given twice";
  }

  void live(PowerCutTally& tally) {
    ++boot_;
    const std::uint64_t most = disk_ == Disk::kLies ? Store::kMostOperations : one_in(4) ? 2'000 : 200;
    store_.power().cut_after(random_() % most);
    if (disk_ == Disk::kFails) store_.fail(random_, sync_);
    try {
      open();
    } catch (const StoreUnavailable&) {
      return;
    }
    if (disk_ == Disk::kLies) store_.power().set_faults({.lie = one_in(2) ? 1 : 0.3});
    while (!store_.power().is_cut()) {
      if (!log_->status().is_accepting()) log_->tend();
      publish(tally);
      if (one_in(50)) log_->tend();
    }
  }

  void add_texts(Batch& batch) {
    const std::uint64_t most = one_in(disk_ == Disk::kLies ? Store::kOneLargeInLies : 10) ? 9'000 : 90;
    batch.data.push_back(std::to_string(++published_) + std::string(random_() % most, '.'));
    batch.ids.push_back(OwnedEventId::parse(one_in(3) ? "id" + std::to_string(published_) : "").value());
  }

  Publication publication_of(const Batch& batch, std::size_t i) {
    static const std::vector<OwnedTopic> kTopics{Topic("a"), Topic("b"), Topic("c/1"), Topic("c/2")};
    // What they retain outlives the bound, and the files to which it was written.
    static const std::vector<OwnedTopic> kStates{Topic("s/1"), Topic("s/2"), Topic("s/3"), Topic("s/4"),
                                                 Topic("s/5"), Topic("s/6"), Topic("s/7"), Topic("s/8")};
    Publication publication{.topic = kTopics[random_() % kTopics.size()]};
    if (one_in(30)) {
      publication.kind = one_in(2) ? Publication::Kind::kFinish : Publication::Kind::kBegin;
      return publication;
    }
    publication.event = {.data = batch.data[i], .id = batch.ids[i]};
    publication.retain = one_in(10);
    if (one_in(40)) {
      publication.topic = kStates[random_() % kStates.size()];
      publication.retain = true;
    }
    return publication;
  }

  void publish(PowerCutTally& tally) {
    const std::size_t count = one_in(5) ? 1 + random_() % 40 : 1;
    Batch batch;
    for (std::size_t i = 0; i < count; ++i) add_texts(batch);
    for (std::size_t i = 0; i < count; ++i) batch.publications.push_back(publication_of(batch, i));
    std::vector<std::uint64_t> sequences(count);
    try {
      log_->append(batch.publications, sequences);
    } catch (const StoreUnavailable&) {
      ++tally.refused;
      for (const Publication& one : batch.publications) topics_.unknown.emplace(one.topic.view());
      return;
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (sequences[i] == 0) continue;
      ++tally.acknowledged;
      acknowledge(sequences[i], batch.publications[i]);
    }
  }

  void acknowledge(std::uint64_t sequence, const Publication& one) {
    acknowledged_[sequence] = one.kind == Publication::Kind::kEvent ? one.event.data : "";
    if (one.kind == Publication::Kind::kBegin) return;
    const std::string topic(one.topic.view());
    topics_.retained.erase(topic);
    topics_.unknown.erase(topic);
    if (one.retain) topics_.retained[topic] = one.event.data;
  }

  // After the power cut, on a disk that works.
  void check(PowerCutTally& tally) {
    ++boot_;
    try {
      open();
    } catch (const StoreUnavailable& unavailable) {
      EXPECT_EQ(disk_, Disk::kLies) << where() << ": " << unavailable.what();
      EXPECT_TRUE(Store::names_damage(unavailable.what())) << unavailable.what();
      ++tally.refused_logs;
      is_refused_ = true;
      return;
    }
    tally.warnings += log_->warnings().size();
    compare(tally);
    compare_retained(tally);
    if (may_lose()) acknowledged_.clear();
    if (may_lose()) topics_ = {};
    publish_next();
    log_.reset();
    for (const std::string& damage : store_.find_damage()) ADD_FAILURE() << where() << ": " << damage;
  }

  void publish_next() {
    const std::string data = "next " + std::to_string(boot_);
    const Publication next{.topic = "a", .event = {.data = data}};
    std::uint64_t sequence = 0;
    log_->append({&next, 1}, {&sequence, 1});  // note() knows whether it was given before
    topics_.retained.erase("a");
    EXPECT_TRUE(disk_ == Disk::kLies || seen_.rbegin()->first == sequence) << where() << ": not after all others";
  }

  std::map<std::uint64_t, std::string> read_log() {
    std::map<std::uint64_t, std::string> found;
    const TopicFilter everything({TopicPattern("**")});
    for (std::uint64_t after = log_->oldest() - 1; after < log_->head();) {
      const EventStore::Page page = log_->read_after(after, everything);
      for (const LogEntry& entry : page.entries) {
        found.emplace(entry.sequence, entry.payload);
        note(entry.sequence, entry.payload);
        if (entry.publisher_id.empty()) continue;
        EXPECT_TRUE(log_->find(entry.publisher_id, TopicFilter({entry.topic.get()}))) << where();
      }
      after = page.through;
    }
    return found;
  }

  void compare(PowerCutTally& tally) {
    const auto found = read_log();
    if (Store::kKeepsToItsBound) {
      EXPECT_LE(found.size(), bound_) << where();
    }
    for (auto event = acknowledged_.lower_bound(log_->oldest()); event != acknowledged_.end(); ++event) {
      ++tally.compared;
      const auto there = found.find(event->first);
      if (there == found.end()) {
        ++tally.lost;
        EXPECT_TRUE(may_lose()) << where() << ": lost " << event->first;
      } else if (!event->second.empty()) {
        EXPECT_NE(there->second.find("data: " + event->second + "\n"), std::string::npos) << where();
      }
    }
  }

  // Each topic's retained event, unless a publication of which nobody knows what became may have replaced it.
  void compare_retained(PowerCutTally& tally) {
    if (may_lose()) return;
    for (const auto& [topic, data] : topics_.retained) {
      if (topics_.unknown.contains(topic)) continue;
      const TopicFilter filter({TopicPattern::parse(topic).value()});
      const auto page = log_->read_newest(0, log_->head(), filter, EventStore::Topics::kGoingOn);
      ++tally.retained;
      if (page.entries.size() != 1) {
        ADD_FAILURE() << where() << ": " << topic << " has lost what it retained";
        continue;
      }
      EXPECT_NE(page.entries[0].payload.find("data: " + data + "\n"), std::string::npos) << where();
    }
  }

  const std::uint64_t seed_;
  const StoreSync sync_;
  const Disk disk_;
  std::mt19937_64 random_;
  Store store_;
  const std::uint64_t bound_;
  std::uint64_t boot_ = 0;
  std::uint64_t published_ = 0;
  bool is_refused_ = false;
  std::string epoch_;
  std::unique_ptr<typename Store::Log> log_;
  std::map<std::uint64_t, std::string> acknowledged_;  // the data
  std::map<std::uint64_t, std::string> seen_;          // the payload
  Topics topics_;
};

/// Runs MILLRACE_POWER_SEEDS histories, from MILLRACE_POWER_SEED on.
template <typename Store>
PowerCutTally run_power_cuts(StoreSync sync, Disk disk, std::uint64_t usual_count) {
  const std::uint64_t first = from_environment("MILLRACE_POWER_SEED", 1);
  const std::uint64_t count = from_environment("MILLRACE_POWER_SEEDS", usual_count);
  PowerCutTally tally;
  for (std::uint64_t seed = first; seed < first + count && !::testing::Test::HasFailure(); ++seed) {
    PowerCutHistory<Store>(seed, sync, disk).run(tally);
  }
  std::cout << count << " histories from seed " << first << ", " << tally.cuts << " power cuts, " << tally.failed_syncs
            << " failed syncs, " << tally.warnings << " warnings: " << tally.acknowledged << " acknowledged, "
            << tally.refused << " refused, " << tally.compared << " compared, " << tally.retained << " retained, "
            << tally.lost << " lost, " << tally.refused_logs << " logs refused" << std::endl;
  EXPECT_GT(tally.compared, 0u);
  if (disk == Disk::kFails) {
    EXPECT_GT(tally.failed_syncs, 0u);
  }
  return tally;
}

}  // namespace millrace::test
