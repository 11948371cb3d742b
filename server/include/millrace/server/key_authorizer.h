// KeyAuthorizer: allows what a request's key is for. Use it for services; for users, use JwtAuthorizer.
//
// A client sends a key as `Authorization: Bearer <key>`. A publish key allows publishing to every topic, a subscribe
// key subscribing to every topic, an admin key both and administration. Without a subscribe key, anyone may subscribe.
// Keys are kept as hashes and compared in constant time. Any thread. docs/authorization.md has examples.
//
//   options.authorizer = std::make_shared<millrace::KeyAuthorizer>(
//       millrace::KeyAuthorizer::Options{.publish_key_file = "/etc/millrace/publish-keys"});
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/server/authorizer.h"
#include "millrace/server/limits.h"

namespace millrace {

/// Shortest key of a KeyAuthorizer, in bytes.
inline constexpr std::size_t kMinKeyBytes = 16;

/// Longest key of a KeyAuthorizer, in bytes.
inline constexpr std::size_t kMaxKeyBytes = 1024;
static_assert(kMinKeyBytes <= kMaxKeyBytes && kMaxKeyBytes < kMaxRequestHeadBytes);  // a header carries it

/// An authorizer that checks keys.
class KeyAuthorizer final : public Authorizer {
 public:
  /// A key is kMinKeyBytes to kMaxKeyBytes of letters, digits, `-._~+/` and a final `=` (`openssl rand -hex 32` makes
  /// one). A file has one key on each line; blank lines and lines that begin with `#` are ignored.
  struct Options {
    std::vector<std::string> publish_keys = {};    ///< allow publishing
    std::vector<std::string> subscribe_keys = {};  ///< allow subscribing
    std::vector<std::string> admin_keys = {};      ///< allow both, and administration
    std::string publish_key_file = {};             ///< a file of publish_keys; empty: none
    std::string subscribe_key_file = {};           ///< a file of subscribe_keys; empty: none
    std::string admin_key_file = {};               ///< a file of admin_keys; empty: none

    /// Lets anyone subscribe as long as there is no subscribe key. Set it to false if another authorizer decides that.
    bool anonymous_subscribe = true;
  };

  /// Throws InvalidOption if a key is malformed, a file cannot be read, or there is no key.
  explicit KeyAuthorizer(Options options);
  ~KeyAuthorizer() override;

  /// Reads the files again. Running requests keep the keys with which they began. If it throws, like the constructor,
  /// the old keys stay.
  void reload();

  /// Decides by the request's key. The decision's user is `key:` and the first 8 hexadecimal digits of the key's
  /// SHA-256.
  Decision decide(const httplib::Request& request, Action action, const TopicPatterns& topics) const override;

  /// False: it only compares hashes.
  bool may_block() const override { return false; }

  /// False: it only looks at the key.
  bool reads_addresses() const override { return false; }

 private:
  struct Keys;

  const Options options_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Keys> keys_;  // guarded by mutex_; the keys themselves never change
};

}  // namespace millrace
