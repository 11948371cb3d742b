// FailureHandler: answers a request whose handler has thrown. The client learns that the server has failed; the
// exception's own words are reported to the program alone. (cpp-httplib would send them, in a header field.)
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
