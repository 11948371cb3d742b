// Reads certificates and keys from PEM and checks them, so that errors appear before a client connects.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "millrace/server/server_tls.h"

namespace millrace {

struct OpensslFree {
  void operator()(X509* one) const { X509_free(one); }
  void operator()(EVP_PKEY* one) const { EVP_PKEY_free(one); }
  void operator()(BIO* one) const { BIO_free(one); }
};
using CertificatePtr = std::unique_ptr<X509, OpensslFree>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree>;
using BioPtr = std::unique_ptr<BIO, OpensslFree>;

/// An option's PEM, and the option's name for exceptions.
struct PemOption {
  const char* name;  ///< the name in C++
  const Pem& pem;
};

/// Returns at least one certificate. Throws InvalidOption.
std::vector<CertificatePtr> read_certificates(const PemOption& option);

/// Throws InvalidOption, also if `passphrase` is wrong for an encrypted key.
KeyPtr read_key(const PemOption& option, const std::string& passphrase);

/// Returns how long the certificate is still valid. Throws InvalidOption if it has expired or is not valid yet.
std::chrono::seconds check_validity(const PemOption& option, const X509& certificate);

/// Whether users other than the file's owner and group may read it; false without a file.
bool is_readable_by_others(const Pem& pem);

/// Returns this thread's newest OpenSSL error as the end of a sentence, and clears all errors.
std::string take_openssl_error();

}  // namespace millrace
