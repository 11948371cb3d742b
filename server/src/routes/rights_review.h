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

/// Open event streams about which the server asks a changed authorizer before other requests get their turn.
inline constexpr std::size_t kRightsAskedAtOnce = 64;

class RightsReview : public std::enable_shared_from_this<RightsReview> {
 public:
  struct Ports {
    /// Returns the rights of all open streams. May wait for the loops.
    std::function<std::vector<StreamRightPtr>()> open_rights;
    /// Returns false if the workers take no more, because the server stops.
    std::function<bool(std::function<void()>)> run_on_worker;
    /// Gets the text of an exception of the authorizer; may be null.
    OnFailure on_failure;
  };

  /// `authorizer` may be null: then it does nothing. It calls nothing before start().
  RightsReview(std::shared_ptr<const Authorizer> authorizer, Ports ports);

  /// Reviews rights from now on when the authorizer reports a change.
  void start();
  /// After it returns, only workers still call the ports.
  void stop();

  /// The StreamRight::asked_in of a right that is granted now. Read it before asking the authorizer.
  std::uint64_t round() const { return round_; }

  /// A stream has begun with this right: asks again if rights have changed since the grant. On the stream's loop.
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
