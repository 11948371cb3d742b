// What an event source sends as headers, and which of a user's headers can be sent.
#pragma once

#include <string>
#include <string_view>

#include "millrace/client/options.h"

namespace millrace {

/// Whether `text` can be a header's name or a method. [RFC 9110 5.6.2]
bool is_token(const std::string& text);

/// Throws std::invalid_argument, naming the header, if one cannot be sent or is not the user's to set.
void check_headers(const HttpHeaders& headers);

/// Throws std::invalid_argument if the options say more than one thing about who asks, or something that cannot be
/// sent.
void check_credentials(const EventSourceOptions& options);

/// The headers of one attempt: the standard's, then the user's in the place of those of the same name.
HttpHeaders request_headers(const EventSourceOptions& options, const HttpHeaders& for_attempt,
                            std::string_view last_event_id);

}  // namespace millrace
