#include "millrace/client/event_source.h"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <utility>

#include "client_stream.h"
#include "millrace/client/event_source_pool.h"
#include "millrace/client/limits.h"

namespace millrace {

// A stream, and the loop that runs it: the pool's or its own.
class EventSource::Impl {
 public:
  Impl(std::shared_ptr<ClientLoop> loop, bool pooled, std::string_view url, EventSourceOptions options)
      : loop_(std::move(loop)),
        pooled_(pooled),
        stream_(std::make_shared<ClientStream>(*loop_, url, std::move(options),
                                               pooled ? kPooledReceiveBufferBytes : kReceiveBufferBytes)) {}

  ~Impl() {
    stream_->close();
    if (pooled_) loop_->remove(stream_);
    if (thread_.joinable()) thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// Returns the stream for adding a listener.
  ClientStream& listenable(bool callable) {
    if (begun_) throw std::logic_error("add listeners to an EventSource before run() or start()");
    if (!callable) throw std::invalid_argument("a listener of an EventSource must be callable");
    return *stream_;
  }

  void run() {
    if (pooled_) throw std::logic_error("the pool runs this EventSource: call start() instead of run()");
    begin();
    loop_->add(stream_);
    run_loop();
  }

  void start() {
    begin();
    start_thread();
  }

  std::optional<ReceivedEvent> next(std::optional<Duration> timeout) {
    if (!fetched_from_.exchange(true)) {
      begin();
      stream_->queue_events();
      start_thread();
    }
    return stream_->next(timeout);
  }

  ClientStream& stream() { return *stream_; }

 private:
  void begin() {
    if (begun_.exchange(true)) throw std::logic_error("an EventSource can be run, started or read from only once");
  }
  void start_thread() {
    loop_->add(stream_);
    if (!pooled_) thread_ = std::thread([this] { run_loop(); });
  }
  void run_loop() {
    loop_->run([this] { return stream_->is_over(); });
  }

  const std::shared_ptr<ClientLoop> loop_;
  const bool pooled_;
  const std::shared_ptr<ClientStream> stream_;
  std::atomic<bool> begun_{false};
  std::atomic<bool> fetched_from_{false};
  std::thread thread_;
};

EventSource::EventSource(std::string_view url, EventSourceOptions options)
    : impl_(std::make_unique<Impl>(std::make_shared<ClientLoop>(), false, url, std::move(options))) {}

EventSource::EventSource(EventSourcePool& pool, std::string_view url, EventSourceOptions options)
    : impl_(std::make_unique<Impl>(pool.next_loop(), true, url, std::move(options))) {}

EventSource::~EventSource() = default;

void EventSource::on(std::string_view type, MessageListener listener) {
  impl_->listenable(listener != nullptr).listeners_by_type[std::string(type)].push_back(std::move(listener));
}

void EventSource::on_any(MessageListener listener) {
  impl_->listenable(listener != nullptr).any_listeners.push_back(std::move(listener));
}

void EventSource::on_comment(CommentListener listener) {
  impl_->listenable(listener != nullptr).comment_listeners.push_back(std::move(listener));
}

void EventSource::on_gap(GapListener listener) {
  impl_->listenable(listener != nullptr).gap_listeners.push_back(std::move(listener));
}

void EventSource::on_open(OpenListener listener) {
  impl_->listenable(listener != nullptr).open_listeners.push_back(std::move(listener));
}

void EventSource::on_error(ErrorListener listener) {
  impl_->listenable(listener != nullptr).error_listeners.push_back(std::move(listener));
}

void EventSource::run() {
  impl_->run();
}

void EventSource::start() {
  impl_->start();
}

std::optional<ReceivedEvent> EventSource::next() {
  return impl_->next(std::nullopt);
}

std::optional<ReceivedEvent> EventSource::next(Duration timeout) {
  return impl_->next(timeout);
}

void EventSource::close() noexcept {
  impl_->stream().close();
}

void EventSource::restart() noexcept {
  impl_->stream().restart();
}

EventSource::ReadyState EventSource::ready_state() const {
  return impl_->stream().ready_state();
}

std::string EventSource::last_event_id() const {
  return impl_->stream().last_event_id();
}

}  // namespace millrace
