// DownloadGate: bounds how many workers at a time may wait for clients to read their responses. If one more must wait,
// it cuts the slowest client.
//
// Without it a few clients that read just fast enough would hold all workers. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "millrace/core/time.h"
#include "mutex.h"

namespace millrace {

class DownloadGate {
 public:
  explicit DownloadGate(std::size_t max) : max_(max) {}
  ~DownloadGate();
  DownloadGate(const DownloadGate&) = delete;
  DownloadGate& operator=(const DownloadGate&) = delete;

  /// A client for which a worker waits.
  class Client {
   public:
    /// Closes the connection, which ends the wait. Called on any thread, under the gate's lock; must not wait.
    virtual void cut() = 0;

   protected:
    ~Client() = default;
  };

  /// The wait of one worker for a client, as long as this object exists.
  class Waiting {
   public:
    /// `sent`: bytes of the response so far; `waited`: the time spent waiting for them, before `now`.
    Waiting(DownloadGate& gate, Client& client, std::uint64_t sent, Duration waited, TimePoint now);
    ~Waiting();
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    friend class DownloadGate;
    // Bytes a millisecond.
    double pace(TimePoint now) const;

    DownloadGate& gate_;
    Client& client_;
    const std::uint64_t sent_;
    const TimePoint began_;  // when one uninterrupted wait of this length would have begun
  };

  /// Counts a response that was cut because its client was slow, here or elsewhere.
  void count_cut();
  std::uint64_t cuts() const;

 private:
  void cut_slowest(TimePoint now) REQUIRES(mutex_);

  const std::size_t max_;
  mutable Mutex mutex_;
  std::vector<Waiting*> waiting_ GUARDED_BY(mutex_);  // without those that were cut
  std::uint64_t cuts_ GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace
