// Tokens: random bytes as they come in, and headers and claims of any kind under a good signature. Whatever is let in
// has an exact algorithm, a time that is not over, and the claims it needs.
//
// The input's first byte says which: even, the rest is the token; odd, the rest is header and claims, divided by LF.
#include <httplib.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <nlohmann/json.hpp>

#include "auth/token_signer.h"
#include "failure.h"
#include "millrace/server/jwt_authorizer.h"

using namespace millrace;
using namespace millrace::test;
using nlohmann::json;

namespace {

const std::string kSecret = "a secret of thirty-two bytes, or more";

int status_of(const JwtAuthorizer& authorizer, const std::string& token, Authorizer::Action action) {
  httplib::Request request;
  request.headers.emplace("Authorization", "Bearer " + token);
  const TopicPatterns topics = action == Authorizer::Action::kAdminister ? TopicPatterns() : TopicPatterns{"a/b"};
  const Authorizer::Decision decision = authorizer.decide(request, action, topics);
  if (decision.reason().find(kSecret) != std::string::npos) stop("a reason that tells the secret");
  if (decision.status() != 200 && decision.status() != 401 && decision.status() != 403) stop("an odd status");
  if ((decision.status() == 200) != decision.reason().empty()) stop("a refusal without a reason");
  return decision.status();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const JwtAuthorizer authorizer({.secret = kSecret});
  static const TokenSigner signer = TokenSigner::hs256(kSecret);
  if (size < 1) return 0;
  const std::string text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  constexpr Authorizer::Action kActions[] = {Authorizer::Action::kSubscribe, Authorizer::Action::kPublish,
                                             Authorizer::Action::kAdminister};
  if (bytes[0] % 2 == 0) {
    for (const auto action : kActions) {
      if (status_of(authorizer, text, action) == 200)
        stop("accepted a token with an invalid signature: " + test::quoted(text));
    }
    return 0;
  }
  const std::size_t line = text.find('\n');
  const json header = json::parse(text.substr(0, line), nullptr, false);
  const json claims = line == std::string::npos ? json() : json::parse(text.substr(line + 1), nullptr, false);
  if (!header.is_object() || claims.is_discarded()) return 0;
  std::string token;
  try {
    token = signer.sign(claims, header);
  } catch (const json::exception&) {
    return 0;  // text that is not UTF-8 cannot be signed
  }
  const auto now = static_cast<double>(std::time(nullptr));
  for (const auto action : kActions) {
    if (status_of(authorizer, token, action) != 200) continue;
    if (header.contains("alg") && header["alg"] != "HS256") stop("let in by another algorithm: " + text);
    if (!claims.is_object() || !claims.contains("millrace")) stop("let in without a claim: " + text);
    if (claims.contains("exp") && claims["exp"].get<double>() + 1 < now)
      stop("let in by a token that is over: " + text);
    if (claims.contains("nbf") && claims["nbf"].get<double>() > now + 10) stop("let in too early: " + text);
  }
  return 0;
}
