// What docs/authorization.md shows, as it stands there.
#include <gtest/gtest.h>
#include <httplib.h>
#include <stdio.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "millrace/server/jwt_authorizer.h"
#include "temporary_file.h"
#include "token_signer.h"

namespace millrace::test {
namespace {

constexpr char kSecret[] = "0123456789abcdef0123456789abcdef";

// The first block of the document in this language.
std::string block(const std::string& language) {
  std::stringstream text;
  text << std::ifstream(MILLRACE_AUTHORIZATION_DOCUMENT).rdbuf();
  const std::string all = text.str();
  const std::string fence = "```" + language + "\n";
  const std::size_t begin = all.find(fence) + fence.size();
  return all.substr(begin, all.find("\n```", begin) - begin);
}

int decide(const std::string& token, Authorizer::Action action, const std::string& topic) {
  const JwtAuthorizer authorizer({.secret = kSecret});
  httplib::Request request;
  request.headers.emplace("Authorization", "Bearer " + token);
  return authorizer.decide(request, action, {topic}).status();
}

void expect_what_the_document_says(const std::string& token) {
  for (const char* topic : {"users/ada", "news/world", "news/*/today", "news/**"}) {
    EXPECT_EQ(decide(token, Authorizer::Action::kSubscribe, topic), 200) << topic;
  }
  for (const char* topic : {"users/*", "**"}) {
    EXPECT_EQ(decide(token, Authorizer::Action::kSubscribe, topic), 403) << topic;
  }
  EXPECT_EQ(decide(token, Authorizer::Action::kPublish, "chat/1"), 200);
  EXPECT_EQ(decide(token, Authorizer::Action::kAdminister, "chat/1"), 403);
}

TEST(AuthorizationDocument, ShowsClaimsThatGrantWhatItSays) {
  expect_what_the_document_says(TokenSigner::hs256(kSecret).sign(nlohmann::json::parse(block("json"))));
}

TEST(AuthorizationDocument, ShowsCommandsThatMakeAToken) {
  const TemporaryFile secret(kSecret);
  const TemporaryFile script(block("sh"));
  const std::string command = "SECRET_FILE='" + secret.path() + "' sh '" + script.path() + "'";
  FILE* const output = ::popen(command.c_str(), "r");
  ASSERT_NE(output, nullptr);
  std::array<char, 4096> line{};
  EXPECT_NE(::fgets(line.data(), line.size(), output), nullptr);
  EXPECT_EQ(::pclose(output), 0);
  std::string token(line.data());
  token.erase(token.find_last_not_of('\n') + 1);
  expect_what_the_document_says(token);
}

}  // namespace
}  // namespace millrace::test
