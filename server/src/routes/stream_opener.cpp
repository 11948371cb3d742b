#include "stream_opener.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/failure.h"
#include "base/option_time.h"
#include "connection/connection.h"
#include "connection/connection_loop.h"
#include "http/error_response.h"
#include "httplib/httplib_bridge.h"
#include "httplib/refusal.h"
#include "millrace/core/protocol.h"
#include "millrace/server/trace.h"
#include "stream/event_stream_state.h"
#include "subscribe_plan.h"

namespace millrace {

namespace {

using Outcome = Subscribed::Outcome;

constexpr char kTooManyOfAddress[] = "too many connections and streams from your address";

// [docs/protocol.md, "The response"] Replaces headers of a handler and default headers: cpp-httplib would send both.
void set_event_stream_headers(httplib::Response& response, Duration heartbeat) {
  const auto set = [&response](const char* name, const std::string& value) {
    response.headers.erase(name);
    response.set_header(name, value);
  };
  set("Content-Type", std::string(protocol::kContentType));
  // Proxies that compress would delay the stream until they have enough bytes, or for ever. [RFC 9110 7.7]
  set("Cache-Control", "no-store, no-transform");
  set("X-Accel-Buffering", "no");
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(heartbeat);
  set(protocol::kHeartbeatHeader.data(), std::to_string(seconds.count()));
  response.headers.erase("Content-Length");
}

// A cursor that such a stream has been given is the log's own again. The IDs of events stay as they are.
void remove_prefix(std::string& last_event_id, std::string_view prefix, const std::string& epoch) {
  if (!prefix.empty() && last_event_id.starts_with(std::string(prefix) + epoch + '-')) {
    last_event_id.erase(0, prefix.size());
  }
}

// `on_close`, which also holds the share: it is released when the stream ends, not when the client closes.
std::function<void(StreamEnd)> release_when_closed(Quota::Share share, std::function<void(StreamEnd)> on_close) {
  return [share = std::make_shared<Quota::Share>(std::move(share)), on_close = std::move(on_close)](StreamEnd end) {
    if (on_close != nullptr) on_close(end);
  };
}

// Turns the connection, whose response has been taken, into the stream, on its loop.
void begin(Exchange& exchange, std::string head, Subscriber::Subscription subscription, const Feed::Cursor& cursor,
           std::string last_event_id, StreamTerms terms) {
  if (exchange.on_loop) {
    return exchange.connection.subscribe(head, std::move(subscription), cursor, last_event_id, std::move(terms));
  }
  // Moves the terms, because a callback's captures must not be destroyed on the loop's thread.
  exchange.loop.defer([&connection = exchange.connection, head = std::move(head),
                       subscription = std::move(subscription), cursor, last_event_id = std::move(last_event_id),
                       terms = std::move(terms)]() mutable {
    connection.subscribe(head, std::move(subscription), cursor, last_event_id, std::move(terms));
  });
}

}  // namespace

Subscribed StreamOpener::subscribe(const httplib::Request& request, httplib::Response& response,
                                   SubscribeOptions options, Route route) const {
  try {
    return open(request, response, std::move(options), std::move(route));
  } catch (const StoreUnavailable& failure) {
    // A store that accepts no events has reported that already.
    if (options_.on_failure != nullptr && feed_.status().is_accepting()) {
      call_guarded(nullptr, {}, [&] { options_.on_failure(failure.what()); });
    }
    return refuse_for_now(request, response, Outcome::kStoreUnavailable, RefusalReason::kStore, kStoreReadsNothing);
  }
}

Subscribed StreamOpener::refuse_for_now(const httplib::Request& request, httplib::Response& response, Outcome outcome,
                                        RefusalReason reason, std::string_view sentence) const {
  refuse(request, response, 503, reason, sentence);
  response.set_header("Retry-After", retry_spread_.draw());
  return {outcome, std::string(sentence)};
}

Subscribed StreamOpener::refuse_as_too_many(const httplib::Request& request, httplib::Response& response,
                                            RefusalReason reason, std::string sentence) const {
  refuse(request, response, 429, reason, sentence);
  response.set_header("Retry-After", retry_spread_.draw());
  return {Outcome::kTooMany, std::move(sentence)};
}

// Counts a stream behind a trusted proxy as its client's. False if the client has its maximum. Leaves `share` null if
// the connection counts already.
bool StreamOpener::take_address_share(const Exchange& exchange, std::shared_ptr<Quota::Share>& share) const {
  if (exchange.client == nullptr || exchange.is_client_counted) return true;
  auto taken = ports_.take_address(*exchange.client);
  if (taken) share = std::make_shared<Quota::Share>(std::move(*taken));
  return share != nullptr;
}

// What a stream keeps of the exchange that it comes from.
StreamTerms StreamOpener::terms_of(Exchange& exchange) const {
  StreamTerms terms;
  if (exchange.client != nullptr) terms.address = client_address(exchange);
  terms.access = std::move(exchange.access);
  if (terms.access != nullptr) terms.access->record.status = 200;
  return terms;
}

StreamTerms StreamOpener::terms_of(Exchange& exchange, SubscribeOptions& options, Route& route,
                                   SubscribePlan& plan) const {
  StreamTerms terms = terms_of(exchange);
  terms.user = options.user;
  terms.retry = options.retry;
  terms.on_close = std::move(options.on_close);
  terms.right = std::move(route.right);
  terms.note = options_.streams.presence ? std::move(plan.note) : std::string();
  terms.is_changeable = route.is_changeable && !options.client.empty() && !options.poll;
  if (terms.access != nullptr) {
    AccessRecord& record = terms.access->record;
    record.user = options.user;
    record.client = options.client;
    record.last_event_id = plan.last_event_id;
    for (const TopicPattern& pattern : plan.filter->patterns()) record.topics.emplace_back(pattern.view());
  }
  if (options.lifetime > Duration{0}) {
    terms.ends_at = monotonic_now() + std::min(options.lifetime, kMaxOptionTime);
  }
  return terms;
}

std::optional<Subscribed> StreamOpener::refuse_plan(const httplib::Request& request, httplib::Response& response,
                                                    SubscribePlan& plan) const {
  if (ports_.is_draining()) {
    return refuse_for_now(request, response, Outcome::kDraining, RefusalReason::kDraining,
                          "the server is about to stop; try again in a moment");
  }
  if (!plan.refusal) return std::nullopt;
  refuse(request, response, 400, RefusalReason::kInvalid, *plan.refusal);
  return Subscribed{Outcome::kInvalid, std::move(*plan.refusal)};
}

std::optional<Subscribed> StreamOpener::take_shares(const httplib::Request& request, httplib::Response& response,
                                                    SubscribeOptions& options,
                                                    std::shared_ptr<Quota::Share>& address_share) const {
  if (!take_address_share(HttplibBridge::exchange_of(request), address_share)) {
    return refuse_as_too_many(request, response, RefusalReason::kAddressConnections, kTooManyOfAddress);
  }
  if (options.user.empty()) return std::nullopt;
  auto share = ports_.take_user(options.user);
  if (!share) {
    return refuse_as_too_many(request, response, RefusalReason::kUserStreams,
                              "the user has the maximum number of open event streams, " +
                                  std::to_string(*options_.shares.max_streams_per_user));
  }
  options.on_close = release_when_closed(std::move(*share), std::move(options.on_close));
  return std::nullopt;
}

void StreamOpener::set_headers(httplib::Response& response, const SubscribePlan& plan, const std::string& id_prefix,
                               const Feed::Cursor& cursor) const {
  set_event_stream_headers(response, options_.streams.heartbeat);
  // If a proxy holds the body back, the head may still pass. After a gap there is no such ID: the client must get the
  // gap first.
  if (cursor.gap_reason.empty() && !cursor.is_before_all) {
    response.set_header(std::string(protocol::kLastEventIdHeader), id_prefix + feed_.id_of(cursor.sequence).text());
  }
  if (options_.streams.gzip) response.set_header("Vary", "Accept-Encoding");
  if (is_gzip(plan.form)) response.set_header("Content-Encoding", "gzip");
}

Subscribed StreamOpener::open(const httplib::Request& request, httplib::Response& response, SubscribeOptions options,
                              Route route) const {
  Exchange& exchange = HttplibBridge::exchange_of(request);
  SubscribePlan plan = plan_subscription(request, exchange.head, options, options_);
  if (auto refused = refuse_plan(request, response, plan)) return std::move(*refused);
  remove_prefix(plan.last_event_id, options.id_prefix, feed_.epoch());
  if (plan.last_event_id == protocol::kGoneForGood) {
    response.status = 204;
    return {Outcome::kFinished, "an administrator has ended the client's stream for good"};
  }
  std::shared_ptr<Quota::Share> address_share;
  if (auto refused = take_shares(request, response, options, address_share)) return std::move(*refused);
  const Feed::Cursor cursor = feed_.resolve(plan.last_event_id, plan.filter.get(), plan.latest);
  if (feed_.is_over(cursor, *plan.filter)) {
    response.status = 204;  // [WHATWG 9.2.4] the client does not reconnect
    return {Outcome::kFinished, "the topics are finished, and the client has all their events"};
  }
  set_headers(response, plan, options.id_prefix, cursor);
  std::optional<std::string> head = HttplibBridge::take_response(request, response);
  if (!head) return {Outcome::kHeadOnly, "the request is HEAD"};
  StreamTerms terms = terms_of(exchange, options, route, plan);
  terms.address_share = std::move(address_share);
  if (options_.webhooks && !options.poll) {
    if (const OwnedTraceContext trace = trace_of(request); !trace.empty()) {
      terms.traceparent = std::make_shared<const std::string>(trace.parent());
    }
  }
  begin(exchange, std::move(*head),
        {.filter = std::move(plan.filter),
         .client = options.client,
         .id_prefix = std::move(options.id_prefix),
         .form = plan.form,
         .cursor = plan.cursor_form,
         .poll = options.poll,
         .conflate = plan.conflate},
        cursor, std::move(plan.last_event_id), std::move(terms));
  return {.outcome = Outcome::kOpen};
}

EventStream StreamOpener::open_stream(const httplib::Request& request, httplib::Response& response) const {
  Exchange& exchange = HttplibBridge::exchange_of(request);
  auto state = std::make_shared<EventStream::State>(
      EventStream::State::Terms{.run_callback = ports_.run_on_worker,
                                .chunked = !exchange.head.http_1_0 && !exchange.head.is_http2,
                                .on_failure = options_.on_failure,
                                .buffers = ports_.buffers});
  std::shared_ptr<Quota::Share> address_share;
  if (!take_address_share(exchange, address_share)) {
    refuse_as_too_many(request, response, RefusalReason::kAddressConnections, kTooManyOfAddress);
    state->detach();
    return EventStream(std::move(state));
  }
  set_event_stream_headers(response, options_.streams.heartbeat);
  if (auto head = HttplibBridge::take_response(request, response)) {
    StreamTerms terms = terms_of(exchange);
    terms.address_share = std::move(address_share);
    exchange.loop.defer([&connection = exchange.connection, head = std::move(*head), state,
                         terms = std::move(terms)]() mutable { connection.stream(head, state, std::move(terms)); });
  } else {
    state->detach();
  }
  return EventStream(std::move(state));
}

}  // namespace millrace
