// OperationRoutes: the routes for the server's operators. docs/operations.md lists them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "connection/loop_answers.h"
#include "guarded_routes.h"
#include "millrace/core/limits.h"
#include "millrace/server/hub.h"
#include "millrace/server/metrics_format.h"
#include "millrace/server/subscription.h"

namespace millrace {

/// Largest body of a request that ends the streams of a user, a client or a topic, in bytes; beyond it the answer is
/// 413.
inline constexpr std::size_t kMaxDisconnectBytes = 4 * 1024;
static_assert(kMaxTopicBytes < kMaxDisconnectBytes);

class OperationRoutes {
 public:
  /// The functions that the routes report and act with.
  struct Ports {
    const Hub& hub;
    std::function<bool()> is_draining;
    std::function<std::vector<Metric>()> metrics;
    std::shared_ptr<const MetricsFormat> metrics_format;  ///< null: `/metrics` answers 501
    std::function<Answered<std::vector<SubscriptionInfo>>()> subscriptions;
    std::function<Answered<std::size_t>(const StreamSelection&, const Farewell&)> disconnect;
  };

  static void add_to(GuardedRoutes& routes, const Ports& ports);
  /// Only `/healthz` and `/readyz`.
  static void add_health_to(GuardedRoutes& routes, const Ports& ports);
};

}  // namespace millrace
