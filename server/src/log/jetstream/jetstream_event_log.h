// JetStreamEventLog: an event log that several servers share, in a stream of NATS JetStream.
//
// An event is sent to the stream, which acknowledges it when as many of its servers have it as it keeps copies for. A
// thread follows the stream, and hands over what anybody has appended, in the stream's order; append() returns once it
// has come to its own. A second thread asks every kStoreRetry whether the stream can be reached and takes events.
//
// "All or none" of append() holds as far as it can be seen from here: what was sent before something went wrong may be
// in the stream, though StoreUnavailable was thrown.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "../event_log.h"
#include "millrace/server/options.h"
#include "nats_connection.h"
#include "stream_queries.h"

namespace millrace {

class JetStreamEventLog final : public EventStore {
 public:
  struct Options {
    StoreAddress address;
    std::string credentials = {};  ///< a file, or empty
    std::uint64_t replicas = 0;    ///< 0: as it is; of a stream that is made: one
    StoreBounds bounds;
    std::string new_epoch;             ///< of a log that is made
    std::uint64_t preload = 0;         ///< entries that are handed over before start() returns, if there are as many
    std::function<TimePoint()> clock;  ///< monotonic; any thread
    std::function<std::chrono::system_clock::time_point()> time;   ///< as the servers'; any thread
    std::function<void(const std::string&)> on_trouble = nullptr;  ///< as ServerOptions::on_store_trouble
  };

  /// Throws StoreUnavailable if the stream cannot be reached or made: the message says why.
  explicit JetStreamEventLog(Options options);
  /// No publisher may be at it any more.
  ~JetStreamEventLog() override;
  JetStreamEventLog(const JetStreamEventLog&) = delete;
  JetStreamEventLog& operator=(const JetStreamEventLog&) = delete;

  void start(OnAppended on_appended) override;
  const std::string& epoch() const override { return queries_->epoch(); }
  std::uint64_t head() const override { return head_; }
  std::uint64_t oldest() const override { return queries_->state().oldest; }
  void append(std::span<const Publication> publications, TimePoint now, std::span<FramePtr> appended) override;
  std::optional<std::uint64_t> find(std::string_view publisher_id) const override;
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const override;
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const override;
  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const override;
  bool catch_up(std::uint64_t sequence) const override;
  std::size_t max_event_bytes() const override;
  std::string trouble() const override;
  StoreStatistics statistics() const override;

 private:
  // For an answer, or for head_ to come to a sequence.
  struct Wait {
    std::mutex mutex;
    std::condition_variable over;
    bool is_over = false;  // guarded by mutex
    void end();
  };
  struct Batch;
  enum class Until : std::uint8_t { kStored, kHandedOver };

  std::vector<NatsAck> send(const std::vector<NatsMessage>& messages, Until until);
  void end_at(std::uint64_t sequence, const std::shared_ptr<Wait>& wait) const;
  void append_some(std::span<const Publication> publications, std::span<std::uint64_t> sequences);
  bool is_stale(const Publication& publication, std::uint64_t sequence) const;
  bool wait_for_head(std::uint64_t sequence) const;

  void follow();
  void hand_over(std::vector<FramePtr>& frames, std::uint64_t head);
  void probe();
  void run(const std::function<void()>& work, Duration pause);
  void reconnected();
  // Each of the threads has its own: what is wrong for it, or nothing.
  void set_trouble(std::string& own, const std::string& trouble);

  const Options options_;
  OnAppended on_appended_;
  std::atomic<std::uint64_t> head_ = 0;  // handed over
  std::atomic<std::uint64_t> entries_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::uint64_t> commits_ = 0;
  std::atomic<std::uint64_t> failures_ = 0;

  mutable std::mutex head_mutex_;
  mutable std::multimap<std::uint64_t, std::shared_ptr<Wait>> waits_;  // for head_; guarded by head_mutex_

  mutable std::mutex trouble_mutex_;
  std::string following_trouble_;  // guarded by trouble_mutex_, as the two that follow
  std::string probing_trouble_;
  std::string told_trouble_;

  std::atomic<NatsConnection*> connected_ = nullptr;  // once there is one
  std::unique_ptr<NatsConnection> connection_;
  std::unique_ptr<StreamQueries> queries_;

  std::mutex run_mutex_;
  std::condition_variable stopping_;
  std::atomic<bool> stopped_ = false;  // set under run_mutex_
  std::thread follower_;
  std::thread prober_;
};

}  // namespace millrace
