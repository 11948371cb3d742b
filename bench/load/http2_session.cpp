#include "http2_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <new>

namespace millrace::load {

namespace {

constexpr std::int32_t kWindow = std::int32_t{1} << 30;  // bytes, of a stream and of the connection

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

std::uint8_t* bytes_of(const std::string& text) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));  // nghttp2 only reads them
}

}  // namespace

// nghttp2 calls these, from receive() and output().
struct Http2Session::Callbacks {
  static Http2Session& of(void* self) { return *static_cast<Http2Session*>(self); }

  static int field(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                   const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self) {
    Http2Head& head = of(self).heads_[frame->hd.stream_id];
    const std::string_view field = text_of(name, name_size);
    const std::string_view text = text_of(value, value_size);
    if (field == ":status") std::from_chars(text.data(), text.data() + text.size(), head.status);
    if (field == "content-type") head.content_type = text;
    if (field == "content-encoding") head.content_encoding = text;
    return 0;
  }

  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    Http2Session& session = of(self);
    const bool is_ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
    if (frame->hd.type == NGHTTP2_SETTINGS && !is_ack) session.has_settings_ = true;
    if (frame->hd.type == NGHTTP2_GOAWAY) session.is_over_ = true;
    const bool ends_head = frame->hd.type == NGHTTP2_HEADERS && (frame->hd.flags & NGHTTP2_FLAG_END_HEADERS) != 0;
    const auto found = session.heads_.find(frame->hd.stream_id);
    if (!ends_head || found == session.heads_.end()) return 0;
    Http2Head head = std::move(found->second);
    session.heads_.erase(found);
    const bool is_interim = head.status < 200;
    if (!is_interim) session.arrivals_.push_back({Arrival::Kind::kHead, frame->hd.stream_id, {}, std::move(head)});
    return 0;
  }

  static int data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes, std::size_t size,
                  void* self) {
    of(self).arrivals_.push_back({Arrival::Kind::kBody, stream, text_of(bytes, size)});
    return 0;
  }

  static int closed(nghttp2_session*, std::int32_t stream, std::uint32_t, void* self) {
    of(self).heads_.erase(stream);
    of(self).bodies_.erase(stream);
    of(self).arrivals_.push_back({Arrival::Kind::kEnd, stream});
    return 0;
  }

  static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* buffer, std::size_t size, std::uint32_t* flags,
                           nghttp2_data_source* source, void*) {
    auto& body = *static_cast<Body*>(source->ptr);
    const std::size_t count = std::min(size, body.bytes.size() - body.sent);
    std::copy_n(body.bytes.begin() + static_cast<std::ptrdiff_t>(body.sent), count, buffer);
    body.sent += count;
    if (body.sent == body.bytes.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(count);
  }
};

void Http2Session::Free::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

Http2Session::Http2Session(Http2Receiver& receiver) : receiver_(receiver) {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &Callbacks::field);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Callbacks::frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Callbacks::data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &Callbacks::closed);
  nghttp2_session* session = nullptr;
  const int result = nghttp2_session_client_new(&session, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  if (result != 0) throw std::bad_alloc();
  session_.reset(session);
  const std::array settings{nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                            nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kWindow);
}

Http2Session::~Http2Session() = default;

std::int32_t Http2Session::request(const Fields& fields, std::string body) {
  std::vector<nghttp2_nv> list;
  for (const auto& [name, value] : fields) {
    list.push_back({.name = bytes_of(name),
                    .value = bytes_of(value),
                    .namelen = name.size(),
                    .valuelen = value.size(),
                    .flags = NGHTTP2_NV_FLAG_NONE});
  }
  auto kept = body.empty() ? nullptr : std::make_unique<Body>(Body{.bytes = std::move(body), .sent = 0});
  nghttp2_data_provider provider{.source = {.ptr = kept.get()}, .read_callback = &Callbacks::read_body};
  const std::int32_t stream = nghttp2_submit_request(session_.get(), nullptr, list.data(), list.size(),
                                                     kept != nullptr ? &provider : nullptr, nullptr);
  if (stream < 0) throw std::bad_alloc();
  if (kept != nullptr) bodies_[stream] = std::move(kept);
  return stream;
}

std::string_view Http2Session::output() {
  const std::uint8_t* bytes = nullptr;
  const ssize_t size = nghttp2_session_mem_send(session_.get(), &bytes);
  return size > 0 ? text_of(bytes, static_cast<std::size_t>(size)) : std::string_view();
}

bool Http2Session::receive(std::string_view bytes) {
  const ssize_t taken =
      nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  for (const Arrival& one : std::exchange(arrivals_, {})) {
    if (one.kind == Arrival::Kind::kHead) receiver_.head(one.stream, one.head);
    if (one.kind == Arrival::Kind::kBody) receiver_.body(one.stream, one.bytes);
    if (one.kind == Arrival::Kind::kEnd) receiver_.end(one.stream);
  }
  return taken == static_cast<ssize_t>(bytes.size()) && !is_over_;
}

std::optional<std::size_t> Http2Session::max_streams() const {
  if (!has_settings_) return std::nullopt;
  return nghttp2_session_get_remote_settings(session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

Http2Session::Fields request_fields(std::string_view method, bool tls, const std::string& authority, std::string path) {
  return {{":method", std::string(method)},
          {":scheme", tls ? "https" : "http"},
          {":authority", authority},
          {":path", std::move(path)}};
}

}  // namespace millrace::load
