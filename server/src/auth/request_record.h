// RequestRecord: the parts of a request that an authorizer sees, kept in one piece of memory while its stream is open.
#pragma once

#include <httplib.h>

#include <string>

namespace millrace {

class RequestRecord {
 public:
  explicit RequestRecord(const httplib::Request& request);

  /// Method, path, target, version, headers, parameters and addresses are as they were; there is no body.
  httplib::Request request() const;

 private:
  std::string text_;  // each part behind its length
  int remote_port_;
  int local_port_;
};

}  // namespace millrace
