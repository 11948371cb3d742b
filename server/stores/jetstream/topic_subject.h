// Converts topics to NATS subjects, and event fields to header values. Every topic and pattern has its own subject, and
// a pattern's subject matches the subjects of its topics.
//
//   topic_subject("stocks/nasdaq 100")  ->  "stocks.nasdaq%20100"
//   topic_subject("stocks/**")          ->  "stocks.>"
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "millrace/core/owned.h"

namespace millrace {

/// The subject of a topic or pattern. Segments become tokens; characters that a token cannot contain become `%XX`. At
/// most three times as long.
std::string topic_subject(std::string_view pattern);

/// The topic with this subject; nothing if no topic has it.
std::optional<OwnedTopic> subject_topic(std::string_view subject);

/// Escapes text for a header in the same way, including blanks and line ends.
std::string escape(std::string_view text);
std::optional<std::string> unescape(std::string_view text);

}  // namespace millrace
