// Requests that a loop answers itself, and the same through cpp-httplib: the answers must be the same bytes, and so
// must what has been published.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "failure.h"
#include "http/request_intake.h"
#include "httplib/failure_handler.h"
#include "httplib/httplib_bridge.h"
#include "lone_connection.h"
#include "lone_hub.h"
#include "millrace/server/limits.h"
#include "routes/admission.h"
#include "routes/direct_requests.h"
#include "routes/event_routes.h"
#include "routes/stream_opener.h"

using namespace millrace;
using namespace millrace::test;

namespace {

// Answers a subscription with what has been asked for, in place of a stream.
class Teller final : public StreamOpener {
 public:
  using StreamOpener::StreamOpener;
  Subscribed subscribe(const httplib::Request& request, httplib::Response& response, SubscribeOptions options,
                       Route /*route*/) const override {
    std::string all =
        options.client + (options.poll ? " polls " : " reads ") + request.get_header_value("Last-Event-ID");
    for (const OwnedTopicPattern& topic : options.topics) all += '\n' + topic.text();
    for (const auto& [name, value] : request.headers) {
      if (!name.ends_with("_ADDR") && !name.ends_with("_PORT")) all += '\n' + name + ": " + value;  // cpp-httplib's own
    }
    response.set_content(all, "text/plain");
    return {};
  }
};

// A server with an events route.
class Served final : public httplib::Server {
 public:
  Served() {
    options_.publishing.anonymous = true;
    set_exception_handler(FailureHandler{&options_});
    Get("/events", SubscribeHandler{&routes_});
    Post("/events", PublishHandler{&routes_});
    set_payload_max_length(1 << 20);
    direct_.start(*this, {"/events"}, options_);  // before the bridge stands in for the error handler
    bridge_.emplace(*this, ExchangeTerms{.read_timeout = Duration{10},
                                         .body_deadline = Duration{10},
                                         .write_timeout = Duration{10},
                                         .downloads = downloads_});
  }

  bool serve_direct(Exchange& exchange, std::string_view request) const { return direct_.serve(exchange, request); }
  void serve_through_httplib(Exchange& exchange) const { bridge_->serve(exchange); }
  std::uint64_t publishes() const { return hub_.statistics().publishes; }

 private:
  ServerOptions options_;
  LoneHub hub_{{.history_events = 10, .history_bytes = 100'000, .epoch = "epoch", .clock = [] { return TimePoint{}; }}};
  Admission admission_{options_, 1};
  RightsReview rights_{nullptr, {}};
  RetrySpread retry_spread_{1};
  Teller streams_{hub_, options_, retry_spread_, {}};
  EventRoutes routes_{hub_, options_, admission_, rights_, streams_};
  DirectRequests direct_{routes_, [](int, RefusalReason) {}, [](const auto&) { return false; }};
  DownloadGate downloads_{1};
  std::optional<HttplibBridge> bridge_;
};

// Never destroyed: a fuzzer ends without warning.
struct World {
  LoneConnection connection;
  Served straight;
  Served through_httplib;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static World& world = *new World;
  RequestIntake intake(std::string(reinterpret_cast<const char*>(bytes), size));
  if (intake.advance(kMaxRequestHeadBytes) != RequestIntake::Progress::kWhole) return 0;
  Exchange straight = world.connection.exchange(intake);
  const std::string request = std::move(straight.input);
  if (!world.straight.serve_direct(straight, request)) return 0;
  Exchange other = world.connection.exchange(intake);
  world.through_httplib.serve_through_httplib(other);
  const std::string answer = world.connection.written() + other.output.bytes();
  // cpp-httplib compresses JSON for clients that accept it. A loop's answers are too short to be worth it.
  const bool is_compressed = answer.find("\r\nContent-Encoding: ") != std::string::npos;
  if (is_compressed ? other.status != straight.status : answer != straight.output.bytes()) {
    stop("answered " + test::quoted(straight.output.bytes()) + ", and through cpp-httplib " + test::quoted(answer) +
         ": " + test::quoted(request));
  }
  if (other.keep_alive != straight.keep_alive) stop("kept alive one way only: " + test::quoted(request));
  if (other.refusal != straight.refusal) stop("counted otherwise: " + test::quoted(request));
  if (world.straight.publishes() != world.through_httplib.publishes())
    stop("published one way only: " + test::quoted(request));
  return 0;
}
