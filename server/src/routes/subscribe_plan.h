// SubscribePlan: the parameters of a subscription request, checked and negotiated. It reads no log and answers
// nothing.
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
  std::string last_event_id;  ///< empty: from now on
  bool latest = false;        ///< the query asks for the state of topics
  CursorForm cursor_form = CursorForm::kEvent;
  WireForm form = {};
  std::optional<Duration> conflate = {};  ///< as in SubscribeOptions
  /// Why the request is refused: a sentence that names the parameter. Nothing if it is not.
  std::optional<std::string> refusal = {};
};

/// The patterns that a request to an events route asks for. Throws std::invalid_argument, with a sentence, if they make
/// no subscription.
TopicPatterns topics_in(const httplib::Request& request);

/// `subscribe` is what the program sets; the request's head and parameters decide the rest. Throws
/// std::invalid_argument, with a sentence, if a value of `subscribe` is invalid.
SubscribePlan plan_subscription(const httplib::Request& request, const RequestHead& head,
                                const SubscribeOptions& subscribe, const ServerOptions& server);

}  // namespace millrace
