// A store as its operators need it: described, checked, updated, read whole and filled, beside a server or without one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "millrace/server/store_access.h"
#include "millrace/server/stores/sqlite.h"
#include "stores/sqlite/database.h"
#include "stores/sqlite/schema.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = Publication::Kind;

class SqliteAccessTest : public ::testing::Test {
 protected:
  std::shared_ptr<EventStore> open(const std::string& file, const StoreBounds& bounds = {}) {
    auto store = open_sqlite(file, {.sync = StoreSync::kNormal, .bounds = bounds});
    store->start({.on_appended = [](std::span<const LogEntry>) {}, .on_status = [](const StoreStatus&) {}});
    return store;
  }
  static void append(EventStore& store, const Publication& publication) {
    std::uint64_t sequence = 0;
    store.append({&publication, 1}, {&sequence, 1});
  }
  static std::vector<StoreAccess::Entry> all_of(StoreAccess& store) {
    std::vector<StoreAccess::Entry> all;
    for (auto page = store.read_after(0); !page.empty(); page = store.read_after(all.back().entry.sequence)) {
      all.insert(all.end(), page.begin(), page.end());
    }
    return all;
  }
  static void copy(StoreAccess& from, StoreAccess& to) {
    const auto all = all_of(from);
    std::size_t next = 0;
    to.fill(from.describe(), [&]() -> std::optional<StoreAccess::Entry> {
      if (next == all.size()) return std::nullopt;
      return all[next++];
    });
  }
  template <typename Work>
  static std::string refusal(const Work& work) {
    try {
      work();
    } catch (const std::runtime_error& failure) {
      return failure.what();
    }
    return "done";
  }
  void make_old(int version) const {
    SqliteDatabase old(file_, SqliteDatabase::Mode::kWrite);
    create_schema(old, version);
    old.execute("INSERT INTO meta VALUES ('epoch', 'old')");
  }

  TemporaryFolder folder_;
  const std::string file_ = folder_.path("events.db");
  const std::string copy_ = folder_.path("copy.db");
};

TEST_F(SqliteAccessTest, CopiesAllThatALogIs) {
  auto store = open(file_, {.events = 150});
  append(*store, {.topic = "kept", .event = {.data = "old state"}, .retain = true});
  for (int i = 0; i < 200; ++i) append(*store, {.topic = "a", .event = {.data = "x"}});
  append(*store,
         {.topic = "jobs/1", .event = {.data = "x", .id = "own", .retry = Duration{7}}, .publisher = "user ada"});
  append(*store, {.topic = "jobs/1", .kind = Kind::kFinish});
  append(*store, {.topic = "b", .event = {.data = "new state"}, .retain = true});
  const auto original = access_sqlite(file_);
  const auto all = all_of(*original);
  ASSERT_EQ(all.front().entry.sequence, 1u) << "what is retained, beyond the bounds";
  EXPECT_TRUE(all.front().is_retained);
  EXPECT_GT(all[1].entry.sequence, 2u);

  const auto copied = access_sqlite(copy_);
  copy(*original, *copied);
  const StoreDescription was = original->describe();
  const StoreDescription is = copied->describe();
  EXPECT_EQ(is.epoch, was.epoch);
  EXPECT_EQ(is.head, was.head);
  EXPECT_EQ(is.oldest, was.oldest);
  EXPECT_EQ(is.entries, was.entries);
  EXPECT_EQ(is.retained_topics, 2u);
  EXPECT_THAT(copied->find_damage(), IsEmpty());
  const auto entries = all_of(*access_sqlite(copy_));
  ASSERT_EQ(entries.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(entries[i].entry.sequence, all[i].entry.sequence);
    EXPECT_EQ(entries[i].entry.topic, all[i].entry.topic);
    EXPECT_EQ(entries[i].entry.kind, all[i].entry.kind);
    EXPECT_EQ(entries[i].entry.publisher_id, all[i].entry.publisher_id);
    EXPECT_EQ(entries[i].entry.publisher_key, all[i].entry.publisher_key);
    EXPECT_EQ(entries[i].entry.payload, all[i].entry.payload);
    EXPECT_EQ(entries[i].entry.published, all[i].entry.published);
    EXPECT_EQ(entries[i].is_retained, all[i].is_retained);
  }

  auto again = open(copy_);
  const TopicFilter job({TopicPattern("jobs/1")});
  EXPECT_TRUE(again->finished_at(job, 0));
  EXPECT_EQ(again->find("own", job), was.head - 2);
  std::uint64_t sequence = 0;
  const Publication repeated{.topic = "jobs/2", .event = {.data = "x"}};
  again->append({&repeated, 1}, {&sequence, 1});
  EXPECT_EQ(sequence, was.head + 1);
}

TEST_F(SqliteAccessTest, ReadsOneStateWhileAServerWrites) {
  auto store = open(file_);
  for (int i = 0; i < 100; ++i) append(*store, {.topic = "a", .event = {.data = "x"}});
  const auto access = access_sqlite(file_);
  const auto first = access->read_after(0);
  append(*store, {.topic = "a", .event = {.data = "later"}});
  EXPECT_EQ(access->describe().head, 100u);
  EXPECT_EQ(all_of(*access).size(), 100u);
  EXPECT_EQ(access_sqlite(file_)->describe().head, 101u);
}

TEST_F(SqliteAccessTest, FillsOnlyAnEmptyStoreAndAllOrNothing) {
  auto store = open(file_);
  append(*store, {.topic = "a", .event = {.data = "x"}});
  const auto original = access_sqlite(file_);
  EXPECT_THAT(refusal([&] { copy(*original, *original); }), HasSubstr("another program uses the store"));
  store.reset();
  EXPECT_THAT(refusal([&] { copy(*original, *original); }), HasSubstr("it has had 1 entries"));

  const auto broken = access_sqlite(copy_);
  int given = 0;
  EXPECT_EQ(refusal([&] {
              broken->fill({.epoch = "e", .head = 9}, [&]() -> std::optional<StoreAccess::Entry> {
                if (given++ == 1) throw std::runtime_error("cut off");
                return StoreAccess::Entry{.entry = all_of(*original).front().entry};
              });
            }),
            "cut off");
  EXPECT_EQ(broken->describe().head, 0u);
  copy(*original, *broken);
  EXPECT_EQ(broken->describe().head, 1u);
  EXPECT_THAT(refusal([&] { access_sqlite(folder_.path("x"))->fill({.epoch = "'; --", .head = 1}, nullptr); }),
              HasSubstr("epoch: expected"));
}

TEST_F(SqliteAccessTest, UpdatesOlderTablesOnceAndCanRehearseIt) {
  make_old(3);
  const auto store = access_sqlite(file_);
  EXPECT_EQ(store->describe().version, 3u);
  EXPECT_EQ(store->describe().known_version, static_cast<std::uint64_t>(kSqliteSchemaVersion));
  EXPECT_THAT(refusal([&] { store->read_after(0); }), HasSubstr("millrace store migrate"));
  store->update(StoreAccess::Update::kRehearse);
  EXPECT_EQ(store->describe().version, 3u);
  store->update(StoreAccess::Update::kKeep);
  EXPECT_EQ(store->describe().version, static_cast<std::uint64_t>(kSqliteSchemaVersion));
  EXPECT_EQ(store->describe().epoch, "old");
  EXPECT_THAT(store->find_damage(), IsEmpty());
  store->update(StoreAccess::Update::kKeep);
}

TEST_F(SqliteAccessTest, SaysWhatIsNoStoreAndWhatIsNewer) {
  EXPECT_THAT(refusal([&] { access_sqlite(file_)->describe(); }), HasSubstr("unable to open database file"));
  EXPECT_THAT(refusal([&] { access_sqlite(file_)->update(StoreAccess::Update::kKeep); }), HasSubstr("unable to open"));
  EXPECT_FALSE(std::filesystem::exists(file_ + "-lock"));
  make_old(kSqliteSchemaVersion);
  SqliteDatabase(file_, SqliteDatabase::Mode::kWrite).execute("PRAGMA user_version = 99");
  for (const auto& refused :
       {refusal([&] { access_sqlite(file_)->describe(); }), refusal([&] { access_sqlite(file_)->read_after(0); }),
        refusal([&] { access_sqlite(file_)->update(StoreAccess::Update::kRehearse); }),
        refusal([&] { open_sqlite(file_); })}) {
    EXPECT_THAT(refused, HasSubstr("a newer Millrace wrote the file (file version 99"));
  }
}

TEST_F(SqliteAccessTest, FindsDamage) {
  {
    auto store = open(file_);
    for (int i = 0; i < 2'000; ++i) append(*store, {.topic = "a", .event = {.data = std::string(100, 'x')}});
  }
  EXPECT_THAT(access_sqlite(file_)->find_damage(), IsEmpty());
  std::filesystem::copy_file(file_, copy_);
  SqliteDatabase(copy_, SqliteDatabase::Mode::kWrite).execute("DELETE FROM entries WHERE sequence = 2000");
  ASSERT_EQ(access_sqlite(copy_)->find_damage().size(), 1u);
  EXPECT_THAT(access_sqlite(copy_)->find_damage().front(), HasSubstr("newest event that the file does not have"));
  {
    std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(file_) / 2));
    file << std::string(20'000, '\xff');
  }
  EXPECT_FALSE(access_sqlite(file_)->find_damage().empty());
}

TEST_F(SqliteAccessTest, NamesEachRowWhosePayloadIsNotWhatWasWritten) {
  {
    auto store = open(file_);
    for (int i = 0; i < 10; ++i) append(*store, {.topic = "a", .event = {.data = "price 10"}});
    append(*store, {.topic = "kept", .event = {.data = "price 10"}, .retain = true});
  }
  const auto change = [&](const char* sql) { SqliteDatabase(file_, SqliteDatabase::Mode::kWrite).execute(sql); };
  change("UPDATE entries SET payload = replace(CAST(payload AS TEXT), '10', '99') WHERE sequence IN (3, 7)");
  EXPECT_THAT(access_sqlite(file_)->find_damage(),
              ElementsAre(HasSubstr("table entries, row 3: event 3 fails its integrity check"),
                          HasSubstr("table entries, row 7: event 7 fails its integrity check")));
  // The same event, still right in the other table.
  change("UPDATE retained SET payload = 'data: 99' || char(10) || char(10)");
  EXPECT_THAT(access_sqlite(file_)->find_damage(), Contains(HasSubstr("table retained, row 11: ")));
  change("UPDATE entries SET topic = ''");
  EXPECT_LE(access_sqlite(file_)->find_damage().size(), 20u);
  EXPECT_GT(access_sqlite(file_)->find_damage().size(), 3u);
}

}  // namespace
}  // namespace millrace::test
