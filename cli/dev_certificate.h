// The certificate of `millrace serve --tls-dev`: for localhost, from an authority whose key is deleted at once, so that
// a client that trusts the authority trusts only this one certificate.
#pragma once

#include <string>

namespace millrace::cli {

/// Files in PEM.
struct DevCertificate {
  std::string authority;  ///< for clients to trust
  std::string chain;
  std::string key;
};

/// Returns the certificate in `folder`; makes a new one if it is missing, or expires within a week. Throws
/// std::runtime_error with what went wrong.
DevCertificate dev_certificate(const std::string& folder);

/// The certificate's folder: $XDG_STATE_HOME/millrace/tls-dev, by default ~/.local/state/millrace/tls-dev. Throws
/// std::runtime_error if the environment names no home.
std::string dev_certificate_folder();

}  // namespace millrace::cli
