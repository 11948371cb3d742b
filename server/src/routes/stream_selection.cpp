#include "stream_selection.h"

#include <nlohmann/json.hpp>

#include "millrace/core/topic.h"
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
    auto* const field = name == "user"     ? &selection.user
                        : name == "client" ? &selection.client
                        : name == "topic"  ? &selection.topic
                                           : nullptr;
    if (field == nullptr) {
      error = "\"" + name + "\" is not a field; expected user, client or topic";
      return std::nullopt;
    }
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
      error = name + ": must be a non-empty string";
      return std::nullopt;
    }
    *field = value.get<std::string>();
  }
  if (selection.topic && !Topic::parse(*selection.topic)) {
    error = "topic: \"" + *selection.topic + "\" is not a topic without wildcards";
    return std::nullopt;
  }
  return selection;
}

}  // namespace millrace
