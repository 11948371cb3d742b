#include "tls.h"

#include <spdlog/spdlog.h>

#include <fstream>

#include "command.h"
#include "dev_certificate.h"

namespace millrace::cli {

namespace {

void check(const TlsServeOptions& options) {
  const bool speaks_tls = options.dev || !options.certificates.empty();
  if (options.certificates.size() != options.keys.size()) {
    throw UsageError("--tls-cert and --tls-key: each certificate needs its key; there are " +
                     std::to_string(options.certificates.size()) + " and " + std::to_string(options.keys.size()));
  }
  if (options.dev && !options.certificates.empty()) {
    throw UsageError("--tls-dev makes a certificate of its own: remove it, or --tls-cert and --tls-key");
  }
  if (speaks_tls) return;
  for (const auto& [is_given, name] : {std::pair(!options.client_ca.empty(), "--tls-client-ca"),
                                       std::pair(!options.passphrase_file.empty(), "--tls-passphrase-file"),
                                       std::pair(options.redirect_port != 0, "--redirect-port")}) {
    if (is_given) throw UsageError(std::string(name) + " needs TLS: add --tls-cert and --tls-key, or --tls-dev");
  }
}

std::string passphrase_in(const std::string& path) {
  if (path.empty()) return {};
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) throw UsageError("--tls-passphrase-file: cannot read a line of \"" + path + '"');
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

TlsCertificate certificate_for_development() {
  const DevCertificate files = dev_certificate(dev_certificate_folder());
  spdlog::info("--tls-dev: the certificate is for localhost, 127.0.0.1 and [::1]; clients that trust {} accept it:",
               files.authority);
  spdlog::info(
      "--tls-dev: curl --cacert FILE, millrace tail --cacert FILE, NODE_EXTRA_CA_CERTS=FILE node, Chromium: "
      "certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n millrace-dev -i FILE, Firefox: import FILE as an authority");
  return {.chain = Pem::file(files.chain), .key = Pem::file(files.key)};
}

}  // namespace

std::optional<ServerTls> server_tls(const TlsServeOptions& options) {
  check(options);
  ServerTls tls;
  if (options.dev) tls.certificates.push_back(certificate_for_development());
  const std::string passphrase = passphrase_in(options.passphrase_file);
  for (std::size_t i = 0; i < options.certificates.size(); ++i) {
    tls.certificates.push_back(
        {.chain = Pem::file(options.certificates[i]), .key = Pem::file(options.keys[i]), .passphrase = passphrase});
  }
  if (tls.certificates.empty()) return std::nullopt;
  if (!options.client_ca.empty()) tls.client_ca = Pem::file(options.client_ca);
  tls.on_notice = [](const std::string& notice) { spdlog::warn("{}", notice); };
  return tls;
}

void add_tls_client(CLI::App& app, TlsClientOptions& options) {
  app.add_option("--cacert", options.ca_file, "https: trust the certificates of this PEM file, not the system's")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  app.add_flag("--insecure-tls", options.insecure,
               "https: accept any certificate; others on the way can then read and change everything");
}

void add_http2_client(CLI::App& app, bool& prior_knowledge) {
  app.add_flag("--http2-prior-knowledge", prior_knowledge,
               "http: use HTTP/2 without negotiation; the server must support it");
}

}  // namespace millrace::cli
