// Authorizer: who may subscribe to what, publish to what, and ask who is connected.
//
// Give one to ServerOptions. It is asked before every subscription, also one that resumes, so that what is replayed is
// what the client may see now; and before every publish. Called from worker threads, several at once.
//
//   struct OnlyOwnTopics : millrace::Authorizer {
//     Decision decide(const httplib::Request& request, Action, const std::vector<std::string>& topics) const override;
//   };
#pragma once

#include <httplib.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace millrace {

class Authorizer {
 public:
  enum class Action {
    kSubscribe,   ///< to `topics`, which are patterns: all that falls under them
    kPublish,     ///< to `topics`
    kAdminister,  ///< see who is connected; `topics` is empty
  };

  struct Decision {
    /// 200: allowed. 401: it is not known who asks. 403: it is known, and not allowed.
    int status = 200;
    /// Where it is not allowed: why, as a sentence for the client. Must not tell secrets.
    std::string reason = {};
    /// Who asks, where that is known.
    std::string user = {};
    /// When the right ends, and with it the event stream.
    std::optional<std::chrono::system_clock::time_point> expires = {};
  };

  virtual ~Authorizer() = default;
  virtual Decision decide(const httplib::Request& request, Action action,
                          const std::vector<std::string>& topics) const = 0;
};

}  // namespace millrace
