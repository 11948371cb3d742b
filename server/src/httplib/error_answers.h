// Completes error responses before they leave a worker. A response without a body gets Millrace's: a status and a JSON
// object `{"error": "<sentence>"}`. The program's error handler shapes the program's own errors, but not Millrace's
// refusals.
#pragma once

#include <httplib.h>

#include <string>

#include "connection/exchange.h"
#include "route_table.h"

namespace millrace {

/// Refuses a request whose body is not to be had, for the reason that its exchange has.
void refuse_body(const httplib::Request& request, httplib::Response& response);

/// Gives a body to a response that cpp-httplib has made an error after its handler and ErrorAnswers had seen it: 416,
/// for a range that lies beyond what the handler has made.
void answer_late(Exchange& exchange);

/// An error does not end the connection, as far as `response` says now: where cpp-httplib goes on to say that it does,
/// the client is told `terms`.
void keep_alive_behind_error(const httplib::Response& response, const std::string& terms, Exchange& exchange);

/// Stands in for the program's error handler while its server listens.
struct ErrorAnswers {
  const RouteTable* routes;
  httplib::Server::HandlerWithResponse of_program;
  std::string keep_alive;  ///< what the field of that name says

  httplib::Server::HandlerResponse operator()(const httplib::Request& request, httplib::Response& response) const;

 private:
  void complete(Exchange& exchange, const httplib::Request& request, httplib::Response& response) const;
  void answer_unrouted(const httplib::Request& request, httplib::Response& response) const;
  void ask_program(const httplib::Request& request, httplib::Response& response) const;
  void keep_refusal(const httplib::Request& request, httplib::Response& response) const;
};

}  // namespace millrace
