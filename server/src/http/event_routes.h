// EventRoutes: what an events route answers. `GET` subscribes, `POST` publishes. docs/protocol.md is its contract.
#pragma once

#include <httplib.h>

#include "millrace/server/hub.h"
#include "millrace/server/options.h"

namespace millrace {

class EventRoutes {
 public:
  EventRoutes(Hub& hub, const ServerOptions& options) : hub_(hub), options_(options) {}

  void subscribe(const httplib::Request& request, httplib::Response& response) const;
  void publish(const httplib::Request& request, httplib::Response& response,
               const httplib::ContentReader& read_content) const;

 private:
  Hub& hub_;
  const ServerOptions& options_;
};

/// The headers of every event stream. [docs/protocol.md, "The response"]
void set_event_stream_headers(httplib::Response& response);

}  // namespace millrace
