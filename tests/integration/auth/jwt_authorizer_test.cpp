#include "millrace/server/jwt_authorizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "ask.h"
#include "raw_client.h"
#include "running_server.h"
#include "temporary_file.h"
#include "token_signer.h"

namespace millrace::test {
namespace {

using nlohmann::json;

constexpr char kSecret[] = "0123456789abcdef0123456789abcdef";

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

json granting(const json& subscribe, const json& publish = json::array()) {
  return {{"sub", "ada"}, {"millrace", {{"subscribe", subscribe}, {"publish", publish}}}};
}

httplib::Request bearing(const std::string& token) {
  httplib::Request request;
  if (!token.empty()) request.headers.emplace("Authorization", "Bearer " + token);
  return request;
}

Authorizer::Decision subscribe(const Authorizer& authorizer, const std::string& token, const TopicPatterns& topics) {
  return authorizer.decide(bearing(token), Authorizer::Action::kSubscribe, topics);
}

int status(const Authorizer& authorizer, const std::string& token) {
  return subscribe(authorizer, token, {"news"}).status();
}

std::shared_ptr<JwtAuthorizer> with_secret() {
  return std::make_shared<JwtAuthorizer>(JwtAuthorizer::Options{.secret = kSecret});
}

const TokenSigner& rsa_signer() {
  static const TokenSigner signer = TokenSigner::rs256();
  return signer;
}
const TokenSigner& ec_signer() {
  static const TokenSigner signer = TokenSigner::es256();
  return signer;
}

TEST(JwtAuthorizer, TakesWhatItsKeyHasSigned) {
  const TemporaryFile rsa(rsa_signer().public_pem());
  const TemporaryFile ec(ec_signer().public_pem());
  const TemporaryFile secret(std::string(kSecret) + "\n");
  const JwtAuthorizer hs256({.secret_file = secret.path()});
  const JwtAuthorizer rs256({.public_key_file = rsa.path()});
  const JwtAuthorizer es256({.public_key_file = ec.path()});
  const json claims = granting({"news"});
  EXPECT_EQ(status(hs256, TokenSigner::hs256(kSecret).sign(claims)), 200);
  EXPECT_EQ(status(rs256, rsa_signer().sign(claims)), 200);
  EXPECT_EQ(status(es256, ec_signer().sign(claims)), 200);
  EXPECT_EQ(status(hs256, TokenSigner::hs256(std::string(kSecret) + "x").sign(claims)), 401);
  EXPECT_EQ(status(rs256, TokenSigner::rs256().sign(claims)), 401);
  EXPECT_EQ(status(es256, TokenSigner::es256().sign(claims)), 401);
}

TEST(JwtAuthorizer, NeverTakesTheTokensWordForTheAlgorithm) {
  const TemporaryFile rsa(rsa_signer().public_pem());
  const TemporaryFile ec(ec_signer().public_pem());
  const json claims = granting({"news"});
  const JwtAuthorizer hs256({.secret = kSecret});
  const JwtAuthorizer rs256({.public_key_file = rsa.path()});
  const JwtAuthorizer es256({.public_key_file = ec.path()});
  for (const JwtAuthorizer* authorizer : {&hs256, &rs256, &es256}) {
    for (const char* none : {"none", "None", "NONE", "", "HS512", "RS384", "ES384", "PS256"}) {
      EXPECT_EQ(status(*authorizer, TokenSigner::hs256(kSecret).sign(claims, {{"alg", none}})), 401) << none;
      const std::string unsigned_token = base64url(json{{"alg", none}}.dump()) + '.' + base64url(claims.dump()) + '.';
      EXPECT_EQ(status(*authorizer, unsigned_token), 401) << none;
    }
  }
  // The old trick: the public key, which everyone has, as the secret of HS256.
  for (const std::string& pem : {rsa_signer().public_pem(), rsa_signer().jwk().dump()}) {
    EXPECT_EQ(status(rs256, TokenSigner::hs256(pem).sign(claims)), 401);
    EXPECT_EQ(status(rs256, TokenSigner::hs256(pem).sign(claims, {{"alg", "RS256"}})), 401);
  }
  EXPECT_EQ(status(es256, TokenSigner::hs256(ec_signer().public_pem()).sign(claims)), 401);
  EXPECT_EQ(status(rs256, ec_signer().sign(claims, {{"alg", "RS256"}})), 401);
  // A key that the token brings itself.
  const TokenSigner stranger = TokenSigner::rs256();
  EXPECT_EQ(status(rs256, stranger.sign(claims, {{"jwk", stranger.jwk()}})), 401);
}

// Signed correctly with the right key, but with an algorithm that is not allowed.
TEST(JwtAuthorizer, RefusesGoodSignaturesOfOtherAlgorithms) {
  const TemporaryFile rsa(rsa_signer().public_pem());
  const TemporaryFile ec(ec_signer().public_pem());
  const json claims = granting({"news"});
  const JwtAuthorizer hs256({.secret = std::string(2, 'x') + std::string(64, 'y')});
  const JwtAuthorizer rs256({.public_key_file = rsa.path()});
  const JwtAuthorizer es256({.public_key_file = ec.path()});
  const TokenSigner secret = TokenSigner::hs256(std::string(2, 'x') + std::string(64, 'y'));
  ASSERT_EQ(status(hs256, secret.sign(claims)), 200);
  ASSERT_EQ(status(rs256, rsa_signer().sign(claims)), 200);
  ASSERT_EQ(status(es256, ec_signer().sign(claims)), 200);
  for (const char* algorithm : {"HS384", "HS512"}) {
    EXPECT_EQ(status(hs256, secret.as(algorithm).sign(claims)), 401) << algorithm;
  }
  for (const char* algorithm : {"RS384", "RS512", "PS256", "PS384", "PS512"}) {
    EXPECT_EQ(status(rs256, rsa_signer().as(algorithm).sign(claims)), 401) << algorithm;
  }
  EXPECT_EQ(status(es256, ec_signer().as("ES384").sign(claims)), 401);
}

TEST(JwtAuthorizer, ShowsListenersOnlyToTokensThatAllowIt) {
  const auto authorizer = with_secret();
  const auto sees = [&](const json& claims, const std::string& topic) {
    return subscribe(*authorizer, TokenSigner::hs256(kSecret).sign(claims), {topic}).status();
  };
  EXPECT_EQ(sees(granting({"**"}), "millrace.presence"), 403);
  EXPECT_EQ(sees(granting({"**", "*/**"}), "millrace.presence/rooms/1"), 403);
  EXPECT_EQ(sees(granting({"millrace.presence/rooms/*"}), "millrace.presence/rooms/1"), 200);
  EXPECT_EQ(sees(granting({"millrace.presence/rooms/*"}), "millrace.presence/**"), 403);
  json admin = granting({"news"});
  admin["millrace"]["admin"] = true;
  EXPECT_EQ(sees(admin, "millrace.presence/**"), 200);
  EXPECT_EQ(sees(admin, "millrace.presence"), 200);
  EXPECT_EQ(sees(admin, "other"), 403);
  const JwtAuthorizer open({.secret = kSecret, .public_topics = {"**"}});
  EXPECT_EQ(subscribe(open, "", {"a/b"}).status(), 200);
  EXPECT_EQ(subscribe(open, "", {"a/b", "millrace.presence"}).status(), 401);
}

TEST(JwtAuthorizer, RefusesWhatIsNoTokenOrWasChanged) {
  const JwtAuthorizer authorizer({.secret = kSecret});
  const std::string token = TokenSigner::hs256(kSecret).sign(granting({"news"}));
  ASSERT_EQ(status(authorizer, token), 200);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : changed[i] == '.' ? 'x' : 'A';
    // The last character of base64url may carry bits that do not count.
    const bool may_be_the_same = i + 1 == token.size();
    EXPECT_TRUE(may_be_the_same || status(authorizer, changed) == 401) << i;
    EXPECT_NE(status(authorizer, token.substr(0, i)), 200) << i;
  }
  for (const char* nonsense : {"x", ".", "..", "...", "a.b.c", "e30.e30.", "\xFF.\xFF.\xFF"}) {
    EXPECT_EQ(status(authorizer, nonsense), 401) << nonsense;
  }
  EXPECT_EQ(status(authorizer, token + ".x"), 401);
  for (std::size_t i = 0; i < token.size(); ++i) {
    for (const char* padding : {"=", "==", "=1", "+/", " "}) {
      std::string padded = token;
      padded.replace(i, 1, padding);
      EXPECT_EQ(status(authorizer, padded), 401) << padded;
    }
  }
  EXPECT_EQ(status(authorizer, TokenSigner::hs256(kSecret).sign("not an object")), 401);
  EXPECT_EQ(
      status(authorizer, TokenSigner::hs256(kSecret).sign(granting({"news"}), {{"crit", {"b64"}}, {"b64", false}})),
      401);
}

TEST(JwtAuthorizer, HoldsATokenToItsTimes) {
  const JwtAuthorizer authorizer({.secret = kSecret});
  const TokenSigner signer = TokenSigner::hs256(kSecret);
  const auto status_with = [&](const char* name, const json& value) {
    json claims = granting({"news"});
    claims[name] = value;
    return status(authorizer, signer.sign(claims));
  };
  EXPECT_EQ(status_with("exp", now() + 60), 200);
  EXPECT_EQ(status_with("exp", now() - 1), 401);
  EXPECT_EQ(status_with("exp", 0), 401);
  EXPECT_EQ(status_with("exp", -1e300), 401);
  EXPECT_EQ(status_with("exp", 1e300), 200);
  EXPECT_EQ(status_with("exp", "never"), 401);
  EXPECT_EQ(status_with("exp", nullptr), 401);
  EXPECT_EQ(status_with("nbf", now() - 60), 200);
  EXPECT_EQ(status_with("nbf", now() + 1), 200);
  EXPECT_EQ(status_with("nbf", now() + 3600), 401);
}

TEST(JwtAuthorizer, HoldsATokenToIssuerAndAudience) {
  const JwtAuthorizer authorizer({.secret = kSecret, .issuer = "https://id.example", .audience = "millrace"});
  const TokenSigner signer = TokenSigner::hs256(kSecret);
  const auto status_with = [&](const json& issuer, const json& audience) {
    json claims = granting({"news"});
    if (!issuer.is_null()) claims["iss"] = issuer;
    if (!audience.is_null()) claims["aud"] = audience;
    return status(authorizer, signer.sign(claims));
  };
  EXPECT_EQ(status_with("https://id.example", "millrace"), 200);
  EXPECT_EQ(status_with("https://id.example", {"other", "millrace"}), 200);
  EXPECT_EQ(status_with("https://id.example", "other"), 401);
  EXPECT_EQ(status_with("https://id.example", json::array()), 401);
  EXPECT_EQ(status_with("https://id.example", nullptr), 401);
  EXPECT_EQ(status_with("https://id.example.evil", "millrace"), 401);
  EXPECT_EQ(status_with(nullptr, "millrace"), 401);
}

TEST(JwtAuthorizer, AllowsOnlyWhatTheGrantedPatternsCover) {
  const JwtAuthorizer authorizer({.secret = kSecret});
  const std::string token = TokenSigner::hs256(kSecret).sign(granting({"users/ada", "news/**"}, {"jobs/*"}));
  const auto may = [&](Authorizer::Action action, const TopicPatterns& topics) {
    return authorizer.decide(bearing(token), action, topics).status();
  };
  using Action = Authorizer::Action;
  EXPECT_EQ(may(Action::kSubscribe, {"users/ada", "news/world", "news/*/today", "news/**"}), 200);
  EXPECT_EQ(may(Action::kSubscribe, {"users/ada", "users/bob"}), 403);
  EXPECT_EQ(may(Action::kSubscribe, {"users/*"}), 403);
  EXPECT_EQ(may(Action::kSubscribe, {"**"}), 403);
  EXPECT_EQ(may(Action::kSubscribe, {"jobs/1"}), 403);
  EXPECT_EQ(may(Action::kPublish, {"jobs/1"}), 200);
  EXPECT_EQ(may(Action::kPublish, {"jobs/1/2"}), 403);
  EXPECT_EQ(may(Action::kPublish, {"users/ada"}), 403);
  EXPECT_EQ(may(Action::kAdminister, {}), 403);
  const auto decision = subscribe(authorizer, token, {"users/bob"});
  EXPECT_EQ(decision.reason(), "topic: \"users/bob\" is not covered by the token's millrace.subscribe");
}

TEST(JwtAuthorizer, AdministersOnlyByTheWordTrue) {
  const JwtAuthorizer authorizer({.secret = kSecret});
  const auto may = [&](const json& admin) {
    const std::string token = TokenSigner::hs256(kSecret).sign({{"millrace", {{"admin", admin}}}});
    return authorizer.decide(bearing(token), Authorizer::Action::kAdminister, {}).status();
  };
  EXPECT_EQ(may(true), 200);
  for (const json& other : {json(false), json(1), json("true"), json(nullptr)}) EXPECT_EQ(may(other), 403) << other;
}

TEST(JwtAuthorizer, RefusesMalformedRights) {
  const JwtAuthorizer authorizer({.secret = kSecret});
  for (const json& rights :
       {json("**"), json{{"subscribe", "**"}}, json{{"subscribe", {1}}}, json{{"subscribe", {"a*"}}}}) {
    EXPECT_EQ(status(authorizer, TokenSigner::hs256(kSecret).sign({{"millrace", rights}})), 401) << rights;
  }
  EXPECT_EQ(status(authorizer, TokenSigner::hs256(kSecret).sign({{"sub", "ada"}})), 403);
  EXPECT_EQ(status(authorizer, TokenSigner::hs256(kSecret).sign({{"sub", 7}})), 401);
}

TEST(JwtAuthorizer, FindsTheKeyOfASetByItsId) {
  const TokenSigner old_key = TokenSigner::es256();
  json first = rsa_signer().jwk();
  first["kid"] = "first";
  json second = ec_signer().jwk();
  second["kid"] = "second";
  second["alg"] = "ES256";
  json encryption = old_key.jwk();
  encryption["use"] = "enc";
  const json set{{"keys", {first, second, encryption, {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", "AA"}}}}};
  const TemporaryFile file(set.dump());
  const JwtAuthorizer authorizer({.jwks_file = file.path()});
  const json claims = granting({"news"});
  EXPECT_EQ(status(authorizer, rsa_signer().sign(claims, {{"kid", "first"}})), 200);
  EXPECT_EQ(status(authorizer, ec_signer().sign(claims, {{"kid", "second"}})), 200);
  EXPECT_EQ(status(authorizer, ec_signer().sign(claims)), 200);
  EXPECT_EQ(status(authorizer, ec_signer().sign(claims, {{"kid", "first"}})), 401);
  EXPECT_EQ(status(authorizer, ec_signer().sign(claims, {{"kid", "third"}})), 401);
  EXPECT_EQ(status(authorizer, old_key.sign(claims)), 401);
}

TEST(JwtAuthorizer, ReadsItsFilesAgainAndKeepsTheKeysIfThatFails) {
  const TokenSigner next = TokenSigner::es256();
  const TemporaryFile file(ec_signer().public_pem());
  JwtAuthorizer authorizer({.public_key_file = file.path()});
  const json claims = granting({"news"});
  file.write(ec_signer().public_pem() + next.public_pem());
  EXPECT_EQ(status(authorizer, next.sign(claims)), 401);
  authorizer.reload();
  EXPECT_EQ(status(authorizer, next.sign(claims)), 200);
  EXPECT_EQ(status(authorizer, ec_signer().sign(claims)), 200);
  file.write("");
  EXPECT_TRUE(complaint_of([&] { authorizer.reload(); }).starts_with("public_key_file: contains no public key"));
  EXPECT_EQ(status(authorizer, next.sign(claims)), 200);
}

TEST(JwtAuthorizer, RefusesKeysThatAreWeakOrOfAnotherKind) {
  const auto complaint_about_pem = [](const std::string& pem) {
    const TemporaryFile file(pem);
    return complaint_of([&] { JwtAuthorizer authorizer({.public_key_file = file.path()}); });
  };
  const auto complaint_about_set = [](const std::string& set) {
    const TemporaryFile file(set);
    return complaint_of([&] { JwtAuthorizer authorizer({.jwks_file = file.path()}); });
  };
  EXPECT_EQ(complaint_about_pem(TokenSigner::rs256(1024).public_pem()),
            "public_key_file: an RSA key is shorter than 2048 bits");
  EXPECT_EQ(complaint_about_set(json{{"keys", {TokenSigner::rs256(1024).jwk()}}}.dump()),
            "jwks_file: an RSA key is shorter than 2048 bits");
  EXPECT_NE(complaint_about_pem(TokenSigner::es256("P-384").public_pem()).find("P-256"), std::string::npos);
  EXPECT_NE(complaint_about_set("[]").find("not a JSON Web Key Set"), std::string::npos);
  EXPECT_NE(complaint_about_set("{").find("not a JSON Web Key Set"), std::string::npos);
  EXPECT_NE(complaint_about_set(R"({"keys":[{"kty":"EC","crv":"P-256","kid":"k"}]})").find("\"k\" is malformed"),
            std::string::npos);
  EXPECT_NE(complaint_about_set(R"({"keys":[7]})").find("contains no key"), std::string::npos);
  EXPECT_NE(complaint_about_set(R"({"keys":[{"kty":"oct","kid":"k","k":"e=19"}]})").find("\"k\" is malformed"),
            std::string::npos);
  json many{{"keys", json::array()}};
  for (std::size_t i = 0; i <= kMaxTokenKeys; ++i) many["keys"].push_back(ec_signer().jwk());
  EXPECT_NE(complaint_about_set(many.dump()).find("more than 32 keys"), std::string::npos);
  EXPECT_NE(complaint_of([] { JwtAuthorizer short_secret({.secret = "short"}); }).find("32 bytes"), std::string::npos);
  EXPECT_NE(complaint_of([] { JwtAuthorizer none({}); }).find("no key: set"), std::string::npos);
}

TEST(JwtAuthorizer, KnowsTopicsThatAreOpenToAll) {
  const JwtAuthorizer authorizer({.secret = kSecret, .public_topics = {"public/**"}});
  EXPECT_EQ(subscribe(authorizer, "", {"public/a"}).status(), 200);
  EXPECT_EQ(subscribe(authorizer, "", {"public/a", "news"}).status(), 401);
  EXPECT_EQ(authorizer.decide({}, Authorizer::Action::kPublish, {"public/a"}).status(), 401);
  const std::string token = TokenSigner::hs256(kSecret).sign(granting({"news"}));
  EXPECT_EQ(subscribe(authorizer, token, {"public/a"}).user(), "ada");
}

// Over the wire -------------------------------------------------------------------------------------------------------

TEST(JwtAuthorizer, TakesTheTokenFromTheHeaderOrFromTheCookie) {
  RunningServer running(
      {.threads = {.workers = 2, .loops = 1},
       .authorizer = std::make_shared<JwtAuthorizer>(JwtAuthorizer::Options{.secret = kSecret, .cookie = "token"})});
  const std::string token = TokenSigner::hs256(kSecret).sign(granting({"news"}));
  const auto status_with = [&](const std::string& headers) {
    return status_of(ask(running.port(), request("GET", "/events?topic=news", headers)));
  };
  EXPECT_EQ(status_with("Authorization: Bearer " + token + "\r\n"), 200);
  EXPECT_EQ(status_with("Cookie: token=" + token + "\r\n"), 200);
  EXPECT_EQ(status_with("Cookie: a=b; token=" + token + "; c=d\r\n"), 200);
  EXPECT_EQ(status_with("Cookie: nottoken=" + token + "\r\n"), 401);
  EXPECT_EQ(status_with("Authorization: Bearer x\r\nCookie: token=" + token + "\r\n"), 401);
  EXPECT_EQ(status_with(""), 401);
}

TEST(JwtAuthorizer, EndsTheStreamWithTheToken) {
  RunningServer running({.threads = {.workers = 2, .loops = 1}, .authorizer = with_secret()});
  json claims = granting({"news"});
  claims["exp"] = now() + 3;  // in which the stream has to begin, and an event to reach it
  const std::string token = TokenSigner::hs256(kSecret).sign(claims);
  const std::string asking = request("GET", "/events?topic=news", "Authorization: Bearer " + token + "\r\n");
  RawClient stream(running.port());
  stream.send(asking);
  std::string all = stream.read_until("\n\n");
  running->hub().publish("news", {.data = "before the end"}).or_throw();
  all += stream.read_until("0\r\n\r\n");
  EXPECT_EQ(status_of(all), 200);
  EXPECT_NE(all.find("data: before the end\n"), std::string::npos) << all;
  EXPECT_EQ(status_of(ask(running.port(), asking)), 401);
}

TEST(JwtAuthorizer, LooksAtTheRightsAgainWhenAClientResumes) {
  RunningServer running({.threads = {.workers = 2, .loops = 1}, .authorizer = with_secret()});
  running->hub().publish("secret", {.data = "x"}).or_throw();
  const std::string token = TokenSigner::hs256(kSecret).sign(granting({"news"}));
  const std::string headers = "Authorization: Bearer " + token + "\r\nLast-Event-ID: earliest\r\n";
  EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=secret", headers))), 403);
  EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=secret&topic=news", headers))), 403);
  EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=news", headers))), 200);
}

}  // namespace
}  // namespace millrace::test
