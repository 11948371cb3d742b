#include "subscribe_plan.h"

#include <stdexcept>
#include <vector>

#include "http/content_coding.h"
#include "millrace/core/limits.h"
#include "millrace/core/protocol.h"
#include "millrace/core/topic.h"
#include "parameters.h"

namespace millrace {

namespace {

void require_some(std::size_t topics) {
  if (topics == 0) {
    throw std::invalid_argument("topic: missing; add at least one, such as ?topic=orders&topic=stocks/**");
  }
  if (topics > kMaxTopicsPerSubscription) {
    throw std::invalid_argument("topic: more than " + std::to_string(kMaxTopicsPerSubscription) +
                                " in one subscription");
  }
}

std::shared_ptr<const TopicFilter> filter_of(const TopicPatterns& topics) {
  require_some(topics.size());
  return std::make_shared<const TopicFilter>(std::vector<TopicPattern>(topics.begin(), topics.end()));
}

// As the request asks for. Nothing if it asks for something else.
std::optional<CursorForm> cursor_form_of(const httplib::Request& request, CursorForm otherwise) {
  const std::string form = request.get_param_value(std::string(protocol::kCursorParameter));
  if (form.empty()) return otherwise;
  if (form == protocol::kCursorById) return CursorForm::kId;
  if (form == protocol::kCursorByEvent) return CursorForm::kEvent;
  if (form == protocol::kNoCursor) return CursorForm::kNone;
  return std::nullopt;
}

bool takes_gzip(const httplib::Request& request) {
  std::string all;
  const auto [begin, end] = request.headers.equal_range("Accept-Encoding");
  for (auto field = begin; field != end; ++field) all.append(field->second).append(1, ',');
  return prefers_gzip(all);
}

}  // namespace

TopicPatterns topics_in(const httplib::Request& request) {
  const std::vector<std::string> texts = parameters_of(request, protocol::kTopicParameter);
  require_some(texts.size());
  return texts;
}

SubscribePlan plan_subscription(const httplib::Request& request, const RequestHead& head,
                                const SubscribeOptions& subscribe, const ServerOptions& server) {
  SubscribePlan plan{
      .filter = filter_of(subscribe.topics),
      .last_event_id = head.last_event_id,
      .cursor_form = subscribe.cursor ? subscribe.cursor : cursor_form_of(request, server.streams.cursor),
      .form = head.http_1_0 || head.is_http2 ? WireForm::kPayload : WireForm::kChunk};
  if (subscribe.client.size() > kMaxClientNameBytes) {
    throw std::invalid_argument("client: longer than " + std::to_string(kMaxClientNameBytes) + " bytes");
  }
  if (subscribe.retry && (*subscribe.retry < Duration{0} || *subscribe.retry > kMaxReconnectionTime)) {
    throw std::invalid_argument("retry: must be 0 to " + std::to_string(kMaxReconnectionTime.count()) + " ms");
  }
  if (plan.last_event_id.empty()) {
    plan.last_event_id = request.get_param_value(std::string(protocol::kLastEventIdParameter));
  }
  if (server.streams.gzip && !head.http_1_0 && takes_gzip(request)) {
    plan.form = head.is_http2 ? WireForm::kGzipPayload : WireForm::kGzipChunk;
  }
  return plan;
}

}  // namespace millrace
