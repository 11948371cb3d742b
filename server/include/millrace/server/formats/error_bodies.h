// Error bodies: what the clients of vendors read from a response with an error status.
//
//   response.status = 404;
//   response.set_content(openai_error_body("there is no response resp_7"), "application/json");
//
// Their clients throw an error with the status, and the sentence as a part of its message. The AI SDK takes the whole
// body for the message: it needs a sentence, and no JSON.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

/// For OpenAI's clients. `field`: the field of the request that the error is about; empty: null.
std::string openai_error_body(std::string_view sentence, std::string_view field = {},
                              std::string_view type = "invalid_request_error");

/// For Anthropic's client.
std::string anthropic_error_body(std::string_view sentence, std::string_view type = "invalid_request_error");

}  // namespace millrace
