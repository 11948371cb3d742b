// DebuggerPage: the page of `millrace serve --ui`: who is connected, topics, a form that publishes, and the wire.
//
// Its files hold no secret and need no right: what the page shows it requests from the server's own routes, with the
// key that its user types. They are read once, at the start, so that no request reaches the file system.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "millrace/server/server.h"

namespace millrace::cli {

/// Most files of the page, and most bytes of all of them; a folder with more is refused.
inline constexpr std::size_t kMaxDebuggerFiles = 64;
inline constexpr std::size_t kMaxDebuggerBytes = 4 * 1024 * 1024;

class DebuggerPage {
 public:
  /// Reads the page from `folder`; from the one beside the program, where a package puts it, if that is empty. Throws
  /// UsageError if it is not there, or too large.
  explicit DebuggerPage(const std::string& folder);

  /// Adds `GET /ui/`. The page must live as long as the server.
  void add_to(Server& server) const;

  /// The files by name, `index.html` among them.
  const std::map<std::string, std::string, std::less<>>& files() const { return files_; }

 private:
  void answer(const httplib::Request& request, httplib::Response& response) const;

  std::map<std::string, std::string, std::less<>> files_;
};

}  // namespace millrace::cli
