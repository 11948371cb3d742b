#include "stream_selection.h"

#include <nlohmann/json.hpp>

#include "millrace/core/topic.h"
#include "parse_json.h"

namespace millrace {

std::optional<StreamSelection> parse_stream_selection(std::string_view body, std::string& error) {
  const auto json = parse_json(body);
  if (!json.is_object() || json.empty()) {
    error = "body: must be a JSON object that names a user, a client or a topic, as in {\"user\":\"ada\"}";
    return std::nullopt;
  }
  StreamSelection selection;
  for (const auto& [name, value] : json.items()) {
    auto* const field = name == "user"     ? &selection.user
                        : name == "client" ? &selection.client
                        : name == "topic"  ? &selection.topic
                                           : nullptr;
    if (field == nullptr) {
      error = "\"" + name + "\" is not a field: there are user, client and topic";
      return std::nullopt;
    }
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
      error = name + ": must be a string that is not empty";
      return std::nullopt;
    }
    *field = value.get<std::string>();
  }
  if (selection.topic && !Topic::parse(*selection.topic)) {
    error = "topic: \"" + *selection.topic + "\" is not a topic, which has no wildcards";
    return std::nullopt;
  }
  return selection;
}

}  // namespace millrace
