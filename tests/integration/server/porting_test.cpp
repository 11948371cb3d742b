// A program of the shape that servers on cpp-httplib have, unchanged and ported, as docs/porting.md has it: it must
// answer alike as an httplib::Server, as a millrace::Server, and with its stream turned into an EventStream.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "any_httplib.h"
#include "eventually.h"
#include "millrace/server/server.h"
#include "millrace/server/ssl_server.h"
#include "raw_client.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

using httplib::Request;
using httplib::Response;

constexpr int kTokens = 20;
const std::string kKey = "Authorization: Bearer secret\r\n";

// What the program has beside its routes.
struct Program {
  std::atomic<bool> is_endless = false;  // answers have no end
  std::atomic<int> running = 0;          // answers that are being written
  std::atomic<int> threads_made = 0;     // by the pool
};

bool next_token(const Program& program, int index, std::string& token) {
  token = "token " + std::to_string(index);
  return program.is_endless || index < kTokens;
}

// Request::is_connection_closed(), since 0.18.5.
template <typename AnyRequest>
bool has_left(const AnyRequest& request) {
  if constexpr (requires { request.is_connection_closed(); }) {
    return request.is_connection_closed();
  } else {
    return false;
  }
}

void say(Response& response, int status, const std::string& json) {
  response.status = status;
  response.set_content(json, "application/json");
}

// --- The routes of both ---------------------------------------------------------------------------------------------

void add_middleware(httplib::Server& server) {
  server.set_default_headers({{"X-Program", "ported"}});
  server.set_error_handler([](const Request&, Response& response) {
    if (response.status == 404 && response.body.empty()) say(response, 404, R"({"error":"no such page"})");
  });
  server.set_exception_handler([](const Request&, Response& response, const std::exception_ptr& exception) {
    try {
      std::rethrow_exception(exception);
    } catch (const std::exception& error) {
      say(response, 500, std::string(R"({"error":")") + error.what() + R"("})");
    }
  });
  server.set_pre_routing_handler([](const Request& request, Response& response) {
    using Outcome = httplib::Server::HandlerResponse;
    response.set_header("Access-Control-Allow-Origin", request.get_header_value("Origin"));
    if (request.method == "OPTIONS") {
      response.set_header("Access-Control-Allow-Methods", "GET, POST");
      response.set_content("", "text/html");
      return Outcome::Handled;
    }
    if (request.path == "/health" || request.get_header_value("Authorization") == "Bearer secret") {
      return Outcome::Unhandled;
    }
    say(response, 401, R"({"error":"wrong key"})");
    return Outcome::Handled;
  });
}

void add_plain_routes(httplib::Server& server) {
  server.Get("/health", [](const Request&, Response& response) { say(response, 200, R"({"status":"ok"})"); });
  server.Post("/tokenize", [](const Request& request, Response& response) {
    say(response, 200, "{\"length\":" + std::to_string(request.body.size()) + "}");
  });
  server.Get("/broken", [](const Request&, Response&) { throw std::runtime_error("no model"); });
}

// --- Before: a chunked content provider -----------------------------------------------------------------------------

void add_provider(httplib::Server& server, Program& program) {
  server.Post("/completion", [&program](const Request& request, Response& response) {
    ++program.running;
    response.set_chunked_content_provider(
        "text/event-stream",
        [&program, &request, index = 0](std::size_t, httplib::DataSink& sink) mutable {
          std::string token;
          if (has_left(request)) return false;
          if (!next_token(program, index++, token)) {
            sink.write("data: [DONE]\n\n", 14);
            sink.done();
            return true;
          }
          const std::string event = "data: " + token + "\n\n";
          return sink.write(event.data(), event.size());
        },
        [&program](bool) { --program.running; });
  });
}

void set_up_before(httplib::Server& server, Program& program) {
  server.new_task_queue = [&program] {
    ++program.threads_made;
    return new httplib::ThreadPool(4);
  };
  add_middleware(server);
  add_plain_routes(server);
  add_provider(server, program);
}

// --- After: an EventStream ------------------------------------------------------------------------------------------

void set_up_after(Server& server, Program& program) {
  add_middleware(server);
  add_plain_routes(server);
  server.Post("/completion", [&server, &program](const Request& request, Response& response) {
    auto stream = server.open_stream(request, response);
    ++program.running;
    std::thread([stream, &program] {
      std::string token;
      int index = 0;
      while (next_token(program, index++, token)) {
        if (!stream.wait_for_room(std::chrono::seconds(30)) || !stream.send({.data = token})) break;
      }
      stream.send({.data = "[DONE]"});
      --program.running;
    }).detach();
  });
}

// --- Running and asking ---------------------------------------------------------------------------------------------

// Any of the servers, by the calls that a program makes: bind, listen on a thread, wait, stop.
template <typename AnyServer>
class Running {
 public:
  Running(std::unique_ptr<AnyServer> server, const std::function<void(AnyServer&)>& set_up, bool tls = false)
      : server_(std::move(server)) {
    set_up(*server_);
    port_ = server_->bind_to_any_port("127.0.0.1");
    set_speaks_tls(port_, tls);
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    eventually([this] { return server_->is_running(); });
  }
  ~Running() {
    server_->stop();
    thread_.join();
    set_speaks_tls(port_, false);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  int port() const { return port_; }

 private:
  std::unique_ptr<AnyServer> server_;
  int port_ = 0;
  std::thread thread_;
};

// What a client sees of one request: what a program decides, without what each server adds.
struct Seen {
  int status = 0;
  std::string type, origin, methods, program, body;
  bool operator==(const Seen&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << seen.status << " | " << seen.type << " | " << seen.origin << " | " << seen.methods << " | "
             << seen.program << " | " << seen.body;
}

std::vector<Seen> conversation(int port) {
  const std::string options = "OPTIONS /completion HTTP/1.1\r\nHost: localhost\r\nOrigin: https://page\r\n\r\n";
  std::vector<Seen> seen;
  for (const std::string& request : {get("/health"), get("/tokenize"), post("/tokenize", "hello"),
                                     post("/tokenize", "hello", kKey), get("/nowhere", kKey), get("/broken", kKey),
                                     options, post("/completion", "hi", kKey), post("/completion", "hi")}) {
    const RawResponse answer = RawClient(port).exchange(request);
    seen.push_back({.status = answer.status,
                    .type = answer.field("Content-Type"),
                    .origin = answer.field("Access-Control-Allow-Origin"),
                    .methods = answer.field("Access-Control-Allow-Methods"),
                    .program = answer.field("X-Program"),
                    .body = answer.body});
  }
  return seen;
}

std::string whole_answer() {
  std::string text;
  for (int i = 0; i < kTokens; ++i) text += "data: token " + std::to_string(i) + "\n\n";
  return text + "data: [DONE]\n\n";
}

class Porting : public ::testing::Test {
 protected:
  std::function<void(httplib::Server&)> before() {
    return [this](httplib::Server& server) { set_up_before(server, program_); };
  }

  std::vector<Seen> as_cpp_httplib_answers() {
    const Running<httplib::Server> server(std::make_unique<httplib::Server>(), before());
    return conversation(server.port());
  }

  Program program_;
};

TEST_F(Porting, TheUnchangedProgramAnswersAsWithCppHttplib) {
  const std::vector<Seen> expected = as_cpp_httplib_answers();
  ASSERT_EQ(expected[7].body, whole_answer());
  const Running<Server> server(std::make_unique<Server>(), before());
  EXPECT_EQ(conversation(server.port()), expected);
  EXPECT_EQ(program_.threads_made, 2) << "each has asked for the program's own pool";
}

TEST_F(Porting, AProgramWhoseStreamIsAnEventStreamAnswersAsBefore) {
  const std::vector<Seen> expected = as_cpp_httplib_answers();
  const Running<Server> server(std::make_unique<Server>(), [this](Server& one) { set_up_after(one, program_); });
  EXPECT_EQ(conversation(server.port()), expected);
  EXPECT_TRUE(eventually([this] { return program_.running == 0; }));
}

TEST_F(Porting, BothNoticeAClientThatLeavesInTheMiddle) {
  program_.is_endless = true;
  const auto leave = [this](int port) {
    RawClient client(port);
    client.send(post("/completion", "hi", kKey));
    client.read_until("data: token 3\n\n");
    EXPECT_EQ(program_.running, 1);
    client.close();
    EXPECT_TRUE(eventually([this] { return program_.running == 0; }));
  };
  {
    const Running<Server> server(std::make_unique<Server>(), before());
    leave(server.port());
  }
  const Running<Server> server(std::make_unique<Server>(), [this](Server& one) { set_up_after(one, program_); });
  leave(server.port());
}

TEST_F(Porting, MoreClientsThanThePoolHasThreadsStreamAtOnce) {
  program_.is_endless = true;
  ServerOptions options;
  options.threads.workers = 2;
  const Running<Server> server(std::make_unique<Server>(options), [this](Server& one) { set_up_after(one, program_); });
  std::vector<RawClient> clients;
  for (int i = 0; i < 12; ++i) {
    clients.emplace_back(server.port());
    clients.back().send(post("/completion", "hi", kKey));
    clients.back().read_until("data: token 0\n\n");
  }
  EXPECT_EQ(program_.running, 12);
  EXPECT_EQ(RawClient(server.port()).exchange(get("/health")).status, 200);
  clients.clear();
  EXPECT_TRUE(eventually([this] { return program_.running == 0; }));
}

#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
TEST_F(Porting, AnSslServerAnswersAsWithCppHttplib) {
  const TemporaryFolder folder;
  const TestCertificate certificate = test_authority().issue();
  const std::string chain = folder.path("chain.pem");
  const std::string key = folder.path("key.pem");
  std::ofstream(chain) << certificate.chain;
  std::ofstream(key) << certificate.key;
  std::vector<Seen> expected;
  {
    const Running<httplib::SSLServer> server(std::make_unique<httplib::SSLServer>(chain.c_str(), key.c_str()), before(),
                                             true);
    expected = conversation(server.port());
  }
  ASSERT_EQ(expected[7].body, whole_answer());
  const Running<SslServer> server(std::make_unique<SslServer>(chain.c_str(), key.c_str()), before(), true);
  EXPECT_EQ(conversation(server.port()), expected);
}
#endif

}  // namespace
}  // namespace millrace::test
