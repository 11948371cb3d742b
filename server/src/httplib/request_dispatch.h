// RequestDispatch: which whole requests go to a worker at once, which wait for one, and which are refused; and what
// becomes of them there. Any thread.
#pragma once

#include <memory>
#include <string_view>

#include "base/failure.h"
#include "connection/exchange.h"
#include "http/cross_origin.h"
#include "httplib_bridge.h"
#include "shares/counters.h"
#include "shares/retry_spread.h"
#include "shares/upload_gate.h"
#include "workers.h"

namespace millrace {

class RequestDispatch {
 public:
  struct Parts {
    Workers& workers;
    UploadGate& uploads;
    RefusalCounters& refusals;
    RetrySpread& retry_spread;
    const CrossOrigin& cross_origin;
    const OnFailure& on_failure;
  };

  explicit RequestDispatch(Parts parts) : parts_(parts) {}

  /// From here on requests go through `bridge`, until stop().
  void start(std::unique_ptr<HttplibBridge> bridge) { bridge_ = std::move(bridge); }
  /// The workers have gone.
  void stop();

  /// A request is whole, as far as the loop collects it. Does not block.
  void dispatch(const std::shared_ptr<Exchange>& exchange);

 private:
  void serve(std::shared_ptr<Exchange> exchange);
  void refuse(const std::shared_ptr<Exchange>& exchange, RefusalReason reason, std::string_view sentence);
  void serve_on_worker(const std::shared_ptr<Exchange>& exchange);

  const Parts parts_;
  std::unique_ptr<HttplibBridge> bridge_;
};

}  // namespace millrace
