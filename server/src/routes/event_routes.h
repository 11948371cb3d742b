// EventRoutes: the answers of an events route. `GET` subscribes, `POST` publishes. docs/protocol.md is its contract.
#pragma once

#include <httplib.h>

#include <string>
#include <string_view>
#include <vector>

#include "admission.h"
#include "millrace/server/hub.h"
#include "millrace/server/options.h"
#include "publish_request.h"
#include "rights_review.h"
#include "stream_opener.h"

namespace millrace {

class EventRoutes {
 public:
  /// All arguments must outlive it.
  EventRoutes(Hub& hub, const ServerOptions& options, Admission& admission, const RightsReview& rights,
              const StreamOpener& streams)
      : hub_(hub), options_(options), admission_(admission), rights_(rights), streams_(streams) {}

  const ServerOptions& options() const { return options_; }

  void subscribe(const httplib::Request& request, httplib::Response& response) const;
  void publish(const httplib::Request& request, httplib::Response& response,
               const httplib::ContentReader& read_content) const;
  /// The same for a body that is complete and has no Content-Encoding.
  void publish(const httplib::Request& request, httplib::Response& response, std::string_view body) const;

 private:
  bool admits_publishing(const httplib::Request& request, httplib::Response& response) const;
  void refuse_as_too_large(const httplib::Request& request, httplib::Response& response) const;
  void publish_body(const httplib::Request& request, httplib::Response& response, std::string_view body) const;
  std::vector<Published> publish(const std::vector<PublishRequest>& requests, const std::string& user,
                                 TraceContext trace) const;
  static std::string answer_to(const std::vector<PublishRequest>& requests, const std::vector<Published>& published);

  Hub& hub_;
  const ServerOptions& options_;
  Admission& admission_;
  const RightsReview& rights_;
  const StreamOpener& streams_;
};

/// The handlers of an events route. Their types distinguish it from a user's route.
struct SubscribeHandler {
  const EventRoutes* routes;
  void operator()(const httplib::Request& request, httplib::Response& response) const {
    routes->subscribe(request, response);
  }
};
struct PublishHandler {
  const EventRoutes* routes;
  void operator()(const httplib::Request& request, httplib::Response& response,
                  const httplib::ContentReader& read_content) const {
    routes->publish(request, response, read_content);
  }
};

}  // namespace millrace
