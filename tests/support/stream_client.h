// StreamClient: one connection that has asked for an event stream, and what has come of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "eventually.h"
#include "raw_client.h"
#include "stream_decoder.h"

namespace millrace::test {

class StreamClient {
 public:
  /// Asks for `target`, and has the response's head and first block when it returns. Throws if the status is not 200.
  StreamClient(int port, std::string_view target, std::string_view fields = {}, int receive_buffer = 0)
      : StreamClient(RawClient(port, receive_buffer), get(target, fields)) {}
  /// Sends `request` on a connection there is.
  StreamClient(RawClient client, std::string_view request);

  const RawResponse& head() const { return head_; }
  const StreamDecoder& decoder() const { return decoder_; }
  RawClient& client() { return client_; }
  int socket() const { return client_.socket(); }

  /// The next event; nothing if the stream ends first, however it does.
  std::optional<Received> next();
  /// The next event's data; `<end>` if the stream has ended.
  std::string next_data();
  /// Reads on until `condition` holds of the decoder; false if the stream ends first. Throws if it takes too long,
  /// heartbeats or not.
  template <typename Condition>
  bool read_until(Condition condition) {
    const Deadline deadline;
    while (!condition(decoder_)) {
      deadline.check([this] { return so_far(); });
      if (!read_on()) return false;
    }
    return true;
  }
  /// Reads until the stream ends; true if it ended with its last chunk.
  bool read_to_end();

 private:
  bool read_on();
  std::string so_far() const;

  RawClient client_;
  RawResponse head_;
  StreamDecoder decoder_;
  std::size_t handed_out_ = 0;
};

}  // namespace millrace::test
