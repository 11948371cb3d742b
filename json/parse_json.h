// parse_json(): the only reader of JSON from outside. It checks size and depth before it parses, so that a text costs
// at most some dozens of bytes for each of its own, and no stack.
//
// Private to Millrace's sources. tests/purity/json_parsers.cmake fails if they parse JSON in another way.
//
//   const auto body = parse_json(text);  // discarded if it is not JSON, or exceeds a bound
//   if (body.is_object()) …
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "millrace/core/json_bounds.h"

namespace millrace {

template <typename Json = nlohmann::json>
Json parse_json(std::string_view text, std::size_t max_bytes = kMaxJsonBytes) {
  if (exceeded_json_bound(text, max_bytes) != JsonBound::kNone) return Json(Json::value_t::discarded);
  return Json::parse(text, nullptr, false);
}

/// The same with nlohmann's callback, for a text whose size is already bounded. Throws std::length_error if it is
/// nested too deep, json::exception if it is not JSON, and what the callback throws.
template <typename Json = nlohmann::json, typename Callback>
Json parse_json_with(std::string_view text, const Callback& callback) {
  if (exceeded_json_bound(text, text.size()) != JsonBound::kNone) {
    throw std::length_error("the JSON is nested more than " + std::to_string(kMaxJsonDepth) + " levels deep");
  }
  return Json::parse(text, callback);
}

/// Whether a text, whose size is already bounded, is JSON within the bounds.
inline bool is_json(std::string_view text) {
  return exceeded_json_bound(text, text.size()) == JsonBound::kNone && nlohmann::json::accept(text);
}

}  // namespace millrace
