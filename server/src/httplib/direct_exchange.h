// Reads a request and writes an answer exactly as cpp-httplib does, but without it; clients cannot see a difference.
#pragma once

#include <httplib.h>

#include <string>
#include <string_view>

#include "connection/exchange.h"

namespace millrace {

/// Reads the fields of a head that parse_request_head() has accepted; `lines` is the head without its request line.
/// Decodes values and drops empty fields as cpp-httplib does. Returns false if cpp-httplib may treat a field
/// differently: then cpp-httplib itself must handle the request.
bool read_fields(std::string_view lines, httplib::Headers& headers);

void read_query(std::string_view query, httplib::Params& params);

/// Appends head and body to the exchange's output, without compression. `keep_alive`: the value of the field
/// Keep-Alive.
void write_answer(httplib::Response& response, const std::string& keep_alive, Exchange& exchange);

}  // namespace millrace
