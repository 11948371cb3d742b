// JetStreamEventLog: an event log that several servers share, in a stream of NATS JetStream.
//
// It sends an event to the stream, which acknowledges it when all of its replicas have it. A StreamFollower delivers
// everything that any server has appended; append() returns when its own events have arrived. A thread checks every
// kStoreRetry whether the stream can be reached and accepts events, and, when the connection was lost, asks its servers
// again what they are.
//
// append() cannot fully guarantee "all or none": entries that were sent before a failure may be in the stream although
// append() threw StoreUnavailable.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "message_sender.h"
#include "millrace/server/event_store.h"
#include "mutex.h"
#include "nats_connection.h"
#include "stores/common/repetition.h"
#include "stores/common/store_figures.h"
#include "stores/common/store_trouble.h"
#include "stream_follower.h"
#include "stream_queries.h"

namespace millrace {

class JetStreamEventLog final : public EventStore {
 public:
  struct Options {
    StoreAddress address;
    std::string credentials = {};                ///< path of a file; may be empty
    std::optional<std::uint64_t> replicas = {};  ///< without a value: unchanged; one for a new stream
    StoreBounds bounds;
    std::string new_epoch;      ///< for a new log
    std::uint64_t preload = 0;  ///< entries that on_appended takes before start() returns, if the stream has as many
    std::uint16_t monitoring_port = 0;  ///< of the servers; 0: they are not asked
  };

  /// Throws StoreUnavailable, with the reason, if the stream cannot be reached or created.
  explicit JetStreamEventLog(Options options);
  /// No server may still use it.
  ~JetStreamEventLog() override = default;
  JetStreamEventLog(const JetStreamEventLog&) = delete;
  JetStreamEventLog& operator=(const JetStreamEventLog&) = delete;

  void start(Callbacks callbacks) override;
  void stop() override;
  const std::string& epoch() const override { return queries_->epoch(); }
  std::uint64_t head() const override { return follower_->log_head(); }
  std::uint64_t oldest() const override { return queries_->numbers()->in_log(queries_->state().oldest); }
  void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) override;
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const override;
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const override;
  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const override;
  bool is_shared() const override { return true; }
  Page read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                   Topics topics) const override;
  bool catch_up(std::uint64_t sequence) const override;
  void catch_up_with_others() const override;
  std::size_t max_event_bytes() const override;
  StoreStatus status() const override { return trouble_.status(); }
  Durability durability() const override { return durability_; }
  std::vector<std::string> warnings() const override;
  StoreStatistics statistics() const override { return figures_.with(trouble_); }

 private:
  void open();
  void append_some(std::span<const Publication> publications, std::span<std::uint64_t> sequences);
  void wait_for(std::uint64_t in_stream) const;
  Page in_log(const StreamNumbers& numbers, Page page) const;
  bool is_stale(const Publication& publication, std::uint64_t sequence) const;

  void look_at_servers();
  void probe();
  void connection_changed();
  // Sets a thread's own trouble; empty if all is well.
  void set_trouble(std::string JetStreamEventLog::*own, const std::string& trouble);

  const Options options_;
  StoreFigures figures_;
  StoreTrouble trouble_;

  mutable Mutex mutex_;
  std::string following_trouble_ GUARDED_BY(mutex_);
  std::string probing_trouble_ GUARDED_BY(mutex_);
  std::vector<std::string> warnings_ GUARDED_BY(mutex_);
  std::atomic<Durability> durability_ = Durability::kProcess;
  std::atomic<bool> is_look_due_ = false;      // the connection was lost since the last one
  StreamFollower::Progress delivered_before_;  // at the last probe; used by its thread only

  std::atomic<NatsConnection*> connected_ = nullptr;  // null until it exists
  std::unique_ptr<NatsConnection> connection_;
  std::unique_ptr<StreamQueries> queries_;
  std::unique_ptr<StreamFollower> follower_;
  std::unique_ptr<MessageSender> sender_;
  Repetition prober_;
};

}  // namespace millrace
