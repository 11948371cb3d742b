#include "reporter.h"

#include <chrono>
#include <iostream>
#include <utility>

#include "millrace/client/url.h"

namespace millrace::contract {

namespace {

// For the answer to a report: a harness may be busy for long, and who deletes a client need not wait.
constexpr std::chrono::minutes kPatience{5};

}  // namespace

Reporter::Reporter(const std::string& callback_url) {
  const Url url = Url::parse(callback_url);
  path_ = url.target;
  while (path_.ends_with('/')) path_.pop_back();
  url_ = url.origin() + path_;
  client_ = std::make_unique<httplib::Client>(url.origin());
  client_->set_keep_alive(true);
  client_->set_tcp_nodelay(true);
  client_->set_read_timeout(kPatience);
  thread_ = std::thread([this] { post(); });
}

Reporter::~Reporter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_one();
  }
  client_->stop();
  thread_.join();
}

void Reporter::report(nlohmann::ordered_json message) {
  const std::lock_guard lock(mutex_);
  messages_.push_back(std::move(message));
  changed_.notify_one();
}

void Reporter::post() {
  for (int number = 1;; ++number) {
    nlohmann::ordered_json message;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ending_ || !messages_.empty(); });
      if (ending_) return;
      message = std::move(messages_.front());
      messages_.pop_front();
    }
    // What a server's head says need not be UTF-8.
    const std::string body = message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (!client_->Post(path_ + "/" + std::to_string(number), body, "application/json")) {
      std::cerr << "contract service: cannot post to " << url_ << "/" << number << std::endl;
    }
  }
}

}  // namespace millrace::contract
