#include "hub/commit_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
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

// Finishes at once the jobs that return to it.
class TestSource final : public CommitQueue::Source {
 public:
  void take_back(CommitQueue::Jobs& jobs) noexcept override {
    const std::lock_guard lock(mutex_);
    sizes_.push_back(jobs.size());
    for (const auto& job : jobs) job->finish();
  }
  // Of the groups that have returned.
  std::vector<std::size_t> sizes() const {
    const std::lock_guard lock(mutex_);
    return sizes_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::size_t> sizes_;
};

class TestJob final : public CommitQueue::Job {
 public:
  TestJob(CommitQueue::Source& source, std::vector<Publication> publications, Result& result,
          std::shared_future<void> held = {})
      : Job(source), publications_(std::move(publications)), result_(result), held_(std::move(held)) {}

  std::span<const Publication> publications() const override { return publications_; }
  void publish_done(std::span<Published> results) noexcept override {
    if (held_.valid()) held_.wait();
    for (const Published& one : results) outcomes_.push_back(one.outcome);
  }
  void publish_failed(const std::exception_ptr& failure) noexcept override { failure_ = failure; }
  void finish() override {
    if (failure_ != nullptr) return result_.outcomes.set_exception(failure_);
    result_.outcomes.set_value(outcomes_);
  }

 private:
  const std::vector<Publication> publications_;
  Result& result_;
  const std::shared_future<void> held_;
  std::vector<Outcome> outcomes_;
  std::exception_ptr failure_;
};

class CommitQueueTest : public ::testing::Test {
 protected:
  // Occupies the queue's thread until release().
  void hold() {
    const std::size_t before = hub_.statistics().publishes;
    add(source_, {{.topic = "held"}}, held_, go_on_);
    while (hub_.statistics().publishes == before) std::this_thread::yield();
  }
  void release() {
    release_.set_value();
    held_.future.wait();
  }

  void add(CommitQueue::Source& source, std::vector<Publication> publications, Result& result,
           std::shared_future<void> held = {}) {
    ASSERT_TRUE(queue_.announce());
    add_announced(source, std::move(publications), result, std::move(held));
  }
  void add_announced(CommitQueue::Source& source, std::vector<Publication> publications, Result& result,
                     std::shared_future<void> held = {}) {
    CommitQueue::Jobs jobs;
    jobs.push_back(std::make_unique<TestJob>(source, std::move(publications), result, std::move(held)));
    queue_.add(jobs);
  }
  void add(std::vector<Publication> publications, Result& result) { add(source_, std::move(publications), result); }

  test::LoneHub hub_{
      {.history_events = 10'000, .history_bytes = 1'000'000, .epoch = "epoch", .clock = [] { return TimePoint{}; }}};
  Result held_;
  std::promise<void> release_;
  std::shared_future<void> go_on_{release_.get_future()};
  TestSource source_;
  CommitQueue queue_{hub_};  // last: its threads use the others
};

TEST_F(CommitQueueTest, GivesEachJobTheResultsOfItsPublications) {
  queue_.start(1);
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
  queue_.start(1);
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
  EXPECT_EQ(hub_.statistics().publishes, 1 + 1 + 8);
}

TEST_F(CommitQueueTest, PublishesWhatItHasBeforeItStops) {
  queue_.start(1);
  hold();
  std::vector<Result> results(100);
  for (Result& one : results) add({{.topic = "a", .event = {.data = "1"}}}, one);
  release();
  queue_.stop();
  for (Result& one : results) EXPECT_EQ(one.future.get(), std::vector{Outcome::kPublished});
  EXPECT_EQ(queue_.waiting(), 0u);
}

// One that reads many requests is woken once for what is committed together.
TEST_F(CommitQueueTest, GivesJobsBackToTheirSourcesInGroups) {
  queue_.start(1);
  hold();
  TestSource other;
  std::vector<Result> results(10);
  for (std::size_t i = 0; i < results.size(); ++i) {
    add(i % 2 == 0 ? source_ : other, {{.topic = "a", .event = {.data = "1"}}}, results[i]);
  }
  release();
  queue_.stop();
  EXPECT_EQ(source_.sizes(), (std::vector<std::size_t>{1, 5}));
  EXPECT_EQ(other.sizes(), std::vector<std::size_t>{5});
}

TEST_F(CommitQueueTest, WaitsForAnnouncedJobsBeforeItStops) {
  queue_.start(1);
  Result last;
  ASSERT_TRUE(queue_.announce());
  std::thread stopping([&] { queue_.stop(); });
  while (queue_.announce()) {  // until it refuses others
    Result other;
    add_announced(source_, {{.topic = "a"}}, other);
    other.future.wait();
  }
  add_announced(source_, {{.topic = "a"}}, last);
  stopping.join();
  ASSERT_EQ(queue_.waiting(), 0u);
  EXPECT_EQ(last.future.get(), std::vector{Outcome::kPublished});
}

TEST_F(CommitQueueTest, TakesNothingWhileItIsStopped) {
  EXPECT_FALSE(queue_.announce());
  EXPECT_EQ(queue_.waiting(), 0u);
}

}  // namespace
}  // namespace millrace
