// RouteTable: which of a server's routes a request leads to, as cpp-httplib will find it. Any thread, once the server
// listens.
#pragma once

#include <httplib.h>

#include <cstdint>
#include <string>

#include "httplib_insides.h"

namespace millrace {

class RouteTable {
 public:
  enum class Reads : std::uint8_t {
    kNothing,  ///< there is no route
    kWhole,    ///< the handler gets the body in Request::body
    kPieces,   ///< the handler reads it by a ContentReader
  };

  /// `server` must outlive it.
  explicit RouteTable(httplib::Server& server) : insides_(look_into(server)) {}

  Reads find(const std::string& method, const std::string& path) const;

  /// The methods that there is a route for at `path`, as the field `Allow` has them; empty if there are none.
  std::string allowed(const std::string& path) const;

 private:
  HttplibInsides insides_;
};

}  // namespace millrace
