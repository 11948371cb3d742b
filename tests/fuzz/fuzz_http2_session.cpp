// Bytes off a connection of HTTP/2, cut anywhere: the session says the same of them however they are cut, what it lets
// through is a head of HTTP/1.1 that nobody can read in two ways, and it answers in frames, not without bound.
//
// The input's first byte says whether preface and settings go before it, its second is the seed of the cuts, and its
// third chooses what is done with requests.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "failure.h"
#include "http/request_head.h"
#include "http2/frame_reader.h"
#include "http2/http2_session.h"
#include "stream_generator.h"

using namespace millrace;
using namespace millrace::test;

namespace {

constexpr std::size_t kMaxHeadBytes = 2048;

// What the server may say beside what it is made to say: its preface, and its end.
constexpr std::size_t kUnaskedBytes = 1024;

// Of replies, for each byte that has come: a request of a few bytes is refused in a sentence.
constexpr std::size_t kBytesEach = 64;

Http2Session::SharedDecoder shared_decoder;

class Owner final : public Http2Session::Listener {
 public:
  explicit Owner(std::uint8_t habit) : habit_(habit) {}

  Transcript transcript;

  void feed(const std::vector<std::string_view>& chunks) {
    std::size_t fed = 0;
    for (const std::string_view chunk : chunks) {
      session_.receive(chunk, TimePoint{});
      fed += chunk.size();
      look(session_.output());
      session_.output().clear();
      if (session_.held_bytes() > 2 * (kHttp2MaxFieldBlockBytes + kMaxFramePayload)) stop("holds too much");
    }
    if (said_ > kUnaskedBytes + kBytesEach * fed + own_) stop("says too much");
    if (session_.is_over()) transcript.push_back("over: " + std::to_string(static_cast<int>(session_.error())));
    for (const auto& [stream, body] : bodies_) transcript.push_back(std::to_string(stream) + " body " + body);
    for (const Http2Stream& stream : session_.streams()) {
      transcript.push_back(std::to_string(stream.id) + " window " + std::to_string(stream.send_window));
    }
  }

 private:
  void on_request(std::uint32_t id, const RequestFields& fields, bool has_body) override {
    const std::string head = fields.head();
    transcript.push_back(std::to_string(id) + (has_body ? " request " : " whole request ") + head);
    expect_unambiguous(head + "\r\n", fields);
    Http2Stream& stream = *session_.find(id);
    std::string block;
    append_status(200, block);
    switch ((habit_ + id / 2) % 5) {
      case 0:
        return session_.respond(stream, block, true);
      case 1:
        return session_.reset(stream, Http2Error::kCancel);
      case 2:
        session_.respond(stream, block, false);
        return send(id, "an event");
      case 3:
        session_.respond(stream, block, false);
        return end(stream, "no");
      default:
        return;
    }
  }
  void on_body(Http2Stream& stream, std::string_view bytes, bool is_last) override {
    bodies_[stream.id].append(bytes);
    if (is_last) bodies_[stream.id].append("|");
    if (habit_ % 2 == 0) session_.consume(stream, bytes.size());
    if (is_last && habit_ % 3 == 0) session_.reset(stream, Http2Error::kNone);
  }
  void on_too_large(Http2Stream& stream, const RequestFields&) override {
    transcript.push_back(std::to_string(stream.id) + " too large");
    std::string block;
    append_status(431, block);
    session_.respond(stream, block, true);
  }
  void on_reset(Http2Stream& stream) override { transcript.push_back(std::to_string(stream.id) + " lost"); }
  void on_room(Http2Stream& stream) override { send(stream.id, "more"); }
  void on_room() override {
    std::vector<std::uint32_t> ids;
    for (const Http2Stream& stream : session_.streams()) ids.push_back(stream.id);
    for (const std::uint32_t id : ids) send(id, "all");
  }

  void send(std::uint32_t id, std::string_view bytes) {
    Http2Stream& stream = *session_.find(id);
    own_ += session_.send(stream, {&bytes, 1}, false) + kFrameHeadBytes;
  }

  void end(Http2Stream& stream, std::string_view bytes) {
    own_ += session_.send(stream, {&bytes, 1}, true) + kFrameHeadBytes;
  }

  // It is frames, and none is too large.
  void look(std::string_view said) {
    said_ += said.size();
    while (true) {
      const auto read = reader_.next(said);
      if (read == FrameReader::Read::kTooLarge) stop("says a frame that is too large");
      if (read == FrameReader::Read::kMore) break;
    }
    if (reader_.is_within_frame()) stop("says half a frame");
  }

  // The reader of HTTP/1.1 refuses it, or finds the same fields in it.
  static void expect_unambiguous(const std::string& head, const RequestFields& fields) {
    if (head.find("\r\n\r\n") + 4 != head.size()) stop("does not end where it ends");
    RequestError error;
    const auto parsed = parse_request_head(head, error);
    if (!parsed) return;
    if (parsed->chunked) stop("a length in two ways");
    if (parsed->content_length != fields.content_length().value_or(0)) stop("another length");
    if (parsed->to_head != fields.is_to_head()) stop("another method");
  }

  const std::uint8_t habit_;
  FrameReader reader_;
  std::map<std::uint32_t, std::string> bodies_;
  std::size_t said_ = 0;
  std::size_t own_ = 0;
  Http2Session session_{*this, shared_decoder, {.head_bytes = kMaxHeadBytes}};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 3) return 0;
  std::string stream;
  if (bytes[0] % 4 != 0) stream.append(kHttp2Preface).append(std::string("\0\0\0\4\0\0\0\0\0", 9));
  if (bytes[0] % 4 == 2) stream.append(std::string("\0\0\0\4\1\0\0\0\0", 9));
  stream.append(reinterpret_cast<const char*>(bytes) + 3, size - 3);
  StreamGenerator generator(bytes[1]);
  Owner whole(bytes[2]);
  whole.feed({stream});
  for (const auto& chunks : {generator.chunks(stream), chunks_of(stream, 1)}) {
    Owner cut(bytes[2]);
    cut.feed(chunks);
    expect_same(cut.transcript, whole.transcript, "judged otherwise when cut");
  }
  return 0;
}
