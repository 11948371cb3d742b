// The options of `millrace serve`: from the command line, a TOML file and the environment, in this order of precedence.
//
// docs/operations.md has them in a table that is made from this code.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "authorization.h"
#include "millrace/core/limits.h"
#include "millrace/server/limits.h"
#include "millrace/server/options.h"
#include "millrace/server/stores/file.h"
#include "tls.h"

namespace millrace::cli {

struct ServeOptions {
  std::string host = "127.0.0.1";
  int port = 8080;
  std::string web;
  bool insecure = false;
  bool demo = false;
  std::uint64_t demo_seed = 0;
  bool check_config = false;
  bool print_options = false;
  bool print_config = false;
  bool print_template = false;

  // Numbers in the units that the options name.
  std::size_t workers = 8;
  std::size_t loops = 0;
  bool no_io_uring = false;
  bool no_http2 = false;
  std::size_t max_http2_streams = kHttp2MaxStreams;
  bool gzip = false;
  std::size_t history_events = kHistoryEvents;
  std::size_t history_bytes = kHistoryBytes;
  std::uint32_t history_age_seconds = 0;
  std::vector<std::string> retain;
  std::size_t max_retained_topics = kMaxRetainedTopics;
  std::size_t max_retained_bytes = kMaxRetainedBytes;
  std::size_t max_retained_topics_per_publisher = 0;
  std::size_t max_retained_bytes_per_publisher = 0;
  std::string store;
  std::string store_sync = "full";
  std::string require = "memory";
  std::uint32_t store_replicas = 0;
  std::string store_credentials;
  std::uint16_t store_monitoring_port = 8222;
  std::string store_schema;
  std::string store_ca;
  std::string store_name;
  std::uint64_t store_events = 0;
  std::uint64_t store_bytes = kStoreBytes;
  std::size_t store_index_bytes = kFileLogIndexBytes;
  std::uint32_t store_age_seconds = 0;
  std::uint32_t retry_milliseconds = static_cast<std::uint32_t>(kDefaultReconnectionTime.count());
  std::string cursor = "event";
  std::uint32_t heartbeat_seconds = static_cast<std::uint32_t>(kHeartbeatInterval.count() / 1000);
  std::size_t max_connections = kMaxConnections;
  std::size_t max_buffered_bytes = kMaxBufferedBytes;
  std::size_t max_pinned_bytes = kMaxPinnedBytes;
  std::size_t max_head_bytes = kMaxRequestHeadBytes;
  std::uint64_t max_body_bytes = kMaxBodyBytes;
  std::size_t max_publish_bytes = kMaxPublishBytes;
  std::uint32_t drain_seconds = 5;

  TlsServeOptions tls;
  AuthorizationOptions authorization;
  std::string hook_url;
  std::string hook_secret_file;
  std::vector<std::string> cors_origins;
  std::vector<std::string> cors_headers;
  std::vector<std::string> allowed_hosts;
  std::size_t max_connections_per_address = kMaxConnectionsPerAddress;
  std::size_t max_streams_per_user = kMaxStreamsPerUser;
  double publish_rate = 0;
  std::size_t publish_burst = 0;
  bool presence = false;

  std::vector<std::string> trusted_proxies;
  std::string proxy_field = "x-forwarded-for";

  std::string log_level = "info";
  std::string log_format = "text";
  std::string admin_listen;
  bool ui = false;
  std::string ui_files;
  std::string access_log;
  std::size_t access_log_every = 1;

  /// The options for the library, without TLS, the authorizer and the store.
  ServerOptions server_options() const;
};

/// Adds the options to the subcommand, which reads them into `options`; that must stay at its address.
void add_serve_options(CLI::App& app, ServeOptions& options);

/// The options as rows of a Markdown table: option, environment variable, default, meaning.
std::string serve_options_table(const CLI::App& app);

}  // namespace millrace::cli
