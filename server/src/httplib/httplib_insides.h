// Private members of cpp-httplib's server. The functions that set its handlers are not virtual, so that any code with
// an httplib::Server& can set them: reading the members is the only way to know.
#pragma once

#include <httplib.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/time.h"

namespace millrace {

template <typename Handler>
using HttplibRoutes = std::vector<std::pair<std::regex, Handler>>;

struct HttplibInsides {
  using Handler = httplib::Server::Handler;
  using PieceHandler = httplib::Server::HandlerWithContentReader;

  bool has_pre_routing;
  bool has_post_routing;
  bool has_logger;
  bool has_files;
  const httplib::Server::ExceptionHandler& exception;
  const httplib::Server::HandlerWithResponse& error;
  const HttplibRoutes<Handler>& get;
  const HttplibRoutes<Handler>& post;
  const HttplibRoutes<Handler>& put;
  const HttplibRoutes<Handler>& patch;
  const HttplibRoutes<Handler>& erase;
  const HttplibRoutes<Handler>& options;
  const HttplibRoutes<PieceHandler>& post_pieces;
  const HttplibRoutes<PieceHandler>& put_pieces;
  const HttplibRoutes<PieceHandler>& patch_pieces;
  const HttplibRoutes<PieceHandler>& erase_pieces;
  const httplib::Headers& default_headers;
  std::size_t keep_alive_count;
  time_t keep_alive_seconds;
  Duration read_timeout;   ///< of a wait for the client to send
  Duration write_timeout;  ///< of a wait for the client to take something
  std::size_t& max_body_bytes;
  const std::atomic<socket_t>& listening_socket;  ///< INVALID_SOCKET once it has been shut down
  /// Serves one request of the stream, handlers and all.
  bool (httplib::Server::*process_request)(httplib::Stream& stream, bool close_connection, bool& connection_closed,
                                           const std::function<void(httplib::Request&)>& setup_request);
};

/// References into `server`.
HttplibInsides look_into(httplib::Server& server);

}  // namespace millrace
