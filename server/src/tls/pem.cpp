#include "pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string_view>

#include "millrace/server/invalid_option.h"

namespace millrace {

namespace {

[[noreturn]] void refuse(const PemOption& option, const std::string& problem) {
  const std::string& path = option.pem.path();
  throw InvalidOption(option.name, path.empty() ? problem : '"' + path + "\" " + problem);
}

std::string contents(const PemOption& option) {
  if (option.pem.empty()) throw InvalidOption(option.name, "is missing");
  if (option.pem.path().empty()) return option.pem.inline_text();
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(option.pem.path().c_str(), "rbe"),
                                                             &std::fclose);
  if (file == nullptr) refuse(option, std::string("cannot be read: ") + std::strerror(errno));
  std::string text(kMaxPemBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) refuse(option, std::string("cannot be read: ") + std::strerror(errno));
  if (text.size() > kMaxPemBytes) refuse(option, "is larger than " + std::to_string(kMaxPemBytes) + " bytes");
  return text;
}

BioPtr memory_of(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

int give_passphrase(char* to, int size, int, void* passphrase) {
  const std::string& text = *static_cast<const std::string*>(passphrase);
  const int length = std::min(size, static_cast<int>(text.size()));
  std::memcpy(to, text.data(), static_cast<std::size_t>(length));
  return length == 0 ? -1 : length;
}

std::string date_of(const ASN1_TIME& time) {
  std::tm parts{};
  ASN1_TIME_to_tm(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

}  // namespace

std::string take_openssl_error() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "unknown error";
}

std::vector<CertificatePtr> read_certificates(const PemOption& option) {
  const std::string text = contents(option);
  const BioPtr source = memory_of(text);
  std::vector<CertificatePtr> certificates;
  while (X509* const one = PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr)) certificates.emplace_back(one);
  const bool is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string error = take_openssl_error();
  if (!is_at_end) refuse(option, "contains a damaged certificate: " + error);
  if (certificates.empty()) refuse(option, "contains no certificate (-----BEGIN CERTIFICATE-----)");
  return certificates;
}

KeyPtr read_key(const PemOption& option, const std::string& passphrase) {
  const std::string text = contents(option);
  const BioPtr source = memory_of(text);
  KeyPtr key(PEM_read_bio_PrivateKey(source.get(), nullptr, &give_passphrase, const_cast<std::string*>(&passphrase)));
  const std::string error = take_openssl_error();
  if (key != nullptr) return key;
  if (text.find("PRIVATE KEY-----") == std::string::npos) {
    refuse(option, "contains no private key (-----BEGIN PRIVATE KEY-----)");
  }
  const bool is_encrypted = text.find("ENCRYPTED") != std::string::npos;
  if (is_encrypted && passphrase.empty()) refuse(option, "is encrypted, and there is no passphrase for it");
  if (is_encrypted) refuse(option, "cannot be decrypted with the passphrase");
  refuse(option, "contains a damaged key: " + error);
}

std::chrono::seconds check_validity(const PemOption& option, const X509& certificate) {
  const ASN1_TIME& begin = *X509_get0_notBefore(&certificate);
  const ASN1_TIME& end = *X509_get0_notAfter(&certificate);
  if (X509_cmp_current_time(&end) <= 0) refuse(option, "contains a certificate that expired at " + date_of(end));
  if (X509_cmp_current_time(&begin) > 0)
    refuse(option, "contains a certificate that is valid only from " + date_of(begin));
  int days = 0;
  int seconds = 0;
  ASN1_TIME_diff(&days, &seconds, nullptr, &end);
  return std::chrono::hours{24 * days} + std::chrono::seconds{seconds};
}

bool is_readable_by_others(const Pem& pem) {
  struct stat status {};
  return !pem.path().empty() && ::stat(pem.path().c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0;
}

}  // namespace millrace
