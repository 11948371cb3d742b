// RightsReview: asks an authorizer again about all open event streams when it reports that rights have changed.
//
// It asks on workers, some streams at a time, so that requests are served in between. Each answer goes to the stream's
// own loop. Changes in the meantime become one more round afterwards. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/failure.h"
#include "connection/stream_right.h"
#include "millrace/server/authorizer.h"
#include "mutex.h"

namespace millrace {

/// Open event streams that the server asks a changed authorizer about before other requests get their
/// turn.
inline constexpr std::size_t kRightsAskedAtOnce = 64;

class RightsReview : public std::enable_shared_from_this<RightsReview> {
 public:
  struct Ports {
    /// The rights of all streams that are open now. May wait for the loops.
    std::function<std::vector<StreamRightPtr>()> open_rights;
    /// False if the workers take no more: the server stops.
    std::function<bool(std::function<void()>)> run_on_worker;
    /// Gets what an exception of the authorizer says; may be null.
    OnFailure on_failure;
  };

  /// `authorizer` may be null: then nothing is ever asked. Nothing is called before start().
  RightsReview(std::shared_ptr<const Authorizer> authorizer, Ports ports);

  /// From now on rights are asked for again when the authorizer says so.
  void start();
  /// When it returns, nothing of the ports is called any more but by workers.
  void stop();

  /// What a right that is granted now is to have as `asked_in`; to be read before the authorizer is asked.
  std::uint64_t round() const { return round_; }

  /// A stream has begun by this right; if rights have changed since it was granted, it is asked for again. On its loop.
  void begun(const StreamRightPtr& right);

 private:
  using Rights = std::vector<StreamRightPtr>;

  void ask_again();
  bool enqueue(std::function<void()> task);
  void begin_round();
  void go_on(Rights rights, std::uint64_t round);
  void ask(const StreamRightPtr& right, std::uint64_t round) const;

  const std::shared_ptr<const Authorizer> authorizer_;
  const Ports ports_;
  std::atomic<std::uint64_t> round_ = 0;
  std::atomic<bool> under_way_ = false;
  Mutex mutex_;
  bool is_on_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<void> watch_;
};

}  // namespace millrace
