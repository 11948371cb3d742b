// trace_of(): the trace that a request belongs to, for handlers that publish or ask others.
//
//   server.Post("/orders", [&](const httplib::Request& request, httplib::Response&) {
//     const millrace::OwnedTraceContext trace = millrace::trace_of(request);
//     server.hub().publish("orders", {.data = request.body, .trace = trace}).or_throw();
//   });
#pragma once

#include "millrace/core/trace_context.h"
#include "millrace/server/httplib_forward.h"

namespace millrace {

/// The request's `traceparent` and `tracestate`; empty if it has none, several `traceparent`, or an invalid one. Any
/// thread.
OwnedTraceContext trace_of(const httplib::Request& request);

}  // namespace millrace
