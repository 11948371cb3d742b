// RequestRecord: the parts of a request that an authorizer sees, kept in one piece of memory while its stream is open.
#pragma once

#include <httplib.h>

#include <string>

namespace millrace {

class RequestRecord {
 public:
  explicit RequestRecord(const httplib::Request& request);

  /// The recorded request: method, path, target, version, headers, parameters and addresses, but no body.
  httplib::Request request() const;

 private:
  std::string text_;  // each part after its length
  int remote_port_;
  int local_port_;
};

}  // namespace millrace
