// The store in files, in real folders: two programs, paths, full disks, and copies for operators.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "eventually.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/stores/file.h"
#include "small_disk.h"
#include "started_store.h"
#include "stores/file/file_event_log.h"
#include "stores/file/system_folder.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string complaint_of(const std::string& folder) {
  try {
    open_file_log(folder);
    return "it opens";
  } catch (const StoreUnavailable& unavailable) {
    return unavailable.what();
  }
}

TEST(FileLogFolder, IsUsedByOneProgramAtATime) {
  const TemporaryFolder folder;
  auto first = open_file_log(folder.path("log"));
  EXPECT_THAT(complaint_of(folder.path("log")), HasSubstr("another program uses the store"));
  EXPECT_THAT(complaint_of(folder.path("log")), HasSubstr("cannot open the store \"file:"));
  first.reset();
  EXPECT_EQ(complaint_of(folder.path("log")), "it opens");
}

// A reader knows where entries are before it opens their file, which may be removed in between.
TEST(FileLogFolder, IsReadWhileItsFilesAreRemoved) {
  const TemporaryFolder folder;
  const auto files = std::make_shared<SystemFolder>(folder.path("log"));
  files->make();
  const auto log = std::make_shared<FileEventLog>(FileEventLog::Options{.folder = files,
                                                                        .sync = StoreSync::kNormal,
                                                                        .bounds = {.events = 50, .bytes = std::nullopt},
                                                                        .new_epoch = "e",
                                                                        .clock = std::chrono::system_clock::now,
                                                                        .boot_id = "boot",
                                                                        .segment_bytes = 1'000});
  StartedStore store(log);
  std::atomic<bool> is_over = false;
  std::atomic<int> failures = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!is_over) {
        try {
          std::uint64_t last = 0;
          for (const LogEntry& entry : log->read_after(log->oldest() - 1, everything()).entries) {
            if (entry.sequence <= last || data_of(entry) != std::to_string(entry.sequence)) ++failures;
            last = entry.sequence;
          }
        } catch (const StoreUnavailable& unavailable) {
          ADD_FAILURE() << unavailable.what();
          ++failures;
        }
      }
    });
  }
  for (int i = 1; i <= 400 && failures == 0; ++i) store.publish("a", std::to_string(i));
  is_over = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(log->oldest() + 49, log->head());
}

TEST(FileLogFolder, SaysWhatIsWrongWithAPath) {
  const TemporaryFolder folder;
  EXPECT_THROW(open_file_log(""), InvalidOption);
  EXPECT_THROW(open_file_log("x", {.bounds = {.age = Duration{0}}}), InvalidOption);
  EXPECT_THAT(complaint_of(folder.path("no/such")), HasSubstr("No such file or directory"));
  EXPECT_THAT(complaint_of("/dev/null"), HasSubstr("Not a directory"));
}

TEST(FileLogFolder, RefusesWhileTheDiskIsFullAndGoesOnWhenThereIsRoom) {
  const TemporaryFolder folder;
  SmallDisk disk(folder.path("disk"), 4 * 1'024);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a file system: " << disk.error();
  const auto log = open_file_log(disk.path("log"));
  EXPECT_THAT(log->warnings(), ElementsAre(HasSubstr("tmpfs")));
  EXPECT_EQ(log->durability(), Durability::kProcess);
  StartedStore store(log);
  std::uint64_t last = store.publish("a", "before");
  disk.fill();
  std::string refusal;
  for (int i = 0; i < 1'000 && !refusal.starts_with("the store"); ++i) {
    refusal = store.refusal("a", std::string(1'000, 'x'));
    if (refusal.starts_with("it was published as ")) ++last;
  }
  EXPECT_THAT(refusal, HasSubstr("No space left on device"));
  EXPECT_FALSE(log->status().is_accepting());
  EXPECT_EQ(log->head(), last);
  disk.make_room();
  EXPECT_TRUE(eventually([&] { return log->status().is_accepting(); }));
  EXPECT_EQ(store.publish("a", "after"), last + 1);
}

// Events that are too old make room, though it takes some to remove their files: what they retain goes into another.
TEST(FileLogFolder, RemovesOldFilesWhileTheDiskIsFull) {
  const TemporaryFolder folder;
  SmallDisk disk(folder.path("disk"), 4 * 1'024);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a file system: " << disk.error();
  const auto files = std::make_shared<SystemFolder>(disk.path("log"));
  files->make();
  std::atomic<int> hours = 0;
  FileEventLog::Options options{
      .folder = files,
      .bounds = {.bytes = std::nullopt, .age = std::chrono::hours(1)},
      .new_epoch = "e",
      .clock = [&] { return std::chrono::system_clock::time_point(std::chrono::hours(500'000 + hours)); },
      .boot_id = "boot",
      .segment_bytes = 200'000};
  auto log = std::make_shared<FileEventLog>(options);
  {
    StartedStore store(log);
    store.publish({.topic = "state", .event = {.data = "kept"}, .retain = true});
    for (int i = 0; i < 30; ++i) store.publish("a", std::string(50'000, 'x'));
    disk.fill();
    ASSERT_TRUE(eventually(
        [&] { return store.refusal("a", std::string(50'000, 'x')).find("No space left") != std::string::npos; }));
    hours = 2;
    EXPECT_TRUE(eventually([&] { return log->status().is_accepting(); })) << log->status().reason;
    EXPECT_GT(store.publish("a", "after"), 30u);
  }
  EXPECT_EQ(log->statistics().entries, 1u);
  log.reset();
  log = std::make_shared<FileEventLog>(options);
  const auto state = log->read_newest(0, log->head(), everything(), EventStore::Topics::kGoingOn);
  ASSERT_THAT(state.entries, SizeIs(2));
  EXPECT_EQ(data_of(state.entries[0]), "kept");
}

// --- For operators --------------------------------------------------------------------------------------------------

std::vector<StoreAccess::Entry> all_of(StoreAccess& access) {
  std::vector<StoreAccess::Entry> all;
  for (auto entries = access.read_after(0); !entries.empty(); entries = access.read_after(all.back().entry.sequence)) {
    all.insert(all.end(), entries.begin(), entries.end());
  }
  return all;
}

TEST(FileLogAccess, CopiesALogWithWhatItRetains) {
  const TemporaryFolder folder;
  const auto log = open_file_log(folder.path("log"), {.bounds = {.events = 100}});
  StartedStore store(log);
  store.publish({.topic = "state", .event = {.data = "kept", .id = "own"}, .retain = true});
  for (int i = 0; i < 250; ++i) store.publish("a", std::to_string(i));
  store.publish({.topic = "b", .kind = Publication::Kind::kFinish});
  const auto access = access_file_log(folder.path("log"));  // while a server has it
  const auto entries = all_of(*access);
  StoreDescription description = access->describe();
  EXPECT_EQ(description.epoch, log->epoch());
  EXPECT_EQ(description.head, 252u);
  EXPECT_GE(description.oldest, 152u) << "what was dropped after the last group is not in the files";
  EXPECT_EQ(description.retained_topics, 1u);
  EXPECT_EQ(description.entries, 253 - description.oldest);
  ASSERT_EQ(entries.size(), description.entries + 1);
  EXPECT_TRUE(entries.front().is_retained);
  EXPECT_EQ(data_of(entries.front().entry), "kept");
  EXPECT_THAT(access->find_damage(), IsEmpty());

  const auto copy = access_file_log(folder.path("copy"));
  auto next = entries.begin();
  description.head += 1'000;
  copy->fill(description, [&]() -> std::optional<StoreAccess::Entry> {
    return next == entries.end() ? std::nullopt : std::optional(*next++);
  });
  EXPECT_THAT(copy->find_damage(), IsEmpty());
  const auto copied = open_file_log(folder.path("copy"));
  EXPECT_EQ(copied->epoch(), log->epoch());
  EXPECT_EQ(copied->oldest(), description.oldest);
  EXPECT_EQ(copied->head(), 1'252u);
  EXPECT_EQ(copied->find("own", everything()), 1u);
  EXPECT_EQ(copied->finished_at(TopicFilter({TopicPattern("b")}), UINT64_MAX), 252u);
  EXPECT_EQ(StartedStore(copied).publish("a", "new"), 1'253u);
  EXPECT_THROW(access_file_log(folder.path("copy"))->fill(description, [] { return std::nullopt; }), StoreUnavailable);
}

TEST(FileLogAccess, LeavesNothingOfACopyThatFailed) {
  const TemporaryFolder folder;
  const auto access = access_file_log(folder.path("log"));
  int left = 5;
  const auto next = [&]() -> std::optional<StoreAccess::Entry> {
    if (left-- == 0) throw StoreUnavailable("the backup is cut off");
    const auto sequence = static_cast<std::uint64_t>(5 - left);
    return StoreAccess::Entry{.entry = {.sequence = sequence, .topic = Topic("a"), .payload = "data: x\n\n"}};
  };
  EXPECT_THROW(access->fill({.epoch = "e", .oldest = 1, .head = 10}, next), StoreUnavailable);
  EXPECT_THROW(access->describe(), StoreUnavailable) << "there is no log";
  const auto log = open_file_log(folder.path("log"));
  EXPECT_EQ(log->head(), 0u);
  EXPECT_NE(log->epoch(), "e");
}

}  // namespace
}  // namespace millrace::test
