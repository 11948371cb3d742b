// Completes error responses before they leave a worker. A response without a body gets Millrace's: a status and a JSON
// object `{"error": "<sentence>"}`. The program's error handler shapes the program's own errors, but not Millrace's
// refusals.
#pragma once

#include <httplib.h>

#include "connection/exchange.h"
#include "route_table.h"

namespace millrace {

/// Refuses a request whose body is not to be had, for the reason that its exchange has.
void refuse_body(const httplib::Request& request, httplib::Response& response);

/// Gives a body to a response that cpp-httplib has made an error after its handler and ErrorAnswers had seen it: 416,
/// for a range that lies beyond what the handler has made.
void answer_late(Exchange& exchange);

/// Stands in for the program's error handler while its server listens.
struct ErrorAnswers {
  const RouteTable* routes;
  httplib::Server::HandlerWithResponse of_program;

  httplib::Server::HandlerResponse operator()(const httplib::Request& request, httplib::Response& response) const;

 private:
  void answer_unrouted(const httplib::Request& request, httplib::Response& response) const;
  void ask_program(const httplib::Request& request, httplib::Response& response) const;
  void keep_refusal(const httplib::Request& request, httplib::Response& response) const;
};

}  // namespace millrace
