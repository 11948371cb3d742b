// How an HTTP/2 connection sends the responses of its streams: converts them from HTTP/1.1, also those that workers
// write to a pipe.
#include <algorithm>
#include <array>
#include <utility>

#include "connection.h"
#include "connection_loop.h"
#include "http2_connection.h"

namespace millrace {

namespace {

// Pieces of a response taken at once.
constexpr std::size_t kMaxPieces = 64;

}  // namespace

// --- Responses ------------------------------------------------------------------------------------------------------

Http2Stream* Http2Connection::find(const Connection& user) {
  Http2Stream* const stream = session_.find(user.stream_id());
  return stream != nullptr && stream->user == &user ? stream : nullptr;
}

Http2Connection::Message* Http2Connection::message_of(std::uint32_t id) {
  const auto found = messages_.find(id);
  return found != messages_.end() ? &found->second : nullptr;
}

std::size_t Http2Connection::send(Connection& user, std::span<const iovec> buffers) {
  if (!is_open(user)) {
    user.close();
    return 0;
  }
  touch();
  std::array<std::string_view, kMaxPieces> pieces;
  const std::size_t count = std::min(buffers.size(), pieces.size());
  for (std::size_t i = 0; i < count; ++i) {
    pieces[i] = {static_cast<const char*>(buffers[i].iov_base), buffers[i].iov_len};
  }
  std::size_t taken = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Message* const message = message_of(user.stream_id());
    Http2Stream* const left = find(user);
    if (left == nullptr) break;
    if (message == nullptr) return taken + session_.send(*left, {pieces.data() + i, count - i}, false);
    const std::size_t part = send_message(user, *message, pieces[i]);
    taken += part;
    if (part < pieces[i].size()) break;
  }
  return taken;
}

// Converts an HTTP/1.1 response piece by piece. A complete response ends the stream. An event stream no longer needs
// its Message.
std::size_t Http2Connection::send_message(Connection& user, Message& message, std::string_view input) {
  const std::size_t size = input.size();
  ResponseReader& response = message.response;
  while (!input.empty()) {
    Http2Stream& stream = *find(user);
    if (response.has_head()) return size - input.size() + send_body(user, message, input);
    const ResponseReader::Read read = response.next(input);
    if (response.is_broken()) return abandon(user);
    if (read == ResponseReader::Read::kInterim) session_.respond(stream, response.block(), false);
    if (read != ResponseReader::Read::kHead) continue;
    const bool is_done = response.is_done();
    session_.respond(stream, response.block(), is_done);
    if (is_done) {
      close(user);
      return size;
    }
  }
  return size;
}

std::size_t Http2Connection::send_body(Connection& user, Message& message, std::string_view input) {
  Http2Stream& stream = *find(user);
  ResponseReader& response = message.response;
  if (response.is_plain() && user.phase() == Connection::Phase::kStreaming) {
    messages_.erase(user.stream_id());
    return session_.send(stream, {&input, 1}, false);
  }
  // Framing needs no room in the window.
  const std::size_t room = response.is_framing(input) ? input.size() : session_.room(stream);
  std::string_view part = input.substr(0, room);
  const std::size_t size = part.size();
  if (size == 0) return 0;
  const ResponseReader::Read read = response.next(part);
  if (response.is_broken()) return abandon(user);
  const bool is_done = response.is_done();
  const std::string_view body = read == ResponseReader::Read::kBody ? response.body() : std::string_view();
  if (is_done || !body.empty()) session_.send(stream, {&body, 1}, is_done);
  if (!is_done) return size;
  close(user);
  return input.size();
}

// The stream is no longer open. Its Connection stays until a worker that handles it has finished.
void Http2Connection::close(Connection& user) {
  if (user.phase() != Connection::Phase::kWorking) return user.close();
  session_.hold_place();
  ++working_;
}

// Resets the stream of a malformed response, so that the client does not take it for complete.
std::size_t Http2Connection::abandon(Connection& user) {
  if (Http2Stream* const stream = find(user)) session_.reset(*stream, Http2Error::kInternal);
  cut_pipe(user);
  close(user);
  return 0;
}

void Http2Connection::cut_pipe(const Connection& user) {
  const Message* const message = message_of(user.stream_id());
  if (message != nullptr && message->pipe != nullptr) message->pipe->cut();
}

// Resets the stream of a response that ends before its framing says.
void Http2Connection::end(Connection& user) {
  touch();
  Http2Stream* const stream = find(user);
  const Message* const message = message_of(user.stream_id());
  if (stream != nullptr && message != nullptr && !message->response.is_plain()) {
    abandon(user);
    return;
  }
  if (stream != nullptr) session_.send(*stream, {}, true);
  user.close();
}

void Http2Connection::drop(Connection& user) {
  if (is_lost_) return;
  if (Http2Stream* const stream = find(user)) {
    session_.reset(*stream, Http2Error::kCancel);
    touch();
  }
  messages_.erase(user.stream_id());
  if (session_.open() > 0) return;
  idle_until_ = loop().event_loop().now() + loop().settings().keep_alive;
  end_if_over();
  if (!is_ending_) set_timer();
}

// --- Workers --------------------------------------------------------------------------------------------------------

std::shared_ptr<ExchangePipe> Http2Connection::open_pipe(Connection& user) {
  Message& message = *message_of(user.stream_id());
  message.pipe = std::make_shared<ExchangePipe>([this, &user] { loop().defer([this, &user] { pump(user); }); });
  if (message.is_whole) message.pipe->end_input();
  return message.pipe;
}

// What the windows do not admit stays in the pipe; a worker that fills the pipe must wait.
void Http2Connection::pump(Connection& user) {
  Http2Stream* const stream = find(user);
  Message* const message = message_of(user.stream_id());
  if (stream == nullptr || message == nullptr || message->pipe == nullptr) return;
  touch();
  const std::shared_ptr<ExchangePipe> pipe = message->pipe;
  session_.consume(*stream, pipe->take_read());
  std::string output = pipe->take_output();
  output.erase(0, send_message(user, *message, output));
  if (output.empty()) return user.want_output(false);
  pipe->put_back(output);
  user.want_output(true);
}

bool Http2Connection::close_pipe(Connection& user, std::string& output) {
  Message* const message = message_of(user.stream_id());
  if (message != nullptr && message->pipe != nullptr) {
    output.insert(0, message->pipe->take_output());
    message->pipe.reset();
  }
  if (find(user) != nullptr) return true;
  session_.give_back_place();
  if (--working_ == 0 && is_lost_) loop().discard(root_);
  return false;
}

}  // namespace millrace
