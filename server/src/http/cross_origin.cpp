#include "cross_origin.h"

#include <algorithm>

#include "field_text.h"
#include "millrace/server/invalid_option.h"
#include "origin.h"

namespace millrace {

namespace {

constexpr std::string_view kAnyOrigin = "*";
constexpr const char* kVary = "Vary";
constexpr std::string_view kExposed = "Retry-After, Last-Event-ID, Millrace-Answer, Millrace-Heartbeat";

bool contains(const std::vector<std::string>& texts, std::string_view text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

// Tells caches that the answer also depends on this field.
void add_vary(httplib::Response& response, const std::string& value) {
  const auto [begin, end] = response.headers.equal_range("Vary");
  const bool is_there = std::any_of(begin, end, [&](const auto& field) { return field.second == value; });
  if (!is_there) response.set_header("Vary", value);
}

}  // namespace

CrossOrigin::CrossOrigin(const ServerOptions::Cors& options) : rules_(std::make_shared<const Rules>(options)) {}

void CrossOrigin::change(const ServerOptions::Cors& options) {
  auto rules = std::make_shared<const Rules>(options);
  const MutexLock lock(mutex_);
  rules_.swap(rules);
}

std::shared_ptr<const CrossOrigin::Rules> CrossOrigin::rules() const {
  const MutexLock lock(mutex_);
  return rules_;
}

CrossOrigin::Rules::Rules(const ServerOptions::Cors& options)
    : origins(options.origins),
      any_origin(contains(options.origins, kAnyOrigin)),
      allowed_headers("Authorization, Cache-Control, Content-Type, Last-Event-ID") {
  for (const std::string& origin : origins) {
    if (origin != kAnyOrigin && !is_origin(origin)) {
      throw InvalidOption("ServerOptions::cors.origins",
                          "\"" + origin +
                              "\" is not an origin: expected scheme://host or scheme://host:port, such as "
                              "https://app.example, or *");
    }
  }
  for (const std::string& header : options.headers) {
    if (!is_token(header) || header == kAnyOrigin) {
      throw InvalidOption("ServerOptions::cors.headers", "\"" + header + "\" is not a header name");
    }
    allowed_headers.append(", ").append(header);
  }
}

bool CrossOrigin::Rules::is_listed(std::string_view origin) const {
  return origin != kAnyOrigin && contains(origins, origin);
}

// For some requests of a page (an image, a frame) the browser sends no origin, but it says whether the page is from
// this site. [Fetch Metadata 2.1]
bool CrossOrigin::may_change_things(const httplib::Request& request) const {
  const auto rules = this->rules();
  const bool any = rules->any_origin && !request.has_header("Cookie");
  if (!request.has_header("Origin")) {
    const std::string site = request.get_header_value("Sec-Fetch-Site");
    return any || (site != "cross-site" && site != "same-site");
  }
  const std::string origin = request.get_header_value("Origin");
  return any || rules->is_listed(origin) || is_same_origin(origin, request.get_header_value("Host"));
}

bool CrossOrigin::may_ask(const httplib::Request& request) const {
  const auto rules = this->rules();
  const std::string origin = request.get_header_value("Origin");
  if (!request.has_header("Origin") || rules->is_listed(origin) || rules->any_origin) return true;
  return is_same_origin(origin, request.get_header_value("Host"));
}

CrossOrigin::Fields CrossOrigin::fields_for(const Rules& rules, std::string_view origin) {
  if (rules.origins.empty()) return {};
  Fields fields{{kVary, "Origin"}};
  if (!origin.empty() && rules.is_listed(origin)) {
    fields.emplace_back("Access-Control-Allow-Origin", origin);
    fields.emplace_back("Access-Control-Allow-Credentials", "true");
  } else if (rules.any_origin) {
    fields.emplace_back("Access-Control-Allow-Origin", kAnyOrigin);
  } else {
    return fields;
  }
  fields.emplace_back("Access-Control-Expose-Headers", kExposed);
  return fields;
}

void CrossOrigin::add_to(const httplib::Request& request, httplib::Response& response) const {
  for (const auto& [name, value] : fields_for(request.get_header_value("Origin"))) {
    if (std::string_view(name) == kVary) {
      add_vary(response, value);
      continue;
    }
    response.headers.erase(name);
    response.set_header(name, value);
  }
}

std::string CrossOrigin::lines_for(std::string_view origin) const {
  const auto rules = this->rules();
  if (origin.empty() && rules->origins.size() == 1) origin = rules->origins.front();
  std::string lines;
  for (const auto& [name, value] : fields_for(*rules, origin))
    lines.append(name).append(": ").append(value).append("\r\n");
  return lines;
}

std::string origin_in(std::string_view head) {
  std::string_view origin;
  for (std::size_t end = head.find("\r\n"); end != std::string_view::npos; end = head.find("\r\n")) {
    head.remove_prefix(end + 2);
    const std::string_view line = head.substr(0, head.find("\r\n"));
    if (line.empty()) break;
    const bool is_whole = line.size() < head.size();
    const std::size_t colon = line.find(':');
    if (!is_whole || !equals_ignoring_case(line.substr(0, colon), "Origin")) continue;
    if (!origin.empty()) return {};
    origin = colon == std::string_view::npos ? std::string_view() : trimmed(line.substr(colon + 1));
  }
  return std::string(origin);
}

}  // namespace millrace
