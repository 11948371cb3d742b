// Application: the program that the server tells and asks things by HTTP. Any thread, several at once.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/core/time.h"
#include "mutex.h"

namespace millrace {

/// Most bytes of an application's answer; a longer one counts as none.
inline constexpr std::size_t kMaxApplicationAnswerBytes = 64 * 1024;

class Application {
 public:
  /// Throws InvalidOption, which names `option`, if the URL cannot be used.
  Application(const std::string& option, const std::string& url, Duration timeout);
  ~Application();

  struct Answer {
    int status = 0;
    std::string body;
    std::string cache_control;
  };
  struct Failure {
    std::string why;
    bool is_unreachable = false;  ///< there is no connection to it, whatever it is asked
  };
  /// Posts JSON, and waits for the answer. Nothing: there was none, and `failure` says why.
  std::optional<Answer> post(const std::string& body, httplib::Headers headers, Failure& failure);

 private:
  std::unique_ptr<httplib::Client> take_client();
  void give_back(std::unique_ptr<httplib::Client> client);

  std::string origin_;
  std::string target_;
  const Duration timeout_;
  Mutex mutex_;
  std::vector<std::unique_ptr<httplib::Client>> idle_ GUARDED_BY(mutex_);
};

}  // namespace millrace
