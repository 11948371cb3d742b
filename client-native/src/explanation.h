// Text of a server for people, such as the explanation of a refusal.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

/// Whether a body of this type may contain a sentence for people: plain text or JSON.
bool may_explain(std::string_view content_type);

/// Returns the first line of a text from a server or the network, without control characters, so that it is safe in a
/// terminal and a log, and cut to kMaxExplanationBytes.
std::string one_line(std::string_view text);

/// Returns the first line of a plain text, or the member of a JSON object that explains (`error`, `message`, `detail`,
/// `title`, `error.message`), through one_line(); empty without one.
std::string explanation_in(std::string_view content_type, std::string_view body);

}  // namespace millrace
