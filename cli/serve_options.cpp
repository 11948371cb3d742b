#include "serve_options.h"

#include <limits>
#include <memory>

#include "configuration.h"
#include "millrace/server/invalid_option.h"
#include "option_names.h"
#include "store.h"

namespace millrace::cli {

namespace {

constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max() / 2;

template <typename Value>
CLI::Option* add(CLI::App& app, const std::string& name, Value& value, const std::string& meaning) {
  return app.add_option(name, value, meaning)->capture_default_str();
}

void add_flag(CLI::App& app, const std::string& name, bool& value, const std::string& meaning) {
  app.add_flag(name, value, meaning);
}

// A list: the option is repeated on the command line; elsewhere the values are separated by commas.
void add_list(CLI::App& app, const std::string& name, std::vector<std::string>& values, const std::string& meaning) {
  app.add_option(name, values, meaning)->delimiter(',')->allow_extra_args(false);
}

// --help names the environment variables, too.
class HelpWithEnvironment final : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string text = CLI::Formatter::make_option_opts(option);
    return option->get_configurable() ? text + " (Env:" + environment_name(option->get_name()) + ")" : text;
  }
};

void add_rights(CLI::App& app, AuthorizationOptions& options) {
  add_list(app, "--publish-key", options.keys.publish_keys, "Key that allows publishing");
  add(app, "--publish-key-file", options.keys.publish_key_file, "File of such keys, one on each line");
  add_list(app, "--subscribe-key", options.keys.subscribe_keys,
           "Key that allows subscribing; with at least one, subscribing needs a key");
  add(app, "--subscribe-key-file", options.keys.subscribe_key_file, "File of such keys, one on each line");
  add_list(app, "--admin-key", options.keys.admin_keys, "Key that allows everything");
  add(app, "--admin-key-file", options.keys.admin_key_file, "File of such keys, one on each line");
  add(app, "--jwt-secret-file", options.tokens.secret_file, "File with the secret that signs tokens (HS256)");
  add(app, "--jwt-public-key", options.tokens.public_key_file, "PEM file with the public key of tokens (RS256, ES256)");
  add(app, "--jwks", options.tokens.jwks_file, "File with a JSON Web Key Set for tokens");
  add(app, "--jwt-cookie", options.tokens.cookie, "Name of a cookie that may hold the token");
  add(app, "--jwt-issuer", options.tokens.issuer, "Value that a token's iss must have");
  add(app, "--jwt-audience", options.tokens.audience, "Value that a token's aud must be or contain");
  add_list(app, "--public-topic", options.public_topics,
           "Pattern of topics to which anyone may subscribe without a token");
  add(app, "--authorize-url", options.application.url, "URL of your application, which decides what a client may do");
  add_list(app, "--authorize-header", options.application.headers,
           "Header of the client's request that it also gets, besides Authorization and Cookie");
  add(app, "--max-authorizations", options.application.max_at_once,
      "Maximum number of questions to it at once; beyond it 503; use fewer than --workers")
      ->check(CLI::Range(std::size_t{1}, kAny));
  add(app, "--max-authorizations-per-address", options.max_authorizations_per_address,
      "Maximum number of these about requests of one address; beyond it 429; 0: three quarters");
}

void add_hooks(CLI::App& app, ServeOptions& options) {
  add(app, "--hook-url", options.hook_url,
      "URL of your application, which gets reports of subscriptions, of their ends, and of events that nobody "
      "received");
  add(app, "--hook-secret-file", options.hook_secret_file, "File with the secret that signs these reports");
}

void add_tls(CLI::App& app, TlsServeOptions& options) {
  add_list(app, "--tls-cert", options.certificates,
           "Speak TLS with the certificates of this PEM file, the server's own first; each with its --tls-key");
  add_list(app, "--tls-key", options.keys, "PEM file with the private key of the --tls-cert before it");
  add(app, "--tls-passphrase-file", options.passphrase_file, "File whose first line decrypts the keys");
  add(app, "--tls-client-ca", options.client_ca,
      "PEM file of the authorities whose certificates clients must have; others cannot connect");
  add_flag(app, "--tls-dev", options.dev, "Speak TLS with a certificate for localhost, which is made if it is missing");
  add(app, "--redirect-port", options.redirect_port, "Port that redirects clear HTTP to https; 0: none")
      ->check(CLI::Range(0, 65535));
}

void add_borders(CLI::App& app, ServeOptions& options) {
  add_list(app, "--cors-origin", options.cors_origins, "Origin whose pages may subscribe and publish");
  add_list(app, "--cors-header", options.cors_headers, "Additional request header that such pages may send");
  add_list(app, "--allowed-host", options.allowed_hosts, "Host name of the server, as clients send it in Host");
  add_list(app, "--trusted-proxy", options.trusted_proxies,
           "Network of trusted proxies, such as 10.0.0.0/8; the server uses the client addresses that they report");
  add(app, "--proxy-field", options.proxy_field,
      "Field to which these proxies append the address; proxy-protocol: version 2 of the PROXY protocol instead")
      ->check(CLI::IsMember({"x-forwarded-for", "forwarded", "proxy-protocol"}));
  add(app, "--max-connections-per-address", options.max_connections_per_address,
      "Maximum number of connections of one address; beyond it 429; 0: unlimited");
  add(app, "--max-streams-per-user", options.max_streams_per_user,
      "Maximum number of streams of one user; beyond it 429; 0: unlimited");
  add(app, "--publish-rate", options.publish_rate,
      "Maximum number of events a second of one publisher; beyond it 429; 0: unlimited");
  add(app, "--publish-burst", options.publish_burst,
      "Maximum number of events of one publisher at once; 0: as many as in one second");
}

void add_store(CLI::App& app, ServeOptions& options) {
  add(app, "--store", options.store,
      "Store that keeps events over a restart: sqlite:PATH, file:DIR, nats://HOST[:PORT][,HOST…][/STREAM], "
      "postgres://HOST[:PORT]/DATABASE or redis[s]://HOST[:PORT][/DATABASE]; default: memory only")
      ->check(CLI::Validator(
          [](const std::string& store) { return store.empty() ? std::string() : store_complaint(store); }, ""));
  add(app, "--sync", options.store_sync,
      "What a power cut can lose; full: nothing; normal: the last moments, but publishing is faster")
      ->check(CLI::IsMember({"full", "normal"}));
  add(app, "--require", options.require,
      "Durability that acknowledged events must have: memory, process, disk, quorum or quorum+disk; the program does "
      "not start if the store does not promise it")
      ->check(CLI::IsMember({"memory", "process", "disk", "quorum", "quorum+disk"}));
  add(app, "--store-replicas", options.store_replicas,
      "NATS servers that keep each event; 0: do not change it (a new stream: 1)");
  add(app, "--store-credentials", options.store_credentials, "File with credentials for NATS");
  add(app, "--store-monitoring-port", options.store_monitoring_port,
      "Monitoring port of the NATS servers (http_port), where Millrace reads how they sync; 0: do not ask");
  add(app, "--store-schema", options.store_schema,
      "Schema of the tables in PostgreSQL, created if it does not exist; default: the first of the search_path");
  add(app, "--store-ca", options.store_ca,
      "File with certificates (PEM) of the authorities to trust for rediss://; default: the system's");
  add(app, "--store-name", options.store_name,
      "Name of the log in Redis, with which its keys begin; default: millrace");
  add(app, "--store-events", options.store_events, "Events that the store keeps; 0: unlimited");
  add(app, "--store-bytes", options.store_bytes, "Bytes that the store's events may take on the disk; 0: unlimited");
  add(app, "--store-index-bytes", options.store_index_bytes,
      "Bytes of memory for the index of a store in files; beyond it the oldest events are dropped; 0: unlimited");
  add(app, "--store-age", options.store_age_seconds, "Seconds that the store keeps an event; 0: as long as it fits");
}

void add_address(CLI::App& app, ServeOptions& options) {
  add(app, "--host", options.host, "Address to listen on");
  add(app, "--port", options.port, "Port to listen on; 0 picks a free one")->check(CLI::Range(0, 65535));
  add_tls(app, options.tls);
  add(app, "--web", options.web, "Serve the files of this directory at /")->type_name("DIR");
  add_flag(app, "--insecure", options.insecure, "Anyone who can reach the port may publish");
  add_flag(app, "--demo", options.demo, "Publish invented live data, and serve what the demo page needs");
  add(app, "--demo-seed", options.demo_seed, "Seed of the invented data; 0: different each time");
}

void add_threads_and_protocols(CLI::App& app, ServeOptions& options) {
  add(app, "--workers", options.workers, "Threads that answer requests; open streams need none")
      ->check(CLI::Range(1, 1024));
  add(app, "--loops", options.loops, "Event loops, each with its own thread; 0: one for each core")
      ->check(CLI::Range(0, 256));
  add_flag(app, "--no-io-uring", options.no_io_uring, "Do not use io_uring: write to each socket with its own call");
  add_flag(app, "--no-http2", options.no_http2, "Do not speak HTTP/2: clients that begin with it get 505");
  add(app, "--max-http2-streams", options.max_http2_streams, "Requests and streams at a time on one HTTP/2 connection")
      ->check(CLI::Range(std::size_t{1}, kHttp2MaxStreams));
  add_flag(app, "--gzip", options.gzip,
           "Compress streams for clients that accept gzip; events below 256 bytes are not compressed");
}

void add_history(CLI::App& app, ServeOptions& options) {
  add(app, "--history-events", options.history_events, "Events kept in memory")
      ->check(CLI::Range(std::size_t{1}, kAny));
  add(app, "--history-bytes", options.history_bytes, "Bytes of events kept in memory")
      ->check(CLI::Range(std::size_t{1}, kAny));
  add(app, "--history-age", options.history_age_seconds,
      "Seconds that an event is kept in memory; 0: as long as it fits");
  add_list(app, "--retain", options.retain,
           "Pattern of topics whose newest event is kept beyond the bounds of the history and the store");
  add(app, "--max-retained-topics", options.max_retained_topics,
      "Maximum number of topics with a retained event; beyond it publishing gets 507");
  add(app, "--max-retained-bytes", options.max_retained_bytes,
      "Maximum bytes of retained events; beyond it publishing gets 507");
  add(app, "--max-retained-topics-per-publisher", options.max_retained_topics_per_publisher,
      "Maximum number of topics with a retained event of one publisher; beyond it 507; 0: half of the maximum");
  add(app, "--max-retained-bytes-per-publisher", options.max_retained_bytes_per_publisher,
      "Maximum bytes of retained events of one publisher; beyond it 507; 0: half of the maximum");
}

void add_streams(CLI::App& app, ServeOptions& options) {
  add(app, "--retry", options.retry_milliseconds, "Milliseconds after which clients reconnect")
      ->check(CLI::Range(std::uint32_t{0}, std::uint32_t{0x7fff'ffff}));
  add(app, "--cursor", options.cursor,
      "Form of the cursor for clients that do not choose one; id: an ID without data; event: a millrace.cursor "
      "event; none: not sent")
      ->check(CLI::IsMember({"id", "event", "none"}));
  add(app, "--heartbeat", options.heartbeat_seconds, "Seconds of silence after which the server sends a heartbeat")
      ->check(CLI::Range(1, 3600));
  add_flag(app, "--presence", options.presence,
           "Report who listens to a topic, who joins and who leaves, on millrace.presence/TOPIC");
}

void add_bounds(CLI::App& app, ServeOptions& options) {
  add(app, "--max-connections", options.max_connections, "Maximum number of connections; beyond it 503")
      ->check(CLI::Range(std::size_t{1}, kAny));
  add(app, "--max-buffered-bytes", options.max_buffered_bytes,
      "Maximum bytes of requests and responses in progress, on all connections; beyond it 503")
      ->check(CLI::Range(std::size_t{1}, kAny));
  add(app, "--max-pinned-bytes", options.max_pinned_bytes,
      "Maximum bytes of events that have left the history, but that slow clients have only partly received; beyond "
      "it the slowest streams are cut")
      ->check(CLI::Range(std::size_t{1}, kAny));
  add(app, "--max-head-bytes", options.max_head_bytes, "Largest head of any request; beyond it 431")
      ->check(CLI::Range(std::size_t{1'024}, kAny));
  add(app, "--max-body-bytes", options.max_body_bytes, "Largest body of any request, as sent or decoded; beyond it 413")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{kAny}));
  add(app, "--max-publish-bytes", options.max_publish_bytes, "Largest body of a publish request; beyond it 413")
      ->check(CLI::Range(std::size_t{1}, kAny));
}

void add_operations(CLI::App& app, ServeOptions& options) {
  add(app, "--admin-listen", options.admin_listen,
      "HOST:PORT or unix:PATH for /metrics and the other routes for operators, instead of the main port; anyone who "
      "can reach it is an administrator");
  add_flag(app, "--ui", options.ui,
           "Serve a page for administrators at /ui/: streams, topics, a form that publishes, and the wire; with "
           "--admin-listen, there");
  add(app, "--ui-files", options.ui_files,
      "Folder of this page's files; default: share/millrace/ui beside bin/millrace")
      ->type_name("DIR");
}

void add_end_and_logs(CLI::App& app, ServeOptions& options) {
  add(app, "--drain", options.drain_seconds,
      "Seconds over which clients reconnect after SIGTERM; the program ends within this time")
      ->check(CLI::Range(0, 3600));
  add(app, "--log-level", options.log_level, "Lowest severity of the messages to log")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  add(app, "--log-format", options.log_format, "Format of the log")->check(CLI::IsMember({"text", "json"}));
  add(app, "--access-log", options.access_log,
      "File for a line about each request and each stream that has ended; -: standard error; in the format of the log");
  add(app, "--access-log-every", options.access_log_every,
      "Write one of every N successful requests; streams and errors are always written")
      ->check(CLI::Range(std::size_t{1}, kAny));
}

void add_prints(CLI::App& app, ServeOptions& options) {
  app.add_flag("--print-options", options.print_options,
               "Print the options as the table of the documentation, and exit")
      ->configurable(false);
  app.add_flag("--print-config", options.print_config,
               "Print each option's value and where it comes from, as a TOML file without keys and passwords, and exit")
      ->configurable(false);
  app.add_flag("--print-template", options.print_template,
               "Print a TOML file with every option, commented out, and exit")
      ->configurable(false);
  app.add_flag("--check-config", options.check_config, "Check all options, print what is wrong, and exit")
      ->configurable(false);
}

}  // namespace

void add_serve_options(CLI::App& app, ServeOptions& options) {
  add_address(app, options);
  add_threads_and_protocols(app, options);
  add_history(app, options);
  add_store(app, options);
  add_streams(app, options);
  add_bounds(app, options);
  add_operations(app, options);
  add_rights(app, options.authorization);
  add_hooks(app, options);
  add_borders(app, options);
  add_end_and_logs(app, options);
  add_prints(app, options);
  app.formatter(std::make_shared<HelpWithEnvironment>());
}

namespace {

ProxyField field_named(const std::string& name) {
  if (name == "forwarded") return ProxyField::kForwarded;
  return name == "proxy-protocol" ? ProxyField::kProxyProtocol : ProxyField::kXForwardedFor;
}

CursorForm cursor_form(const std::string& name) {
  if (name == "id") return CursorForm::kId;
  return name == "none" ? CursorForm::kNone : CursorForm::kEvent;
}

TopicPatterns patterns_in(const std::vector<std::string>& texts) {
  try {
    return texts;
  } catch (const InvalidTopic& invalid) {
    throw InvalidOption("ServerOptions::history.retain", invalid.what());
  }
}

}  // namespace

ServerOptions ServeOptions::server_options() const {
  // On the command line 0 means no bound, or the server's own choice.
  const auto unless_zero = [](auto value) { return value == 0 ? std::nullopt : std::optional(value); };
  const auto seconds = [](auto count) { return Duration{static_cast<Duration::rep>(count) * 1000}; };
  const auto age = [&](auto count) { return count == 0 ? std::nullopt : std::optional(seconds(count)); };
  return {.threads = {.workers = workers, .loops = unless_zero(loops), .io_uring = !no_io_uring},
          .history = {.events = history_events,
                      .bytes = history_bytes,
                      .age = age(history_age_seconds),
                      .retain = patterns_in(retain),
                      .max_retained_topics = max_retained_topics,
                      .max_retained_bytes = max_retained_bytes,
                      .max_retained_topics_per_publisher = unless_zero(max_retained_topics_per_publisher),
                      .max_retained_bytes_per_publisher = unless_zero(max_retained_bytes_per_publisher)},
          .streams = {.retry = Duration{retry_milliseconds},
                      .heartbeat = seconds(heartbeat_seconds),
                      .unacknowledged_timeout = seconds(heartbeat_seconds),
                      .cursor = cursor_form(cursor),
                      .gzip = gzip,
                      .presence = presence,
                      .max_pinned_bytes = max_pinned_bytes},
          .http = {.allowed_hosts = allowed_hosts,
                   .max_head_bytes = max_head_bytes,
                   .max_body_bytes = max_body_bytes,
                   .http2 = !no_http2,
                   .max_http2_streams = max_http2_streams,
                   .max_buffered_bytes = max_buffered_bytes},
          .shares = {.max_connections = max_connections,
                     .max_connections_per_address = unless_zero(max_connections_per_address),
                     .max_streams_per_user = unless_zero(max_streams_per_user)},
          .publishing = {.anonymous = insecure,
                         .max_bytes = max_publish_bytes,
                         .rate = unless_zero(publish_rate),
                         .burst = unless_zero(publish_burst),
                         .durability = parse_durability(require).value()},
          .cors = {.origins = cors_origins, .headers = cors_headers},
          .proxies = {.trusted = trusted_proxies, .field = field_named(proxy_field)},
          .option_name = typed_name};
}

std::string serve_options_table(const CLI::App& app) {
  std::string table = "| option | environment | default | meaning |\n|---|---|---|---|\n";
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_configurable()) continue;
    const std::string value = option->get_default_str();
    table += "| `" + option->get_name() + "` | `" + environment_name(option->get_name()) + "` | " +
             (value.empty() ? "" : "`" + value + "`") + " | " + option->get_description() + " |\n";
  }
  return table;
}

}  // namespace millrace::cli
