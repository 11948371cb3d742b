#include "http2_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/peer_address.h"
#include "connection.h"
#include "connection_loop.h"
#include "http/cross_origin.h"
#include "http/error_response.h"
#include "log/frame.h"
#include "millrace/server/limits.h"
#include "shares/retry_spread.h"

namespace millrace {

namespace {

constexpr std::size_t kReadBytes = 8 * 1024;
constexpr int kReadsPerTurn = 32;

constexpr std::string_view kEmptyLine = "\r\n";

}  // namespace

Http2Connection::Http2Connection(Connection& root)
    : root_(root),
      session_(*this, loop().hpack(),
               {.head_bytes = loop().settings().options.http.max_head_bytes,
                .streams = loop().settings().options.http.max_http2_streams}),
      share_(loop().settings().buffers),
      settled_by_(loop().event_loop().now() + kHttp2SettingsTimeout),
      idle_until_(loop().event_loop().now() + loop().settings().keep_alive),
      sent_at_(loop().event_loop().now()) {}

Http2Connection::~Http2Connection() {
  loop().forget(*this);
}

ConnectionLoop& Http2Connection::loop() const {
  return root_.loop();
}

// --- The socket -----------------------------------------------------------------------------------------------------

void Http2Connection::begin(std::string_view bytes) {
  set_timer();
  touch();
  receive(bytes);
}

void Http2Connection::on_ready(std::uint32_t events) {
  if ((events & (Ready::kError | Ready::kHangUp)) != 0) return root_.close();
  if ((events & Ready::kOutput) != 0) {
    if (root_.has_unsent()) root_.send({});
    if (is_lost_) return;
    awaits_socket_ = root_.has_unsent();
    touch();
  }
  if ((events & (Ready::kInput | Ready::kInputEnd)) != 0) read();
}

// Stops reading when the connection has used up its share of the turn, and while the client does not read its
// responses.
void Http2Connection::read() {
  requests_ = 0;
  std::array<char, kReadBytes> buffer;
  for (int reads = 0; reads < kReadsPerTurn && requests_ < kDirectRequestsPerTurn; ++reads) {
    if (awaits_socket_ && session_.output().size() >= kHttp2GatherBytes) break;
    const ssize_t count = root_.transport().read(buffer.data(), buffer.size());
    if (count == -EAGAIN) return;
    if (count <= 0) return root_.close();
    receive({buffer.data(), static_cast<std::size_t>(count)});
    if (is_lost_ || is_ending_) return;
    if (static_cast<std::size_t>(count) < buffer.size() && !root_.transport().has_pending_input()) return;
  }
  if (root_.transport().has_pending_input()) wake_later();  // the socket does not report these bytes
}

void Http2Connection::receive(std::string_view bytes) {
  const TimePoint now = loop().event_loop().now();
  session_.receive(bytes, now);
  decide();
  if (!session_.is_within_fields()) {
    fields_by_ = TimePoint::max();
  } else if (fields_by_ == TimePoint::max()) {
    fields_by_ = now + loop().settings().options.http.head_deadline;
    set_timer();
  }
  if (!share_.resize(session_.held_bytes() + session_.output().size())) return root_.close();
  end_if_over();
  touch();
}

// Makes the loop send the output at the end of its turn.
void Http2Connection::touch() {
  if (std::exchange(is_dirty_, true)) return;
  if (session_.output().empty()) session_.output().swap(loop().spare_output());
  loop().send_later(*this);
}

std::string_view Http2Connection::sealed() const {
  return awaits_socket_ || is_lost_ ? std::string_view() : std::string_view(session_.output());
}

// What the socket has not taken is sent before everything else, because frames cannot be withdrawn.
void Http2Connection::took(std::size_t bytes) {
  is_dirty_ = false;
  if (is_lost_ || awaits_socket_) return;
  if (bytes > 0) {
    sent_at_ = loop().event_loop().now();
    client_.owes_a_sign(sent_at_);
  }
  std::string& output = session_.output();
  const bool was_full = session_.is_output_blocked() || output.size() >= kHttp2GatherBytes;
  output.erase(0, bytes);
  awaits_socket_ = !output.empty() || root_.has_unsent();
  session_.block_output(awaits_socket_);
  if (awaits_socket_) return await_socket();
  root_.watch_for(Connection::kInput);
  output.swap(loop().spare_output());
  std::string().swap(output);
  share_.resize(session_.held_bytes());
  if (is_ending_) return root_.linger();
  if (has_waiting_ && was_full) wake_later();
}

void Http2Connection::await_socket() {
  client_.owes_a_sign(loop().event_loop().now());
  std::string rest(session_.output());  // without spare capacity
  session_.output().clear();
  session_.output().swap(loop().spare_output());
  session_.output().swap(rest);
  const bool is_to_read = session_.output().size() < kHttp2GatherBytes;
  root_.watch_for(Ready::kOutput | (is_to_read ? Connection::kInput : 0u));
  if (!share_.resize(session_.held_bytes() + session_.output().capacity())) root_.close();
}

void Http2Connection::wake_later() {
  if (!std::exchange(is_waking_, true)) loop().wake_later(*this);
}

// Serves each waiting stream once, beginning with another one each time, so that the first do not get everything.
void Http2Connection::wake() {
  is_waking_ = false;
  if (is_lost_) return;
  if (root_.transport().has_pending_input()) read();
  if (is_lost_ || awaits_socket_ || !std::exchange(has_waiting_, false)) return;
  std::vector<Connection*> waiting;
  for (const Http2Stream& stream : session_.streams()) {
    if (stream.user == nullptr || !stream.user->wants_output()) continue;
    if (session_.room(stream) > 0) {
      waiting.push_back(stream.user);
    } else {
      has_waiting_ = true;
    }
  }
  if (waiting.empty()) return;
  std::rotate(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(turn_++ % waiting.size()), waiting.end());
  for (Connection* const one : waiting) {
    if (!session_.has_room()) {  // a byte of room must not cost as much as room for all
      has_waiting_ = true;
      return;
    }
    one->on_ready(Ready::kOutput);
  }
}

void Http2Connection::on_timer(TimePoint now) {
  if (is_ending_) return root_.close();
  if (!session_.is_settled() && now >= settled_by_) {
    session_.fail(Http2Error::kSettingsTimeout, "the settings were not acknowledged in time");
  } else if (now >= fields_by_) {
    session_.fail(Http2Error::kEnhanceYourCalm, "a field section did not arrive in time");
  } else if (session_.open() == 0 && now >= idle_until_) {
    session_.go_away("the connection was idle");
  } else if (session_.open() > 0 && !awaits_socket_ && session_.output().empty() &&
             look_at_ - sent_at_ >= ping_after()) {
    session_.ping();
  }
  if (client_.is_lost(root_.socket(), now, loop().settings().options.streams.unacknowledged_timeout)) {
    return root_.close();
  }
  end_if_over();
  touch();
  if (!is_ending_) set_timer();
}

// Streams send their own heartbeats before, unless the client's windows are shut or workers take their time. A loop
// that has stalled runs all timers at once, in the order of their times: those of the streams are earlier than this
// look.
Duration Http2Connection::ping_after() const {
  return loop().settings().options.streams.heartbeat * 3 / 2;
}

void Http2Connection::set_timer() {
  const TimePoint now = loop().event_loop().now();
  TimePoint next = now + std::max(loop().settings().options.streams.heartbeat / 2, Duration{1});
  if (!session_.is_settled()) next = std::min(next, settled_by_);
  if (session_.open() == 0) next = std::min(next, idle_until_);
  look_at_ = std::min(next, fields_by_);
  loop().event_loop().timers().set(root_, look_at_);
}

void Http2Connection::go_away() {
  session_.go_away("the server is about to stop");
  end_if_over();
  touch();
}

// After an error, the connection answers nothing more; otherwise it first answers all requests received.
void Http2Connection::end_if_over() {
  if (is_ending_ || is_lost_) return;
  if (session_.is_over()) close_streams();
  if (!session_.is_over() && !(session_.is_going_away() && session_.open() == 0)) return;
  is_ending_ = true;
  root_.set_deadline(kLingerTimeout);
  touch();
}

void Http2Connection::on_lost() {
  is_lost_ = true;
  close_streams();
}

void Http2Connection::close_streams() {
  std::vector<Connection*> users;
  for (const Http2Stream& stream : session_.streams()) {
    if (stream.user != nullptr) users.push_back(stream.user);
  }
  for (Connection* const user : users) lose(*user);
}

// --- Requests -------------------------------------------------------------------------------------------------------

void Http2Connection::on_request(std::uint32_t id, const RequestFields& fields, bool has_body) {
  ++requests_;
  const ConnectionLoop::Settings& settings = loop().settings();
  RequestError error;
  const auto client = loop().proxied_clients().of(root_);
  auto share = settings.admit_stream(client != nullptr ? *client : peer_of(root_.socket()), error);
  if (!share) {
    return refuse(*session_.find(id), fields, error, true);
  }
  Connection& user = loop().add_stream(*this, id, std::move(*share));
  session_.find(id)->user = &user;
  Message& message = messages_.emplace(id, Message(fields.is_to_head())).first->second;
  message.is_whole = !has_body;
  std::string head = fields.head();
  message.is_undecided = has_body && !fields.content_length();
  if (message.is_undecided) {
    undecided_.push_back(id);
  } else {
    head.append(kEmptyLine);
  }
  user.take_in(head);
}

void Http2Connection::on_too_large(Http2Stream& stream, const RequestFields& fields) {
  const std::string sentence = too_large_head(loop().settings().options.http.max_head_bytes);
  refuse(stream, fields, {431, sentence, RefusalReason::kHeadTooLarge}, false);
}

// Answers a request that gets no Connection. Nothing waits for room, so a body that does not fit is left out.
void Http2Connection::refuse(Http2Stream& stream, const RequestFields& fields, const RequestError& error,
                             bool may_return) {
  const ConnectionLoop::Settings& settings = loop().settings();
  settings.refusals->add(error.status, error.reason);
  const Duration wait = loop().random_retry(kRetryAfter, 2 * kRetryAfter);
  const std::string origin = origin_in("\r\n" + std::string(fields.lines()));
  std::string text =
      error_response(error, may_return ? std::to_string(wait.count() / 1000) : std::string(),
                     settings.cross_origin != nullptr ? settings.cross_origin->lines_for(origin) : std::string());
  const bool has_body = !fields.is_to_head() && session_.room(stream) >= text.size();
  if (!has_body && !fields.is_to_head()) {
    text.replace(text.rfind("Content-Length:"), std::string::npos, "Content-Length: 0\r\n\r\n");
  }
  ResponseReader response(!has_body);
  std::string_view left = text;
  response.next(left);
  session_.respond(stream, response.block(), !has_body);
  if (has_body) session_.send(stream, {&left, 1}, true);
}

// Most bodies without a declared length end within the input received so far: then the length is known. Other bodies
// are passed on in chunks.
void Http2Connection::decide() {
  for (const std::uint32_t id : std::exchange(undecided_, {})) {
    Http2Stream* const stream = session_.find(id);
    Message* const message = message_of(id);
    if (stream == nullptr || message == nullptr) continue;
    if (stream->user == nullptr || !stream->user->awaits_request()) continue;
    message->is_undecided = false;
    message->is_chunked = !message->is_whole;
    std::string rest = message->is_whole ? "content-length: " + std::to_string(message->body.size()) + "\r\n\r\n"
                                         : std::string("transfer-encoding: chunked\r\n\r\n");
    const std::string body = std::exchange(message->body, {});
    stream->user->take_in(rest);
    if (Http2Stream* const left = session_.find(id)) feed(*left, body);
  }
}

void Http2Connection::on_body(Http2Stream& stream, std::string_view bytes, bool is_last) {
  Message* const message = message_of(stream.id);
  if (message == nullptr || stream.user == nullptr) return session_.consume(stream, bytes.size());
  message->is_whole = is_last;
  if (!message->is_undecided) return feed(stream, bytes);
  message->body.append(bytes);
}

// The length in the head bounds what the loop collects; the window bounds what a worker reads.
void Http2Connection::feed(Http2Stream& stream, std::string_view bytes) {
  const Message& message = *message_of(stream.id);
  std::string framed;
  if (message.is_chunked) {
    if (!bytes.empty()) append_chunk(bytes, framed);
    if (message.is_whole) framed.append(kLastChunk);
  }
  const std::string_view wire = message.is_chunked ? std::string_view(framed) : bytes;
  if (message.pipe != nullptr) {
    message.pipe->push(wire, bytes.size());
    if (message.is_whole) message.pipe->end_input();
    return;
  }
  Connection& user = *stream.user;
  session_.consume(stream, bytes.size());
  if (user.awaits_request() && !wire.empty()) user.take_in(wire);
}

void Http2Connection::on_reset(Http2Stream& stream) {
  if (stream.user != nullptr) lose(*stream.user);
}

// The client has given up this stream.
void Http2Connection::lose(Connection& user) {
  if (Http2Stream* const stream = find(user)) stream->user = nullptr;
  cut_pipe(user);
  close(user);
}

void Http2Connection::on_room(Http2Stream& stream) {
  if (stream.user != nullptr && stream.user->wants_output() && session_.room(stream) > 0) {
    stream.user->on_ready(Ready::kOutput);
  }
}

void Http2Connection::on_room() {
  if (has_waiting_) wake_later();
}

}  // namespace millrace
