// SubscribePlan: the checked and negotiated parameters of a subscription request. It reads no log and sends no answer.
#pragma once

#include <httplib.h>

#include <memory>
#include <optional>
#include <string>

#include "http/request_head.h"
#include "log/frame.h"
#include "millrace/server/cursor_form.h"
#include "millrace/server/options.h"
#include "millrace/server/subscription.h"
#include "millrace/server/topic_filter.h"

namespace millrace {

struct SubscribePlan {
  std::shared_ptr<const TopicFilter> filter;
  std::string last_event_id;  ///< empty: begins with new events
  bool latest = false;        ///< the query requests the state of topics
  CursorForm cursor_form = CursorForm::kEvent;
  WireForm form = {};
  std::optional<Duration> conflate = {};  ///< like SubscribeOptions::conflate
  std::string note = {};                  ///< like SubscribeOptions::note, as compact JSON
  /// Why the request is refused, as a sentence that names the parameter; nothing if it is valid.
  std::optional<std::string> refusal = {};
};

/// The patterns in a request to an events route. Throws std::invalid_argument, with a sentence, if they are invalid.
TopicPatterns topics_in(const httplib::Request& request);

/// A list of the filter's patterns.
TopicPatterns patterns_of(const TopicFilter& filter);

/// Of a subscription to these patterns. Throws std::invalid_argument, with a sentence, if there are none, or too many.
std::shared_ptr<const TopicFilter> filter_of(const TopicPatterns& topics);

/// Plans a subscription from the program's options `subscribe`, and from the request's head and parameters. Throws
/// std::invalid_argument, with a sentence, if a value of `subscribe` is invalid.
SubscribePlan plan_subscription(const httplib::Request& request, const RequestHead& head,
                                const SubscribeOptions& subscribe, const ServerOptions& server);

}  // namespace millrace
