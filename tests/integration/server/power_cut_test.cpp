// The store in an SQLite file at power cuts, and on disks that fail. [power_cut_history.h]
#include "power_cut.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "power_cut_history.h"
#include "stores/sqlite/sqlite_event_log.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

class SqliteOnADisk {
 public:
  using Log = SqliteEventLog;
  // A commit removes by sequence. Where a power cut has left a hole, later commits remove the rest.
  static constexpr bool kKeepsToItsBound = false;
  static constexpr std::uint64_t kMostLives = 3;
  // A disk that lies does harm where pages are moved from SQLite's log into the file, which takes many of them.
  static constexpr std::uint64_t kMostOperations = 6'000;
  static constexpr std::uint64_t kOneLargeInLies = 2;

  SqliteOnADisk(std::uint64_t seed, std::mt19937_64& /*random*/) : power_(seed) {}

  PowerCut& power() { return power_; }

  void fail(std::mt19937_64& random, StoreSync /*sync*/) {
    power_.set_faults({.write = random() % 2 == 0 ? 0.01 : 0, .sync = random() % 4 == 0 ? 0 : 0.05});
  }

  std::unique_ptr<SqliteEventLog> open(const PowerCutBoot& boot) {
    return std::make_unique<SqliteEventLog>(
        SqliteEventLog::Options{.path = folder_.path("log"),
                                .sync = boot.sync,
                                .bounds = {.events = boot.bound, .bytes = std::nullopt},
                                .new_epoch = boot.new_epoch,
                                .clock = [] { return std::chrono::system_clock::time_point{}; },
                                .boot_id = boot.id});
  }

  static bool names_damage(const std::string& sentence) {
    return sentence.find("the file is damaged") != std::string::npos;
  }

  std::vector<std::string> find_damage() {
    SqliteDatabase database(folder_.path("log"), SqliteDatabase::Mode::kRead);
    SqliteStatement integrity(database, "PRAGMA integrity_check");
    SqliteRows rows = integrity();
    if (rows.next() && rows.text(0) == "ok") return {};
    return {std::string(rows.text(0))};
  }

 private:
  TemporaryFolder folder_;
  PowerCut power_;
};

PowerCutTally run_histories(StoreSync sync, Disk disk) {
  return run_power_cuts<SqliteOnADisk>(sync, disk, 100);
}

TEST(PowerCut, LosesNothingThatWasAcknowledgedAsOnTheDisk) {
  const PowerCutTally tally = run_histories(StoreSync::kFull, Disk::kWorks);
  EXPECT_GT(tally.retained, 0u);
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
  const PowerCutTally tally = run_histories(StoreSync::kFull, Disk::kLies);
  EXPECT_GT(tally.lost + tally.refused_logs, 0u) << "does the disk lie?";
}

}  // namespace
}  // namespace millrace::test
