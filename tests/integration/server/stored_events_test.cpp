// A server whose events are in a file: what its clients see of it, over real sockets.
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "millrace/server/stores/sqlite.h"
#include "running_server.h"
#include "small_disk.h"
#include "stream_client.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

constexpr std::string_view kJson = "Content-Type: application/json\r\n";

std::string resuming(std::string_view id) {
  return "Last-Event-ID: " + std::string(id) + "\r\n";
}

class StoredEvents : public ::testing::Test {
 protected:
  // Little of it in memory, so that clients that resume are served from the file.
  ServerOptions options() const {
    ServerOptions options = open_to_all();
    options.history.events = 10;
    return options;
  }
  std::shared_ptr<EventStore> file(const StoreBounds& bounds = {}) const {
    return open_sqlite(folder_.path("log"), {.sync = StoreSync::kNormal, .bounds = bounds});
  }

  RunningServer& restart() {
    server_.reset();
    ServerOptions stored = options();
    stored.store = file();
    server_ = std::make_unique<RunningServer>(stored, [](Server& server) { server.events("/events").operations(); });
    return *server_;
  }

  std::string publish(Topic topic, std::string_view data) {
    return (*server_)->hub().publish(topic, {.data = data}).id;
  }

  void publish_numbers(Topic topic, int first, int last) {
    std::vector<std::string> numbers;
    for (int i = first; i <= last; ++i) numbers.push_back(std::to_string(i));
    std::vector<Publication> publications;
    for (const std::string& number : numbers) publications.push_back({.topic = topic, .event = {.data = number}});
    (*server_)->hub().publish(publications).front().or_throw();
  }

  void expect_numbers(StreamClient& stream, int first, int last) {
    for (int i = first; i <= last; ++i) ASSERT_EQ(stream.next_data(), std::to_string(i));
  }

  TemporaryFolder folder_;
  std::unique_ptr<RunningServer> server_;
};

TEST_F(StoredEvents, AreReadFromFarBehindAndThenLive) {
  restart();
  publish_numbers("a", 1, 3'000);
  StreamClient all((*server_).port(), "/events?topic=a&lastEventId=earliest");
  StreamClient wild((*server_).port(), "/events?topic=**&lastEventId=earliest");
  StreamClient some((*server_).port(), "/events?topic=a&topic=b", resuming(id_at((*server_)->hub(), 1'500)));
  expect_numbers(all, 1, 3'000);
  expect_numbers(wild, 1, 3'000);
  expect_numbers(some, 1'501, 3'000);
  publish_numbers("a", 3'001, 3'100);
  for (StreamClient* stream : {&all, &wild, &some}) expect_numbers(*stream, 3'001, 3'100);
}

TEST_F(StoredEvents, OutliveTheServerAndItsClientsResumeAsIfNothingHadBeen) {
  restart();
  publish_numbers("a", 1, 100);
  const std::string id = id_at((*server_)->hub(), 40);
  const std::string head = id_at((*server_)->hub(), 100);
  restart();
  StreamClient resumed(server_->port(), "/events?topic=a", resuming(id));
  StreamClient up_to_date(server_->port(), "/events?topic=a", resuming(head));
  StreamClient fresh(server_->port(), "/events?topic=a");
  expect_numbers(resumed, 41, 100);
  publish_numbers("a", 101, 101);
  for (StreamClient* stream : {&resumed, &up_to_date, &fresh}) expect_numbers(*stream, 101, 101);
  EXPECT_EQ(resumed.decoder().last_event_id(), id.substr(0, id.find('-')) + "-101");
}

TEST_F(StoredEvents, WithAPublishersIdAreTakenOnceAcrossARestart) {
  restart();
  RawClient client(server_->port());
  const std::string request = post("/events", R"({"topic":"a","data":"x","id":"order 17"})", kJson);
  EXPECT_EQ(client.exchange(request).body, "{\"id\":\"order 17\",\"durability\":\"process\"}\n");
  publish("a", "y");
  restart();
  RawClient again(server_->port());
  EXPECT_EQ(again.exchange(request).body, "{\"id\":\"order 17\",\"repeated\":true,\"durability\":\"process\"}\n");
  StreamClient stream(server_->port(), "/events?topic=a", resuming("order 17"));
  EXPECT_EQ(stream.next_data(), "y");
  publish("a", "z");
  EXPECT_EQ(stream.next_data(), "z");
}

TEST_F(StoredEvents, OfAFinishedTopicAreOverForClientsThatHaveThemAlsoAfterARestart) {
  restart();
  publish_numbers("job", 1, 30);
  (*server_)->hub().finish("job").or_throw();
  publish_numbers("other", 1, 30);
  const std::string last = id_at((*server_)->hub(), 30);
  const std::string early = id_at((*server_)->hub(), 5);
  restart();
  RawClient done(server_->port());
  EXPECT_EQ(done.exchange(get("/events?topic=job", resuming(last))).status, 204);
  StreamClient behind(server_->port(), "/events?topic=job", resuming(early));
  expect_numbers(behind, 6, 30);
  EXPECT_TRUE(behind.read_to_end()) << "its last event is the end";
}

TEST_F(StoredEvents, OfSeveralTopicsEndWithTheLastFinishThoughMemoryHasForgottenTheOthers) {
  restart();
  StreamClient stream(server_->port(), "/events?topic=one&topic=two");
  (*server_)->hub().finish("one").or_throw();
  publish_numbers("other", 1, 30);
  publish("two", "last");
  (*server_)->hub().finish("two").or_throw();
  EXPECT_EQ(stream.next_data(), "last");
  EXPECT_TRUE(stream.read_to_end());
}

TEST_F(StoredEvents, ThatAreGoneAreReportedAsAGap) {
  ServerOptions bounded = options();
  bounded.store = file({.events = 50});
  RunningServer server(bounded, [](Server& one) { one.events("/events"); });
  for (int i = 1; i <= 200; ++i) server->hub().publish("a", {.data = std::to_string(i)}).or_throw();
  StreamClient stream(server.port(), "/events?topic=a", resuming(id_at(server->hub(), 20)));
  const auto gap = stream.next();
  ASSERT_TRUE(gap);
  EXPECT_EQ(gap->type, "millrace.gap");
  EXPECT_NE(gap->data.find("expired"), std::string::npos);
  expect_numbers(stream, 151, 200);
}

TEST_F(StoredEvents, ReachAClientThatResumesWhileOthersPublishOnceAndInOrder) {
  restart();
  constexpr int kEvents = 4'000;
  constexpr int kStreams = 20;
  std::thread publisher([this] {
    for (int i = 1; i <= kEvents; ++i) publish("a", std::to_string(i));
  });
  std::vector<std::thread> readers;
  for (int r = 0; r < kStreams; ++r) {
    readers.emplace_back([this, r] {
      // Disconnected again and again, each reader at other places.
      std::string id = "earliest";
      int next = 1;
      while (next <= kEvents) {
        StreamClient stream(server_->port(), r % 2 == 0 ? "/events?topic=a" : "/events?topic=**", resuming(id));
        for (int i = 0; i < 500 + 37 * r && next <= kEvents; ++i) {
          const auto event = stream.next();
          ASSERT_TRUE(event);
          ASSERT_EQ(event->data, std::to_string(next++));
          id = event->id;
        }
      }
    });
  }
  publisher.join();
  for (std::thread& reader : readers) reader.join();
}

TEST_F(StoredEvents, AreRefusedWhileTheDiskIsFullAndStreamsGoOn) {
  SmallDisk disk(folder_.path("disk"), 1'024);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a file system: " << disk.error();
  ServerOptions full = options();
  full.store = open_sqlite(disk.path("log"), {.sync = StoreSync::kNormal});
  full.streams.heartbeat = Duration{200};
  std::mutex mutex;
  std::vector<StoreStatus> statuses;
  full.on_store_status = [&](const StoreStatus& status) {
    const std::lock_guard lock(mutex);
    statuses.push_back(status);
  };
  RunningServer server(full, [](Server& one) { one.events("/events").operations(); });
  StreamClient live(server.port(), "/events?topic=a");
  RawClient client(server.port());
  const std::string padding(5'000, '.');

  int accepted = 0;
  RawResponse refused;
  const auto publish_next = [&] {
    const std::string body = R"({"topic":"a","data":")" + std::to_string(accepted + 1) + padding + R"("})";
    const RawResponse response = client.exchange(post("/events", body, kJson));
    if (response.status == 200) ++accepted;
    return response;
  };
  while (refused.status == 0) {
    const RawResponse response = publish_next();
    if (response.status != 200) refused = response;
    ASSERT_LT(accepted, 1'000) << "a disk of 1 MB takes 5 MB";
  }
  EXPECT_EQ(refused.status, 503);
  EXPECT_GT(std::stoi(refused.field("Retry-After")), 0);
  const RawResponse not_ready = client.exchange(get("/readyz"));
  EXPECT_EQ(not_ready.status, 503);
  const std::string for_strangers =
      "{\"error\":\"the store accepts no events at the moment; the server's log has the reason\"}\n";
  EXPECT_EQ(refused.body, for_strangers);
  EXPECT_EQ(not_ready.body, for_strangers);
  EXPECT_EQ(client.exchange(get("/healthz")).status, 200);

  const auto expect = [&padding](StreamClient& stream, int first, int last) {
    for (int i = first; i <= last; ++i) ASSERT_EQ(stream.next_data(), std::to_string(i) + padding);
  };
  expect(live, 1, accepted);
  const std::size_t text = live.decoder().text().size();
  ASSERT_TRUE(live.read_until([&](const StreamDecoder& decoder) { return decoder.text().size() > text; }))
      << "heartbeats go on";
  StreamClient late(server.port(), "/events?topic=a&lastEventId=earliest");
  expect(late, 1, accepted);

  const int before = accepted;
  ASSERT_TRUE(disk.resize(16 * 1'024));
  ASSERT_TRUE(eventually([&] { return client.exchange(get("/readyz")).status == 200; }));
  for (int i = 0; i < 100; ++i) ASSERT_EQ(publish_next().status, 200);
  expect(live, before + 1, before + 100);
  expect(late, before + 1, before + 100);
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return statuses.size() >= 2 && statuses.back().is_accepting();
  }));
  const std::lock_guard lock(mutex);
  EXPECT_FALSE(statuses.front().is_accepting());
  EXPECT_NE(statuses.front().reason.find("full"), std::string::npos) << statuses.front().reason;
}

TEST_F(StoredEvents, NeedADiskThatCanBeWrittenTo) {
  SmallDisk disk(folder_.path("disk"), 1'024);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a file system: " << disk.error();
  ASSERT_TRUE(disk.forbid_writing());
  try {
    open_sqlite(disk.path("log"));
    FAIL() << "it was opened";
  } catch (const StoreUnavailable& error) {
    EXPECT_NE(std::string(error.what()).find("Read-only file system"), std::string::npos) << error.what();
  }
}

// Server by server, and not by two at once.
TEST_F(StoredEvents, OutliveTheServerInAStoreThatTheNextOneUses) {
  ServerOptions stored = options();
  stored.store = file();
  const auto begin = [&] {
    server_ = std::make_unique<RunningServer>(stored, [](Server& server) { server.events("/events").operations(); });
  };
  begin();
  publish_numbers("a", 1, 100);
  EXPECT_THROW(Server{stored}, std::logic_error);
  server_.reset();
  const Publication late{.topic = "a", .event = {.data = "x"}};
  std::uint64_t sequence = 0;
  EXPECT_THROW(stored.store->append({&late, 1}, {&sequence, 1}), StoreUnavailable) << "no server would deliver it";
  begin();
  StreamClient all(server_->port(), "/events?topic=a&lastEventId=earliest");
  publish_numbers("a", 101, 101);
  expect_numbers(all, 1, 101);
}

}  // namespace
}  // namespace millrace::test
