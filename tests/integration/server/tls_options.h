// What tests of TLS give a server: options with a certificate, and a listener for its notices.
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "eventually.h"
#include "millrace/server/server_tls.h"
#include "running_server.h"

namespace millrace::test {

inline ServerOptions over_tls(ServerTls tls = test_tls()) {
  ServerOptions options = open_to_all();
  options.tls = std::move(tls);
  return options;
}

inline TlsCertificate text_of(const TestCertificate& certificate) {
  return {.chain = Pem::text(certificate.chain), .key = Pem::text(certificate.key)};
}

/// Sentences that the server says on its threads.
class Notices {
 public:
  std::function<void(const std::string&)> taker() {
    return [this](const std::string& notice) {
      const std::lock_guard lock(mutex_);
      notices_.push_back(notice);
    };
  }
  bool has(const std::string& part) {
    return eventually([&] {
      const std::lock_guard lock(mutex_);
      return std::any_of(notices_.begin(), notices_.end(),
                         [&](const std::string& one) { return one.find(part) != std::string::npos; });
    });
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> notices_;
};

}  // namespace millrace::test
