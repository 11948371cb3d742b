// Error bodies: the bodies that vendors' clients expect in a response with an error status.
//
//   response.status = 404;
//   response.set_content(openai_error_body("there is no response resp_7"), "application/json");
//
// Such a client throws an error with the status, and with the sentence in its message. The AI SDK uses the whole body
// as the message: for it, send the sentence without JSON.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

/// For OpenAI's clients. `field`: the request's field that the error is about; empty becomes null.
std::string openai_error_body(std::string_view sentence, std::string_view field = {},
                              std::string_view type = "invalid_request_error");

/// For Anthropic's client.
std::string anthropic_error_body(std::string_view sentence, std::string_view type = "invalid_request_error");

}  // namespace millrace
