// Requests on a worker that has no memory, at each of its allocations in turn: the server lives on, the client gets an
// answer or the end of its connection, and the next request is served.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "any_httplib.h"
#include "failing_memory.h"
#include "millrace/server/stores/file.h"
#include "raw_client.h"
#include "running_server.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

// What the next task on a worker is to meet, and has met.
struct Shortage {
  std::atomic<std::int64_t> number = 0;  // of the allocation that fails; 0: none
  std::atomic<bool> has_failed = false;
  std::atomic<std::int64_t> allocations = 0;  // if none has failed
  std::atomic<int> tasks = 0;                 // that it has met
};

class ShortOfMemory final : public httplib::TaskQueue {
 public:
  explicit ShortOfMemory(Shortage& shortage) : shortage_(shortage) {}
  EnqueueResult enqueue(std::function<void()> task) override {
    return pool_.enqueue([this, task = std::move(task)] { run(task); });
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  void run(const std::function<void()>& task) {
    const std::int64_t number = shortage_.number.exchange(0);
    if (number == 0) return task();
    {
      const FailingAllocation failing(number);
      task();
      shortage_.has_failed = failing.has_failed();
      shortage_.allocations = failing.count();
    }
    ++shortage_.tasks;
  }

  Shortage& shortage_;
  httplib::ThreadPool pool_{1};
};

// Each request has so many bytes that a loop leaves it to a worker.
class NoMemoryOnAWorker : public ::testing::Test {
 protected:
  const std::string last_ = "Connection: close\r\n";
  const std::string long_ = std::string(70'000, 'x');
  const std::string event_ = R"({"topic":"a","data":")" + long_ + "\"}";

  static ServerOptions with_store(const std::string& path) {
    ServerOptions options = open_to_all();
    options.store = open_file_log(path);
    return options;
  }

  // The status of the answer where that allocation fails; 0: without an answer.
  int status_of(const std::string& request, std::int64_t number) {
    const int tasks = shortage_.tasks;
    shortage_.number = number;
    RawClient client(server_.port());
    client.send(request);
    const std::string answer = client.read_to_end();
    const int status = answer.empty() ? 0 : std::stoi(answer.substr(std::string_view("HTTP/1.1 ").size()));
    EXPECT_TRUE(eventually([&] { return shortage_.tasks > tasks; }));
    EXPECT_EQ(RawClient(server_.port()).exchange(post("/echo", long_)).body, long_) << "after allocation " << number;
    return status;
  }
  // Of all its allocations, one after the other.
  std::set<int> statuses_of(const std::string& request) {
    std::set<int> statuses;
    std::int64_t number = 0;
    do {
      statuses.insert(status_of(request, ++number));
    } while (shortage_.has_failed && !HasFailure());
    EXPECT_GT(number, 5);
    return statuses;
  }

  Shortage shortage_;
  const TemporaryFolder folder_;
  const RunningServer server_{with_store(folder_.path("log")), [this](Server& server) {
                                server.new_task_queue = [this] { return new ShortOfMemory(shortage_); };
                                server.events("/events");
                                server.Post("/echo", [](const httplib::Request& request, httplib::Response& response) {
                                  response.set_content(request.body, "text/plain");
                                });
                              }};
};

// Only its last allocation: the JSON library ends the program where it has no memory to release a value.
TEST_F(NoMemoryOnAWorker, APublishRequestGetsAnAnswer) {
  constexpr std::int64_t kNever = 1'000'000'000;
  EXPECT_EQ(status_of(post("/events", event_, last_), kNever), 200);
  const int status = status_of(post("/events", event_, last_), shortage_.allocations);
  EXPECT_TRUE(status == 200 || status == 503) << status;
  EXPECT_EQ(status_of(post("/events", event_, last_), kNever), 200);
}

// Of another origin: before its JSON is read.
TEST_F(NoMemoryOnAWorker, ARefusedPublishRequestGetsAnAnswer) {
  EXPECT_EQ(statuses_of(post("/events", event_, last_ + "Origin: http://elsewhere.example\r\n")),
            (std::set<int>{403, 503}));
}

}  // namespace
}  // namespace millrace::test
