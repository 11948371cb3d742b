#include "stream_client.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace millrace::test {

StreamClient::StreamClient(RawClient client, std::string_view request) : client_(std::move(client)) {
  client_.send(request);
  head_.head = client_.read_until("\r\n\r\n");
  if (!head_.head.starts_with("HTTP/1.1 200 ")) throw std::runtime_error("no event stream: " + head_.head);
  head_.status = 200;
  decoder_ = StreamDecoder(head_.field("Transfer-Encoding") == "chunked", head_.field("Content-Encoding") == "gzip");
  read_until([](const StreamDecoder& decoder) { return decoder.chunks() > 0; });
}

// What the stream has brought, for a failure.
std::string StreamClient::so_far() const {
  constexpr std::size_t kShown = 200;
  const std::string& text = decoder_.text();
  return "the stream brought " + std::to_string(decoder_.events().size()) + " events in " +
         std::to_string(decoder_.chunks()) + " pieces, the newest \"" +
         text.substr(text.size() - std::min(text.size(), kShown)) + '"';
}

bool StreamClient::read_on() {
  if (decoder_.ended()) return false;
  const std::string bytes = client_.read_some();
  decoder_.feed(bytes);
  return !bytes.empty();
}

std::optional<Received> StreamClient::next() {
  if (!read_until([this](const StreamDecoder& decoder) { return decoder.events().size() > handed_out_; })) {
    return std::nullopt;
  }
  return decoder_.events()[handed_out_++];
}

std::string StreamClient::next_data() {
  const auto event = next();
  return event ? event->data : "<end>";
}

bool StreamClient::read_to_end() {
  const Deadline deadline;
  while (read_on()) deadline.check([this] { return "the end of the stream; " + so_far(); });
  return decoder_.ended();
}

}  // namespace millrace::test
