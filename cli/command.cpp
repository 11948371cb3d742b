#include "command.h"

#include <strings.h>

#include <algorithm>
#include <string_view>

namespace millrace::cli {

Url events_url(const std::string& text) {
  try {
    Url url = Url::parse(text);
    const bool is_base = url.target == "/" || url.target.starts_with("/?");
    if (is_base) url.target.replace(0, 1, "/events");
    return url;
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
}

HttpHeaders parse_headers(const std::vector<std::string>& lines) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  HttpHeaders headers;
  for (const std::string& line : lines) {
    if (line.find_first_of("\r\n") != std::string::npos) {
      throw UsageError("--header: a header cannot contain a line end");
    }
    const auto refuse = [&line](const std::string& why) {
      throw UsageError(std::string("--header \"").append(line).append("\": ").append(why));
    };
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) refuse("expected \"Name: value\"");
    const std::string name = line.substr(0, colon);
    const bool is_token = !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
             kMarks.find(c) != kMarks.npos;
    });
    if (!is_token) refuse("\"" + name + "\" is not a header name (letters, digits and " + std::string(kMarks) + ")");
    for (const char* own : {"Content-Length", "Transfer-Encoding", "Connection"}) {
      if (strcasecmp(name.c_str(), own) == 0) refuse("millrace sets this header itself");
    }
    const std::size_t value = line.find_first_not_of(' ', colon + 1);
    headers.emplace_back(name, value == std::string::npos ? "" : line.substr(value));
  }
  return headers;
}

}  // namespace millrace::cli
