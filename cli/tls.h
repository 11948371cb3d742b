// TLS of the program: certificates of `millrace serve`, and trust of its clients.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "millrace/client/options.h"
#include "millrace/server/server_tls.h"

namespace millrace::cli {

/// Options of `millrace serve`.
struct TlsServeOptions {
  std::vector<std::string> certificates;
  std::vector<std::string> keys;
  std::string passphrase_file;
  std::string client_ca;
  bool dev = false;
  int redirect_port = 0;
};

/// Nothing if the server speaks clear HTTP. Makes the certificate of --tls-dev if it is missing, and logs how to trust
/// it. Throws UsageError if the options contradict one another.
std::optional<ServerTls> server_tls(const TlsServeOptions& options);

/// Options of `tail`, `publish` and `bench`.
struct TlsClientOptions {
  std::string ca_file;
  bool insecure = false;

  TlsOptions of_client() const { return {.ca_file = ca_file, .verify = !insecure}; }
};

/// Adds --cacert and --insecure-tls to a subcommand, which reads them into `options`; that must stay at its address.
void add_tls_client(CLI::App& app, TlsClientOptions& options);

/// Adds --http2-prior-knowledge, which is read into `prior_knowledge`; that must stay at its address. With https:// the
/// handshake decides.
void add_http2_client(CLI::App& app, bool& prior_knowledge);

}  // namespace millrace::cli
