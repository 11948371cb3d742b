// The headers of an event source's requests, and the checks of a user's headers.
#pragma once

#include <string>
#include <string_view>

#include "millrace/client/options.h"

namespace millrace {

/// Whether `text` can be a header's name or a method. [RFC 9110 5.6.2]
bool is_token(const std::string& text);

/// Throws std::invalid_argument with the header's name if it cannot be sent, or if Millrace sets it itself.
void check_headers(const HttpHeaders& headers);

/// Throws std::invalid_argument if the options have more than one kind of credentials, or some that cannot be sent.
void check_credentials(const EventSourceOptions& options);

/// The headers of one attempt: the standard's; a user's header replaces one of the same name.
HttpHeaders request_headers(const EventSourceOptions& options, const HttpHeaders& for_attempt,
                            std::string_view last_event_id);

}  // namespace millrace
