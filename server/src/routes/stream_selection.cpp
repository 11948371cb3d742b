#include "stream_selection.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "millrace/core/owned.h"
#include "parse_json.h"

namespace millrace {

std::optional<StreamSelection> parse_stream_selection(std::string_view body, std::string& error) {
  const auto json = parse_json(body);
  if (!json.is_object() || json.empty()) {
    error = "body: must be a JSON object with user, client or topic, such as {\"user\":\"ada\"}";
    return std::nullopt;
  }
  StreamSelection selection;
  for (const auto& [name, value] : json.items()) {
    auto* const field = name == "user" ? &selection.user : name == "client" ? &selection.client : nullptr;
    if (field == nullptr && name != "topic") {
      error = "\"" + name + "\" is not a field; expected user, client or topic";
      return std::nullopt;
    }
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
      error = name + ": must be a non-empty string";
      return std::nullopt;
    }
    auto text = value.get<std::string>();
    if (field != nullptr) {
      *field = std::move(text);
    } else if (auto topic = OwnedTopic::parse(text)) {
      selection.topic = std::move(*topic);
    } else {
      error = "topic: \"" + text + "\" is not a topic without wildcards";
      return std::nullopt;
    }
  }
  return selection;
}

}  // namespace millrace
