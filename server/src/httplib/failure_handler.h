// FailureHandler: answers a request whose handler has thrown. The client learns only that the server failed. The text
// of the exception goes to the program. (cpp-httplib would send it in a header field.)
#pragma once

#include <httplib.h>

#include <exception>

#include "millrace/server/options.h"

namespace millrace {

/// Can be told from a user's exception handler by its type. `options` must outlive it.
struct FailureHandler {
  const ServerOptions* options;
  void operator()(const httplib::Request& request, httplib::Response& response,
                  const std::exception_ptr& exception) const;
};

}  // namespace millrace
