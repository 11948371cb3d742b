#include "millrace/server/key_authorizer.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "credentials.h"
#include "millrace/server/invalid_option.h"
#include "reserved_topics.h"

namespace millrace {

namespace {

static_assert(kMaxKeyBytes < kMaxKeyFileBytes);

// Digests have equal lengths, so that every comparison takes the same time.
using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Digest digest_of(std::string_view text) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

std::string user_of(const Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string user = "key:";
  for (std::size_t i = 0; i < 4; ++i) {
    user += kDigits[digest[i] >> 4];
    user += kDigits[digest[i] & 15];
  }
  return user;
}

// Compares with all of them, so that the time does not depend on the match.
bool contains(const std::vector<Digest>& digests, const Digest& digest) {
  bool found = false;
  for (const Digest& one : digests) found |= CRYPTO_memcmp(one.data(), digest.data(), digest.size()) == 0;
  return found;
}

void add_key(std::string_view key, std::string_view option, std::vector<Digest>& digests) {
  // The message does not contain the key, since it may end in a log.
  if (key.size() < kMinKeyBytes || key.size() > kMaxKeyBytes || !is_bearer_token(key)) {
    throw InvalidOption(std::string(option),
                        "a key must be " + std::to_string(kMinKeyBytes) + " to " + std::to_string(kMaxKeyBytes) +
                            " bytes of letters, digits, -._~+/ and a final =; openssl rand -hex 32 makes one");
  }
  digests.push_back(digest_of(key));
}

std::vector<Digest> read_keys(const std::vector<std::string>& keys, const std::string& file, const std::string& kind) {
  std::vector<Digest> digests;
  for (const std::string& key : keys) add_key(key, kind + "_keys", digests);
  if (file.empty()) return digests;
  const std::string option = kind + "_key_file";
  const std::string text = read_key_file(file, option);
  const std::size_t before = digests.size();
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    if (!line.empty() && line.front() != '#') add_key(line, option, digests);
  }
  // An empty file must not silently allow everyone.
  if (digests.size() == before) throw InvalidOption(option, "\"" + file + "\" contains no key");
  return digests;
}

}  // namespace

struct KeyAuthorizer::Keys {
  std::vector<Digest> publish;
  std::vector<Digest> subscribe;
  std::vector<Digest> admin;
};

KeyAuthorizer::KeyAuthorizer(Options options) : options_(std::move(options)) {
  reload();
}

KeyAuthorizer::~KeyAuthorizer() = default;

void KeyAuthorizer::reload() {
  auto keys = std::make_shared<const Keys>(
      Keys{.publish = read_keys(options_.publish_keys, options_.publish_key_file, "publish"),
           .subscribe = read_keys(options_.subscribe_keys, options_.subscribe_key_file, "subscribe"),
           .admin = read_keys(options_.admin_keys, options_.admin_key_file, "admin")});
  if (keys->publish.empty() && keys->subscribe.empty() && keys->admin.empty()) {
    throw InvalidOption("KeyAuthorizer", "no key: set at least one key for publishing, subscribing or administering");
  }
  {
    const std::lock_guard lock(mutex_);
    keys_ = std::move(keys);
  }
  changed();
}

Authorizer::Decision KeyAuthorizer::decide(const httplib::Request& request, Action action,
                                           const TopicPatterns& topics) const {
  std::shared_ptr<const Keys> keys;
  {
    const std::lock_guard lock(mutex_);
    keys = keys_;
  }
  // Millrace's own topics are for administrators.
  if (action == Action::kSubscribe && any_is_reserved(topics)) action = Action::kAdminister;
  const bool anonymous = action == Action::kSubscribe && options_.anonymous_subscribe && keys->subscribe.empty();
  const std::string token = bearer_token(request);
  if (token.empty()) {
    if (anonymous) return Decision::allow();
    return Decision::unauthenticated("missing key: send it as Authorization: Bearer <key>");
  }
  const Digest digest = digest_of(token);
  const bool publishes = contains(keys->publish, digest);
  const bool subscribes = contains(keys->subscribe, digest);
  const bool administers = contains(keys->admin, digest);
  if (administers || (publishes && action == Action::kPublish) || (subscribes && action == Action::kSubscribe)) {
    return Decision::allow(user_of(digest));
  }
  if (anonymous) return Decision::allow();
  if (!publishes && !subscribes) return Decision::unauthenticated("unknown key");
  return Decision::forbidden("the key does not allow this");
}

}  // namespace millrace
