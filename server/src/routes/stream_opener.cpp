#include "stream_opener.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "connection/connection.h"
#include "connection/connection_loop.h"
#include "httplib/httplib_bridge.h"
#include "httplib/refusal.h"
#include "millrace/core/protocol.h"
#include "stream/event_stream_state.h"
#include "subscribe_plan.h"

namespace millrace {

namespace {

// [docs/protocol.md, "The response"] In place of what a handler or the default headers have set: cpp-httplib would send
// both.
void set_event_stream_headers(httplib::Response& response, Duration heartbeat) {
  const auto set = [&response](const char* name, const std::string& value) {
    response.headers.erase(name);
    response.set_header(name, value);
  };
  set("Content-Type", std::string(protocol::kContentType));
  // Proxies that compress would hold the stream back until they have enough, or for ever. [RFC 9110 7.7]
  set("Cache-Control", "no-store, no-transform");
  set("X-Accel-Buffering", "no");
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(heartbeat);
  set(protocol::kHeartbeatHeader.data(), std::to_string(seconds.count()));
  response.headers.erase("Content-Length");
}

// Hands the connection, whose response has been taken, to its stream. On its loop.
void begin(Exchange& exchange, std::string head, Subscriber::Subscription subscription, const Feed::Cursor& cursor,
           std::string last_event_id, StreamTerms terms) {
  if (exchange.on_loop) {
    return exchange.connection.subscribe(head, std::move(subscription), cursor, last_event_id, std::move(terms));
  }
  // The terms go with it: what a callback has captured must not be destroyed on the loop's thread.
  exchange.loop.defer([&connection = exchange.connection, head = std::move(head),
                       subscription = std::move(subscription), cursor, last_event_id = std::move(last_event_id),
                       terms = std::move(terms)]() mutable {
    connection.subscribe(head, std::move(subscription), cursor, last_event_id, std::move(terms));
  });
}

}  // namespace

bool StreamOpener::subscribe(const httplib::Request& request, httplib::Response& response, SubscribeOptions options,
                             StreamRightPtr right) const {
  Exchange& exchange = HttplibBridge::exchange_of(request);
  SubscribePlan plan = plan_subscription(request, exchange.head, options, options_);
  if (ports_.is_draining()) {
    refuse(request, response, 503, RefusalReason::kDraining, "the server is about to stop; try again in a moment");
    response.set_header("Retry-After", retry_spread_.draw());
    return false;
  }
  if (plan.refusal) {
    refuse(request, response, 400, RefusalReason::kInvalid, *plan.refusal);
    return false;
  }
  const Feed::Cursor cursor = feed_.resolve(plan.last_event_id, plan.filter.get(), plan.latest);
  if (feed_.is_over(cursor, *plan.filter)) {
    response.status = 204;  // [WHATWG 9.2.4] by which a client knows not to come back
    return false;
  }
  set_event_stream_headers(response, options_.streams.heartbeat);
  // Where something on the way holds the body back, the head may get through. Behind a gap there is no such place: the
  // client must be told of it first.
  if (cursor.gap_reason.empty() && !cursor.is_before_all) {
    response.set_header(std::string(protocol::kLastEventIdHeader).c_str(), feed_.id_of(cursor.sequence).text());
  }
  if (options_.streams.gzip) response.set_header("Vary", "Accept-Encoding");
  if (is_gzip(plan.form)) response.set_header("Content-Encoding", "gzip");
  std::optional<std::string> head = HttplibBridge::take_response(request, response);
  if (!head) return false;
  StreamTerms terms{.user = options.user,
                    .ends_at = {},
                    .retry = options.retry,
                    .on_close = std::move(options.on_close),
                    .right = std::move(right)};
  if (options.lifetime > Duration{0}) terms.ends_at = monotonic_now() + options.lifetime;
  begin(exchange, std::move(*head),
        {.filter = std::move(plan.filter),
         .client = options.client,
         .form = plan.form,
         .cursor = plan.cursor_form,
         .poll = options.poll,
         .conflate = plan.conflate},
        cursor, std::move(plan.last_event_id), std::move(terms));
  return true;
}

EventStream StreamOpener::open_stream(const httplib::Request& request, httplib::Response& response) const {
  Exchange& exchange = HttplibBridge::exchange_of(request);
  auto state = std::make_shared<EventStream::State>(
      EventStream::State::Terms{.run_callback = ports_.run_on_worker,
                                .chunked = !exchange.head.http_1_0 && !exchange.head.is_http2,
                                .on_failure = options_.on_failure,
                                .buffers = ports_.buffers});
  set_event_stream_headers(response, options_.streams.heartbeat);
  if (auto head = HttplibBridge::take_response(request, response)) {
    exchange.loop.defer(
        [&connection = exchange.connection, head = std::move(*head), state] { connection.stream(head, state); });
  } else {
    state->detach();
  }
  return EventStream(std::move(state));
}

}  // namespace millrace
