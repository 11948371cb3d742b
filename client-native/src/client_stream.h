// ClientStream: an event source as its loop runs it: the state machine with a clock, a transport and listeners.
//
// act() executes the state machine's outputs; it may run inside a call from the transport. go_on() handles the
// transport itself, after that call has returned.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client_loop.h"
#include "connection_gate.h"
#include "curl_exchange.h"
#include "event_queue.h"
#include "millrace/client/event_source.h"
#include "mutex.h"

namespace millrace {

class ClientStream final : public LoopMember, private ResponseReceiver {
 public:
  /// Throws std::invalid_argument if the URL or an option is invalid. The loop must outlive the stream.
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

  /// Whether it is closed, for any reason, and its connection is closed. Loop thread only.
  bool is_over() const { return ready_state() == EventSource::ReadyState::kClosed && !exchange_.active(); }

  void take_turn(TimePoint now) override;
  void finish(CURLcode code) override;
  void end() override;
  void share_failure(const std::string& problem) override;

 private:
  using Output = EventSourceState::Output;
  using Reason = EventSourceState::Reason;

  void connecting() override;
  void connected(bool is_new) override;
  void head_arrived() override;
  void look_after_at(TimePoint when) override;
  bool receive_response(const ResponseHead& head) override;
  Receipt receive_bytes(std::string_view chunk) override;

  void take_result(const std::optional<TransportResult>& result);
  void act();
  void act_on(Output output);
  bool may_poll(TimePoint now);
  bool may_reuse() const { return reuse_connection_ && options_.policy.is_idempotent; }
  void leave_gate();
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

  // Only the loop's thread uses these.
  bool started_ = false;
  bool attempting_ = false;      // a connection that the state machine has requested has not ended for it
  bool connect_wanted_ = false;  // that connection has not begun
  bool drop_wanted_ = false;     // the current transfer is no longer needed
  bool has_slot_ = false;
  bool is_connected_ = false;               // the current attempt has its connection
  std::shared_ptr<ConnectionGate> gate_;    // of the server; null for one that certainly speaks HTTP/1.1
  std::optional<TimePoint> gate_deadline_;  // until then the server should have answered
  std::optional<std::string> shared_failure_;
  bool paused_ = false;
  std::size_t bytes_this_turn_ = 0;
  std::uint32_t id_changes_ = 0;  // changes already published to other threads
  bool reuse_connection_ = true;
  std::string problem_;  // the transport's description of the last network error
  std::string content_type_;
  std::string explanation_;

  std::atomic<bool> closing_{false};
  std::atomic<bool> restarting_{false};
  std::atomic<EventSource::ReadyState> ready_state_{EventSource::ReadyState::kConnecting};
  mutable Mutex last_event_id_mutex_;
  std::string last_event_id_ GUARDED_BY(last_event_id_mutex_);
};

}  // namespace millrace
