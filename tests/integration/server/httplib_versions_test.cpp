// What differs between the versions of cpp-httplib, and must not differ here.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "any_httplib.h"
#include "raw_client.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

using httplib::Request;
using httplib::Response;

static_assert(noexcept(std::declval<Server&>().stop()), "as in cpp-httplib since 0.45.1");

const std::string kEvent = R"({"topic":"a","data":"1"})";

// --- Handlers that later versions added -----------------------------------------------------------------------------

// Functions of a version come and go: what a lambda of a generic type may call is found out when it is called.
template <typename AnyServer, typename Use>
bool use_if_there(AnyServer& server, const Use& use) {
  if constexpr (requires { use(server); }) {
    use(server);
    return true;
  } else {
    return false;
  }
}

TEST(HttplibVersions, APreRequestHandlerIsAskedBeforeAnEventsRoute) {
  std::atomic<int> asked = 0;
  bool has_handler = false;
  RunningServer server(open_to_all(), [&](Server& one) {
    httplib::Server& base = one;
    has_handler = use_if_there(base, [&](auto& any) -> decltype(any.set_pre_request_handler(nullptr), void()) {
      any.set_pre_request_handler([&](const Request&, Response& response) {
        ++asked;
        response.status = 401;
        return httplib::Server::HandlerResponse::Handled;
      });
    });
    one.events("/events");
  });
  EXPECT_EQ(has_handler, is_httplib(21));
  if (!has_handler) GTEST_SKIP() << "cpp-httplib has it since 0.21";
  EXPECT_EQ(RawClient(server.port()).exchange(post("/events", kEvent)).status, 401);
  EXPECT_EQ(RawClient(server.port()).exchange(get("/events?topic=a")).status, 401);
  EXPECT_EQ(asked, 2);
}

TEST(HttplibVersions, AHeaderWriterWritesTheAnswersOfAnEventsRoute) {
  bool has_writer = false;
  RunningServer server(open_to_all(), [&](Server& one) {
    httplib::Server& base = one;
    has_writer = use_if_there(base, [&](auto& any) -> decltype(any.set_header_writer({}), void()) {
      any.set_header_writer([](httplib::Stream& stream, httplib::Headers& headers) {
        std::string lines = "X-Written: yes\r\n";
        for (const auto& [name, value] : headers) lines.append(name).append(": ").append(value).append("\r\n");
        return stream.write(lines.append("\r\n"));
      });
    });
    one.events("/events");
  });
  EXPECT_EQ(has_writer, is_httplib(14, 1));
  if (!has_writer) GTEST_SKIP() << "cpp-httplib has it since 0.14.1";
  EXPECT_EQ(RawClient(server.port()).exchange(post("/events", kEvent)).field("X-Written"), "yes");
}

TEST(HttplibVersions, AnErrorLoggerGetsTheSameAsWithoutMillrace) {
  std::atomic<int> told = 0;
  bool has_logger = false;
  const auto configure = [&](Server& one) {
    httplib::Server& base = one;
    has_logger = use_if_there(base, [&](auto& any) -> decltype(any.set_error_logger(nullptr), void()) {
      any.set_error_logger([&](const auto&, const Request*) { ++told; });
    });
    one.Post("/form", [](const Request&, Response& response) { response.status = 204; });
  };
  RunningServer server({}, configure);
  if (!has_logger) GTEST_SKIP() << "cpp-httplib has it since 0.25";
  const auto refused = [&] {
    return RawClient(server.port()).exchange(post("/form", "x", "Content-Type: multipart/form-data\r\n"));
  };
  EXPECT_EQ(refused().status, 400);
  server.stop();  // behind which nothing is told any more
  const int once = told;
  EXPECT_GT(once, 0);
  server.start();
  EXPECT_EQ(refused().status, 400);
  server.stop();
  EXPECT_EQ(told, 2 * once) << "also when it listens again";
}

// --- Routes ---------------------------------------------------------------------------------------------------------

TEST(HttplibVersions, PathParametersLeadToTheirHandler) {
  if (!is_httplib(13)) GTEST_SKIP() << "cpp-httplib has them since 0.13";
  RunningServer server({}, [](Server& one) {
    const auto handler = [](const auto& request, Response& response) {
      if constexpr (requires { request.path_params; }) {
        response.set_content(request.path_params.at("id") + " " + request.body, "text/plain");
      }
    };
    one.Get("/users/:id", [handler](const Request& request, Response& response) { handler(request, response); });
    one.Post("/users/:id", [handler](const Request& request, Response& response) { handler(request, response); });
  });
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(get("/users/7")).body, "7 ");
  EXPECT_EQ(client.exchange(post("/users/8", "body")).body, "8 body");
  EXPECT_EQ(client.exchange("PUT /users/8 HTTP/1.1\r\nHost: localhost\r\n\r\n").field("Allow"), "GET, HEAD, POST");
}

// --- Bodies that cpp-httplib refuses --------------------------------------------------------------------------------

TEST(HttplibVersions, AFormThatCannotBeReadIsExplainedButAHandlersOwnErrorIsNot) {
  RunningServer server(
      {}, [](Server& one) { one.Post("/form", [](const Request&, Response& response) { response.status = 400; }); });
  const auto answer = [&](const std::string& type, const std::string& body) {
    return RawClient(server.port()).exchange(post("/form", body, "Content-Type: " + type + "\r\n"));
  };
  const RawResponse refused = answer("multipart/form-data", "x");
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.body.find("does not match its Content-Type"), std::string::npos) << refused.body;
  const RawResponse broken = answer("multipart/form-data; boundary=b", "x");
  EXPECT_EQ(broken.status, 400);
  EXPECT_NE(broken.body.find("does not match its Content-Type"), std::string::npos) << broken.body;
  const RawResponse large = answer("application/x-www-form-urlencoded", std::string(8193, 'x'));
  EXPECT_EQ(large.status, 413);
  EXPECT_NE(large.body.find("8192"), std::string::npos) << large.body;
  const RawResponse own = answer("multipart/form-data; boundary=b",
                                 "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n--b--\r\n");
  EXPECT_EQ(own.status, 400);
  EXPECT_EQ(own.body, "");
}

// --- Heads ----------------------------------------------------------------------------------------------------------

TEST(HttplibVersions, MoreFieldsThanCppHttplibTakesAreNamed) {
  RunningServer server(open_to_all());
  std::string fields;
  for (int i = 0; i < 200; ++i) fields += "X-" + std::to_string(i) + ": y\r\n";
  const RawResponse answer = RawClient(server.port()).exchange(post("/events", kEvent, fields));
#if defined(CPPHTTPLIB_HEADER_MAX_COUNT)  // since 0.22, and in older ones that distributions have mended
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find("more than 100 header fields"), std::string::npos) << answer.body;
#else
  EXPECT_EQ(answer.status, 200);
#endif
}

TEST(HttplibVersions, AnErrorDoesNotEndTheConnection) {
  RunningServer server({}, [](Server& one) {
    one.Get("/missing", [](const Request&, Response& response) { response.status = 404; });
    one.Get("/ends", [](const Request&, Response& response) {
      response.status = 404;
      response.set_header("Connection", "close");
    });
    one.Get("/ends-well", [](const Request&, Response& response) { response.set_header("Connection", "close"); });
  });
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    const RawResponse missing = client.exchange(get("/missing"));
    EXPECT_EQ(missing.status, 404);
    EXPECT_EQ(missing.field("Connection"), "");
    EXPECT_NE(missing.field("Keep-Alive"), "");
  }
  EXPECT_EQ(client.exchange(get("/ends")).field("Connection"), "close");
  EXPECT_TRUE(client.is_at_end()) << "[RFC 9112 9.6]";
  RawClient other(server.port());
  EXPECT_EQ(other.exchange(get("/ends-well")).field("Connection"), "close");
  EXPECT_TRUE(other.is_at_end());
}

// Before 0.20 cpp-httplib refuses what select() could not wait for.
TEST(HttplibVersions, AWorkerAnswersOnADescriptorBeyondTheFirstThousand) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
  setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < 2048) GTEST_SKIP() << "this system allows only " << files.rlim_cur << " descriptors";
  RunningServer server({}, [](Server& one) {
    one.Get("/x", [](const Request&, Response& response) { response.set_content("x", "text/plain"); });
  });
  std::vector<RawClient> waiting;
  for (int i = 0; i < 600; ++i) waiting.emplace_back(server.port());
  while (waiting.back().socket() < 1030) waiting.emplace_back(server.port());
  EXPECT_EQ(waiting.back().exchange(get("/x")).body, "x");
}

// --- A body that no handler reads -----------------------------------------------------------------------------------

// Since 0.40 cpp-httplib reads such a body, behind its answer: it must neither ask for it nor wait for it.
TEST(HttplibVersions, ABodyThatNoHandlerReadsIsNotAskedForAndNotWaitedFor) {
  RunningServer server({}, [](Server& one) {
    one.Post("/refused", [](const Request&, Response& response, const httplib::ContentReader&) {
      response.status = 403;
      response.set_content("no", "text/plain");
    });
  });
  RawClient client(server.port());
  client.send("POST /refused HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5000000\r\n\r\n");
  const RawResponse answer = client.read_response();
  EXPECT_EQ(answer.status, 403) << answer.head;
  EXPECT_EQ(answer.body, "no");
  EXPECT_TRUE(client.is_at_end());
}

// --- Clients that leave ---------------------------------------------------------------------------------------------

TEST(HttplibVersions, AHandlerLearnsThatItsClientHasLeft) {
  if (!is_httplib(18, 5)) GTEST_SKIP() << "cpp-httplib has is_connection_closed since 0.18.5";
  std::promise<void> waits;
  std::promise<bool> outcome;
  const auto wait = [&](const auto& request) {
    if constexpr (requires { request.is_connection_closed(); }) {
      EXPECT_FALSE(request.is_connection_closed());
      waits.set_value();
      outcome.set_value(eventually([&] { return request.is_connection_closed(); }));
    }
  };
  RunningServer server(
      {}, [&](Server& one) { one.Get("/wait", [&](const Request& request, Response&) { wait(request); }); });
  RawClient client(server.port());
  client.send(get("/wait"));
  waits.get_future().wait();
  client.close();
  EXPECT_TRUE(outcome.get_future().get());
}

// --- Queues that refuse ---------------------------------------------------------------------------------------------

// Takes no task while it is told to; before 0.15 a queue has no way to say so.
class ShutQueue final : public httplib::TaskQueue {
 public:
  explicit ShutQueue(const std::atomic<bool>& is_shut) : is_shut_(is_shut) {}
  EnqueueResult enqueue(std::function<void()> task) override {
    if constexpr (std::is_same_v<EnqueueResult, bool>) {
      if (is_shut_) return static_cast<EnqueueResult>(false);
    }
    return static_cast<EnqueueResult>(pool_.enqueue(std::move(task)));
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  const std::atomic<bool>& is_shut_;
  httplib::ThreadPool pool_{2};
};

constexpr bool kQueuesMayRefuse = std::is_same_v<EnqueueResult, bool>;

TEST(HttplibVersions, ARequestThatTheQueueRefusesIsAnswered) {
  if (!kQueuesMayRefuse) GTEST_SKIP() << "cpp-httplib's queues refuse since 0.15";
  std::atomic<bool> is_shut = false;
  ServerOptions options;
  options.threads.max_uploads = 1;
  RunningServer server(options, [&](Server& one) {
    one.Get("/x", [](const Request&, Response& response) { response.set_content("x", "text/plain"); });
    one.Post("/x", [](const Request& request, Response& response) {
      response.set_content(std::to_string(request.body.size()), "text/plain");
    });
    one.new_task_queue = [&] { return new ShutQueue(is_shut); };
  });
  const std::string upload =
      "POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
  EXPECT_EQ(RawClient(server.port()).exchange(get("/x")).body, "x");
  is_shut = true;
  for (const std::string& request : {get("/x"), upload, upload}) {
    RawClient client(server.port());
    const RawResponse refused = client.exchange(request);
    EXPECT_EQ(refused.status, 503) << request;
    EXPECT_NE(refused.field("Retry-After"), "");
    EXPECT_TRUE(client.is_at_end());
  }
  is_shut = false;
  EXPECT_EQ(RawClient(server.port()).exchange(upload).body, "1") << "a refused upload has given its place back";
}

TEST(HttplibVersions, ACallbackThatTheQueueRefusesIsCalledLater) {
  if (!kQueuesMayRefuse) GTEST_SKIP() << "cpp-httplib's queues refuse since 0.15";
  std::atomic<bool> is_shut = false;
  std::promise<void> closed;
  RunningServer server({}, [&](Server& one) {
    one.Get("/stream", [&](const Request& request, Response& response) {
      const EventStream stream = one.open_stream(request, response);
      stream.on_close([&] { closed.set_value(); });
    });
    one.Get("/x", [](const Request&, Response& response) { response.set_content("x", "text/plain"); });
    one.new_task_queue = [&] { return new ShutQueue(is_shut); };
  });
  RawClient client(server.port());
  client.send(get("/stream"));
  client.read_until("\r\n\r\n");
  is_shut = true;
  client.close();
  eventually([&] { return server->open_streams() == 0; });
  // The callback has been refused, or is yet to be: either way it comes.
  is_shut = false;
  auto called = closed.get_future();
  EXPECT_TRUE(eventually([&] {
    RawClient(server.port()).exchange(get("/x"));
    return called.wait_for(std::chrono::seconds{0}) == std::future_status::ready;
  }));
}

// --- Websockets -----------------------------------------------------------------------------------------------------

#ifdef CPPHTTPLIB_WEBSOCKET_READ_TIMEOUT_SECOND
void echo(const Request& /*request*/, httplib::ws::WebSocket& socket) {
  std::string message;
  while (socket.read(message)) socket.send("echo " + message);
}

TEST(HttplibVersions, AWebsocketIsServedAsByCppHttplib) {
  RunningServer server(open_to_all(), [](Server& one) {
    one.events("/events");
    one.WebSocket("/ws", echo);
  });
  const std::string host = "ws://127.0.0.1:" + std::to_string(server.port());
  {
    httplib::ws::WebSocketClient client(host + "/ws");
    ASSERT_TRUE(client.connect());
    const std::string large(1'000'000, 'x');
    for (const std::string& message : {std::string("one"), large, std::string("three")}) {
      ASSERT_TRUE(client.send(message));
      std::string answer;
      ASSERT_TRUE(client.read(answer));
      EXPECT_EQ(answer.size(), message.size() + 5);
    }
    client.close();
  }
  EXPECT_EQ(RawClient(server.port()).exchange(post("/events", kEvent)).status, 200);
}

TEST(HttplibVersions, AWebsocketDoesNotKeepTheServerFromStopping) {
  RunningServer server({}, [](Server& one) { one.WebSocket("/ws", echo); });
  httplib::ws::WebSocketClient client("ws://127.0.0.1:" + std::to_string(server.port()) + "/ws");
  ASSERT_TRUE(client.connect());
  ASSERT_TRUE(client.send("x"));
  std::string answer;
  ASSERT_TRUE(client.read(answer));
  server.stop();
}
#endif

}  // namespace
}  // namespace millrace::test
