// Two servers on one log.
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "millrace/server/invalid_option.h"
#include "millrace/server/stores/sqlite.h"
#include "raw_client.h"
#include "running_server.h"
#include "stream_client.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

// A server on the log of another, on a port of its own.
class SecondServer {
 public:
  SecondServer(Server& log_of, const ServerOptions& options) : server_(log_of, with_tls_if_wanted(options)) {
    server_.events("/events");
    port_ = server_.bind_to_any_port("127.0.0.1");
    set_speaks_tls(port_, server_.options().tls.has_value());
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    EXPECT_TRUE(eventually([this] { return server_.is_running(); }));
  }
  ~SecondServer() {
    server_.stop();
    thread_.join();
  }
  Server* operator->() { return &server_; }
  int port() const { return port_; }

 private:
  Server server_;
  int port_ = 0;
  std::thread thread_;
};

// The status of a request that publishes.
int publish(int port, const std::string& body) {
  return RawClient(port)
      .exchange("POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body)
      .status;
}

TEST(SharedLog, PassesEventsBothWaysWithTheSameIds) {
  RunningServer first(open_to_all());
  SecondServer second(*first, open_to_all());
  StreamClient here(first.port(), "/events?topic=a");
  StreamClient there(second.port(), "/events?topic=a");
  ASSERT_EQ(publish(first.port(), R"({"topic":"a","data":"one"})"), 200);
  ASSERT_EQ(publish(second.port(), R"({"topic":"a","data":"two"})"), 200);
  for (const char* data : {"one", "two"}) {
    const auto one = here.next();
    const auto other = there.next();
    ASSERT_TRUE(one && other);
    EXPECT_EQ(one->data, data);
    EXPECT_EQ(other->data, data);
    EXPECT_EQ(one->id, other->id);
  }
  StreamClient resumed(second.port(), "/events?topic=a&lastEventId=" + id_at(first->hub(), 1));
  EXPECT_EQ(resumed.next_data(), "two");
}

TEST(SharedLog, GivesEachServerRightsAndStreamsOfItsOwn) {
  RunningServer first;
  SecondServer second(*first, open_to_all());
  EXPECT_EQ(publish(first.port(), R"({"topic":"a","data":"no"})"), 403);
  StreamClient here(first.port(), "/events?topic=a");
  EXPECT_EQ(second->subscriptions().size(), 0u);
  EXPECT_EQ(first->subscriptions().size(), 1u);
  ASSERT_EQ(publish(second.port(), R"({"topic":"a","data":"yes"})"), 200);
  EXPECT_EQ(here.next_data(), "yes");
}

TEST(SharedLog, GoesOnWhenTheSecondServerIsGone) {
  RunningServer first(open_to_all());
  StreamClient here(first.port(), "/events?topic=a");
  {
    SecondServer second(*first, open_to_all());
    StreamClient there(second.port(), "/events?topic=a");
    ASSERT_EQ(publish(second.port(), R"({"topic":"a","data":"one"})"), 200);
    EXPECT_EQ(there.next_data(), "one");
  }
  ASSERT_EQ(publish(first.port(), R"({"topic":"a","data":"two"})"), 200);
  EXPECT_EQ(here.next_data(), "one");
  EXPECT_EQ(here.next_data(), "two");
}

TEST(SharedLog, RetainsWhatTheFirstServerRetains) {
  ServerOptions options = open_to_all();
  options.history.retain = {"state/*"};
  RunningServer first(options);
  SecondServer second(*first, open_to_all());
  ASSERT_EQ(publish(second.port(), R"({"topic":"state/a","data":"kept"})"), 200);
  EXPECT_EQ(first->hub().statistics().retained_topics, 1u);
}

TEST(SharedLog, IsTheFirstServersInItsStoreToo) {
  const TemporaryFolder folder;
  ServerOptions options = open_to_all();
  options.store = open_sqlite(folder.path("events.db"));
  RunningServer first(options);
  SecondServer second(*first, open_to_all());
  ASSERT_EQ(publish(second.port(), R"({"topic":"state/a","data":"kept"})"), 200);
  EXPECT_EQ(first->hub().statistics().store->entries, 1u);
  EXPECT_EQ(second->hub().durability(), first->hub().durability());
}

TEST(SharedLog, RefusesAStoreOfTheSecondServer) {
  const TemporaryFolder folder;
  Server first;
  ServerOptions options;
  options.store = open_sqlite(folder.path("events.db"));
  try {
    const Server second(first, options);
    FAIL() << "it was accepted";
  } catch (const InvalidOption& failure) {
    EXPECT_STREQ(
        failure.what(),
        "ServerOptions::store: must be null for a server on the log of another server: it uses that server's store");
  }
}

}  // namespace
}  // namespace millrace::test
