#include "direct_exchange.h"

#include "http/error_response.h"
#include "http/field_text.h"

namespace millrace {

bool read_fields(std::string_view lines, httplib::Headers& headers) {
  for (std::size_t end = lines.find("\r\n"); end != 0 && end != std::string_view::npos; end = lines.find("\r\n")) {
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 2);
    const std::size_t colon = line.find(':');
    std::string value(trimmed(line.substr(colon + 1)));
    if (value.empty()) continue;
    if (value.find('%') != std::string::npos) {
      if (equals_ignoring_case(line.substr(0, colon), "Connection")) return false;
      value = httplib::detail::decode_url(value, false);
    }
    headers.emplace(line.substr(0, colon), std::move(value));
  }
  return true;
}

void read_query(std::string_view query, httplib::Params& params) {
  httplib::detail::parse_query_text(std::string(query), params);
}

void write_answer(httplib::Response& response, const std::string& keep_alive, Exchange& exchange) {
  if (response.status < 0) response.status = 200;
  exchange.status = response.status;
  exchange.keep_alive = !exchange.is_last();
  if (exchange.keep_alive) {
    response.set_header("Keep-Alive", keep_alive);
  } else {
    response.set_header("Connection", "close");
  }
  response.headers.erase("Content-Length");
  response.set_header("Content-Length", std::to_string(response.body.size()));
  std::string output;
  output.reserve(256 + response.body.size());
  output.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  output.append(reason_phrase(response.status)).append("\r\n");
  for (const auto& [name, value] : response.headers) output.append(name).append(": ").append(value).append("\r\n");
  output.append("\r\n").append(response.body);
  exchange.output.append(output, !exchange.keep_alive);
}

}  // namespace millrace
