// Demo: the server's side of the demo page: made-up prices, news and talk, the server's own figures, answers of a toy
// model, and buttons that break the page's connection in several ways.
//
//   POST /demo/cut?client=NAME                  cuts the client's event streams in mid-flight,
//                                               or the first one that opens within half a second
//   POST /demo/silence?client=NAME&seconds=N    cuts them, and for N seconds (1 to 60) answers their requests with an
//                                               open stream without events or heartbeats
//   POST /demo/kick?client=NAME                 ends them for good: a client that reconnects gets 204
//   POST /demo/name?client=NAME&name=PERSON     sets the client's name in the chat
//   GET /demo/connection?client=NAME            {"streams":number of event streams that share its connection}
//
// and the routes of answer_routes.h. Events go to topics below `demo/`; market.h, newsroom.h, gauges.h and guests.h
// describe them. All routes have the access checks of Millrace's own routes; unless DemoAccess is kOpen, they are for
// administrators.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
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
#include "mutex.h"
#include "newsroom.h"

namespace millrace::demo {

class Demo {
 public:
  static constexpr std::size_t kMaxSilenced = 100;  ///< clients at once; beyond it: 503

  /// Adds its routes to `server`, which must outlive it. The same seed makes the same prices, news and talk.
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
  Mutex mutex_;
  std::map<std::string, Silence> silenced_ GUARDED_BY(mutex_);  // by client
  AnswerRoutes answers_;
  Gauges gauges_;
  Beat feed_;  // from here on: threads that use the other members
  Beat gauging_;
};

}  // namespace millrace::demo
