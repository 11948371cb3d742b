// Http2Stream: an event stream over HTTP/2, on a connection of its own whose windows are never shut.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "http2_client.h"
#include "stream_decoder.h"
#include "trouble_maker.h"

namespace millrace::test {

class Http2Stream {
 public:
  /// Asks for `target`, and has the response's first block when it returns. Throws if the status is not 200.
  Http2Stream(int port, const std::string& target)
      : client_(connect_for_http2(port), setting(SettingId::kInitialWindowSize, 0x7fff'ffff)),
        id_(client_.get(target)) {
    client_.answer_all();
    if (!client_.subscribed({id_}) || client_.status(id_) != "200") throw std::runtime_error("no event stream");
  }

  /// The next event; nothing if the stream ends first, however it does.
  std::optional<Received> next() {
    while (decoder_.events().size() == handed_out_) {
      std::string& data = client_.said.data[id_];
      const auto has_come = [&] { return !data.empty() || client_.said.ends.contains(id_) || is_reset(); };
      if (!client_.until(has_come, "an event") || data.empty()) return std::nullopt;
      decoder_.feed(data);
      data.clear();
    }
    return decoder_.events()[handed_out_++];
  }

 private:
  bool is_reset() const { return client_.said.resets.contains(id_); }

  Http2Client client_;
  const std::uint32_t id_;
  StreamDecoder decoder_{false};
  std::size_t handed_out_ = 0;
};

}  // namespace millrace::test
