// Publishing over HTTP to a server with a store: requests wait together for the disk, and hold no thread meanwhile.
#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "empty_store.h"
#include "millrace/server/function_authorizer.h"
#include "millrace/server/key_authorizer.h"
#include "raw_client.h"
#include "running_server.h"
#include "stores/file/file_event_log.h"
#include "stores/file/system_folder.h"
#include "stream_client.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

// What threads wait for as long as the test wants.
class Gate {
 public:
  // Opens the gate at its end, so that a server that is destroyed later need not wait.
  class Hold {
   public:
    explicit Hold(Gate& gate) : gate_(gate) {}
    ~Hold() { release(); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    void release() { gate_.open(); }

   private:
    Gate& gate_;
  };

  [[nodiscard]] Hold hold() {
    const std::lock_guard lock(mutex_);
    is_held_ = true;
    return Hold(*this);
  }
  void wait() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return !is_held_; });
  }

 private:
  void open() {
    const std::lock_guard lock(mutex_);
    is_held_ = false;
    opened_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable opened_;
  bool is_held_ = false;
};

// A disk on which a sync takes as long as the test wants.
class SlowDisk final : public LogFolder {
 public:
  explicit SlowDisk(const std::string& path) : folder_(path) { folder_.make(); }
  [[nodiscard]] Gate::Hold hold() { return syncs_.hold(); }

  std::unique_ptr<LogFile> open(const std::string& name) override { return folder_.open(name); }
  std::unique_ptr<LogFile> open_to_append(const std::string& name) override {
    return std::make_unique<File>(syncs_, folder_.open_to_append(name));
  }
  std::unique_ptr<LogFile> create(const std::string& name) override {
    return std::make_unique<File>(syncs_, folder_.create(name));
  }
  void rename(const std::string& name, const std::string& new_name) override { folder_.rename(name, new_name); }
  void remove(const std::string& name) override { folder_.remove(name); }
  std::vector<std::string> list() override { return folder_.list(); }
  void sync() override { folder_.sync(); }

 private:
  class File final : public LogFile {
   public:
    File(Gate& syncs, std::unique_ptr<LogFile> file) : syncs_(syncs), file_(std::move(file)) {}
    void append(std::string_view bytes) override { file_->append(bytes); }
    void sync() override {
      syncs_.wait();
      file_->sync();
    }
    void truncate(std::uint64_t size) override { file_->truncate(size); }
    std::string read(std::uint64_t offset, std::size_t size) const override { return file_->read(offset, size); }
    std::uint64_t size() const override { return file_->size(); }

   private:
    Gate& syncs_;
    const std::unique_ptr<LogFile> file_;
  };

  SystemFolder folder_;
  Gate syncs_;
};

// Notes how many events it is given together, and takes as long as the test wants. It has their numbers and nothing
// else.
class SlowStore final : public EmptyStore {
 public:
  [[nodiscard]] Gate::Hold hold() { return appends_.hold(); }
  void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) override {
    {
      const std::lock_guard lock(mutex_);
      groups_.push_back(publications.size());
      for (std::uint64_t& sequence : sequences) sequence = ++last_;
    }
    appends_.wait();
  }
  std::vector<std::size_t> groups() const {
    const std::lock_guard lock(mutex_);
    return groups_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::size_t> groups_;
  std::uint64_t last_ = 0;
  Gate appends_;
};

std::string event(const std::string& topic, const std::string& more = {}) {
  return R"({"topic":")" + topic + R"(","data":"x")" + more + "}";
}

class PublishingToAStore : public ::testing::Test {
 protected:
  ServerOptions options() const {
    ServerOptions options = open_to_all();
    options.threads.workers = 1;
    options.store = log_;
    return options;
  }
  // Requests of which each is on a connection of its own, and none has an answer while the disk is held.
  std::vector<std::unique_ptr<RawClient>> send(const RunningServer& server, std::size_t count,
                                               const std::string& request) {
    std::vector<std::unique_ptr<RawClient>> clients;
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<RawClient>(server.port()));
      clients.back()->send(request);
    }
    return clients;
  }
  std::string waiting(const RunningServer& server) const {
    const std::string metrics = RawClient(server.port()).exchange(get("/metrics")).body;
    const std::string name = "\nmillrace_waiting_publishes ";
    const std::size_t at = metrics.find(name);
    return at == std::string::npos ? "missing"
                                   : metrics.substr(at + name.size(), metrics.find('\n', at + 1) - at - name.size());
  }

  static void with_operations(Server& server) { server.events("/events").operations(); }

  TemporaryFolder folder_;
  const std::shared_ptr<SlowDisk> disk_ = std::make_shared<SlowDisk>(folder_.path("log"));
  const std::shared_ptr<FileEventLog> log_ =
      std::make_shared<FileEventLog>(FileEventLog::Options{.folder = disk_,
                                                           .bounds = {},
                                                           .new_epoch = "files",
                                                           .clock = [] { return std::chrono::system_clock::now(); },
                                                           .boot_id = "boot"});
};

TEST_F(PublishingToAStore, HoldsNoWorker) {
  const RunningServer server(options(), with_operations);
  auto disk = disk_->hold();
  auto publishers = send(server, 5, post("/events", event("a")));
  StreamClient stream(server.port(), "/events?topic=a");
  EXPECT_EQ(RawClient(server.port()).exchange(get("/healthz")).status, 200);
  disk.release();
  for (const auto& publisher : publishers) EXPECT_EQ(publisher->read_response().status, 200);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(stream.next_data(), "x");
}

// A loop does not do so much at once, so the only worker does it, and is free again before the commit.
TEST_F(PublishingToAStore, HoldsNoWorkerWithLongRequests) {
  const RunningServer server(options(), with_operations);
  auto disk = disk_->hold();
  auto publishers = send(server, 2,
                         post("/events", event("a", R"(,"event":")" + std::string(100, 'e') + '"') + "\n" +
                                             R"({"topic":"a","data":")" + std::string(70'000, 'y') + "\"}"));
  std::string lines;
  for (int i = 0; i < 2'000; ++i) lines += event("a") + "\n";
  auto more = send(server, 2, post("/events", lines));
  ASSERT_TRUE(eventually([&] { return waiting(server) == "4"; })) << waiting(server);
  StreamClient stream(server.port(), "/events?topic=a");
  disk.release();
  for (const auto& publisher : publishers) EXPECT_EQ(publisher->read_response().status, 200);
  for (const auto& publisher : more) EXPECT_EQ(publisher->read_response().status, 200);
  EXPECT_EQ(log_->statistics().entries, 2u * 2 + 2u * 2'000);
}

// Such as one that checks signatures.
TEST_F(PublishingToAStore, HoldsNoWorkerWithAnAuthorizerThatMayBlock) {
  ServerOptions asking = options();
  asking.authorizer = std::make_shared<FunctionAuthorizer>(
      [](const httplib::Request& request, Authorizer::Action action, const TopicPatterns&) -> Authorizer::Decision {
        if (action == Authorizer::Action::kPublish && request.get_header_value("Token") != "good")
          return Authorizer::Decision::forbidden("a good token is missing");
        return Authorizer::Decision::allow();
      });
  const RunningServer server(asking, with_operations);
  auto disk = disk_->hold();
  auto publishers = send(server, 3, post("/events", event("a"), "Token: good\r\n"));
  EXPECT_EQ(RawClient(server.port()).exchange(post("/events", event("a"))).status, 403);
  ASSERT_TRUE(eventually([&] { return waiting(server) == "3"; })) << waiting(server);
  disk.release();
  for (const auto& publisher : publishers) EXPECT_EQ(publisher->read_response().status, 200);
  EXPECT_EQ(log_->statistics().entries, 3u);
}

// They come one after the other, so that whoever took some of them meanwhile would leave others.
TEST_F(PublishingToAStore, CommitsTogetherWhatCameMeanwhile) {
  constexpr std::size_t kRequests = 100;
  const auto store = std::make_shared<SlowStore>();
  ServerOptions slow = options();
  slow.store = store;
  const RunningServer server(slow, with_operations);
  auto appends = store->hold();
  auto publishers = send(server, 1, post("/events", event("a")));
  ASSERT_TRUE(eventually([&] { return store->groups().size() == 1; }));
  while (publishers.size() < kRequests) {
    publishers.push_back(std::move(send(server, 1, post("/events", event("a"))).front()));
    ASSERT_TRUE(eventually([&] { return waiting(server) == std::to_string(publishers.size()); })) << waiting(server);
  }
  appends.release();
  for (const auto& publisher : publishers) EXPECT_EQ(publisher->read_response().status, 200);
  EXPECT_EQ(store->groups(), (std::vector<std::size_t>{1, kRequests - 1}));
}

TEST_F(PublishingToAStore, AnswersInTheOrderOfTheRequestsOfAConnection) {
  const RunningServer server(options(), with_operations);
  RawClient client(server.port());
  client.send(post("/events", event("a", R"(,"id":"1")")) + post("/events", "no JSON") + get("/healthz") +
              post("/events", event("a", R"(,"id":"2")")));
  EXPECT_EQ(client.read_response().body, "{\"id\":\"1\",\"durability\":\"disk\"}\n");
  EXPECT_EQ(client.read_response().status, 400);
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(client.read_response().body, "{\"id\":\"2\",\"durability\":\"disk\"}\n");
}

TEST_F(PublishingToAStore, RefusesOnlyTheRequestThatIsInConflict) {
  const RunningServer server(options(), with_operations);
  RawClient first(server.port());
  EXPECT_EQ(first.exchange(post("/events", event("a", R"(,"id":"1")"))).status, 200);
  auto disk = disk_->hold();
  auto good = send(server, 20, post("/events", event("b")));
  auto bad = send(server, 1, post("/events", R"({"topic":["a","b"],"data":"y","id":"1"})"));
  auto more = send(server, 20, post("/events", event("b")));
  ASSERT_TRUE(eventually([&] { return waiting(server) == "41"; })) << waiting(server);
  disk.release();
  EXPECT_EQ(bad.front()->read_response().status, 409);
  for (const auto& one : good) EXPECT_EQ(one->read_response().status, 200);
  for (const auto& one : more) EXPECT_EQ(one->read_response().status, 200);
  EXPECT_EQ(log_->statistics().entries, 41u);
}

TEST_F(PublishingToAStore, AnswersWhatWaitsBeforeItStops) {
  RunningServer server(options(), with_operations);
  auto disk = disk_->hold();
  auto publishers = send(server, 10, post("/events", event("a")));
  ASSERT_TRUE(eventually([&] { return waiting(server) == "10"; })) << waiting(server);
  std::thread stopping([&] { server.stop(); });
  disk.release();
  stopping.join();
  for (const auto& publisher : publishers) EXPECT_EQ(publisher->read_response().status, 200);
}

// Each takes many times the bytes of its request while it waits.
TEST_F(PublishingToAStore, RefusesEventsThatItHasNoMemoryToKeepWaiting) {
  ServerOptions small = options();
  small.http.max_buffered_bytes = 256 * 1024;
  const RunningServer server(small, with_operations);
  std::string lines;
  while (lines.size() < 17'000) lines += "{\"topic\":\"a\",\"data\":\"\"}\n";
  auto disk = disk_->hold();
  RawClient client(server.port());
  const RawResponse refused = client.exchange(post("/events", lines));
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_NE(refused.body.find("no memory"), std::string::npos) << refused.body;
  disk.release();
  EXPECT_EQ(client.exchange(post("/events", event("a"))).status, 200);
}

TEST_F(PublishingToAStore, AsksTheAuthorizer) {
  const std::string key = "0123456789abcdef0123456789abcdef";
  ServerOptions keyed = options();
  keyed.publishing.anonymous = false;
  keyed.authorizer = std::make_shared<KeyAuthorizer>(KeyAuthorizer::Options{.publish_keys = {key}});
  const RunningServer server(keyed);
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(post("/events", event("a"))).status, 401);
  EXPECT_EQ(client.exchange(post("/events", event("a"), "Authorization: Bearer " + key + "\r\n")).status, 200);
  EXPECT_EQ(log_->statistics().entries, 1u);
}

}  // namespace
}  // namespace millrace::test
