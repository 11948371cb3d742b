// What a server says about a refusal, and other text of its, for people.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

/// Whether a body of this type may hold a sentence for people: plain text or JSON.
bool may_explain(std::string_view content_type);

/// The first line of what a server or the network brought: without control characters, so that a terminal and a log can
/// bear it, and cut to kMaxExplanationBytes.
std::string one_line(std::string_view text);

/// The first line of a plain text, or the member of a JSON object that explains (`error`, `message`, `detail`, `title`;
/// also `error.message`), as one_line() has it; empty if there is none.
std::string explanation_in(std::string_view content_type, std::string_view body);

}  // namespace millrace
