// Writes HTTP/2 frames. [RFC 9113 6] Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "http2_frame.h"

namespace millrace {

/// Appends a frame's head; append its payload next.
void append_frame_head(const FrameHead& head, std::string& out);

void append_settings(std::span<const std::pair<SettingId, std::uint32_t>> settings, std::string& out);
void append_settings_ack(std::string& out);
/// `opaque`: 8 bytes, which an acknowledgement repeats.
void append_ping(std::string_view opaque, bool is_ack, std::string& out);
void append_reset(std::uint32_t stream, Http2Error error, std::string& out);
void append_window_update(std::uint32_t stream, std::uint32_t bytes, std::string& out);
/// `sentence`: explains the error to people who debug the connection.
void append_go_away(std::uint32_t last_stream, Http2Error error, std::string_view sentence, std::string& out);

/// Appends a field section as HEADERS and CONTINUATION frames. [RFC 9113 4.3]
void append_headers(std::uint32_t stream, std::string_view block, bool ends_stream, std::string& out);

}  // namespace millrace
