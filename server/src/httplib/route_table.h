// RouteTable: predicts which of a server's routes cpp-httplib chooses for a request. Any thread, once the server
// listens.
#pragma once

#include <httplib.h>

#include <cstdint>
#include <string>

#include "httplib_versions.h"

namespace millrace {

class RouteTable {
 public:
  enum class Reads : std::uint8_t {
    kNothing,  ///< no route
    kWhole,    ///< the handler gets the body in Request::body
    kPieces,   ///< the handler reads it by a ContentReader
  };

  /// `server` must outlive it.
  explicit RouteTable(httplib::Server& server) : insides_(look_into(server)) {}

  Reads find(const std::string& method, const std::string& path) const;

  /// The methods that have a route at `path`, as the value of the field `Allow`; may be empty.
  std::string allowed(const std::string& path) const;

  /// Whether the first route that matches `path`, for GET or for POST with the body in pieces, is of the kind `Ours`.
  template <typename Ours>
  bool gets_by(const std::string& path) const {
    return leads_to<Ours>(insides_.get, path);
  }
  template <typename Ours>
  bool posts_by(const std::string& path) const {
    return leads_to<Ours>(insides_.post_pieces, path);
  }

 private:
  template <typename Ours, typename Handler>
  static bool leads_to(const HttplibRoutes<Handler>& routes, const std::string& path) {
    const Handler* const first = routes.find_first(path);
    return first != nullptr && first->template target<Ours>() != nullptr;
  }

  HttplibInsides insides_;
};

}  // namespace millrace
