#include "dev_certificate.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace millrace::cli {

namespace {

constexpr long kDay = 24 * 60 * 60;
constexpr long kValidFor = 90 * kDay;
constexpr long kWorthKeeping = 7 * kDay;
constexpr const char* kNames = "DNS:localhost,IP:127.0.0.1,IP:::1";

struct Free {
  void operator()(X509* one) const { X509_free(one); }
  void operator()(EVP_PKEY* one) const { EVP_PKEY_free(one); }
  void operator()(BIO* one) const { BIO_free(one); }
  void operator()(X509_EXTENSION* one) const { X509_EXTENSION_free(one); }
};
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Bio = std::unique_ptr<BIO, Free>;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("--tls-dev: " + what);
}

void require(bool good) {
  if (good) return;
  const char* const reason = ERR_reason_error_string(ERR_get_error());
  fail(std::string("cannot make a certificate: ") + (reason != nullptr ? reason : "unknown error"));
}

void extend(X509& certificate, X509& issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Free> extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  require(extension != nullptr && X509_add_ext(&certificate, extension.get(), -1) == 1);
}

Certificate make(EVP_PKEY& key, const char* common_name) {
  Certificate certificate(X509_new());
  require(certificate != nullptr);
  X509_set_version(certificate.get(), X509_VERSION_3);
  std::uint64_t serial = 0;
  require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kValidFor);
  X509_set_pubkey(certificate.get(), &key);
  const auto* const name = reinterpret_cast<const unsigned char*>(common_name);
  require(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8, name, -1, -1, 0) ==
          1);
  return certificate;
}

void sign(X509& certificate, X509& issuer, EVP_PKEY& key) {
  X509_set_issuer_name(&certificate, X509_get_subject_name(&issuer));
  extend(certificate, issuer, NID_subject_key_identifier, "hash");
  require(X509_sign(&certificate, &key, EVP_sha256()) > 0);
}

std::string text_of(BIO& bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(&bio, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

std::string pem_of(X509& certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509(bio.get(), &certificate) == 1);
  return text_of(*bio);
}

std::string pem_of(EVP_PKEY& key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(*bio);
}

// Writes a file that only its owner can read, in one step.
void write_private(const std::string& path, std::string_view text) {
  const std::string draft = path + ".new";
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) fail("cannot write \"" + draft + "\": " + std::strerror(errno));
  const bool is_whole = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(file);
  if (!is_whole || ::rename(draft.c_str(), path.c_str()) != 0)
    fail("cannot write \"" + path + "\": " + std::strerror(errno));
}

bool is_good(const DevCertificate& files) {
  for (const std::string& path : {files.authority, files.chain}) {
    const Bio bio(BIO_new_file(path.c_str(), "r"));
    const Certificate certificate(bio != nullptr ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    ERR_clear_error();
    std::time_t later = std::time(nullptr) + kWorthKeeping;
    if (certificate == nullptr || X509_cmp_time(X509_get0_notAfter(certificate.get()), &later) <= 0) return false;
  }
  return ::access(files.key.c_str(), R_OK) == 0;
}

}  // namespace

std::string dev_certificate_folder() {
  const auto from = [](const char* variable) {
    const char* const value = std::getenv(variable);
    return value != nullptr ? std::string(value) : std::string();
  };
  if (const std::string state = from("XDG_STATE_HOME"); state.starts_with('/')) return state + "/millrace/tls-dev";
  if (const std::string home = from("HOME"); home.starts_with('/')) return home + "/.local/state/millrace/tls-dev";
  fail("there is no home directory for the certificate: set HOME or XDG_STATE_HOME");
}

DevCertificate dev_certificate(const std::string& folder) {
  const DevCertificate files{
      .authority = folder + "/authority.pem", .chain = folder + "/cert.pem", .key = folder + "/key.pem"};
  if (is_good(files)) return files;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("cannot create \"" + folder + "\": " + error.message());
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);

  const Key authority_key(EVP_EC_gen("P-256"));
  const Key key(EVP_EC_gen("P-256"));
  require(authority_key != nullptr && key != nullptr);
  const Certificate authority = make(*authority_key, "Millrace --tls-dev, this machine only");
  extend(*authority, *authority, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  extend(*authority, *authority, NID_key_usage, "critical,keyCertSign,cRLSign");
  sign(*authority, *authority, *authority_key);
  const Certificate certificate = make(*key, "localhost");
  extend(*certificate, *authority, NID_basic_constraints, "critical,CA:FALSE");
  extend(*certificate, *authority, NID_key_usage, "critical,digitalSignature");
  extend(*certificate, *authority, NID_ext_key_usage, "serverAuth");
  extend(*certificate, *authority, NID_subject_alt_name, kNames);
  extend(*certificate, *authority, NID_authority_key_identifier, "keyid");
  sign(*certificate, *authority, *authority_key);
  write_private(files.key, pem_of(*key));
  write_private(files.chain, pem_of(*certificate));
  write_private(files.authority, pem_of(*authority));
  return files;
}

}  // namespace millrace::cli
