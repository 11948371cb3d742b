// The MIME type of a response, from its Content-Type fields. [Fetch 3.3.1, "extract a MIME type"]
//
//   if (is_essence(extract_essence("text/html, text/event-stream;charset=utf-8"), "text/event-stream")) …
#pragma once

#include <string_view>

namespace millrace {

/// The essence (`type/subtype`, as it is written) of the last of the comma-separated values that is a MIME type and not
/// `*/*`; empty if there is none. `content_type` is the value of the one Content-Type field, or those of all of them
/// with commas between, which mean the same. What it returns is a part of it.
std::string_view extract_essence(std::string_view content_type);

/// Whether an essence is this one, which is written in small letters.
bool is_essence(std::string_view essence, std::string_view lowercase);

}  // namespace millrace
