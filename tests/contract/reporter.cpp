#include "reporter.h"

#include <httplib.h>

#include <iostream>
#include <utility>

#include "millrace/client/url.h"

namespace millrace::contract {

Reporter::Reporter(const std::string& callback_url) {
  const Url url = Url::parse(callback_url);
  origin_ = url.origin();
  path_ = url.target;
  while (path_.ends_with('/')) path_.pop_back();
  thread_ = std::thread([this] { post(); });
}

Reporter::~Reporter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

void Reporter::report(nlohmann::ordered_json message) {
  const std::lock_guard lock(mutex_);
  messages_.push_back(std::move(message));
  changed_.notify_one();
}

void Reporter::post() {
  httplib::Client client(origin_);
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true);
  for (int number = 1;; ++number) {
    nlohmann::ordered_json message;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ending_ || !messages_.empty(); });
      if (ending_) return;
      message = std::move(messages_.front());
      messages_.pop_front();
    }
    const std::string path = path_ + "/" + std::to_string(number);
    if (!client.Post(path, message.dump(), "application/json")) {
      std::cerr << "contract service: cannot post to " << origin_ << path << std::endl;
    }
  }
}

}  // namespace millrace::contract
