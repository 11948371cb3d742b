// Answers: a toy language model. Each answer streams into its own topic.
//
//   POST   /demo/answers       {"id","prompt","language"?}: begins the answer with this ID of the client's choosing,
//   and
//                              streams it; asked again, with a Last-Event-ID, it goes on from there. The generation
//                              does not notice that a client was cut off
//   DELETE /demo/answers/ID    stops the generation; the stream ends
//
// Events of type `token` on `demo/answers/ID` have {"n","text"}, the last one, of type `done`, {"n","reason"} with n
// the number of tokens and reason `complete` or `stopped`. The same question is answered in the same words.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "access.h"
#include "beat.h"
#include "millrace/server/server.h"

namespace millrace::demo {

class Answers {
 public:
  static constexpr std::size_t kMaxAtOnce = 64;  ///< beyond it 503
  static constexpr std::size_t kMaxPromptBytes = 2'000;
  static constexpr std::size_t kMaxIdBytes = 40;

  /// Adds the routes to `server`, which outlives it.
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
  std::mutex mutex_;
  std::map<std::string, Answer> running_;  // by ID; guarded by mutex_
  Beat beat_;                              // last: it uses the others
};

}  // namespace millrace::demo
