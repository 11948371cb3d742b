#include "millrace/server/indexed_store.h"

#include <gtest/gtest.h>

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::test {
namespace {

// What it has been given to make survive; fails on demand.
class Recording final : public IndexedStore {
 public:
  explicit Recording(std::vector<LogEntry> entries = {}, std::uint64_t most = 100)
      : IndexedStore("sabcdefg", std::move(entries), most) {}

  std::string failure;
  bool fails_oddly = false;
  std::string persisted;
  std::uint64_t forgotten = 0;

 private:
  void persist(std::span<const LogEntry> entries) override {
    if (fails_oddly) throw 17;
    if (!failure.empty()) throw std::runtime_error(failure);
    for (const LogEntry& entry : entries) persisted += encode_entry(entry);
  }
  void forget(std::uint64_t through) override { forgotten = through; }
};

std::vector<std::uint64_t> append(EventStore& store, const std::vector<Publication>& publications) {
  std::vector<std::uint64_t> sequences(publications.size());
  store.append(publications, sequences);
  return sequences;
}

std::vector<LogEntry> decoded(std::string_view bytes) {
  std::vector<LogEntry> entries;
  while (auto entry = decode_entry(bytes)) entries.push_back(std::move(*entry));
  EXPECT_TRUE(bytes.empty());
  return entries;
}

const std::vector<Publication> kThree{{.topic = "a", .event = {.data = "1\n 2", .id = "x"}},
                                      {.topic = "a", .kind = Publication::Kind::kFinish},
                                      {.topic = "b/\xc3\xa9", .event = {.data = "\n"}, .publisher = "user ada"}};

TEST(IndexedStore, TakesBackWhatDidNotSurvive) {
  Recording store;
  std::vector<StoreStatus> statuses;
  std::size_t appended = 0;
  store.start({.on_appended = [&](std::span<const LogEntry> entries) { appended += entries.size(); },
               .on_status = [&](const StoreStatus& status) { statuses.push_back(status); }});
  append(store, kThree);
  const auto expect_refused = [&](const std::string& reason) {
    const std::vector<Publication> more{{.topic = "a", .event = {.data = "anew", .id = "x"}},
                                        {.topic = "b/\xc3\xa9", .kind = Publication::Kind::kFinish}};
    try {
      append(store, more);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const StoreUnavailable& unavailable) {
      EXPECT_EQ(unavailable.what(), reason);
    }
    EXPECT_EQ(store.status().reason, reason);
    EXPECT_EQ(store.head(), 3u);
    EXPECT_EQ(store.statistics().entries, 3u);
    EXPECT_EQ(store.find("x", TopicFilter({TopicPattern("a")})), 1u);
    EXPECT_EQ(store.finished_at(TopicFilter({TopicPattern("a")}), 3), 2u) << "it has not begun anew";
    EXPECT_FALSE(store.finished_at(TopicFilter({TopicPattern("b/\xc3\xa9")}), 3));
    EXPECT_EQ(appended, 3u);
  };
  store.failure = "the disk is full";
  expect_refused("the disk is full");
  store.fails_oddly = true;
  expect_refused("an exception that is not a std::exception");
  store.failure.clear();
  store.fails_oddly = false;
  EXPECT_EQ(append(store, {{.topic = "a", .event = {.data = "4"}}}), std::vector<std::uint64_t>{4});
  ASSERT_EQ(statuses.size(), 3u);
  EXPECT_TRUE(statuses.back().is_accepting());
  EXPECT_EQ(store.statistics().failures, 2u);
}

TEST(IndexedStore, SaysWhatMayBeForgotten) {
  Recording store({}, 2);
  store.start({.on_appended = [](std::span<const LogEntry>) {}, .on_status = [](const StoreStatus&) {}});
  append(store, kThree);
  EXPECT_EQ(store.oldest(), 2u);
  EXPECT_EQ(store.forgotten, 1u);
}

TEST(IndexedStore, RefusesEntriesWithAGap) {
  Recording store;
  store.start({.on_appended = [](std::span<const LogEntry>) {}, .on_status = [](const StoreStatus&) {}});
  append(store, kThree);
  std::vector<LogEntry> entries = decoded(store.persisted);
  EXPECT_EQ(Recording(entries).head(), 3u);
  entries.erase(entries.begin() + 1);
  EXPECT_THROW(Recording{entries}, StoreUnavailable);
  EXPECT_THROW(Recording({}, 0), std::invalid_argument);
}

TEST(EncodedEntries, AreReadBackByteForByte) {
  for (std::size_t i = 0; i < kThree.size(); ++i) {
    const auto time = std::chrono::system_clock::time_point(std::chrono::milliseconds(1'700'000'000'123));
    const LogEntry entry = LogEntry::of("sabcdefg", i + 1, kThree[i], time);
    const std::vector<LogEntry> read = decoded(encode_entry(entry));
    ASSERT_EQ(read.size(), 1u);
    EXPECT_EQ(read[0].sequence, entry.sequence);
    EXPECT_EQ(read[0].topic.text(), entry.topic.text());
    EXPECT_EQ(read[0].kind, entry.kind);
    EXPECT_EQ(read[0].publisher_id, entry.publisher_id);
    EXPECT_EQ(read[0].publisher_key, entry.publisher_key);
    EXPECT_EQ(read[0].payload, entry.payload);
    EXPECT_EQ(read[0].published, time);
  }
}

TEST(EncodedEntries, ThatAreIncompleteOrInvalidAreNotRead) {
  const std::string whole = encode_entry(LogEntry::of("sabcdefg", 1, kThree[0], {}));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::string_view part = std::string_view(whole).substr(0, size);
    EXPECT_FALSE(decode_entry(part)) << size;
    EXPECT_EQ(part.size(), size) << "nothing is removed";
  }
  for (std::string_view invalid :
       {"1 0 0 1 0 0 -1\na\n", "1 3 0 1 0 0 0\na\n", "-1 0 0 1 0 0 0\na\n", "1 0 0 1 0 0 0\n*\n", "x",
        "1 0 0 1 0 0 9223372036854775807\na\n", "1 0 0 1 0 0 99999999999999999999\na\n", "1 0 0 1 0 0 0 0\na\n"}) {
    EXPECT_FALSE(decode_entry(invalid)) << invalid;
  }
}

}  // namespace
}  // namespace millrace::test
