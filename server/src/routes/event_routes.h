// EventRoutes: the answers of an events route. `GET` subscribes, `POST` publishes. docs/protocol.md is its contract.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <span>
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

/// A publish request that may be published. Where it is: its publications refer to it.
struct PublishPlan {
  PublishPlan() = default;
  PublishPlan(const PublishPlan&) = delete;
  PublishPlan& operator=(const PublishPlan&) = delete;

  /// What the events take, beside the bytes of the body.
  std::size_t bytes() const;

  std::vector<PublishRequest> requests;
  std::string publisher;
  std::string holder;  ///< Who::key() of the publisher, if events may be retained
  OwnedTraceContext trace;
  std::vector<Publication> publications;
};

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

  /// The same in two steps, with Hub::publish() between them: fills an empty plan, or refuses and returns false.
  bool plan(const httplib::Request& request, httplib::Response& response, std::string_view body,
            PublishPlan& plan) const;
  /// Answers with the result of the plan's publications.
  void answer(const httplib::Request& request, httplib::Response& response, const PublishPlan& plan,
              std::span<const Published> published) const;

 private:
  bool admits_publishing(const httplib::Request& request, httplib::Response& response) const;
  void refuse_as_too_large(const httplib::Request& request, httplib::Response& response) const;
  bool plan_body(const httplib::Request& request, httplib::Response& response, std::string_view body,
                 PublishPlan& plan) const;
  void publish_body(const httplib::Request& request, httplib::Response& response, std::string_view body) const;

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
