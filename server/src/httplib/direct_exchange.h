// Reads a request and writes an answer exactly as cpp-httplib does, but without it: clients cannot tell the difference.
#pragma once

#include <httplib.h>

#include <string>
#include <string_view>

#include "connection/exchange.h"

namespace millrace {

/// `lines`: of a head that parse_request_head() has let through, without the request line. Keeps the fields as
/// cpp-httplib does: decoded, and none that are empty. False where cpp-httplib could read more into one than the head's
/// parser has: the request is for cpp-httplib itself.
bool read_fields(std::string_view lines, httplib::Headers& headers);

void read_query(std::string_view query, httplib::Params& params);

/// Appends head and body to the exchange's output, but does not compress. `keep_alive`: what the field Keep-Alive says.
void write_answer(httplib::Response& response, const std::string& keep_alive, Exchange& exchange);

}  // namespace millrace
