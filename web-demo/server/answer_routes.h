// Answers: a toy language model. Each answer streams into its own topic.
//
//   POST   /demo/answers       {"id","prompt","language"?}: begins the answer with this ID, which the client chooses,
//                              and streams it. A repeated request with a Last-Event-ID continues the stream there. The
//                              generation does not depend on connections
//   DELETE /demo/answers/ID    stops the generation and ends the stream
//
// Events of type `token` on `demo/answers/ID` have {"n","text"}. The last event has the type `done` and {"n","reason"}:
// n is the number of tokens, and the reason is `complete` or `stopped`. The same question gets the same answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "access.h"
#include "beat.h"
#include "millrace/server/server.h"
#include "mutex.h"

namespace millrace::demo {

class Answers {
 public:
  static constexpr std::size_t kMaxAtOnce = 64;  ///< beyond it: 503
  static constexpr std::size_t kMaxPromptBytes = 2'000;
  static constexpr std::size_t kMaxIdBytes = 40;

  /// Adds the routes to `server`, which must outlive it.
  Answers(Server& server, DemoAccess access);

 private:
  struct Answer {
    std::vector<std::string> tokens;
    std::size_t sent = 0;
    std::chrono::steady_clock::time_point due;
  };

  void ask(const httplib::Request& request, httplib::Response& response);
  void stop(const std::string& id, httplib::Response& response);
  void generate();
  bool write(const std::string& id, Answer& answer);
  void finish(const std::string& id, std::size_t tokens, const char* reason);

  Server& server_;
  Mutex mutex_;
  std::map<std::string, Answer> running_ GUARDED_BY(mutex_);  // by ID
  Beat beat_;                                                 // last: it uses the others
};

}  // namespace millrace::demo
