// AnswerRoutes: a toy language model, whose answers outlive their requests.
//
//   POST   /demo/answers       {"prompt","language"?}: begins an answer, and streams it. With the Idempotency-Key of an
//                              earlier request, or the last event ID of an answer, it streams that answer instead
//   GET    /demo/answers/ID    streams the answer from the beginning, or after the request's last event ID; 204 when
//   the
//                              client has all of it
//   DELETE /demo/answers/ID    stops it, for all listeners
//
// Events of type `token` have {"text"}; the one of type `done` ends an answer that is complete, and one of type
// `stopped`, `interrupted` or `failed` any other, as millrace::Answers says it. The parameter `client` names the
// stream. The same question is answered in the same words.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "access.h"
#include "beat.h"
#include "millrace/server/answers.h"
#include "millrace/server/server.h"
#include "mutex.h"

namespace millrace::demo {

class AnswerRoutes {
 public:
  static constexpr std::size_t kMaxAtOnce = 64;  ///< beyond it: 503
  static constexpr std::size_t kMaxKept = 1'000;
  static constexpr std::size_t kMaxPromptBytes = 2'000;

  /// Adds the routes to `server`, which must outlive it.
  AnswerRoutes(Server& server, DemoAccess access);

 private:
  struct Writing {
    Answer answer;
    std::vector<std::string> tokens;
    std::size_t sent = 0;
    std::chrono::steady_clock::time_point due;
  };

  void ask(const httplib::Request& request, httplib::Response& response);
  void write_due();
  static bool write(Writing& writing);

  Answers answers_;
  Mutex mutex_;
  std::vector<Writing> writing_ GUARDED_BY(mutex_);
  Beat beat_;  // last: it uses the others
};

}  // namespace millrace::demo
