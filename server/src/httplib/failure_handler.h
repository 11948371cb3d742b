// FailureHandler: answers a request whose handler has thrown. The client learns only that the server failed; the
// program gets the text of the exception. (cpp-httplib would send it in a header field.)
#pragma once

#include <httplib.h>

#include <exception>

#include "millrace/server/options.h"

namespace millrace {

/// Its type distinguishes it from a user's exception handler. `options` must outlive it.
struct FailureHandler {
  const ServerOptions* options;
  void operator()(const httplib::Request& request, httplib::Response& response,
                  const std::exception_ptr& exception) const;
};

}  // namespace millrace
