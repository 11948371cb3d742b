// Reporter: posts what a client has seen to the harness, one message after the other, from a thread of its own.
#pragma once

#include <httplib.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

namespace millrace::contract {

class Reporter {
 public:
  /// Message n goes to `callback_url`/n, from 1 up. Throws std::invalid_argument if it is no URL.
  explicit Reporter(const std::string& callback_url);
  /// Drops the messages that have not been posted yet, and the one that waits for an answer.
  ~Reporter();
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  void report(nlohmann::ordered_json message);

 private:
  void post();

  std::string url_;
  std::string path_;
  std::unique_ptr<httplib::Client> client_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<nlohmann::ordered_json> messages_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace millrace::contract
