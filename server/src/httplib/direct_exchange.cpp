#include "direct_exchange.h"

#include <algorithm>

#include "base/field_order.h"
#include "error_answers.h"
#include "http/error_response.h"
#include "http/field_text.h"
#include "httplib_versions.h"
#include "millrace/core/protocol.h"

namespace millrace {

namespace {

// Newer versions of cpp-httplib refuse a control character, which an event's ID may have.
bool may_httplib_refuse(std::string_view name, std::string_view value) {
  if (equals_ignoring_case(name, protocol::kLastEventIdHeader)) return false;
  return std::any_of(value.begin(), value.end(), [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

}  // namespace

bool read_fields(std::string_view lines, httplib::Headers& headers) {
  std::size_t fields = 0;
  for (std::size_t end = lines.find("\r\n"); end != 0 && end != std::string_view::npos; end = lines.find("\r\n")) {
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 2);
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    std::string value(trimmed(line.substr(colon + 1)));
    if (value.empty() && !kHttplibKeepsEmptyFields) continue;
    if (++fields > kMaxHttplibFields || may_httplib_refuse(name, value)) return false;
    if (equals_ignoring_case(name, "Accept") && may_httplib_refuse_accept(value)) return false;
    if (value.find('%') != std::string::npos && httplib_decodes(name)) {
      if (equals_ignoring_case(name, "Connection")) return false;
      value = httplib_decoded(value);
    }
    headers.emplace(name, std::move(value));
  }
  return true;
}

void read_query(std::string_view query, httplib::Params& params) {
  httplib::detail::parse_query_text(std::string(query), params);
}

void write_answer(httplib::Response& response, const std::string& keep_alive, Exchange& exchange) {
  if (response.status < 0) response.status = 200;
  exchange.status = response.status;
  const bool is_error = response.status >= 400;
  if (is_error) keep_alive_behind_error(response, keep_alive, exchange);
  // Sets the fields one after the other, as cpp-httplib does: its newer tables depend on the order.
  response.headers.erase("Content-Length");
  if (!response.body.empty()) response.set_header("Content-Length", std::to_string(response.body.size()));
  if (exchange.is_last() || (is_error && kHttplibClosesOnErrors)) {
    response.set_header("Connection", "close");
  } else {
    response.set_header("Keep-Alive", keep_alive);
  }
  if (response.body.empty()) response.set_header("Content-Length", "0");
  std::string output;
  output.reserve(256 + response.body.size());
  output.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  output.append(reason_phrase(response.status)).append("\r\n");
  put_in_order(response.headers);
  for (const auto& [name, value] : response.headers) output.append(name).append(": ").append(value).append("\r\n");
  output.append("\r\n").append(response.body);
  exchange.output.append(output, exchange.is_last());
  exchange.keep_alive = !exchange.is_last() && !exchange.output.says_close();
}

}  // namespace millrace
