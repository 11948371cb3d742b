// Transcript: what an event stream says, one readable line an output, to be compared and printed whole.
//
// Both the parser under test and the reference parser write one, and a fixture expects one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/event_stream_parser.h"

namespace millrace::test {

using Transcript = std::vector<std::string>;

std::string event_entry(std::string_view type, std::string_view data, std::string_view last_event_id,
                        std::string_view topic = {}, std::string_view trace = {});
/// The two fields of a trace, in one text; empty without a parent.
std::string trace_text(std::string_view parent, std::string_view state);
std::string comment_entry(std::string_view comment);
std::string retry_entry(std::int64_t milliseconds);
std::string too_large_entry();

/// `text` in quotes, with everything but printable ASCII escaped.
std::string quoted(std::string_view text);

/// Feeds `chunks` one after the other and writes down what comes out. Every chunk is handed over in memory of its own,
/// which is overwritten and freed as soon as the parser has asked for more: it may not look there again.
Transcript read_chunks(EventStreamParser& parser, const std::vector<std::string_view>& chunks);

/// Pieces of `stream` of `size` bytes, the last one perhaps shorter.
std::vector<std::string_view> chunks_of(std::string_view stream, std::size_t size);

}  // namespace millrace::test
