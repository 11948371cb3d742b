// EventRoutes: what an events route answers. `GET` subscribes, `POST` publishes. docs/protocol.md is its contract.
#pragma once

#include <httplib.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "admission.h"
#include "millrace/server/hub.h"
#include "millrace/server/options.h"
#include "millrace/server/subscription.h"
#include "publish_request.h"

namespace millrace {

class EventRoutes {
 public:
  /// Server::subscribe.
  using Subscribe = std::function<void(const httplib::Request&, httplib::Response&, SubscribeOptions)>;

  EventRoutes(Hub& hub, const ServerOptions& options, Admission& admission, Subscribe subscribe)
      : hub_(hub), options_(options), admission_(admission), subscribe_(std::move(subscribe)) {}

  void subscribe(const httplib::Request& request, httplib::Response& response) const;
  void publish(const httplib::Request& request, httplib::Response& response,
               const httplib::ContentReader& read_content) const;

 private:
  std::string publish(const std::vector<PublishRequest>& requests) const;

  Hub& hub_;
  const ServerOptions& options_;
  Admission& admission_;
  const Subscribe subscribe_;
};

}  // namespace millrace
