// The store in files at power cuts, and on disks that fail. [power_cut_history.h]
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "faulty_disk.h"
#include "power_cut_history.h"
#include "stores/file/file_event_log.h"
#include "stores/file/log_loader.h"

namespace millrace::test {
namespace {

class FilesOnADisk {
 public:
  using Log = FileEventLog;
  static constexpr bool kKeepsToItsBound = true;
  static constexpr std::uint64_t kMostLives = 4;
  static constexpr std::uint64_t kMostOperations = 2'000;
  static constexpr std::uint64_t kOneLargeInLies = 10;

  FilesOnADisk(std::uint64_t seed, std::mt19937_64& random)
      : power_(std::make_shared<FaultyDisk>(seed)), segment_bytes_(500 + random() % 20'000) {}

  FaultyDisk& power() { return *power_; }

  void fail(std::mt19937_64& random, StoreSync sync) {
    power_->set_faults({.write = random() % 2 == 0 ? 0.01 : 0,
                        .sync = random() % 4 == 0 ? 0 : 0.05,
                        .name = random() % 2 == 0 ? 0.05 : 0,
                        .forgets = sync == StoreSync::kFull && random() % 2 == 0});
  }

  std::unique_ptr<FileEventLog> open(const PowerCutBoot& boot) {
    return std::make_unique<FileEventLog>(
        FileEventLog::Options{.folder = power_,
                              .sync = boot.sync,
                              .bounds = {.events = boot.bound, .bytes = std::nullopt},
                              .new_epoch = boot.new_epoch,
                              .clock = [] { return std::chrono::system_clock::time_point{}; },
                              .boot_id = boot.id,
                              .segment_bytes = segment_bytes_});
  }

  static bool names_damage(const std::string& sentence) {
    return sentence.find("is damaged") != std::string::npos || sentence.find("is missing") != std::string::npos;
  }

  std::vector<std::string> find_damage() { return millrace::find_damage(*power_, 10); }

 private:
  const std::shared_ptr<FaultyDisk> power_;
  const std::size_t segment_bytes_;
};

PowerCutTally run_histories(StoreSync sync, Disk disk) {
  return run_power_cuts<FilesOnADisk>(sync, disk, 200);
}

TEST(FilePowerCut, LosesNothingThatWasAcknowledgedAsOnTheDisk) {
  const PowerCutTally tally = run_histories(StoreSync::kFull, Disk::kWorks);
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
  const PowerCutTally tally = run_histories(StoreSync::kFull, Disk::kLies);
  EXPECT_GT(tally.lost + tally.refused_logs, 0u) << "does the disk lie?";
}

}  // namespace
}  // namespace millrace::test
