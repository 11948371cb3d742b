// FailureHandler: what becomes of an exception that a handler has thrown. The client hears that there was one; what it
// says is for the program alone. (cpp-httplib would send it, in a header field.)
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
