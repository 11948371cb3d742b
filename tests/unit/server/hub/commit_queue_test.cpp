#include "hub/commit_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lone_hub.h"

namespace millrace {
namespace {

using Outcome = Published::Outcome;

// What became of a job's publications.
struct Result {
  std::promise<std::vector<Outcome>> outcomes;
  std::future<std::vector<Outcome>> future = outcomes.get_future();
};

class TestJob final : public CommitQueue::Job {
 public:
  TestJob(std::vector<Publication> publications, Result& result, std::shared_future<void> held = {})
      : publications_(std::move(publications)), result_(result), held_(std::move(held)) {}

  std::span<const Publication> publications() const override { return publications_; }
  void publish_done(std::span<const Published> results) override {
    if (held_.valid()) held_.wait();
    std::vector<Outcome> outcomes;
    for (const Published& one : results) outcomes.push_back(one.outcome);
    result_.outcomes.set_value(outcomes);
  }
  void publish_failed(const std::exception_ptr& failure) override { result_.outcomes.set_exception(failure); }

 private:
  const std::vector<Publication> publications_;
  Result& result_;
  const std::shared_future<void> held_;
};

class CommitQueueTest : public ::testing::Test {
 protected:
  // Occupies all threads of the queue until release().
  void hold() {
    for (Result& one : held_) {
      ASSERT_TRUE(queue_.add(std::make_unique<TestJob>(std::vector<Publication>{{.topic = "held"}}, one, go_on_)));
    }
  }
  void release() {
    release_.set_value();
    for (Result& one : held_) one.future.wait();
  }

  void add(std::vector<Publication> publications, Result& result) {
    ASSERT_TRUE(queue_.add(std::make_unique<TestJob>(std::move(publications), result)));
  }

  test::LoneHub hub_{
      {.history_events = 10'000, .history_bytes = 1'000'000, .epoch = "epoch", .clock = [] { return TimePoint{}; }}};
  std::vector<Result> held_{CommitQueue::kThreads};
  std::promise<void> release_;
  std::shared_future<void> go_on_{release_.get_future()};
  CommitQueue queue_{hub_};  // last: its threads use the others
};

TEST_F(CommitQueueTest, GivesEachJobTheResultsOfItsPublications) {
  queue_.start();
  hold();
  std::vector<Result> results(3);
  add({{.topic = "a", .event = {.data = "1"}}}, results[0]);
  add({{.topic = "a", .event = {.data = "2", .id = "mine"}}, {.topic = "b", .event = {.data = "3"}}}, results[1]);
  add({{.topic = "a", .event = {.data = "4", .id = "mine"}}}, results[2]);
  release();
  EXPECT_EQ(results[0].future.get(), (std::vector{Outcome::kPublished}));
  EXPECT_EQ(results[1].future.get(), (std::vector{Outcome::kPublished, Outcome::kPublished}));
  EXPECT_EQ(results[2].future.get(), (std::vector{Outcome::kRepeated}));
}

TEST_F(CommitQueueTest, PublishesTheOthersIfOneCannotBePublished) {
  queue_.start();
  const std::vector<Topic> further{Topic("b")};
  Result before;
  add({{.topic = "a", .event = {.data = "1", .id = "mine"}}}, before);
  EXPECT_EQ(before.future.get(), std::vector{Outcome::kPublished});
  hold();
  std::vector<Result> results(9);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (i == 4) {
      add({{.topic = "a", .further_topics = further, .event = {.data = "2", .id = "mine"}}}, results[i]);
    } else {
      add({{.topic = "c", .event = {.data = "3"}}}, results[i]);
    }
  }
  release();
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].future.get(), std::vector{i == 4 ? Outcome::kIdInUse : Outcome::kPublished}) << i;
  }
  EXPECT_EQ(hub_.statistics().publishes, CommitQueue::kThreads + 1 + 8);
}

TEST_F(CommitQueueTest, PublishesWhatItHasBeforeItStops) {
  queue_.start();
  hold();
  std::vector<Result> results(100);
  for (Result& one : results) add({{.topic = "a", .event = {.data = "1"}}}, one);
  release();
  queue_.stop();
  for (Result& one : results) EXPECT_EQ(one.future.get(), std::vector{Outcome::kPublished});
  EXPECT_EQ(queue_.waiting(), 0u);
}

TEST_F(CommitQueueTest, TakesNothingWhileItIsStopped) {
  Result result;
  EXPECT_FALSE(queue_.add(std::make_unique<TestJob>(std::vector<Publication>{{.topic = "a"}}, result)));
  EXPECT_EQ(hub_.statistics().publishes, 0u);
}

}  // namespace
}  // namespace millrace
