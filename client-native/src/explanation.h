// What a server says about a refusal, for people.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

/// Whether a body of this type may hold a sentence for people: plain text or JSON.
bool may_explain(std::string_view content_type);

/// The first line of a plain text, or the member of a JSON object that explains (`error`, `message`, `detail`, `title`;
/// also `error.message`), without control characters and cut to kMaxExplanationBytes; empty if there is none.
std::string explanation_in(std::string_view content_type, std::string_view body);

}  // namespace millrace
