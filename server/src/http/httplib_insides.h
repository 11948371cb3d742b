// What cpp-httplib's server keeps to itself. Its handlers are set by members that are not virtual, so that whoever has
// an httplib::Server& can set them: looking is the only way to know.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <regex>
#include <string>
#include <utility>
#include <vector>

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
  std::size_t& max_body_bytes;
};

/// References into `server`.
HttplibInsides look_into(httplib::Server& server);

}  // namespace millrace
