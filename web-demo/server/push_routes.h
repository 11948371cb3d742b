// PushRoutes: the demo's controller for messages to users, under `/push`.
//
//   GET /push/createSse?uid=U                 opens U's stream
//   GET /push/sendMsg?uid=U                   opens it, and sends U a numbered message each second while it is open
//   GET /push/sendMsg?uid=U&id=I&message=M    sends U that one message; answers {"id":…}
//   GET /push/closeSse?uid=U                  ends U's streams for good; answers {"closed":<number of streams>}
//   PUT /push/users/U/messages/I              sends the body as a message; answers as above
//   DELETE /push/users/U/connections          the same as closeSse
//
// Errors are 400 (404 for a user who is not connected, 413 for a message too large, 503 with Retry-After while the
// store refuses events) with {"error":"<sentence>"}.
// It is a demonstration, but has the access checks of Millrace's own routes: the Host header, the page's origin (also
// for GET routes that change something), and the right that DemoAccess requires.
#pragma once

#include <string>

#include "access.h"
#include "millrace/server/push_service.h"
#include "push_feed.h"

namespace millrace::demo {

class PushRoutes {
 public:
  /// Adds the routes to `server`, which must outlive it. It must outlive listen().
  PushRoutes(Server& server, DemoAccess access);

 private:
  void close(const std::string& uid, httplib::Response& response);
  void add_streams(Server& server, DemoAccess access);
  void add_messages(Server& server, DemoAccess access);
  void add_ends(Server& server, DemoAccess access);

  PushService push_;
  PushFeed feed_;
};

}  // namespace millrace::demo
