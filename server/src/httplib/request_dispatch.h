// RequestDispatch: passes complete requests to workers at once, makes them wait, or refuses them; then serves them on
// the workers. Any thread.
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

  /// Serves requests through `bridge` until stop().
  void start(std::unique_ptr<HttplibBridge> bridge) { bridge_ = std::move(bridge); }
  /// Call it after the workers have ended.
  void stop();

  /// Takes a request of which the loop has collected its part. Does not block.
  void dispatch(const std::shared_ptr<Exchange>& exchange);

 private:
  // These throw nothing, because on a worker an exception would end the program.
  void serve(std::shared_ptr<Exchange> exchange) noexcept;
  bool give_to_worker(const std::shared_ptr<Exchange>& exchange) noexcept;
  void refuse(const std::shared_ptr<Exchange>& exchange, RefusalReason reason, std::string_view sentence) noexcept;
  void serve_on_worker(const std::shared_ptr<Exchange>& exchange) noexcept;

  const Parts parts_;
  std::unique_ptr<HttplibBridge> bridge_;
};

}  // namespace millrace
