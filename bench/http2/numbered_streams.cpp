#include "http2/numbered_streams.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>

#include "millrace/core/event_stream_parser.h"
#include "millrace/core/protocol.h"

namespace millrace::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kConnectsAtOnce = 256;
constexpr std::size_t kFrameHeadBytes = 9;
constexpr std::uint8_t kEnd = 1;                // END_STREAM of DATA, ACK of SETTINGS and PING
constexpr char kStatus200 = '\x88';             // [RFC 7541 A]
constexpr char kTableOfSize0 = '\x20';          // what a connection's first block begins with
constexpr std::size_t kMaxEventBytes = 16'384;  // of the parsers

std::uint32_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint32_t number = 0;
  for (const char byte : bytes.substr(at, size)) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

}  // namespace

struct NumberedStreams::Stream {
  EventStreamParser parser{{}, kMaxEventBytes};
  std::uint32_t number = 0;  // of its last event
  bool is_primed = false;    // has got its first bytes on this connection
};

struct NumberedStreams::Connection {
  Connection(std::size_t number, std::size_t count) : nth(number), streams(count) {}
  const std::size_t nth;
  std::unique_ptr<ClientEnd> end;  // null: cut
  std::string input;               // a frame that is not whole yet
  std::vector<Stream> streams;
};

NumberedStreams::NumberedStreams(const BenchServer& server, std::size_t streams, std::size_t streams_a_connection)
    : server_(server),
      each_(streams_a_connection),
      tls_(server.tls() ? client_tls(true) : nullptr),
      epoll_(epoll_create1(0)) {
  for (std::size_t i = 0; i * each_ < streams; ++i) connections_.push_back(std::make_unique<Connection>(i, each_));
  resume();
}

NumberedStreams::~NumberedStreams() {
  close(epoll_);
}

void NumberedStreams::cut(std::size_t connections) {
  for (std::size_t i = 0; i < connections; ++i) {
    Connection& connection = *connections_[i];
    if (connection.end == nullptr) continue;
    connection.end->cut();
    connection.end.reset();
    connection.input = {};
    open_ -= each_;
    for (Stream& stream : connection.streams) {
      primed_ -= stream.is_primed ? 1 : 0;
      stream.is_primed = false;
      stream.parser.reset();
    }
  }
}

void NumberedStreams::resume() {
  std::size_t begun = 0;
  const auto await_begun = [this] {
    read_until([this] { return primed_ == open_; }, Clock::now() + kLongest);
    if (primed_ < open_) fail("not all streams began");
  };
  for (const auto& connection : connections_) {
    if (connection->end != nullptr) continue;
    connect(*connection);
    if (++begun % kConnectsAtOnce == 0) await_begun();
  }
  await_begun();
}

void NumberedStreams::connect(Connection& connection) {
  std::string requests = http2_preface();
  for (std::size_t i = 0; i < each_; ++i) {
    append_subscription(static_cast<std::uint32_t>(2 * i + 1), connection.streams[i].parser.last_event_id(), requests);
  }
  connection.end = std::make_unique<ClientEnd>(server_.port(), tls_.get(), connection.nth, requests);
  open_ += each_;
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.end->socket(), &event);
}

void NumberedStreams::await(std::uint32_t number) {
  awaited_ = number;
  are_behind_ = 0;
  for (const auto& connection : connections_) {
    if (connection->end == nullptr) continue;
    are_behind_ += static_cast<std::size_t>(std::count_if(connection->streams.begin(), connection->streams.end(),
                                                          [=](const Stream& one) { return one.number < number; }));
  }
  read_until([this] { return are_behind_ == 0; }, Clock::now() + kLongest);
  if (are_behind_ > 0) fail(std::to_string(are_behind_) + " streams do not get event " + std::to_string(number));
}

void NumberedStreams::read_for(std::chrono::milliseconds time) {
  read_until([] { return false; }, Clock::now() + time);
}

void NumberedStreams::read_until(const std::function<bool()>& is_so, Clock::time_point end) {
  std::array<epoll_event, 256> events;
  while (!is_so()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return;
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                 static_cast<int>(std::min<std::int64_t>(left, 1'000)));
    for (int i = 0; i < count; ++i) {
      auto& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      connection.end->read([&](std::string_view bytes) { read(connection, bytes); });
    }
  }
}

void NumberedStreams::read(Connection& connection, std::string_view bytes) {
  if (!connection.input.empty()) {
    connection.input.append(bytes);
    bytes = connection.input;
  }
  while (bytes.size() >= kFrameHeadBytes) {
    const std::size_t size = kFrameHeadBytes + number_at(bytes, 0, 3);
    if (bytes.size() < size) break;
    take_frame(connection, bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  connection.input = std::string(bytes);  // a copy first: the bytes may be its own
}

void NumberedStreams::take_frame(Connection& connection, std::string_view frame) {
  const auto kind = static_cast<FrameKind>(frame[3]);
  const auto flags = static_cast<std::uint8_t>(frame[4]);
  const std::uint32_t stream = number_at(frame, 5, 4);
  const std::string_view payload = frame.substr(kFrameHeadBytes);
  const std::size_t index = (stream - 1) / 2;
  const bool is_of_stream = kind == FrameKind::kData || kind == FrameKind::kHeaders || kind == FrameKind::kReset;
  if (is_of_stream && (stream % 2 == 0 || index >= connection.streams.size())) fail("a frame of an unknown stream");
  if (kind == FrameKind::kData) {
    if ((flags & kEnd) != 0) fail("the server has ended a stream");
    take_data(connection.streams[index], payload);
  } else if (kind == FrameKind::kHeaders) {
    const bool is_first = payload.starts_with(kTableOfSize0);
    if (!payload.substr(is_first ? 1 : 0).starts_with(kStatus200)) fail("the server has refused a stream");
  } else if (kind == FrameKind::kReset || kind == FrameKind::kGoAway) {
    fail("the server has reset a stream or a connection");
  } else if (kind == FrameKind::kPing && (flags & kEnd) == 0) {
    std::string answer;
    append_frame(FrameKind::kPing, kEnd, 0, payload, answer);
    connection.end->send(answer);
  }
}

void NumberedStreams::take_data(Stream& stream, std::string_view data) {
  using Item = EventStreamParser::Item;
  const bool was_primed = std::exchange(stream.is_primed, true);
  primed_ += was_primed ? 0 : 1;
  bool has_event = false;
  stream.parser.feed(data);
  for (auto item = stream.parser.next(); item != Item::kNeedMore; item = stream.parser.next()) {
    if (item == Item::kTooLarge) fail("an event is too large");
    if (item != Item::kEvent || stream.parser.event().type == protocol::kCursorEventType) continue;
    has_event = true;
    const MessageEvent& event = stream.parser.event();
    if (event.type == protocol::kGapEventType) ++counts_.gaps;
    if (event.type != protocol::kDefaultEventType) continue;
    std::uint32_t number = 0;
    std::from_chars(event.data.data(), event.data.data() + event.data.size(), number);
    if (number <= stream.number) {
      ++counts_.doubled;
      continue;
    }
    ++counts_.delivered;
    counts_.lost += number - stream.number - 1;
    if (stream.number < awaited_ && number >= awaited_) --are_behind_;
    stream.number = number;
  }
  counts_.heartbeats += was_primed && !has_event ? 1 : 0;
}

}  // namespace millrace::bench
