// Requests of one HTTP/1.1 connection, cut and joined at random, with event streams among them that end in order. A
// model says what must come back: each answer whole and in order, and no request handled whose answer does not come.
#include <gtest/gtest.h>

#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eventually.h"
#include "from_environment.h"
#include "raw_client.h"
#include "running_server.h"
#include "test_seed.h"

namespace millrace::test {
namespace {

using httplib::Request;
using httplib::Response;

// What the handlers have seen and hold. They run on workers.
class Handled {
 public:
  void add(const std::string& token) {
    const std::lock_guard lock(mutex_);
    twice_ = twice_ || !tokens_.insert(token).second;
  }
  void hold(const std::string& token, const EventStream& stream) {
    const std::lock_guard lock(mutex_);
    held_.emplace(token, stream);
  }
  std::optional<EventStream> take(const std::string& token) {
    const std::lock_guard lock(mutex_);
    const auto found = held_.find(token);
    if (found == held_.end()) return std::nullopt;
    EventStream stream = found->second;
    held_.erase(found);
    return stream;
  }
  std::set<std::string> take_all() {
    const std::lock_guard lock(mutex_);
    return std::exchange(tokens_, {});
  }
  bool was_one_twice() const { return twice_; }

 private:
  std::mutex mutex_;
  std::set<std::string> tokens_;
  std::map<std::string, EventStream> held_;
  bool twice_ = false;
};

// A request, and what the model knows of its answer.
struct Step {
  std::string wire;
  std::string token;
  int status = 200;
  std::string has;  ///< in the body
  bool is_to_head = false;
  bool is_stream = false;
  bool is_held = false;  ///< a stream that ends when the client says so
  bool is_last = false;  ///< the server closes behind it
  bool counts = true;    ///< a handler sees it
};

class RequestSplits : public testing::TestWithParam<bool> {
 protected:
  static ServerOptions options() {
    ServerOptions options;
    if (GetParam()) options.tls = test_tls();
    return options;
  }

  void configure(Server& server) {
    server.events("/events");
    const auto seen = [this](const Request& request) {
      std::string token = request.get_param_value("n");
      handled_.add(token);
      return token;
    };
    server.Get("/x", [seen](const Request& request, Response& response) {
      response.set_content(seen(request), "text/plain");
    });
    server.Post("/echo", [seen](const Request& request, Response& response) {
      response.set_content(seen(request) + request.body, "text/plain");
    });
    server.Post("/answer", [seen, &server](const Request& request, Response& response) {
      const EventStream stream = server.open_stream(request, response);
      stream.send({.data = seen(request)});
      stream.close();
    });
    server.Get("/held", [this, seen, &server](const Request& request, Response& response) {
      const EventStream stream = server.open_stream(request, response);
      const std::string token = seen(request);
      stream.send({.data = token});
      handled_.hold(token, stream);
    });
  }

  void SetUp() override {
    server_->hub().publish("job", {.data = "last"}).or_throw();
    server_->hub().finish("job").or_throw();
  }

  int chance(int most) { return std::uniform_int_distribution(0, most - 1)(random_); }

  Step step(const std::string& token) {
    const std::string query = "?n=" + token;
    std::string fields;
    Step one{.wire = {}, .token = token, .has = token};
    if (chance(12) == 0) {
      fields = "Connection: close\r\n";
      one.is_last = true;
    }
    const std::string body(static_cast<std::size_t>(chance(3) == 0 ? chance(20'000) : chance(20)), 'b');
    switch (chance(11)) {
      case 0:
        one.wire = get("/x" + query, fields);
        break;
      case 1:
        one.wire = "HEAD" + get("/x" + query, fields).substr(3);
        one.is_to_head = true;
        one.has.clear();
        break;
      case 2:
        one.wire = post("/echo" + query, body, fields);
        one.has += body;
        break;
      case 3:
        one.wire = post("/echo" + query, body, "Expect: 100-continue\r\n" + fields);
        one.has += body;
        break;
      case 4:
        one.wire = "POST /echo" + query + " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n" + fields +
                   "\r\n3\r\nabc\r\n0\r\n\r\n";
        one.has += "abc";
        one.is_last = true;  // behind a body in chunks the server closes, and says so
        break;
      case 5:
        one.wire =
            get("/x" + query, "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n");
        one.is_last = false;  // `fields` are left out
        break;
      case 6:
        one.wire = get("/events?topic=job", "Last-Event-ID: earliest\r\n" + fields);
        one.has = "data: last\n";
        one.is_stream = true;
        one.counts = false;
        break;
      case 7:
        one.wire = get("/events?topic=job", "Last-Event-ID: " + server_->hub().cursor() + "\r\n" + fields);
        one.status = 204;
        one.has.clear();
        one.counts = false;
        break;
      case 8:
        one.wire = get("/events?topic=job&mode=poll", "Last-Event-ID: earliest\r\n" + fields);
        one.has = "data: last\n";
        one.is_stream = true;
        one.counts = false;
        break;
      case 9:
        one.wire = post("/answer" + query, body, fields);
        one.has = "data: " + token + "\n";
        one.is_stream = true;
        break;
      default:
        one.wire = get("/held" + query, fields);
        one.has = "data: " + token + "\n";
        one.is_stream = one.is_held = true;
        break;
    }
    return one;
  }

  // One connection: sends the steps in pieces, and reads an answer now and then.
  class Run {
   public:
    Run(RequestSplits& test, std::vector<Step> steps)
        : test_(test), steps_(std::move(steps)), client_(test.server_.port()) {}

    void go() {
      try {
        for (std::size_t i = 0; i < steps_.size() && !is_over_; ++i) {
          if (test_.chance(2) == 0) read_up_to(i);
          send(i);
        }
        read_up_to(steps_.size());
      } catch (const std::exception& problem) {
        ADD_FAILURE() << problem.what() << ", at answer " << read_ << " of" << all();
      }
      compare();
    }

   private:
    std::string all() const {
      std::string text;
      for (const Step& one : steps_)
        text += "; " + one.wire.substr(0, one.wire.find('\r')) + (one.is_last ? " (last)" : "");
      return text;
    }

    void send(std::size_t i) {
      std::string_view left = steps_[i].wire;
      while (!left.empty() && !is_over_) {
        const std::size_t size = test_.chance(3) == 0
                                     ? left.size()
                                     : 1 + static_cast<std::size_t>(test_.chance(static_cast<int>(left.size())));
        pending_ += left.substr(0, size);
        left.remove_prefix(size);
        sent_ = i + 1;
        if (test_.chance(3) != 0) flush();
        // A stream may end in the middle of the next request.
        if (test_.chance(4) == 0) release_before(i);
      }
      if (test_.chance(2) == 0) flush();
    }

    void flush() { client_.send(std::exchange(pending_, {})); }

    // Ends the held streams before this step, as far as they have begun.
    void release_before(std::size_t before) {
      for (std::size_t i = read_; i < before; ++i) release(steps_[i]);
    }

    void read_up_to(std::size_t end) {
      flush();
      for (; read_ < end && !is_over_; ++read_) read_one(steps_[read_]);
    }

    void read_one(const Step& step) {
      SCOPED_TRACE("answer " + std::to_string(read_) + ", to " + step.wire.substr(0, step.wire.find('\r')));
      if (has_ended()) return;
      // What came before its end is lost with it, and then nothing may follow.
      const bool may_end = step.is_last || (step.is_stream && sent_ > read_ + 1);
      if (step.is_held) end_held(step);
      RawResponse response = client_.read_response(!step.is_to_head);
      while (response.status == 100) response = client_.read_response(!step.is_to_head);
      EXPECT_EQ(response.status, step.status);
      EXPECT_NE(response.body.find(step.has), std::string::npos) << response.body.substr(0, 200);
      if (step.counts) answered_.insert(step.token);
      may_have_ended_ = may_end;
      if (!step.is_last) return;
      EXPECT_TRUE(client_.is_at_end());
      is_over_ = true;
    }

    // Whether the server has closed where it may.
    bool has_ended() {
      if (!may_have_ended_ || !client_.is_at_end()) return false;
      is_over_ = true;
      return true;
    }

    // The handler may not have begun yet.
    void end_held(const Step& step) {
      if (released_.contains(step.token)) return;
      EXPECT_TRUE(eventually([&] { return release(step); }));
    }

    bool release(const Step& step) {
      const auto stream = test_.handled_.take(step.token);
      if (!stream) return false;
      released_.insert(step.token);
      stream->close();
      return true;
    }

    void compare() {
      client_.close();
      EXPECT_EQ(test_.handled_.take_all(), answered_) << "handled, and answered";
    }

    RequestSplits& test_;
    const std::vector<Step> steps_;
    RawClient client_;
    std::string pending_;
    std::size_t sent_ = 0;  // steps of which a byte is sent
    std::size_t read_ = 0;  // answers
    bool may_have_ended_ = false;
    bool is_over_ = false;
    std::set<std::string> answered_;
    std::set<std::string> released_;
  };

  std::mt19937_64 random_;
  Handled handled_;
  RunningServer server_{options(), [this](Server& server) { configure(server); }};
};

TEST_P(RequestSplits, EachAnswerIsWholeAndInOrder) {
  const std::uint64_t first = test_seed();
  const std::uint64_t rounds = from_environment("MILLRACE_SPLIT_ROUNDS", 300);
  for (std::uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    const std::uint64_t seed = first + round;
    SCOPED_TRACE("MILLRACE_TEST_SEED=" + std::to_string(seed) + " MILLRACE_SPLIT_ROUNDS=1");
    random_.seed(seed);
    std::vector<Step> steps;
    for (int i = 1 + chance(7); i > 0; --i) steps.push_back(step(std::to_string(seed) + '.' + std::to_string(i) + ';'));
    Run(*this, std::move(steps)).go();
  }
  EXPECT_FALSE(handled_.was_one_twice());
  EXPECT_TRUE(eventually([&] { return server_->open_streams() == 0; }));
  EXPECT_TRUE(server_->subscriptions().empty());
}

INSTANTIATE_TEST_SUITE_P(Clear, RequestSplits, testing::Values(false));
INSTANTIATE_TEST_SUITE_P(Tls, RequestSplits, testing::Values(true));

}  // namespace
}  // namespace millrace::test
