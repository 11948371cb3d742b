// ClientStream: one event source as its loop runs it: the state machine with a clock, a transport and somebody to tell.
//
// Whatever the state machine says is done in act(), which may run inside a call from the transport; what concerns the
// transport itself waits until that has returned, in go_on().
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client_loop.h"
#include "curl_exchange.h"
#include "event_queue.h"
#include "millrace/client/event_source.h"

namespace millrace {

class ClientStream final : public LoopMember, private ResponseReceiver {
 public:
  /// Throws std::invalid_argument if the URL is none or an option cannot be honoured. The loop outlives the stream.
  ClientStream(ClientLoop& loop, std::string_view url, EventSourceOptions options, std::size_t buffer_bytes);

  // Before it is added to the loop.
  std::map<std::string, std::vector<EventSource::MessageListener>, std::less<>> listeners_by_type;
  std::vector<EventSource::MessageListener> any_listeners;
  std::vector<EventSource::CommentListener> comment_listeners;
  std::vector<EventSource::GapListener> gap_listeners;
  std::vector<EventSource::OpenListener> open_listeners;
  std::vector<EventSource::ErrorListener> error_listeners;
  void queue_events() { queues_events_ = true; }

  // Any thread; the first two also signal handlers.
  void close() noexcept;
  void restart() noexcept;
  EventSource::ReadyState ready_state() const {
    return closing_ ? EventSource::ReadyState::kClosed : ready_state_.load();
  }
  std::string last_event_id() const;
  std::optional<ReceivedEvent> next(std::optional<Duration> timeout);

  /// Closed, by whomever, and the connection dropped. The loop's thread.
  bool is_over() const { return ready_state() == EventSource::ReadyState::kClosed && !exchange_.active(); }

  void take_turn(TimePoint now) override;
  void finish(CURLcode code) override;
  void end() override;

 private:
  using Output = EventSourceState::Output;
  using Reason = EventSourceState::Reason;

  void connected() override;
  void look_after_at(TimePoint when) override;
  bool receive_response(const ResponseHead& head) override;
  Receipt receive_bytes(std::string_view chunk) override;

  void take_result(const std::optional<TransportResult>& result);
  void act();
  void act_on(Output output);
  bool may_poll(TimePoint now);
  void go_on();
  void connect();
  std::optional<TransportRequest> make_request();
  void give_back_slot();
  void publish_state();
  void dispatch(const MessageEvent& event);
  void report_gap(const MessageEvent& event);
  void report_error(bool will_reconnect);
  std::string describe_error() const;
  void log(LogLevel level, std::string_view sentence) const;

  ClientLoop& loop_;
  const EventSourceOptions options_;
  const Url url_;
  EventSourceState state_;
  CurlExchange exchange_;
  EventQueue queue_;
  bool queues_events_ = false;

  // The loop's thread's own.
  bool started_ = false;
  bool attempting_ = false;      // the state machine has asked for a connection, and has not been told of its end
  bool connect_wanted_ = false;  // and that connection has not been begun
  bool drop_wanted_ = false;     // the transfer under way is of no use any more
  bool has_slot_ = false;
  bool paused_ = false;
  std::size_t bytes_this_turn_ = 0;
  std::uint32_t id_changes_ = 0;  // that other threads have been told of
  bool reuse_connection_ = true;
  std::string problem_;  // the transport's words for the last network error
  std::string content_type_;
  std::string explanation_;

  std::atomic<bool> closing_{false};
  std::atomic<bool> restarting_{false};
  std::atomic<EventSource::ReadyState> ready_state_{EventSource::ReadyState::kConnecting};
  mutable std::mutex last_event_id_mutex_;
  std::string last_event_id_;
};

}  // namespace millrace
