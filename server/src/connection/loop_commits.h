// LoopCommits: the publish requests of one event loop that wait for the log's store. It passes on together what the
// loop reads in a turn, and finishes on the loop what is committed.
#pragma once

#include "hub/commit_queue.h"
#include "loop/event_loop.h"
#include "mutex.h"

namespace millrace {

class LoopCommits final : private CommitQueue::Source {
 public:
  /// `queue`: null without a store. Both must outlive it.
  LoopCommits(EventLoop& loop, CommitQueue* queue) : loop_(loop), queue_(queue) {}

  // The loop's thread ----------------------------------------------------------------------------------------------

  /// Of the jobs for add().
  CommitQueue::Source& source() { return *this; }

  /// Takes a list of one job, which pass_on() passes on. Returns false, without having used it, if it cannot be
  /// committed any more.
  [[nodiscard]] bool add(CommitQueue::Jobs& one);

  /// Finishes the jobs that are committed.
  void finish_committed();

  /// Passes on the jobs of this turn.
  void pass_on();

  // Any thread; these take no memory --------------------------------------------------------------------------------

  /// Like add(), for a job that no other of its turn waits for.
  [[nodiscard]] bool add_at_once(CommitQueue::Jobs& one) noexcept;

  /// Takes jobs that need no commit: finish_committed() finishes them, too.
  void take_back(CommitQueue::Jobs& jobs) noexcept override;

 private:
  EventLoop& loop_;
  CommitQueue* const queue_;
  CommitQueue::Jobs added_;  // in this turn

  Mutex mutex_;
  CommitQueue::Jobs committed_ GUARDED_BY(mutex_);
};

}  // namespace millrace
