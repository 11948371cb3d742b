#include "option_names.h"

#include <algorithm>

namespace millrace::cli {

namespace {

struct Names {
  std::string_view in_library;
  std::string_view typed;
};

// Exceptions from the rule that a member `shares.max_connections` is `--max-connections`.
constexpr Names kExceptions[] = {
    {"ServerOptions::publishing.anonymous", "--insecure"},
    {"ServerOptions::authorizer", "a key (--publish-key, --admin-key)"},
    {"ServerOptions::http.allowed_hosts", "--allowed-host"},
    {"ServerOptions::cors.headers", "--cors-header"},
    {"ServerOptions::cors.origins", "--cors-origin"},
    {"ServerOptions::threads.io_uring", "--no-io-uring"},
    {"ServerOptions::http.http2", "--no-http2"},
    {"ServerOptions::history.events", "--history-events"},
    {"ServerOptions::history.bytes", "--history-bytes"},
    {"ServerOptions::history.age", "--history-age"},
    {"ServerOptions::history.retain", "--retain"},
    {"ServerOptions::publishing.max_bytes", "--max-publish-bytes"},
    {"ServerOptions::publishing.rate", "--publish-rate"},
    {"ServerOptions::publishing.durability", "--require"},
    {"SqliteOptions::bounds.age", "--store-age"},
    {"JetStreamOptions::bounds.age", "--store-age"},
    {"JetStreamOptions::replicas", "--store-replicas"},
    {"open_sqlite(path)", "--store"},
    {"open_file_log(folder)", "--store"},
    {"FileLogOptions::bounds.age", "--store-age"},
    {"open_jetstream(url)", "--store"},
    {"open_postgres(url)", "--store"},
    {"PostgresOptions::bounds.age", "--store-age"},
    {"PostgresOptions::schema", "--store-schema"},
    {"open_redis(url)", "--store"},
    {"RedisOptions::bounds.age", "--store-age"},
    {"RedisOptions::name", "--store-name"},
    {"ServerOptions::streams.unacknowledged_timeout", "--heartbeat"},
    {"ServerOptions::proxies.trusted", "--trusted-proxy"},
    {"ServerOptions::tls", "--tls-cert"},
    {"ServerOptions::tls.certificates", "--tls-cert"},
    {"ServerOptions::tls.certificates.chain", "--tls-cert"},
    {"ServerOptions::tls.certificates.key", "--tls-key"},
    {"ServerOptions::tls.client_ca", "--tls-client-ca"},
    {"ServerOptions::webhooks.url", "--hook-url"},
    {"ServerOptions::webhooks.secret", "--hook-secret-file"},
    {"HttpAuthorizer::Options::url", "--authorize-url"},
    {"HttpAuthorizer::Options::max_at_once", "--max-authorizations"},
    {"HttpAuthorizer::Options::max_at_once_per_address", "--max-authorizations-per-address"},
    {"publish_keys", "--publish-key"},
    {"subscribe_keys", "--subscribe-key"},
    {"admin_keys", "--admin-key"},
    {"secret_file", "--jwt-secret-file"},
    {"public_key_file", "--jwt-public-key"},
    {"jwks_file", "--jwks"},
    {"public_topics", "--public-topic"},
};

}  // namespace

std::string typed_name(std::string_view option) {
  for (const Names& names : kExceptions) {
    if (names.in_library == option) return std::string(names.typed);
  }
  std::string name = "--" + std::string(option.substr(option.find_last_of(":.") + 1));
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::string sentence_of(const InvalidOption& failure) {
  return typed_name(failure.option()) + ": " + failure.problem();
}

}  // namespace millrace::cli
