// What a feed makes of the entries that a store hands over.
#include "log/feed.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "empty_store.h"
#include "millrace/server/event_store.h"
#include "scripted_outlet.h"

namespace millrace::test {
namespace {

using std::chrono::system_clock;

// Hands over what the test says.
class ScriptedStore final : public EmptyStore {
 public:
  ScriptedStore() : EmptyStore("e") {}
  void start(Callbacks callbacks) override { callbacks_ = std::move(callbacks); }
  void stop() override { callbacks_ = {}; }
  StoreStatus status() const override { return StoreStatus::refusing("it is only a script"); }

  bool is_used() const { return callbacks_.on_appended != nullptr; }
  void hand_over(std::uint64_t sequence, system_clock::time_point published = {}) {
    const Publication publication{.topic = "a", .event = {.data = "x"}};
    const LogEntry entry = LogEntry::of(epoch(), sequence, publication, published);
    callbacks_.on_appended({&entry, 1});
  }

 private:
  Callbacks callbacks_;
};

class Collector final : public Feed::Sink {
 public:
  void post(const FramePtr& frame) override { chunks.emplace_back(frame->chunk()); }
  std::vector<std::string> chunks;
};

class FeedWithAStore : public ::testing::Test {
 protected:
  Feed::Options options() {
    return {.history_events = 10,
            .history_bytes = 1'000'000,
            .history_age = Duration{1'000},
            .epoch = {},
            .clock = [this] { return now_; },
            .store = store_,
            .time = [] { return system_clock::time_point{std::chrono::hours(1)}; }};
  }
  const system_clock::time_point time_now_{std::chrono::hours(1)};
  TimePoint now_{Duration{500'000}};
  const std::shared_ptr<ScriptedStore> store_ = std::make_shared<ScriptedStore>();
};

TEST_F(FeedWithAStore, SendsEachEntryOnceThoughItIsHandedOverAgain) {
  Feed feed(options());
  Collector collector;
  feed.attach(collector);
  store_->hand_over(1, time_now_);
  store_->hand_over(2, time_now_);
  store_->hand_over(1, time_now_);
  store_->hand_over(2, time_now_);
  EXPECT_EQ(collector.chunks,
            (std::vector<std::string>{"11\r\nid: e-1\ndata: x\n\n\r\n", "11\r\nid: e-2\ndata: x\n\n\r\n"}));
  feed.detach(collector);
}

TEST_F(FeedWithAStore, KeepsAnEntryInMemoryByTheTimeItWasPublished) {
  Feed feed(options());
  store_->hand_over(1, time_now_ - std::chrono::milliseconds(900));
  feed.resolve({});
  EXPECT_EQ(feed.statistics().entries, 1u);
  now_ += Duration{200};
  feed.resolve({});
  EXPECT_EQ(feed.statistics().entries, 0u);
  store_->hand_over(2, time_now_ + std::chrono::hours(1));
  feed.resolve({});
  EXPECT_EQ(feed.statistics().entries, 1u) << "a clock that goes ahead makes nothing older, nor younger";
  now_ += Duration{1'001};
  feed.resolve({});
  EXPECT_EQ(feed.statistics().entries, 0u);
}

TEST_F(FeedWithAStore, UsesTheStoreAsLongAsItLasts) {
  EXPECT_FALSE(store_->is_used());
  {
    const Feed feed(options());
    EXPECT_TRUE(store_->is_used());
    EXPECT_EQ(feed.status(), StoreStatus::refusing("it is only a script"));
  }
  EXPECT_FALSE(store_->is_used()) << "no callback reaches a feed that is gone";
}

}  // namespace
}  // namespace millrace::test
