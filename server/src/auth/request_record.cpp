#include "request_record.h"

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/field_order.h"

namespace millrace {

namespace {

void append(std::string& text, std::string_view part) {
  const auto size = static_cast<std::uint32_t>(part.size());
  char bytes[sizeof size];
  std::memcpy(bytes, &size, sizeof size);
  text.append(bytes, sizeof size).append(part);
}

std::string next_part(std::string_view& text) {
  std::uint32_t size = 0;
  std::memcpy(&size, text.data(), sizeof size);
  const std::string part(text.substr(sizeof size, size));
  text.remove_prefix(sizeof size + size);
  return part;
}

template <typename Map>
void append_all(std::string& text, const Map& fields) {
  append(text, std::to_string(fields.size()));
  for (const auto& [name, value] : fields) {
    append(text, name);
    append(text, value);
  }
}

template <typename Map>
void next_fields(std::string_view& text, Map& fields) {
  for (std::size_t left = std::stoul(next_part(text)); left > 0; --left) {
    std::string name = next_part(text);
    fields.emplace(std::move(name), next_part(text));
  }
}

}  // namespace

RequestRecord::RequestRecord(const httplib::Request& request)
    : remote_port_(request.remote_port), local_port_(request.local_port) {
  for (const std::string* part :
       {&request.method, &request.path, &request.target, &request.version, &request.remote_addr, &request.local_addr}) {
    append(text_, *part);
  }
  append_all(text_, request.headers);
  append_all(text_, request.params);
  text_.shrink_to_fit();
}

httplib::Request RequestRecord::request() const {
  httplib::Request request;
  std::string_view text = text_;
  for (std::string* part :
       {&request.method, &request.path, &request.target, &request.version, &request.remote_addr, &request.local_addr}) {
    *part = next_part(text);
  }
  next_fields(text, request.headers);
  put_in_order(request.headers);
  next_fields(text, request.params);
  request.remote_port = remote_port_;
  request.local_port = local_port_;
  return request;
}

}  // namespace millrace
