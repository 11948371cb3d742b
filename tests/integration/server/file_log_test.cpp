// What only the store in files does: its files, damage, versions, bounds, and disks that fail.
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
#include "faulty_disk.h"
#include "started_store.h"
#include "stores/file/file_event_log.h"
#include "stores/file/log_format.h"
#include "stores/file/log_loader.h"
#include "stores/file/log_writer.h"

namespace millrace::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class FileLog : public ::testing::Test {
 protected:
  FileEventLog::Options options() const {
    return {.folder = disk_,
            .bounds = bounds_,
            .new_epoch = "e",
            .clock = [this] { return now_; },
            .boot_id = "boot",
            .segment_bytes = segment_bytes_,
            .index_bytes = index_bytes_};
  }
  std::unique_ptr<StartedStore> open() { return std::make_unique<StartedStore>(open_log()); }
  std::shared_ptr<FileEventLog> open_log() {
    log_ = std::make_shared<FileEventLog>(options());
    return log_;
  }
  // Why the log does not open.
  std::string complaint() {
    try {
      FileEventLog log(options());
      return "it opens";
    } catch (const StoreUnavailable& unavailable) {
      return unavailable.what();
    }
  }
  // Three groups, in a file.
  void write_three() {
    const auto store = open();
    for (const char* data : {"one", "two", "three"}) store->publish("a", data);
    log_.reset();
  }
  static std::vector<std::string> all_data(const EventStore& log) {
    std::vector<std::string> data;
    for (std::uint64_t after = log.oldest() - 1; after < log.head();) {
      const EventStore::Page page = log.read_after(after, everything());
      for (const LogEntry& entry : page.entries) data.push_back(data_of(entry));
      after = page.through;
    }
    return data;
  }
  std::vector<std::string> segments() {
    std::vector<std::string> names = disk_->list();
    std::erase_if(names, [](const std::string& name) { return !name.ends_with(".log"); });
    return names;
  }
  std::string& first_file() { return disk_->bytes_of(segment_name(1)); }

  const std::shared_ptr<FaultyDisk> disk_ = std::make_shared<FaultyDisk>(1);
  StoreBounds bounds_{.bytes = std::nullopt};
  std::size_t segment_bytes_ = 1'000'000;
  std::optional<std::size_t> index_bytes_ = std::nullopt;
  std::chrono::system_clock::time_point now_{std::chrono::hours(500'000)};
  std::shared_ptr<FileEventLog> log_;
};

// --- What is wrong with files ---------------------------------------------------------------------------------------

TEST_F(FileLog, CutsOffWhatWasWrittenLastAndSaysSo) {
  write_three();
  std::string& bytes = first_file();
  bytes.resize(bytes.size() - 1);  // as if the third had never been acknowledged
  open_log();
  ASSERT_THAT(log_->warnings(), SizeIs(1));
  EXPECT_THAT(log_->warnings()[0], HasSubstr("cut off the last "));
  EXPECT_THAT(log_->warnings()[0], HasSubstr(segment_name(1)));
  EXPECT_THAT(all_data(*log_), ElementsAre("one", "two"));
  EXPECT_EQ(StartedStore(log_).publish("a", "again"), 3u);
  log_.reset();
  open_log();
  EXPECT_THAT(log_->warnings(), IsEmpty());
  EXPECT_THAT(all_data(*log_), ElementsAre("one", "two", "again"));
}

TEST_F(FileLog, RefusesDamageBeforeAGroupThatWasWrittenLater) {
  write_three();
  const std::string sound = first_file();
  for (std::size_t i = kLogHeadBytes; i < sound.size(); ++i) {
    first_file()[i] = static_cast<char>(sound[i] ^ 1);
    std::optional<LoadedLog> loaded;
    std::string why;
    try {
      loaded = load_log(*disk_);
    } catch (const StoreUnavailable& unavailable) {
      why = unavailable.what();
    }
    // In the last group, nobody can tell it from one that was torn.
    if (loaded) {
      EXPECT_GT(loaded->torn_bytes, 0u) << i;
      EXPECT_EQ(loaded->index.head(), 2u) << i;
      EXPECT_GE(i, loaded->last_bytes);
    } else {
      EXPECT_THAT(why, HasSubstr("the file " + segment_name(1) + " is damaged at byte ")) << i;
      EXPECT_THAT(why, HasSubstr("restore a backup")) << i;
    }
    first_file()[i] = sound[i];
  }
  first_file()[kLogHeadBytes + 60] ^= 1;
  EXPECT_THAT(complaint(), HasSubstr("is damaged at byte " + std::to_string(kLogHeadBytes)));
  EXPECT_THAT(find_damage(*disk_, 10), ElementsAre(HasSubstr("is damaged at byte " + std::to_string(kLogHeadBytes))));
}

TEST_F(FileLog, RefusesAFileThatIsNotItsOwnOrOfANewerVersion) {
  write_three();
  const std::string sound = first_file();
  first_file()[0] = 'X';
  EXPECT_THAT(complaint(), HasSubstr("does not begin as a file of a Millrace store"));
  first_file() = sound;
  first_file()[12] = 2;
  EXPECT_THAT(complaint(), HasSubstr("was written by a newer Millrace"));
  first_file() = sound.substr(0, 50);
  EXPECT_THAT(complaint(), HasSubstr("its header fails its integrity check"));
  first_file() = sound;
  EXPECT_EQ(complaint(), "it opens");
}

TEST_F(FileLog, RefusesToOpenWithoutOneOfItsFiles) {
  segment_bytes_ = 300;
  {
    const auto store = open();
    for (int i = 0; i < 9; ++i) store->publish("a", std::string(100, 'x'));
  }
  log_.reset();
  const std::vector<std::string> files = segments();
  ASSERT_GT(files.size(), 3u);
  for (const std::size_t missing : {std::size_t{0}, std::size_t{1}}) {
    const std::string bytes = disk_->bytes_of(files[missing]);
    disk_->forget(files[missing]);
    EXPECT_THAT(complaint(), HasSubstr("the file " + files[missing] + " is missing"));
    disk_->create(files[missing])->append(bytes);
  }
  EXPECT_EQ(complaint(), "it opens");
}

TEST_F(FileLog, AcceptsNoMoreEventsOnceItHasReadADamagedOne) {
  const auto store = open();
  store->publish("a", "one");
  store->publish("a", "two");
  first_file()[kLogHeadBytes + kGroupHeadBytes + kRecordHeadBytes] ^= 1;
  EXPECT_THROW(log_->read_after(0, everything()), StoreUnavailable);
  EXPECT_THAT(store->refusal("a", "three"), HasSubstr("is damaged at byte "));
  EXPECT_THAT(log_->status().reason, HasSubstr("an event fails its integrity check"));
  log_->tend();
  EXPECT_FALSE(log_->status().is_accepting());
}

// --- Disks that fail ------------------------------------------------------------------------------------------------

TEST_F(FileLog, RefusesAfterASyncThatFailedUntilItsFileIsWrittenAnew) {
  const auto store = open();
  store->publish("a", "one");
  disk_->set_faults({.sync = 1});
  EXPECT_THAT(store->refusal("a", "two"), HasSubstr("input/output error"));
  disk_->set_faults({});
  EXPECT_THAT(store->refusal("a", "three"), HasSubstr("input/output error")) << "not as if nothing had been";
  EXPECT_FALSE(log_->status().is_accepting());
  EXPECT_THAT(all_data(*log_), ElementsAre("one"));
  log_->tend();
  EXPECT_TRUE(log_->status().is_accepting());
  EXPECT_EQ(store->publish("a", "four"), 2u);
  EXPECT_THAT(all_data(*log_), ElementsAre("one", "four"));
  EXPECT_EQ(log_->statistics().failures, 1u);
}

TEST_F(FileLog, RefusesWhileWritesFailAndLosesNothing) {
  const auto store = open();
  store->publish("a", "one");
  disk_->set_faults({.write = 1});
  EXPECT_THAT(store->refusal("a", "two"), HasSubstr("no space left"));
  log_->tend();
  EXPECT_FALSE(log_->status().is_accepting()) << "it looks whether there is room";
  disk_->set_faults({});
  log_->tend();
  EXPECT_EQ(store->publish("a", "three"), 2u);
  EXPECT_THAT(all_data(*log_), ElementsAre("one", "three"));
}

TEST_F(FileLog, SkipsSequencesAfterARestartOfTheMachine) {
  write_three();
  FileEventLog::Options rebooted = options();
  rebooted.boot_id = "another";
  const auto log = std::make_shared<FileEventLog>(rebooted);
  const std::uint64_t head = log->head();
  EXPECT_GT(head, 1'000'000u);
  EXPECT_THAT(all_data(*log), ElementsAre("one", "two", "three"));
  EXPECT_EQ(StartedStore(log).publish("a", "four"), head + 1);
  EXPECT_THAT(all_data(*log), ElementsAre("one", "two", "three", "four"));
  EXPECT_EQ(log->oldest(), 1u);
}

// Each call brings more than half of what other stores commit together.
TEST_F(FileLog, CommitsThousandsOfEventsTogether) {
  bounds_.events = 1'000;
  const auto store = open();
  const std::vector<Publication> publications(1'000, {.topic = "a", .event = {.data = "x"}});
  std::atomic<bool> is_over = false;
  std::atomic<std::uint64_t> calls = 0;
  std::vector<std::thread> publishers;
  for (int i = 0; i < 4; ++i) {
    publishers.emplace_back([&] {
      std::vector<std::uint64_t> sequences(publications.size());
      for (; !is_over; ++calls) log_->append(publications, sequences);
    });
  }
  EXPECT_TRUE(eventually([&] {
    const std::uint64_t returned = calls;
    return log_->statistics().commits < returned;
  })) << "each call was a commit of its own";
  is_over = true;
  for (std::thread& publisher : publishers) publisher.join();
}

// --- Bounds ---------------------------------------------------------------------------------------------------------

TEST_F(FileLog, RemovesWholeFilesAndKeepsWhatIsRetained) {
  segment_bytes_ = 1'000;
  bounds_.events = 20;
  {
    const auto store = open();
    store->publish({.topic = "state", .event = {.data = "kept", .id = "own"}, .retain = true});
    for (int i = 0; i < 200; ++i) store->publish("a", std::string(100, 'x'));
    EXPECT_LE(segments().size(), 5u);
    EXPECT_EQ((*store)->oldest(), 182u);
  }
  log_.reset();
  const auto store = open();
  EXPECT_EQ((*store)->oldest(), 182u);
  EXPECT_EQ((*store)->head(), 201u);
  EXPECT_EQ(log_->find("own", everything()), 1u);
  const auto page = log_->read_newest(0, 201, everything(), EventStore::Topics::kGoingOn);
  ASSERT_THAT(page.entries, SizeIs(2));
  EXPECT_EQ(data_of(page.entries[0]), "kept");
  EXPECT_EQ(store->publish("state", "again", "own"), 0u);
  store->publish("state", "new");
  EXPECT_EQ(log_->find("own", everything()), std::nullopt);
}

TEST_F(FileLog, SetsAsMuchRoomAsideAsItsRetainedEventsNeed) {
  const auto store = open();
  const auto room = [&] { return disk_->bytes_of("reserve").size(); };
  EXPECT_EQ(room(), 64u * 1024);
  std::size_t bytes = 0;
  for (int i = 0; i < 10; ++i) {
    const std::string topic = "state/" + std::to_string(i);
    store->publish({.topic = *Topic::parse(topic), .event = {.data = std::string(20'000, 'x')}, .retain = true});
    bytes += 20'000;
    log_->tend();
    EXPECT_GT(room(), bytes);
    EXPECT_LT(room(), 64u * 1024 + 2 * bytes);
  }
}

// Publishers wait for each sync.
TEST_F(FileLog, SetsRoomAsideInSteps) {
  const auto store = open();
  for (int i = 0; i < 12; ++i) {
    const std::string topic = "state/" + std::to_string(i);
    store->publish({.topic = *Topic::parse(topic), .event = {.data = std::string(500'000, 'x')}, .retain = true});
  }
  disk_->forget_largest_sync();
  log_->tend();
  EXPECT_GT(disk_->bytes_of("reserve").size(), 6'000'000u);
  EXPECT_LE(disk_->largest_sync(), kRoomStepBytes);
}

// As a program leaves it that ends meanwhile.
TEST_F(FileLog, RemovesRoomThatWasNotSetAsideWhole) {
  {
    const auto store = open();
    store->publish({.topic = "state", .event = {.data = std::string(2'000'000, 'x')}, .retain = true});
  }
  log_.reset();
  disk_->create("reserve.new")->append(std::string(100, '\0'));
  const auto store = open();
  EXPECT_THAT(disk_->list(), Not(Contains("reserve.new")));
  EXPECT_GT(disk_->bytes_of("reserve").size(), 2'000'000u);
}

TEST_F(FileLog, AcceptsEventsThoughItHasNoRoomToSetAside) {
  const auto store = open();
  store->publish({.topic = "state", .event = {.data = std::string(100'000, 'x')}, .retain = true});
  disk_->set_faults({.name = 1});
  log_->tend();
  EXPECT_TRUE(log_->status().is_accepting());
  EXPECT_EQ(store->publish("a", "next"), 2u);
  EXPECT_EQ(disk_->bytes_of("reserve").size(), 64u * 1024);
  disk_->set_faults({});
  log_->tend();
  EXPECT_GT(disk_->bytes_of("reserve").size(), 100'000u);
}

TEST_F(FileLog, KeepsToABoundOnTheMemoryOfItsIndex) {
  index_bytes_ = 500'000;
  std::uint64_t oldest = 0;
  {
    const auto store = open();
    for (int i = 0; i < 10'000; ++i) {
      const std::string topic = "topic/with/one/event/" + std::to_string(i);
      store->publish(*Topic::parse(topic), "x");
    }
    oldest = (*store)->oldest();
    EXPECT_GT(oldest, 5'000u);
    EXPECT_LT(oldest, 9'000u);
    store->publish("a", "x", "own");
    EXPECT_EQ(log_->find("own", everything()), 10'001u);
  }
  log_.reset();
  const auto store = open();
  EXPECT_GE((*store)->oldest(), oldest);
  EXPECT_LT((*store)->oldest(), 9'000u);
}

TEST_F(FileLog, KeepsToABoundOnBytes) {
  bounds_.bytes = 1'000'000;
  const auto store = open();
  const std::string data(10'000, 'x');
  for (int i = 0; i < 300; ++i) {
    store->publish("a", data);
    std::size_t bytes = 0;
    for (const std::string& name : segments()) bytes += disk_->bytes_of(name).size();
    EXPECT_LE(bytes, *bounds_.bytes + *bounds_.bytes / 8 + 2 * data.size());
  }
  EXPECT_GT(log_->statistics().entries, 70u);
  EXPECT_GT(log_->oldest(), 100u);
  EXPECT_EQ(all_data(*log_).size(), log_->statistics().entries);
}

TEST_F(FileLog, DropsEntriesByAgeAndRemovesTheirFile) {
  bounds_.age = std::chrono::hours(1);
  const auto store = open();
  store->publish("a", std::string(2'000'000, 'x'));
  now_ += std::chrono::minutes(50);
  store->publish("a", "young");
  now_ += std::chrono::minutes(20);
  log_->tend();
  EXPECT_THAT(all_data(*log_), ElementsAre("young"));
  now_ += std::chrono::hours(2);
  log_->tend();
  EXPECT_EQ(log_->oldest(), 3u);
  EXPECT_EQ(log_->head(), 2u);
  store->publish("a", "new");
  EXPECT_THAT(all_data(*log_), ElementsAre("new"));
  log_->tend();
  EXPECT_THAT(segments(), SizeIs(1)) << "that of the old ones is gone";
  EXPECT_EQ(store->publish("a", "next"), 4u);
}

TEST_F(FileLog, RefusesMoreAtOnceThanItCanWrite) {
  const auto store = open();
  const std::string data(16 * 1024 * 1024, 'x');
  const std::vector<Publication> publications(17, {.topic = "a", .event = {.data = data}});
  std::vector<std::uint64_t> sequences(publications.size());
  try {
    log_->append(publications, sequences);
    ADD_FAILURE() << "it was appended";
  } catch (const StoreUnavailable& unavailable) {
    EXPECT_THAT(unavailable.what(), HasSubstr("268435456; publish fewer events at once"));
  }
  EXPECT_TRUE(log_->status().is_accepting());
  EXPECT_EQ(store->publish("a", "one"), 1u);
}

}  // namespace
}  // namespace millrace::test
