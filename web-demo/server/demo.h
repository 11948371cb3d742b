// Demo: what the demo page shows. Made-up prices, news and talk, the server's own figures, answers of a toy, and
// buttons that break the page's connection in several ways.
//
//   POST /demo/cut?client=NAME                  drops the event streams of that name in mid-flight,
//                                               or the first one that comes within half a second
//   POST /demo/silence?client=NAME&seconds=N    drops them, and answers them for N seconds (1 to 60) with a stream that
//                                               is open and says nothing, not even a heartbeat
//   POST /demo/kick?client=NAME                 ends them for good: 204 when the client comes back
//   POST /demo/name?client=NAME&name=PERSON     who that is, for the chat
//   GET /demo/connection?client=NAME            {"streams":how many event streams share its connection}
//
// and those of answer_routes.h. Events go to topics below `demo/`; market.h, newsroom.h, gauges.h and guests.h say what
// is in them. All are behind the checks of Millrace's own routes, and for administrators where DemoAccess is not kOpen.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "access.h"
#include "answer_routes.h"
#include "beat.h"
#include "connections.h"
#include "gauges.h"
#include "guests.h"
#include "market.h"
#include "millrace/server/server.h"
#include "newsroom.h"

namespace millrace::demo {

class Demo {
 public:
  static constexpr std::size_t kMaxSilenced = 100;  ///< clients at once; beyond it 503

  /// Adds its routes to `server`, which outlives it. The same seed makes the same prices, news and talk.
  Demo(Server& server, DemoAccess access, std::uint64_t seed);

 private:
  using Clock = std::chrono::steady_clock;

  void add_routes(DemoAccess access);
  std::size_t cut(const std::string& client);
  std::size_t kick(const std::string& client);
  static std::size_t until_there_is_one(const std::function<std::size_t()>& disconnect);
  void silence(const std::string& client, const std::string& seconds, httplib::Response& response);
  bool answer_silently(const httplib::Request& request, httplib::Response& response);
  void publish_due();
  void end_silence(Clock::time_point now);

  struct Silence {
    Clock::time_point until;
    std::vector<EventStream> streams;
  };

  Server& server_;
  Market market_;
  Newsroom newsroom_;
  Guests guests_;
  Connections connections_;
  Clock::time_point published_at_ = Clock::now();
  Clock::time_point headline_at_ = Clock::now();
  Clock::time_point remark_at_ = Clock::now();
  Clock::time_point looked_at_ = Clock::now();
  std::mutex mutex_;
  std::map<std::string, Silence> silenced_;  // by client; guarded by mutex_
  Answers answers_;
  Gauges gauges_;
  Beat feed_;  // from here on: threads that use the others
  Beat gauging_;
};

}  // namespace millrace::demo
