// How a stream side reads the log on for its subscriber, and writes frames to the socket.
#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "connection.h"
#include "connection_loop.h"
#include "stream_side.h"

namespace millrace {

namespace {

// Buffers in one sendmsg(); the system's bound is 1024.
constexpr std::size_t kBuffersPerWrite = 64;

}  // namespace

void StreamSide::read_on() {
  subscriber_->catch_up();
  // A subscriber that waits for its turn or for the store does not wait for the socket.
  if (!is_open()) return;
  if (subscriber_->is_live() || subscriber_->awaits_stored() || reads_later_) connection().want_output(false);
  tell_presence();
}

void StreamSide::take_stored(const Feed::Page& page) {
  if (is_open()) subscriber_->take_stored(page);
  tell_presence();
}

std::size_t StreamSide::take_result(std::span<const FramePtr> frames, std::string_view chunks, ssize_t result) {
  if (result < 0 && result != -EAGAIN) {
    connection().close();
    return 0;
  }
  return took(frames, chunks.size(), static_cast<std::size_t>(std::max<ssize_t>(result, 0)));
}

// A record holds a bounded number of bytes: send() writes the rest, unless the socket is full.
std::size_t StreamSide::take_sealed_result(std::span<const FramePtr> frames, std::string_view chunks,
                                           const TlsChannel::Sealed& sealed, ssize_t result) {
  if (!connection().transport().tls()->settle(sealed.record, result)) {
    connection().close();
    return 0;
  }
  std::size_t taken = sealed.plain;
  if (taken < chunks.size() && !connection().has_unsent()) {
    const std::string_view rest = chunks.substr(taken);
    iovec buffer{.iov_base = const_cast<char*>(rest.data()), .iov_len = rest.size()};  // iovec is not const
    taken += connection().send({&buffer, 1});
    if (!is_open()) return 0;
  }
  return took(frames, chunks.size(), taken);
}

std::size_t StreamSide::took(std::span<const FramePtr> frames, std::size_t bytes, std::size_t taken) {
  count_delivery(frames, taken, bytes);
  if (taken < bytes || connection().has_unsent()) connection().want_output(true);
  put_off_heartbeat();
  return taken;
}

std::size_t StreamSide::write(std::span<const FramePtr> frames, std::size_t skip, WireForm form) {
  std::size_t written = 0;
  while (!frames.empty() && is_open()) {
    std::array<iovec, kBuffersPerWrite> buffers;
    const std::size_t count = std::min(frames.size(), buffers.size());
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
      std::string_view wire = frames[i]->wire(form);
      wire.remove_prefix(std::exchange(skip, 0));
      buffers[i] = {.iov_base = const_cast<char*>(wire.data()), .iov_len = wire.size()};  // iovec is not const
      bytes += wire.size();
    }
    const std::size_t sent = connection().send({buffers.data(), count});
    written += sent;
    count_delivery(frames.first(count), sent, bytes);
    if (is_open() && (sent < bytes || connection().has_unsent())) connection().want_output(true);
    if (sent < bytes) return written;
    frames = frames.subspan(count);
  }
  put_off_heartbeat();
  return written;
}

void StreamSide::yield() {
  loop().read_later(*this);
}

WorkBudget& StreamSide::reading() {
  return loop().reading();
}

// The subscriber has ended: the request side writes the end, as after any response.
void StreamSide::end() {
  leave(end_reason_);
  connection().end_with(subscriber_->ending());
}

void StreamSide::read_stored(const Place& place) {
  stored_ticket_ = loop().read_stored(*this, place, subscriber_->reads());
}

void StreamSide::on_gap() {
  loop().counters().gaps.add(1);
}

void StreamSide::on_read(std::uint64_t behind) {
  loop().counters().catch_up_depth.add(behind);
}

void StreamSide::count_delivery(std::span<const FramePtr> frames, std::size_t sent, std::size_t bytes) {
  loop().counters().bytes.add(sent);
  AccessRecord* const record = terms_ != nullptr && terms_->access != nullptr ? &terms_->access->record : nullptr;
  if (record != nullptr) record->bytes += sent;
  // Frames without an event are written alone. Frames that did not fit are counted when they are sent.
  if (!frames.front()->topic) return;
  std::size_t whole = frames.size();
  while (whole > 0 && bytes > sent) bytes -= frames[--whole]->wire(subscriber_->form()).size();
  loop().counters().deliveries.add(whole);
  if (record != nullptr) record->events += whole;
}

}  // namespace millrace
