// Http2Peer: the client's side of an Http2Session in tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "http2/http2_session.h"
#include "http2_frames.h"

namespace millrace::test {

class Http2Peer final : public Http2Session::Listener {
 public:
  /// `consumes`: bodies are read as they come.
  explicit Http2Peer(bool consumes = true, std::size_t max_head_bytes = 16 * 1024)
      : session(*this, shared_, {.head_bytes = max_head_bytes}), consumes_(consumes) {}

  /// The preface and the client's settings.
  static std::string greeting(std::string_view values = {}) { return std::string(kHttp2Preface) + settings(values); }

  bool give(std::string_view bytes) {
    const bool goes_on = session.receive(bytes, now);
    collect();
    return goes_on;
  }
  bool give_in_pieces(std::string_view bytes, std::size_t size) {
    bool goes_on = true;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) goes_on = give(bytes.substr(0, size));
    return goes_on;
  }
  void greet(std::string_view values = {}) {
    give(greeting(values));
    give(settings_ack());
  }
  /// Takes what the session has said.
  const Said& collect() {
    said.read(session.output());
    session.output().clear();
    return said;
  }
  /// Sends on a stream as much as goes; returns how much that was.
  std::size_t send(std::uint32_t id, std::string_view bytes, bool ends = false) {
    const std::size_t sent = session.send(*session.find(id), {&bytes, 1}, ends);
    collect();
    return sent;
  }
  void respond(std::uint32_t id, bool ends = false) {
    std::string block;
    append_status(200, block);
    session.respond(*session.find(id), block, ends);
    collect();
  }

  TimePoint now{};
  std::map<std::uint32_t, std::string> heads;
  std::map<std::uint32_t, std::string> bodies;
  std::map<std::uint32_t, bool> whole;
  std::vector<std::uint32_t> too_large;
  std::vector<std::uint32_t> lost;
  std::vector<std::uint32_t> with_room;
  int room_for_all = 0;
  Said said;

 private:
  void on_request(std::uint32_t stream, const RequestFields& fields, bool has_body) override {
    heads[stream] = fields.head();
    whole[stream] = !has_body;
  }
  void on_body(Http2Stream& stream, std::string_view bytes, bool is_last) override {
    bodies[stream.id].append(bytes);
    if (is_last) whole[stream.id] = true;
    if (consumes_) session.consume(stream, bytes.size());
  }
  void on_too_large(Http2Stream& stream, const RequestFields&) override { too_large.push_back(stream.id); }
  void on_reset(Http2Stream& stream) override { lost.push_back(stream.id); }
  void on_room(Http2Stream& stream) override { with_room.push_back(stream.id); }
  void on_room() override { ++room_for_all; }

  Http2Session::SharedDecoder shared_;

 public:
  Http2Session session;

 private:
  const bool consumes_;
};

}  // namespace millrace::test
