// The store in files at power cuts, and on disks that fail: MILLRACE_POWER_SEEDS says how many histories, from
// MILLRACE_POWER_SEED on. What is tried is what the levels promise: `disk` with StoreSync::kFull, `process` with
// kNormal.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "faulty_disk.h"
#include "from_environment.h"
#include "stores/file/file_event_log.h"
#include "stores/file/log_loader.h"

namespace millrace::test {
namespace {

// What became of it.
struct Tally {
  std::uint64_t acknowledged = 0;
  std::uint64_t refused = 0;
  std::uint64_t compared = 0;
  std::uint64_t retained = 0;
  std::uint64_t lost = 0;
  std::uint64_t failed_syncs = 0;
  std::uint64_t cuts = 0;
  std::uint64_t torn = 0;
  std::uint64_t refused_files = 0;
};

enum class Disk : std::uint8_t {
  kWorks,
  kFails,  // now and then, and says so
  kLies,   // it says that it has synced, and has not
};

// What the log has of each topic, as far as publishers know.
struct Topics {
  std::map<std::string, std::string> retained = {};  // data
  std::set<std::string> unknown = {};                // an entry may be there or not
};

// A folder, from its first life to its last, with a power cut at the end of each.
class History {
 public:
  History(std::uint64_t seed, StoreSync sync, Disk disk)
      : seed_(seed), sync_(sync), disk_(disk), random_(seed), power_(std::make_shared<FaultyDisk>(seed)) {
    bound_ = 5 + random_() % 300;
    segment_bytes_ = 500 + random_() % 20'000;
  }

  void run(Tally& tally) {
    const std::uint64_t lives = 1 + random_() % 4;
    for (std::uint64_t life = 0; life < lives && !is_refused_ && !::testing::Test::HasFailure(); ++life) {
      live(tally);
      power_->cut_now();
      log_.reset();
      power_->restore();
      ++tally.cuts;
      check(tally);
    }
    tally.failed_syncs += power_->failed_syncs();
  }

 private:
  bool may_lose() const { return sync_ == StoreSync::kNormal || disk_ == Disk::kLies; }
  std::string where() const { return "seed " + std::to_string(seed_) + ", boot " + std::to_string(boot_); }

  void open() {
    log_ = std::make_unique<FileEventLog>(
        FileEventLog::Options{.folder = power_,
                              .sync = sync_,
                              .bounds = {.events = bound_, .bytes = std::nullopt},
                              .new_epoch = "e" + std::to_string(boot_),
                              .clock = [] { return std::chrono::system_clock::time_point{}; },
                              .boot_id = "boot " + std::to_string(boot_),
                              .segment_bytes = segment_bytes_});
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

  void live(Tally& tally) {
    ++boot_;
    power_->cut_after(random_() % (random_() % 4 == 0 ? 2'000 : 200));
    if (disk_ == Disk::kFails) {
      power_->set_faults({.write = random_() % 2 == 0 ? 0.01 : 0,
                          .sync = random_() % 4 == 0 ? 0 : 0.05,
                          .name = random_() % 2 == 0 ? 0.05 : 0,
                          .forgets = sync_ == StoreSync::kFull && random_() % 2 == 0});
    }
    try {
      open();
    } catch (const StoreUnavailable&) {
      return;
    }
    if (disk_ == Disk::kLies) power_->set_faults({.lie = random_() % 2 == 0 ? 1 : 0.3});
    while (!power_->is_cut()) {
      if (!log_->status().is_accepting()) log_->tend();
      publish(tally);
      if (random_() % 50 == 0) log_->tend();
    }
  }

  void publish(Tally& tally) {
    static const std::vector<std::string> names = {"a", "b", "c/1", "c/2"};
    // What they retain outlives the files that it was written to.
    static const std::vector<std::string> states = {"s/1", "s/2", "s/3", "s/4", "s/5", "s/6", "s/7", "s/8"};
    const std::size_t count = random_() % 5 == 0 ? 1 + random_() % 40 : 1;
    std::vector<std::string> data;
    std::vector<OwnedEventId> ids;
    std::vector<Publication> publications;
    for (std::size_t i = 0; i < count; ++i) {
      data.push_back(std::to_string(++published_) + std::string(random_() % (random_() % 10 == 0 ? 9'000 : 90), '.'));
      ids.push_back(*OwnedEventId::parse(random_() % 3 == 0 ? "id" + std::to_string(published_) : ""));
    }
    for (std::size_t i = 0; i < count; ++i) {
      Publication publication{.topic = *Topic::parse(names[random_() % names.size()])};
      if (random_() % 30 == 0) {
        publication.kind = random_() % 2 == 0 ? Publication::Kind::kFinish : Publication::Kind::kBegin;
      } else {
        publication.event = {.data = data[i], .id = ids[i]};
        publication.retain = random_() % 10 == 0;
        if (random_() % 40 == 0) {
          publication.topic = *Topic::parse(states[random_() % states.size()]);
          publication.retain = true;
        }
      }
      publications.push_back(publication);
    }
    std::vector<std::uint64_t> sequences(count);
    try {
      log_->append(publications, sequences);
    } catch (const StoreUnavailable&) {
      ++tally.refused;
      for (const Publication& one : publications) topics_.unknown.insert(std::string(one.topic.view()));
      return;
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (sequences[i] == 0) continue;
      const Publication& one = publications[i];
      acknowledged_[sequences[i]] = one.kind == Publication::Kind::kEvent ? data[i] : "";
      ++tally.acknowledged;
      if (one.kind == Publication::Kind::kBegin) continue;
      topics_.retained.erase(std::string(one.topic.view()));
      topics_.unknown.erase(std::string(one.topic.view()));
      if (one.retain) topics_.retained[std::string(one.topic.view())] = data[i];
    }
  }

  // After the power cut, on a disk that works.
  void check(Tally& tally) {
    ++boot_;
    try {
      open();
    } catch (const StoreUnavailable& unavailable) {
      const std::string why = unavailable.what();
      EXPECT_EQ(disk_, Disk::kLies) << where() << ": " << why;
      EXPECT_TRUE(why.find("is damaged") != std::string::npos || why.find("is missing") != std::string::npos) << why;
      ++tally.refused_files;
      is_refused_ = true;
      return;
    }
    tally.torn += log_->warnings().size();
    compare(tally);
    compare_retained(tally);
    if (may_lose()) acknowledged_.clear();
    if (may_lose()) topics_ = {};
    const std::string data = "next " + std::to_string(boot_);
    const Publication next{.topic = "a", .event = {.data = data}};
    std::uint64_t sequence = 0;
    log_->append({&next, 1}, {&sequence, 1});  // note() knows whether it was given before
    topics_.retained.erase("a");
    EXPECT_TRUE(disk_ == Disk::kLies || seen_.rbegin()->first == sequence) << where() << ": not after all others";
    log_.reset();
    for (const std::string& damage : find_damage(*power_, 10)) ADD_FAILURE() << where() << ": " << damage;
  }

  void compare(Tally& tally) {
    std::map<std::uint64_t, std::string> found;
    const TopicFilter everything({TopicPattern("**")});
    for (std::uint64_t after = log_->oldest() - 1; after < log_->head();) {
      const EventStore::Page page = log_->read_after(after, everything);
      for (const LogEntry& entry : page.entries) {
        found.emplace(entry.sequence, entry.payload);
        note(entry.sequence, entry.payload);
        if (!entry.publisher_id.empty()) {
          EXPECT_TRUE(log_->find(entry.publisher_id, TopicFilter({entry.topic.get()}))) << where();
        }
      }
      after = page.through;
    }
    EXPECT_LE(found.size(), bound_) << where();
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
  void compare_retained(Tally& tally) {
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
  const std::shared_ptr<FaultyDisk> power_;
  std::uint64_t bound_ = 0;
  std::size_t segment_bytes_ = 0;
  std::uint64_t boot_ = 0;
  std::uint64_t published_ = 0;
  bool is_refused_ = false;
  std::string epoch_;
  std::unique_ptr<FileEventLog> log_;
  std::map<std::uint64_t, std::string> acknowledged_;  // the data
  std::map<std::uint64_t, std::string> seen_;          // the payload
  Topics topics_;
};

Tally run_histories(StoreSync sync, Disk disk) {
  const std::uint64_t first = from_environment("MILLRACE_POWER_SEED", 1);
  const std::uint64_t count = from_environment("MILLRACE_POWER_SEEDS", 200);
  Tally tally;
  for (std::uint64_t seed = first; seed < first + count && !::testing::Test::HasFailure(); ++seed) {
    History(seed, sync, disk).run(tally);
  }
  std::cout << count << " histories from seed " << first << ", " << tally.cuts << " power cuts, " << tally.failed_syncs
            << " failed syncs, " << tally.torn << " torn: " << tally.acknowledged << " acknowledged, " << tally.refused
            << " refused, " << tally.compared << " compared, " << tally.retained << " retained, " << tally.lost
            << " lost, " << tally.refused_files << " logs refused" << std::endl;
  EXPECT_GT(tally.compared, 0u);
  if (disk == Disk::kFails) {
    EXPECT_GT(tally.failed_syncs, 0u);
  }
  return tally;
}

TEST(FilePowerCut, LosesNothingThatWasAcknowledgedAsOnTheDisk) {
  const Tally tally = run_histories(StoreSync::kFull, Disk::kWorks);
  EXPECT_GT(tally.retained, 0u);
}

// A sync that has failed is not repeated as if nothing had been: the system has forgotten what it had to write.
TEST(FilePowerCut, LosesNothingEitherWhereTheDiskHasFailedBefore) {
  run_histories(StoreSync::kFull, Disk::kFails);
}

// Events of the last moments are lost, but the log opens, and no sequence comes twice.
TEST(FilePowerCut, LosesOnlyTheLastMomentsWhereTheStoreDoesNotWaitForTheDisk) {
  run_histories(StoreSync::kNormal, Disk::kWorks);
}

TEST(FilePowerCut, DamagesNoFileEitherWhereTheDiskHasFailedBefore) {
  run_histories(StoreSync::kNormal, Disk::kFails);
}

// What it promises on such a disk cannot be kept. But if the disk has at least what was there when the log was opened,
// damage is refused, no event comes out other than it went in, and no sequence comes twice.
TEST(FilePowerCut, IsNeverSilentlyWrongWhereTheDiskLies) {
  const Tally tally = run_histories(StoreSync::kFull, Disk::kLies);
  EXPECT_GT(tally.lost + tally.refused_files, 0u) << "does the disk lie?";
}

}  // namespace
}  // namespace millrace::test
