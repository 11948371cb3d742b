// AnswerService: what the answers of an Answers object share: the log, the register, the writer, the options and the
// counts. An answer may outlive the server: one that is over uses nothing of the server. Any thread may use the
// service.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "answer_nodes.h"
#include "answer_record.h"
#include "answer_register.h"
#include "answer_state.h"
#include "answer_writer.h"
#include "base/failure.h"
#include "log/feed.h"
#include "millrace/server/answers.h"
#include "millrace/server/event_store.h"
#include "millrace/server/hub.h"
#include "millrace/server/metrics_format.h"
#include "shares/retry_spread.h"

namespace millrace {

class Engine;

class AnswerService final : public std::enable_shared_from_this<AnswerService>, private Feed::Sink {
 public:
  AnswerService(Engine& engine, AnswersOptions options);
  ~AnswerService() = default;

  /// Reads from the store the answers of earlier runs and of other servers. Throws StoreUnavailable.
  void start();
  /// Ends the running answers.
  void stop();

  Engine& engine() { return engine_; }
  const AnswersOptions& options() const { return options_; }
  Hub& hub() { return hub_; }
  AnswerWriter& writer() { return writer_; }
  AnswerRegister& answers() { return register_; }
  RetrySpread& retry_spread() { return retry_spread_; }

  /// Whether an event goes into the log before send() returns.
  bool writes_at_once() const { return writes_at_once_; }
  /// Writes the record of a new answer. Returns false if the store accepts nothing now.
  bool write_record(const Answer::State& answer);
  /// Asks the server that produces the answer. Returns false if the store accepts nothing now.
  bool request(const Answer::State& answer, AnswerRequest request);

  /// Returns a last event ID with which a client gets the events after this number; 0: all events.
  std::string place_after(const Answer::State& answer, std::uint64_t number);
  /// Whether the answer is over, but the log no longer has its end, so that a stream of it would never end.
  bool is_lost(const Answer::State& answer);

  /// Makes the answer's last events: calls the program's function, or returns the usual event.
  std::vector<OwnedAnswerEvent> last_events(const AnswerEnding& ending) const;
  /// Counts and registers the end of an answer; forget() removes one that no client knows.
  void ended(const AnswerPtr& answer, AnswerEnd end);
  void forget(const Answer::State& answer) { register_.forget(answer); }

  /// Call the program's callbacks: call_later() on a worker, call() on this thread.
  void call_later(std::vector<std::function<void()>> callbacks);
  void call(const std::function<void()>& callback) const;

  void count_listener(bool comes) { listeners_ += comes ? std::size_t{1} : std::size_t{0} - 1; }
  void count_waiting(std::ptrdiff_t bytes) { waiting_bytes_ += static_cast<std::size_t>(bytes); }
  void count_first_event(Duration after);
  void count_begun() { ++begun_; }
  void count_joined() { ++joined_; }
  AnswersStatistics statistics() const;
  std::vector<Metric> metrics() const;

 private:
  bool publish(const AnswerWriter::Commit& commit);
  void publish_singly(const AnswerWriter::Commit& commit);
  void tick();

  // With a store.
  void recover();
  std::vector<AnswerRecord> read_records() const;
  /// Ends these answers, whose producer has died. Throws StoreUnavailable.
  void interrupt(std::vector<AnswerRecord> records);
  void count_events(std::span<AnswerRecord> records) const;
  void write_interrupted(std::span<AnswerRecord> records);

  // With a store that servers share.
  void look_at_nodes();
  bool append_beat();
  void give_up();
  bool end_answers_of(std::string_view node);
  void learn(const AnswerRecord& record);
  void obey(std::string_view id, std::string_view request);
  void post(const FramePtr& frame) override;

  Engine& engine_;
  Hub& hub_;
  const AnswersOptions options_;
  const OnFailure on_failure_;
  const std::shared_ptr<EventStore> store_;  // may be null
  const std::string record_prefix_;
  const std::string request_prefix_;
  const OwnedTopic node_topic_;
  const bool writes_at_once_;
  AnswerRegister register_;
  RetrySpread retry_spread_{std::random_device{}()};
  const std::unique_ptr<AnswerNodes> nodes_;  // null unless servers share the store
  bool has_given_up_ = false;                 // an end is still to be written; used by the writer's thread
  std::atomic<bool> is_stopped_ = false;
  bool is_attached_ = false;  // to the feed

  std::atomic<std::size_t> listeners_ = 0;
  std::atomic<std::size_t> waiting_bytes_ = 0;
  std::atomic<std::uint64_t> begun_ = 0;
  std::atomic<std::uint64_t> joined_ = 0;
  static constexpr std::size_t kEnds = static_cast<std::size_t>(AnswerEnd::kInterrupted) + 1;
  std::array<std::atomic<std::uint64_t>, kEnds> ends_{};
  static constexpr std::array<Duration::rep, 10> kFirstEventBounds{10,   50,   100,  200,    500,
                                                                   1000, 2000, 5000, 10'000, 30'000};
  std::array<std::atomic<std::uint64_t>, kFirstEventBounds.size() + 1> first_events_{};
  std::atomic<std::uint64_t> first_events_milliseconds_ = 0;

  AnswerWriter writer_;            // uses all of the above
  std::shared_ptr<void> metrics_;  // shown as long as it exists
};

}  // namespace millrace
