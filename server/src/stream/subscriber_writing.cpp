// How a subscriber writes: frames of the log and of its own, of which the outlet may take a part.
#include <nlohmann/json.hpp>
#include <utility>

#include "log/pinned_bytes.h"
#include "millrace/core/event_stream_writer.h"
#include "millrace/core/protocol.h"
#include "subscriber.h"

namespace millrace {

namespace {

// A sign of life without content: a comment. No empty line follows it, because some clients that have had an ID would
// dispatch an event without data.
constexpr std::string_view kSilentHeartbeat = ":\n";

}  // namespace

bool Subscriber::write_cursor(std::uint64_t sequence, std::optional<Duration> retry) {
  std::string payload;
  append_cursor(sequence, retry, payload);
  const FramePtr frame = control_frame(payload, sequence);
  return write({&frame, 1});
}

bool Subscriber::write(std::span<const FramePtr> frames) {
  return account(frames, outlet_.write(frames, 0, form_));
}

// Returns false if not everything fitted: then the subscriber is catching up.
bool Subscriber::account(std::span<const FramePtr> frames, std::size_t written) {
  std::size_t bytes = 0;
  for (const FramePtr& frame : frames) bytes += frame->wire(form_).size();
  if (written < bytes) {
    stall(frames, written);
    return false;
  }
  for (const FramePtr& frame : frames) pass(*frame);
  return true;
}

// Accounts for a completely written frame.
void Subscriber::pass(const Frame& frame) {
  cursor_ = frame.sequence;
  has_written_event_ = has_written_event_ || frame.topic.has_value();
  if (frame.topic && reading_ != nullptr) reading_->is_before_all = false;
  if (is_gzip(form_)) frame.in(form_).gzip().add_to(gzip_sum_);
}

bool Subscriber::write_in_flight() {
  if (in_flight_ == nullptr) return true;
  in_flight_bytes_ += static_cast<std::uint32_t>(outlet_.write({&in_flight_, 1}, in_flight_bytes_, form_));
  if (in_flight_bytes_ < in_flight_->wire(form_).size()) return false;
  pass(*in_flight_);
  let_go();
  return true;
}

void Subscriber::hold(FramePtr frame, std::size_t written) {
  feed_.pinned().hold(*frame);
  in_flight_ = std::move(frame);
  in_flight_bytes_ = static_cast<std::uint32_t>(written);
}

void Subscriber::let_go() {
  if (in_flight_ != nullptr) feed_.pinned().release(*in_flight_);
  in_flight_.reset();
  in_flight_bytes_ = 0;
}

bool Subscriber::pins() const {
  return in_flight_ != nullptr && PinnedBytes::is_gone(*in_flight_);
}

// Keeps the partly written frame; later ones are read from the log again.
void Subscriber::stall(std::span<const FramePtr> frames, std::size_t written) {
  mode_ = Mode::kCatchingUp;
  for (const FramePtr& frame : frames) {
    const std::size_t bytes = frame->wire(form_).size();
    if (written < bytes) {
      // A frame that was not begun is also read from the log again, unless it carries no event of the log.
      if (written > 0 || !frame->topic) {
        hold(frame, written);
      }
      return;
    }
    written -= bytes;
    pass(*frame);
  }
}

// Always appends something, because a heartbeat must be a sign of life.
void Subscriber::append_cursor(std::uint64_t sequence, std::optional<Duration> retry, std::string& payload) const {
  EventStreamWriter writer(payload);
  const OwnedEventId id = id_of(sequence);
  switch (is_before_all() || is_behind() ? CursorForm::kNone : cursor_form_) {
    case CursorForm::kId:
      return writer.cursor(id, retry);
    case CursorForm::kEvent:
      return writer.cursor_event(id, retry);
    case CursorForm::kNone:
      if (retry) return writer.retry(*retry);
      payload.append(kSilentHeartbeat);
  }
}

// The gap event also moves the cursor, in one block, so that a client gets both or neither.
void Subscriber::append_gap(std::string_view last_event_id, std::string_view reason, std::uint64_t sequence,
                            std::optional<Duration> retry, std::string& payload) const {
  const nlohmann::json gap = {{"lastEventId", last_event_id}, {"reason", reason}};
  // The ID is the client's, byte for byte: invalid UTF-8 must not make dump() throw.
  const std::string data = gap.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const OwnedEventId id = id_of(sequence);
  EventStreamWriter(payload).event(
      {.type = EventType(protocol::kGapEventType), .data = data, .id = id, .retry = retry});
}

// `preface`: bytes before the stream's first frame.
FramePtr Subscriber::control_frame(std::string_view payload, std::uint64_t sequence,
                                   std::optional<std::string_view> preface) const {
  auto frame = std::make_shared<Frame>();
  frame->sequence = sequence;
  if (is_gzip(form_)) {
    frame->set_gzip(preface ? first_block(*preface, payload, is_chunked(form_)) : stored_block(payload));
    return frame;
  }
  frame->bytes = preface.value_or("");
  if (form_.coding == WireCoding::kChunk) {
    append_chunk(payload, frame->bytes);
  } else {
    frame->bytes.append(payload);
  }
  frame->payload_bytes = static_cast<std::uint32_t>(frame->bytes.size());
  return frame;
}

std::string Subscriber::ending() const {
  std::string ending;
  if (form_.coding == WireCoding::kGzipChunk) append_chunk(gzip_end(gzip_sum_), ending);
  if (form_.coding == WireCoding::kGzipPayload) ending.append(gzip_end(gzip_sum_));
  if (is_chunked(form_)) ending.append(kLastChunk);
  return ending;
}

}  // namespace millrace
