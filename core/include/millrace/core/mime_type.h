// The MIME type of a response, from its Content-Type fields. [Fetch 3.3.1, "extract a MIME type"]
//
//   if (is_essence(extract_essence("text/html, text/event-stream;charset=utf-8"), "text/event-stream")) …
#pragma once

#include <string_view>

namespace millrace {

/// Returns the essence (`type/subtype`, as written) of the last comma-separated value that is a MIME type and not
/// `*/*`; empty if no value is one. `content_type` is the value of the Content-Type field, or of several such fields,
/// separated by commas. The result is a part of it.
std::string_view extract_essence(std::string_view content_type);

/// Whether `essence` equals `lowercase`, ignoring case. `lowercase` is in small letters.
bool is_essence(std::string_view essence, std::string_view lowercase);

}  // namespace millrace
