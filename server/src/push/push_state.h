// PushService::State: the connected users, and the turns of those who use their streams.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/server/push_service.h"
#include "millrace/server/server.h"
#include "mutex.h"
#include "shares/retry_spread.h"

namespace millrace {

/// Shared with the streams, which may outlive the service.
class PushService::State : public std::enable_shared_from_this<State> {
 public:
  State(Server& server, PushOptions options) : server_(server), options_(std::move(options)) {}

  // One stream. It may end before the handler that opens it has returned; its callbacks keep their order nevertheless.
  struct Device {
    std::string uid;
    std::uint64_t visit = 0;        // the user's visit that counts it
    bool announced = false;         // on_open has returned
    std::optional<StreamEnd> over;  // how it ended
  };

  Subscribed open(const httplib::Request& request, httplib::Response& response, std::string_view uid, Topic topic,
                  const std::shared_ptr<Device>& device);
  void announce(Device& device);
  void ended(Device& device, StreamEnd end);
  Sent send(std::string_view uid, Topic topic, const Event& event);
  Closed close(std::string_view uid, Topic topic);
  std::vector<User> connected() const;
  void retire();

  Hub& hub() const { return server_.hub(); }

 private:
  // From a user's first stream to the end of the last, or to close().
  struct Visit {
    std::uint64_t number = 0;
    std::chrono::system_clock::time_point since;
    std::size_t devices = 0;
  };

  // A user that is connected, or for which calls run or wait.
  struct Recipient {
    std::optional<Visit> visit;
    std::size_t senders = 0;      // running calls that send
    bool is_alone = false;        // a call that opens or closes is running
    std::size_t to_be_alone = 0;  // such calls that wait
    std::size_t uses = 0;         // running and waiting calls
    Condition passed_on;
  };
  using Recipients = std::map<std::string, Recipient, std::less<>>;

  // The right to use a user's stream. Any number of calls send at the same time, and share the commits of a store; a
  // call that opens or closes is alone, and later calls wait. Calls for other users do not wait.
  class Turn {
   public:
    enum class Kind : std::uint8_t { kShared, kAlone };
    Turn(State& state, std::string_view uid, Kind kind);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    /// Under the state's mutex, which the analysis does not recognize through state_.
    Recipient& user() { return user_->second; }

   private:
    State& state_;
    const Kind kind_;
    Recipients::iterator user_;
  };

  // A stream being opened by the call that has the turn.
  class Opening {
   public:
    explicit Opening(State& state);
    ~Opening();
    Opening(const Opening&) = delete;
    Opening& operator=(const Opening&) = delete;

   private:
    State& state_;
    std::set<std::uint64_t>::iterator number_;
  };

  void enter(Device& device, Turn& turn);
  void forget_if_idle(Recipients::iterator user) REQUIRES(mutex_);
  void report_end(const Device& device, StreamEnd end);
  void call(std::string_view name, const std::function<void(const std::string&)>& callback, const std::string& uid);

  Server& server_;
  const PushOptions options_;
  RetrySpread retry_spread_{std::random_device{}()};

  // Not held during calls of the hub, which may wait for a store.
  mutable Mutex mutex_;
  // Includes the devices.
  Recipients recipients_ GUARDED_BY(mutex_);
  std::uint64_t last_visit_ GUARDED_BY(mutex_) = 0;
  std::size_t running_callbacks_ GUARDED_BY(mutex_) = 0;
  bool retired_ GUARDED_BY(mutex_) = false;
  Condition callback_returned_;
  std::set<std::uint64_t> openings_ GUARDED_BY(mutex_);  // numbers of those in progress
  std::uint64_t last_opening_ GUARDED_BY(mutex_) = 0;
  mutable Condition opened_;
};

}  // namespace millrace
