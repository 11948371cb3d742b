// RedisTls of a build without OpenSSL's libssl.
#include "redis_tls.h"

namespace millrace {

struct RedisTls::State {};

RedisTls::RedisTls(const std::string& /*host*/, const std::string& /*ca_file*/) {
  throw RedisError("this build has no TLS: install OpenSSL's libssl and build again, or use redis://");
}

RedisTls::~RedisTls() = default;

bool RedisTls::shake_hands() {
  return false;
}

void RedisTls::feed(std::string_view /*sealed*/) {}

std::string RedisTls::take_sealed() {
  return {};
}

void RedisTls::write(std::string_view /*clear*/) {}

std::string RedisTls::read() {
  return {};
}

}  // namespace millrace
