// Http2Client: a client of HTTP/2, by prior knowledge, that sends exact frames and sees all that a server says.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eventually.h"
#include "http2_frames.h"
#include "raw_client.h"

namespace millrace::test {

class Http2Client {
 public:
  /// `values`: of its SETTINGS. `receive_buffer`: as of RawClient.
  explicit Http2Client(int port, std::string_view values = {}, int receive_buffer = 0)
      : Http2Client(RawClient(port, receive_buffer), values) {}
  explicit Http2Client(RawClient connection, std::string_view values = {}) : connection_(std::move(connection)) {
    send(std::string(kHttp2Preface) + settings(values));
  }

  bool send(std::string_view bytes) { return connection_.send(bytes); }
  RawClient& connection() { return connection_; }

  /// Sends a request; returns its stream's number.
  std::uint32_t get(const std::string& path, const Fields& more = {}) { return request("GET", path, more, {}, true); }
  std::uint32_t post(const std::string& path, std::string_view body, const Fields& more = {}) {
    return request("POST", path, more, body, true);
  }
  std::uint32_t request(const std::string& method, const std::string& path, const Fields& more, std::string_view body,
                        bool ends) {
    const std::uint32_t id = std::exchange(next_, next_ + 2);
    Fields fields{{":method", method}, {":scheme", "http"}, {":path", path}, {":authority", "127.0.0.1"}};
    fields.insert(fields.end(), more.begin(), more.end());
    const std::uint8_t flags = frame_flag::kEndHeaders | (ends && body.empty() ? frame_flag::kEndStream : 0);
    std::string bytes = frame(FrameType::kHeaders, flags, id, std::exchange(prefix_, "") + block_of(fields));
    while (!body.empty()) {
      const std::string_view part = body.substr(0, kMaxFramePayload);
      body.remove_prefix(part.size());
      bytes += data(id, part, ends && body.empty());
    }
    send(bytes);
    return id;
  }

  /// Reads until `is_so` holds for what the server has said. False if it ends the connection before. Throws if it takes
  /// too long, although frames come: the sentence has `what`, and how much came on each stream.
  template <typename Condition>
  bool until(Condition is_so, const std::string& what = "what the test waits for") {
    const Deadline deadline;
    while (!is_so()) {
      deadline.check([&] { return what + so_far(); });
      const std::string bytes = connection_.read_some();
      if (bytes.empty()) return is_so();
      said.read(bytes);
      if (answers_) answer(bytes.size());
      if (!is_settled_ && !said.settings.empty()) settle();
    }
    return true;
  }
  /// Until the response on the stream is whole.
  bool until_end(std::uint32_t id) {
    return until([&] { return said.ends.contains(id) || said.resets.contains(id); },
                 "the end of stream " + std::to_string(id));
  }
  /// Until the stream's data has this text in it.
  bool until_text(std::uint32_t id, std::string_view text) {
    return until([&] { return said.data[id].find(text) != std::string::npos; },
                 '"' + std::string(text) + "\" on stream " + std::to_string(id));
  }

  /// Returns once these event streams are live: what is published from then on reaches them. One of them says nothing
  /// about another, though both were asked for in this order.
  bool subscribed(std::initializer_list<std::uint32_t> streams) { return subscribed(std::vector(streams)); }
  bool subscribed(const std::vector<std::uint32_t>& streams) {
    return std::all_of(streams.begin(), streams.end(), [&](std::uint32_t id) { return until_text(id, "retry:"); });
  }

  /// Widens the connection's window by all that comes; each stream's is its own affair.
  void answer_all() { answers_ = true; }

  std::string status(std::uint32_t id) { return field(id, ":status"); }
  std::string field(std::uint32_t id, std::string_view name) {
    for (const auto& [each, value] : said.heads[id]) {
      if (each == name) return value;
    }
    return {};
  }

  Said said;

 private:
  std::string so_far() const {
    std::string text;
    for (const auto& [id, data] : said.data) {
      text += "; stream " + std::to_string(id) + " brought " + std::to_string(data.size()) + " bytes";
    }
    return text;
  }

  void answer(std::size_t bytes) { send(window_update(0, static_cast<std::uint32_t>(bytes))); }

  // The next field section has to say that the table is empty now. [RFC 7541 4.2]
  void settle() {
    is_settled_ = true;
    send(settings_ack());
    prefix_ = "\x20";
  }

  RawClient connection_;
  bool is_settled_ = false;
  std::string prefix_;
  std::uint32_t next_ = 1;
  bool answers_ = false;
};

}  // namespace millrace::test
