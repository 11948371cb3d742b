#include "stream_entry.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

#include "log/event_log.h"
#include "millrace/server/publication.h"

namespace millrace {

namespace {

using nlohmann::json;

// In place of an empty publisher_key(). Events of older versions do not have the header.
constexpr std::string_view kProgram = "-";

std::string from_base64(const std::string& text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) throw StoreUnavailable("cannot read JetStream's answer");
  const auto padding =
      static_cast<std::size_t>(std::count(text.end() - std::min<std::ptrdiff_t>(2, std::ssize(text)), text.end(), '='));
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

// A value from `NATS/1.0\r\nName: value\r\n…\r\n\r\n`.
std::string header(std::string_view block, std::string_view name) {
  const std::size_t line = block.find("\r\n" + std::string(name) + ":");
  if (line == std::string_view::npos) return {};
  std::string_view value = block.substr(line + 3 + name.size());
  value = value.substr(0, value.find("\r\n"));
  while (value.starts_with(' ')) value.remove_prefix(1);
  return std::string(value);
}

}  // namespace

StreamEntry StreamEntry::of(const json& answer) {
  const json& message = answer.at("message");
  const std::string headers = from_base64(message.value("hdrs", std::string()));
  return {.sequence = message.at("seq").get<std::uint64_t>(),
          .subject = message.at("subject").get<std::string>(),
          .type = header(headers, "Millrace-Type"),
          .id = header(headers, "Millrace-Id"),
          .publisher = header(headers, "Millrace-Publisher"),
          .retry = header(headers, "Millrace-Retry"),
          .trace_parent = header(headers, "Millrace-Traceparent"),
          .trace_state = header(headers, "Millrace-Tracestate"),
          .data = from_base64(message.value("data", std::string()))};
}

std::string publisher_token(const std::string& publisher) {
  return publisher.empty() ? std::string(kProgram) : publisher;
}

std::string publisher_of(const std::string& token) {
  if (token.empty()) return std::string(kAnyPublisher);
  return token == kProgram ? std::string() : token;
}

}  // namespace millrace
