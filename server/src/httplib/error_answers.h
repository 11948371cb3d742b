// Completes error responses before they leave a worker. A response without a body gets a JSON object `{"error":
// "<sentence>"}`. The program's error handler shapes the program's own errors, but not Millrace's refusals.
#pragma once

#include <httplib.h>

#include <string>

#include "connection/exchange.h"
#include "route_table.h"

namespace millrace {

/// Refuses a request whose body could not be read, with the reason from its exchange.
void refuse_body(const httplib::Request& request, httplib::Response& response);

/// Gives a body to a response that cpp-httplib turns into an error after the handler and ErrorAnswers: 416, for a range
/// beyond the handler's body.
void answer_late(Exchange& exchange);

/// Keeps the connection open after an error, unless `response` closes it: replaces the `Connection: close` that
/// cpp-httplib will add by `terms`.
void keep_alive_behind_error(const httplib::Response& response, const std::string& terms, Exchange& exchange);

/// Replaces the program's error handler while its server listens.
struct ErrorAnswers {
  const RouteTable* routes;
  httplib::Server::HandlerWithResponse of_program;
  std::string keep_alive;  ///< value of the field Keep-Alive

  httplib::Server::HandlerResponse operator()(const httplib::Request& request, httplib::Response& response) const;

 private:
  void complete(Exchange& exchange, const httplib::Request& request, httplib::Response& response) const;
  void answer_unrouted(const httplib::Request& request, httplib::Response& response) const;
  void ask_program(const httplib::Request& request, httplib::Response& response) const;
  void keep_refusal(const httplib::Request& request, httplib::Response& response) const;
};

}  // namespace millrace
