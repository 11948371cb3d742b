// Certificates and keys, read from PEM and checked: all that can be wrong with them is found here, before a client is.
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

/// How the text of an option's PEM is named in what is thrown.
struct PemOption {
  const char* name;  ///< in C++
  const Pem& pem;
};

/// At least one. Throws InvalidOption.
std::vector<CertificatePtr> read_certificates(const PemOption& option);

/// Throws InvalidOption, also if the key is encrypted and `passphrase` is not its own.
KeyPtr read_key(const PemOption& option, const std::string& passphrase);

/// Throws InvalidOption if the certificate is expired, or not valid yet. Returns how long it is valid.
std::chrono::seconds check_validity(const PemOption& option, const X509& certificate);

/// Whether users other than its owner and its group may read the file; not if there is none.
bool is_readable_by_others(const Pem& pem);

/// The newest of this thread's errors of OpenSSL, as a sentence's end; all are forgotten.
std::string take_openssl_error();

}  // namespace millrace
