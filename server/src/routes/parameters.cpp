#include "parameters.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "millrace/core/protocol.h"

namespace millrace {

namespace {

constexpr std::array<std::string_view, 9> kParameters = {
    protocol::kTopicParameter,  protocol::kLastEventIdParameter, protocol::kClientParameter,
    protocol::kNoteParameter,   protocol::kModeParameter,        protocol::kCursorParameter,
    protocol::kFieldsParameter, protocol::kEnvelopeParameter,    protocol::kConflateParameter};

// Common other names of parameters, in the form of letters_of().
struct Alias {
  std::string_view name;
  std::string_view means;
};
constexpr Alias kAliases[] = {{"lastid", protocol::kLastEventIdParameter},
                              {"lastevent", protocol::kLastEventIdParameter}};

// The name's letters and digits in lower case, so that `Last-Event-ID` equals `last_event_id`, and `topic[]` equals
// `topic`.
std::string letters_of(std::string_view name) {
  std::string letters;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) letters += static_cast<char>(std::tolower(byte));
  }
  return letters;
}

// Whether the texts differ by one letter that is added, missing or wrong, or by two swapped letters.
bool is_one_slip_from(std::string_view a, std::string_view b) {
  if (a.size() < b.size()) std::swap(a, b);
  if (a.size() > b.size() + 1) return false;
  const auto [x, y] = std::mismatch(b.begin(), b.end(), a.begin());
  const std::string_view rest_b = b.substr(static_cast<std::size_t>(x - b.begin()));
  const std::string_view rest_a = a.substr(static_cast<std::size_t>(y - a.begin()));
  if (a.size() > b.size()) return rest_a.substr(1) == rest_b;
  if (rest_a.empty() || rest_a.substr(1) == rest_b.substr(1)) return true;
  return rest_a.size() > 1 && rest_a[0] == rest_b[1] && rest_a[1] == rest_b[0] && rest_a.substr(2) == rest_b.substr(2);
}

// Short names that differ by one letter are mostly other words: `code` is no misspelt `mode`.
constexpr std::size_t kShortestToGuess = 5;

}  // namespace

std::vector<std::string> parameters_of(const httplib::Request& request, std::string_view name) {
  std::vector<std::string> values;
  const auto [begin, end] = request.params.equal_range(std::string(name));
  for (auto value = begin; value != end; ++value) values.push_back(value->second);
  return values;
}

bool asks_for(const httplib::Request& request, std::string_view name, std::string_view known) {
  const std::vector<std::string> values = parameters_of(request, name);
  for (const std::string& value : values) {
    if (value == known) continue;
    throw UnknownValue{std::string(name) + ": \"" + value + "\" is unknown; expected " + std::string(name) + "=" +
                       std::string(known)};
  }
  return !values.empty();
}

std::optional<std::string_view> right_spelling_of(std::string_view name) {
  if (std::find(kParameters.begin(), kParameters.end(), name) != kParameters.end()) return std::nullopt;
  const std::string letters = letters_of(name);
  for (const std::string_view parameter : kParameters) {
    const std::string right = letters_of(parameter);
    if (letters == right) return parameter;
    if (right.size() >= kShortestToGuess && is_one_slip_from(letters, right)) return parameter;
  }
  for (const Alias& alias : kAliases) {
    if (letters == alias.name) return alias.means;
  }
  return std::nullopt;
}

}  // namespace millrace
