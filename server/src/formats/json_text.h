// How the formats write and read JSON, and their lists of events.
#pragma once

#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/core/limits.h"
#include "millrace/server/formats/answer_format.h"
#include "parse_json.h"

namespace millrace {

using Json = nlohmann::ordered_json;

/// Invalid UTF-8 becomes U+FFFD.
inline std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

inline void append_to(FormattedEvents& out, FormattedEvents events) {
  out.insert(out.end(), std::make_move_iterator(events.begin()), std::make_move_iterator(events.end()));
}

/// Returns nothing if `data` is not an object.
inline std::optional<Json> object_in(std::string_view data) {
  Json json = parse_json<Json>(data, kMaxEventBytes);
  if (!json.is_object()) return std::nullopt;
  return std::make_optional(std::move(json));  // converting would be ambiguous: a Json converts to anything
}

/// The string at `path`; empty if it is missing.
inline std::string string_at(const Json& json, const char* path) {
  const Json::json_pointer pointer(path);
  if (!json.contains(pointer) || !json.at(pointer).is_string()) return {};
  return json.at(pointer).get<std::string>();
}

}  // namespace millrace
