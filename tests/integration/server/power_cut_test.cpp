// The store in an SQLite file at power cuts, and on disks that fail: MILLRACE_POWER_SEEDS says how many histories, from
// MILLRACE_POWER_SEED on. What is tried is what the levels promise: `disk` with StoreSync::kFull, `process` with
// kNormal.
#include "power_cut.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "stores/sqlite/sqlite_event_log.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

// What became of it.
struct Tally {
  std::uint64_t acknowledged = 0;
  std::uint64_t refused = 0;
  std::uint64_t compared = 0;
  std::uint64_t lost = 0;
  std::uint64_t failed_syncs = 0;
  std::uint64_t cuts = 0;
  std::uint64_t refused_files = 0;
};

enum class Disk : std::uint8_t {
  kWorks,
  kFails,  // now and then, and says so
  kLies,   // it says that it has synced, and has not
};

// A file, from its first life to its last, with a power cut at the end of each.
class History {
 public:
  History(std::uint64_t seed, StoreSync sync, Disk disk)
      : seed_(seed), sync_(sync), disk_(disk), random_(seed), power_(seed) {
    bound_ = 5 + random_() % 300;
  }

  void run(Tally& tally) {
    const std::uint64_t lives = 1 + random_() % 3;
    for (std::uint64_t life = 0; life < lives && !is_refused_ && !::testing::Test::HasFailure(); ++life) {
      live(tally);
      power_.cut_now();
      log_.reset();
      power_.restore();
      ++tally.cuts;
      check(tally);
    }
    tally.failed_syncs += power_.failed_syncs();
  }

 private:
  bool may_lose() const { return sync_ == StoreSync::kNormal || disk_ == Disk::kLies; }
  std::string where() const { return "seed " + std::to_string(seed_) + ", boot " + std::to_string(boot_); }

  void open() {
    log_ = std::make_unique<SqliteEventLog>(
        SqliteEventLog::Options{.path = folder_.path("log"),
                                .sync = sync_,
                                .bounds = {.events = bound_, .bytes = std::nullopt},
                                .new_epoch = "e" + std::to_string(boot_),
                                .clock = [] { return std::chrono::system_clock::time_point{}; },
                                .boot_id = "boot " + std::to_string(boot_)});
    if (!epoch_.empty() && epoch_ != log_->epoch()) {
      // A new file, whose IDs are others.
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
    // A disk that lies does harm where pages are moved from SQLite's log into the file, which takes many of them.
    power_.cut_after(random_() % (disk_ == Disk::kLies ? 6'000 : random_() % 4 == 0 ? 2'000 : 200));
    if (disk_ == Disk::kFails) {
      power_.set_faults({.write = random_() % 2 == 0 ? 0.01 : 0, .sync = random_() % 4 == 0 ? 0 : 0.05});
    }
    try {
      open();
    } catch (const StoreUnavailable&) {
      return;
    }
    if (disk_ == Disk::kLies) power_.set_faults({.lie = random_() % 2 == 0 ? 1 : 0.3});
    while (!power_.is_cut()) {
      if (!log_->status().is_accepting()) log_->tend();
      publish(tally);
      if (random_() % 50 == 0) log_->tend();
    }
  }

  void publish(Tally& tally) {
    static const std::vector<std::string> topics = {"a", "b", "c/1", "c/2"};
    const std::size_t count = random_() % 5 == 0 ? 1 + random_() % 40 : 1;
    std::vector<std::string> data;
    std::vector<OwnedEventId> ids;
    std::vector<Publication> publications;
    for (std::size_t i = 0; i < count; ++i) {
      data.push_back(std::to_string(++published_) +
                     std::string(random_() % (random_() % (disk_ == Disk::kLies ? 2 : 10) == 0 ? 9'000 : 90), '.'));
      ids.push_back(*OwnedEventId::parse(random_() % 3 == 0 ? "id" + std::to_string(published_) : ""));
    }
    for (std::size_t i = 0; i < count; ++i) {
      Publication publication{.topic = *Topic::parse(topics[random_() % topics.size()])};
      if (random_() % 30 == 0) {
        publication.kind = random_() % 2 == 0 ? Publication::Kind::kFinish : Publication::Kind::kBegin;
      } else {
        publication.event = {.data = data[i], .id = ids[i]};
        publication.retain = random_() % 10 == 0;
      }
      publications.push_back(publication);
    }
    std::vector<std::uint64_t> sequences(count);
    try {
      log_->append(publications, sequences);
    } catch (const StoreUnavailable&) {
      ++tally.refused;
      return;
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (sequences[i] == 0) continue;
      acknowledged_[sequences[i]] = publications[i].kind == Publication::Kind::kEvent ? data[i] : "";
      ++tally.acknowledged;
    }
  }

  // After the power cut, on a disk that works.
  void check(Tally& tally) {
    ++boot_;
    try {
      open();
    } catch (const StoreUnavailable& unavailable) {
      EXPECT_EQ(disk_, Disk::kLies) << where() << ": " << unavailable.what();
      EXPECT_NE(std::string(unavailable.what()).find("the file is damaged"), std::string::npos) << unavailable.what();
      ++tally.refused_files;
      is_refused_ = true;
      return;
    }
    std::map<std::uint64_t, std::string> found;
    const TopicFilter everything({TopicPattern("**")});
    for (std::uint64_t after = log_->oldest() - 1; after < log_->head();) {
      const EventStore::Page page = log_->read_after(after, everything);
      for (const LogEntry& entry : page.entries) {
        found.emplace(entry.sequence, entry.payload);
        note(entry.sequence, entry.payload);
      }
      after = page.through;
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
    if (may_lose()) acknowledged_.clear();
    const std::string data = "next " + std::to_string(boot_);
    const Publication next{.topic = "a", .event = {.data = data}};
    std::uint64_t sequence = 0;
    log_->append({&next, 1}, {&sequence, 1});  // note() knows whether it was given before
    EXPECT_TRUE(disk_ == Disk::kLies || seen_.rbegin()->first == sequence) << where() << ": not behind all others";
    log_.reset();
    SqliteDatabase database(folder_.path("log"), SqliteDatabase::Mode::kRead);
    SqliteStatement integrity(database, "PRAGMA integrity_check");
    SqliteRows rows = integrity();
    EXPECT_TRUE(rows.next() && rows.text(0) == "ok") << where() << ": " << rows.text(0);
  }

  const std::uint64_t seed_;
  const StoreSync sync_;
  const Disk disk_;
  std::mt19937_64 random_;
  TemporaryFolder folder_;
  PowerCut power_;
  std::uint64_t bound_ = 0;
  std::uint64_t boot_ = 0;
  std::uint64_t published_ = 0;
  bool is_refused_ = false;
  std::string epoch_;
  std::unique_ptr<SqliteEventLog> log_;
  std::map<std::uint64_t, std::string> acknowledged_;  // the data
  std::map<std::uint64_t, std::string> seen_;          // the payload
};

Tally run_histories(StoreSync sync, Disk disk) {
  const std::uint64_t first = from_environment("MILLRACE_POWER_SEED", 1);
  const std::uint64_t count = from_environment("MILLRACE_POWER_SEEDS", 100);
  Tally tally;
  for (std::uint64_t seed = first; seed < first + count && !::testing::Test::HasFailure(); ++seed) {
    History(seed, sync, disk).run(tally);
  }
  std::cout << count << " histories from seed " << first << ", " << tally.cuts << " power cuts, " << tally.failed_syncs
            << " failed syncs: " << tally.acknowledged << " acknowledged, " << tally.refused << " refused, "
            << tally.compared << " compared, " << tally.lost << " lost, " << tally.refused_files << " files refused"
            << std::endl;
  EXPECT_GT(tally.compared, 0u);
  if (disk == Disk::kFails) {
    EXPECT_GT(tally.failed_syncs, 0u);
  }
  return tally;
}

TEST(PowerCut, LosesNothingThatWasAcknowledgedAsOnTheDisk) {
  run_histories(StoreSync::kFull, Disk::kWorks);
}

// A sync that has failed is not repeated as if nothing had been: the system has forgotten what it had to write.
TEST(PowerCut, LosesNothingEitherWhereTheDiskHasFailedBefore) {
  run_histories(StoreSync::kFull, Disk::kFails);
}

// Events of the last moments are lost, but the file is whole, and no sequence comes twice.
TEST(PowerCut, LosesOnlyTheLastMomentsWhereTheStoreDoesNotWaitForTheDisk) {
  run_histories(StoreSync::kNormal, Disk::kWorks);
}

TEST(PowerCut, DamagesNoFileEitherWhereTheDiskHasFailedBefore) {
  run_histories(StoreSync::kNormal, Disk::kFails);
}

// What it promises on such a disk cannot be kept. But if the disk has at least that the file was opened, a file that is
// damaged is refused, no event comes out other than it went in, and no sequence comes twice.
TEST(PowerCut, IsNeverSilentlyWrongWhereTheDiskLies) {
  const Tally tally = run_histories(StoreSync::kFull, Disk::kLies);
  EXPECT_GT(tally.lost + tally.refused_files, 0u) << "does the disk lie?";
}

}  // namespace
}  // namespace millrace::test
