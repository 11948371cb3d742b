#include "millrace/server/push_service.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cut_proxy.h"
#include "millrace/client/event_source.h"
#include "millrace/server/stores/sqlite.h"
#include "running_server.h"
#include "stream_client.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

using Lines = std::vector<std::string>;
using Outcome = PushService::Sent::Outcome;

// What is noted from several threads, in order.
class Notes {
 public:
  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  Lines lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  bool become(const Lines& expected) const {
    return eventually([&] { return lines() == expected; });
  }

 private:
  mutable std::mutex mutex_;
  Lines lines_;
};

// A server whose /stream?uid= opens users' streams.
class PushServer {
 public:
  explicit PushServer(PushOptions options = {})
      : server_({}, [&](Server& server) {
          push_ = std::make_unique<PushService>(server, std::move(options));
          server.Get("/stream", [this](const httplib::Request& request, httplib::Response& response) {
            push_->connect(request, response, request.get_param_value("uid"));
          });
        }) {}
  ~PushServer() {
    server_.stop();
    push_.reset();
  }

  PushService* operator->() { return push_.get(); }
  int port() const { return server_.port(); }
  Server& server() { return *server_; }

  StreamClient stream(const std::string& uid, const std::string& last_event_id = {}) {
    return StreamClient(port(), "/stream?uid=" + uid,
                        last_event_id.empty() ? "" : "Last-Event-ID: " + last_event_id + "\r\n");
  }
  int status(const std::string& uid, const std::string& last_event_id) {
    RawClient client(port());
    return client.exchange(get("/stream?uid=" + uid, "Last-Event-ID: " + last_event_id + "\r\n")).status;
  }

 private:
  std::unique_ptr<PushService> push_;
  RunningServer server_;
};

PushOptions noting(Notes& notes) {
  PushOptions options;
  options.on_open = [&](const std::string& uid) { notes.add("open " + uid); };
  options.on_timeout = [&](const std::string& uid) { notes.add("timeout " + uid); };
  options.on_error = [&](const std::string& uid) { notes.add("error " + uid); };
  options.on_close = [&](const std::string& uid) { notes.add("close " + uid); };
  return options;
}

TEST(PushService, AMessageReachesEveryDeviceOfItsUserAndNobodyElse) {
  PushServer push;
  StreamClient phone = push.stream("ada");
  StreamClient laptop = push.stream("ada");
  StreamClient other = push.stream("bob");
  const auto sent = push->send("ada", "m1", "one\ntwo");
  EXPECT_TRUE(sent);
  EXPECT_EQ(sent.id, "m1");
  EXPECT_TRUE(push->send("bob", "m1", "hello")) << "users' IDs are their own";
  EXPECT_EQ(phone.next(), (Received{"message", "one\ntwo", "m1"}));
  EXPECT_EQ(laptop.next(), (Received{"message", "one\ntwo", "m1"}));
  EXPECT_EQ(other.next(), (Received{"message", "hello", "m1"}));
}

TEST(PushService, AnIdIsSentOnceUntilTheUsersStreamIsClosed) {
  PushServer push;
  StreamClient first = push.stream("ada");
  EXPECT_EQ(push->send("ada", "1", "x").outcome, Outcome::kSent);
  EXPECT_EQ(push->send("ada", "1", "x").outcome, Outcome::kRepeated);
  push->close("ada");
  StreamClient second = push.stream("ada");
  EXPECT_EQ(push->send("ada", "1", "anew").outcome, Outcome::kSent);
  EXPECT_EQ(second.next_data(), "anew");
  EXPECT_EQ(first.next_data(), "x");
  EXPECT_TRUE(first.read_to_end());
}

TEST(PushService, SaysWhyAMessageIsNotSent) {
  PushServer push;
  const StreamClient ada = push.stream("ada");
  const auto reason = [&](std::string_view uid, std::string_view id, std::string_view message,
                          Outcome outcome = Outcome::kInvalid) {
    const auto sent = push->send(uid, id, message);
    EXPECT_FALSE(sent);
    EXPECT_EQ(sent.outcome, outcome) << sent.sentence;
    EXPECT_EQ(sent.id, "");
    return sent.sentence;
  };
  EXPECT_EQ(reason("ada", "1", ""), "message: empty");
  EXPECT_EQ(reason("bob", "1", "x", Outcome::kNotConnected), "uid: \"bob\" is not connected");
  EXPECT_EQ(reason("", "1", "x"), "uid: missing or empty");
  EXPECT_EQ(reason(std::string(129, 'u'), "1", "x"), "uid: longer than 128 bytes");
  for (const char* uid : {"a/b", "*", "a*", "a\nb", "\x7f", "\xff"}) {
    EXPECT_EQ(reason(uid, "1", "x"), "uid: must be UTF-8 without /, * and control characters");
  }
  for (const char* id : {"a\nb", "a\rb"}) EXPECT_TRUE(reason("ada", id, "x").starts_with("id:"));
  EXPECT_TRUE(reason("ada", std::string(257, 'i'), "x").starts_with("id:"));
  EXPECT_TRUE(reason("ada", "earliest", "x").starts_with("id:"));
  EXPECT_TRUE(reason(std::string(128, 'u'), "1", "x", Outcome::kNotConnected).ends_with("is not connected"));
}

TEST(PushService, AnInvalidUidOpensNoStream) {
  PushServer push;
  RawClient client(push.port());
  const RawResponse response = client.exchange(get("/stream?uid=a%2Fb"));
  EXPECT_EQ(response.status, 400);
  EXPECT_TRUE(response.body.starts_with(R"({"error":"uid:)")) << response.body;
  EXPECT_EQ(push->close("a/b").outcome, PushService::Closed::Outcome::kInvalid);
  EXPECT_TRUE(push->connected().empty());
}

TEST(PushService, WhatIsKeptForLaterReachesADeviceThatReconnects) {
  PushServer push({.keep_for_later = true});
  std::string id;
  {
    const StreamClient gone = push.stream("ada");
    id = gone.decoder().last_event_id();
  }
  ASSERT_TRUE(eventually([&] { return push->connected().empty(); }));
  EXPECT_TRUE(push->send("ada", "later", "kept"));
  StreamClient back = push.stream("ada", id);
  EXPECT_EQ(back.next(), (Received{"message", "kept", "later"}));
}

TEST(PushService, AnIdIsNewOnceTheUsersStreamWasClosedThoughNobodyHasOpenedIt) {
  PushServer push({.keep_for_later = true});
  EXPECT_EQ(push->send("ada", "1", "x").outcome, Outcome::kSent);
  EXPECT_EQ(push->send("ada", "1", "x").outcome, Outcome::kRepeated);
  push->close("ada");
  EXPECT_EQ(push->send("ada", "1", "anew").outcome, Outcome::kSent);
  EXPECT_EQ(push->send("ada", "1", "anew").outcome, Outcome::kRepeated);
}

// A commit takes as long as the disk: if each message had its own, every sender would wait for all others.
void expect_shared_commits(const std::function<std::string(int)>& user_of) {
  constexpr int kThreads = 16;
  constexpr int kEach = 20;
  const TemporaryFolder folder;
  Server server({.store = open_sqlite(folder.path("log"))});
  PushService push(server, {.keep_for_later = true});
  std::barrier begin(kThreads);
  std::vector<std::thread> senders;
  for (int t = 0; t < kThreads; ++t) {
    senders.emplace_back([&, t] {
      begin.arrive_and_wait();
      for (int i = 0; i < kEach; ++i) EXPECT_TRUE(push.send(user_of(t), "", "x"));
    });
  }
  for (std::thread& sender : senders) sender.join();
  const StoreStatistics store = *server.hub().statistics().store;
  EXPECT_EQ(store.entries, std::uint64_t{kThreads} * kEach);
  EXPECT_LT(store.commits, store.entries / 2);
}

TEST(PushService, SendersOfDifferentUsersShareCommits) {
  expect_shared_commits([](int sender) { return "user" + std::to_string(sender); });
}

TEST(PushService, SendersOfOneUserShareCommits) {
  expect_shared_commits([](int) { return std::string("ada"); });
}

TEST(PushService, ClosingEndsAUsersStreamsForGood) {
  PushServer push;
  StreamClient one = push.stream("ada");
  StreamClient two = push.stream("ada");
  StreamClient other = push.stream("bob");
  push->send("ada", "last", "words");
  EXPECT_EQ(push->close("ada").streams, 2u);
  EXPECT_FALSE(push->send("ada", "late", "x")) << "there is no device to get it";
  EXPECT_EQ(one.next_data(), "words");
  EXPECT_TRUE(one.read_to_end());
  EXPECT_TRUE(two.read_to_end());
  ASSERT_TRUE(eventually([&] { return push->connected().size() == 1; }));

  const std::string end = one.decoder().last_event_id();
  EXPECT_EQ(push.status("ada", end), 204);
  EXPECT_EQ(push.status("ada", "last"), 204) << "cut before it saw the end";
  StreamClient anew = push.stream("ada");
  EXPECT_EQ(push.status("ada", end), 204) << "also when there is a new stream";
  EXPECT_TRUE(push->send("ada", "first", "hello again"));
  EXPECT_EQ(push.status("ada", end), 204);
  EXPECT_EQ(anew.next_data(), "hello again");
  push->send("bob", "1", "still here");
  EXPECT_EQ(other.next_data(), "still here");
  EXPECT_EQ(push->close("nobody").streams, 0u);
}

TEST(PushService, SaysWhoIsConnected) {
  PushServer push;
  const auto before = std::chrono::system_clock::now();
  const StreamClient one = push.stream("bob");
  const StreamClient two = push.stream("ada");
  const auto first = push->connected();
  auto three = std::make_unique<StreamClient>(push.stream("ada"));
  const auto users = push->connected();
  ASSERT_EQ(users.size(), 2u);
  EXPECT_EQ(users[0].uid, "ada");
  EXPECT_EQ(users[0].devices, 2u);
  EXPECT_EQ(users[0].since, first[0].since) << "a second device does not begin a visit";
  EXPECT_GE(users[0].since, before);
  EXPECT_EQ(users[1].uid, "bob");
  EXPECT_EQ(users[1].devices, 1u);
  three.reset();
  EXPECT_TRUE(eventually([&] { return push->connected()[0].devices == 1; }));
}

TEST(PushService, ReportsAStreamsLifeInOrder) {
  Notes notes;
  PushServer push(noting(notes));
  { const StreamClient stream = push.stream("ada"); }
  EXPECT_TRUE(notes.become({"open ada", "error ada", "close ada"}));
  StreamClient stream = push.stream("bob");
  push->close("bob");
  EXPECT_TRUE(stream.read_to_end());
  EXPECT_TRUE(notes.become({"open ada", "error ada", "close ada", "open bob", "close bob"})) << notes.lines().size();
  EXPECT_EQ(push.status("bob", stream.decoder().last_event_id()), 204);
  EXPECT_EQ(notes.lines().size(), 5u) << "no callbacks without a stream";
}

TEST(PushService, ALifetimeEndsAStreamWithAReconnectionTimeDrawnAtRandom) {
  Notes notes;
  PushOptions options = noting(notes);
  options.lifetime = Duration{20};
  options.retry = Duration{1'000'000};
  PushServer push(options);
  StreamClient stream = push.stream("ada");
  EXPECT_NE(stream.decoder().text().find("retry: 1000000\n"), std::string::npos);
  EXPECT_TRUE(stream.read_to_end());
  EXPECT_GT(stream.decoder().retry(), Duration{1'000'000});
  EXPECT_LE(stream.decoder().retry(), Duration{2'000'000});
  EXPECT_TRUE(notes.become({"open ada", "timeout ada", "close ada"}));
  EXPECT_EQ(push.stream("ada", stream.decoder().last_event_id()).head().status, 200) << "it may come back";
}

TEST(PushService, RefusesOptionsOutOfRange) {
  Server server;
  EXPECT_THROW(PushService(server, {.retry = Duration{-1}}), std::invalid_argument);
  EXPECT_THROW(PushService(server, {.retry = Duration{0x80000000}}), std::invalid_argument);
  EXPECT_THROW(PushService(server, {.lifetime = Duration{-1}}), std::invalid_argument);
}

TEST(PushService, CallsNobodyOnceItIsGone) {
  Notes notes;
  std::unique_ptr<PushService> push;
  RunningServer server({}, [&](Server& configured) {
    push = std::make_unique<PushService>(configured, noting(notes));
    configured.Get("/stream", [&](const httplib::Request& request, httplib::Response& response) {
      push->connect(request, response, "ada");
    });
  });
  auto stream = std::make_unique<StreamClient>(server.port(), "/stream");
  ASSERT_TRUE(notes.become({"open ada"}));
  push.reset();
  stream.reset();
  ASSERT_TRUE(eventually([&] { return server->open_streams() == 0; }));
  server.stop();
  EXPECT_EQ(notes.lines(), (Lines{"open ada"}));
}

// IDs beyond ASCII have to come back as they went out, or nothing resumes.
TEST(PushService, ANativeClientMissesNothingOverCutConnections) {
  constexpr int kMessages = 300;
  PushServer push({.retry = Duration{1}, .keep_for_later = true});
  CutProxy proxy(static_cast<std::uint16_t>(push.port()));
  proxy.cut_after(1500, CutProxy::Cut::kReset);
  Notes received;
  std::atomic<bool> open = false;
  std::atomic<int> closed = 0;
  EventSource source(proxy.url("/stream?uid=%E7%94%A8%E6%88%B7"));
  source.on_open([&] { open = true; });
  source.on_any([&](const MessageEvent& event) {
    received.add(std::string(event.data) + " " + std::string(event.last_event_id));
  });
  source.on_error([&](const EventSourceError& error) { closed += error.will_reconnect ? 0 : 1; });
  source.start();
  ASSERT_TRUE(eventually([&] { return open.load(); }));

  Lines expected;
  for (int n = 1; n <= kMessages; ++n) {
    const std::string id = "消息" + std::to_string(n);
    ASSERT_TRUE(push->send("用户", id, std::to_string(n)));
    ASSERT_TRUE(push->send("another", id, "not for us"));
    expected.push_back(std::to_string(n) + " " + id);
  }
  EXPECT_TRUE(received.become(expected));
  EXPECT_GT(proxy.accepted(), 5u) << "the connection was not cut: this test has tested nothing";
  push->close("用户");
  EXPECT_TRUE(eventually([&] { return source.ready_state() == EventSource::ReadyState::kClosed; }));
  EXPECT_EQ(closed, 1);
}

}  // namespace
}  // namespace millrace::test
