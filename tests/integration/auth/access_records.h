// What tests of access records share.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ask.h"
#include "eventually.h"
#include "millrace/server/access_record.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {

// The records of a server, which must live longer.
class Records {
 public:
  ServerOptions options(ServerOptions options = open_to_all()) {
    options.on_access = [this](const AccessRecord& record) {
      const std::lock_guard lock(mutex_);
      records_.push_back(record);
    };
    return options;
  }

  // The record of this path with this status, once there is one.
  AccessRecord of(const std::string& path, int status) {
    std::optional<AccessRecord> found;
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex_);
      const auto at = std::find_if(records_.begin(), records_.end(), [&](const AccessRecord& record) {
        return record.path == path && record.status == status;
      });
      if (at != records_.end()) {
        found = *at;
        records_.erase(at);
      }
      return found.has_value();
    })) << path
        << ": no record with status " << status;
    return found.value_or(AccessRecord{});
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return records_.size();
  }

 private:
  std::mutex mutex_;
  std::vector<AccessRecord> records_;
};

inline std::string publish(int port, const std::string& headers = {}) {
  return ask(port, request("POST", "/events", headers, R"({"topic":"a","data":"x"})"));
}

}  // namespace millrace::test
