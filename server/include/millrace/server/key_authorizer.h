// KeyAuthorizer: whoever shows a key may do what the key is for. For services; users want a JwtAuthorizer.
//
// A key is sent as `Authorization: Bearer <key>`. A publish key publishes to every topic, a subscribe key subscribes to
// every topic, an admin key does both and sees who is connected. As long as there is no subscribe key, anyone may
// subscribe. Keys are kept as hashes and compared in constant time. Any thread. docs/authorization.md has examples.
//
//   options.authorizer = std::make_shared<millrace::KeyAuthorizer>(
//       millrace::KeyAuthorizer::Options{.publish_key_file = "/etc/millrace/publish-keys"});
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/server/authorizer.h"

namespace millrace {

class KeyAuthorizer final : public Authorizer {
 public:
  /// A key is kMinKeyBytes to kMaxKeyBytes of letters, digits, `-._~+/` and a final `=` (`openssl rand -hex 32` makes
  /// one). A file holds one a line; blank lines and lines that begin with `#` say nothing.
  struct Options {
    std::vector<std::string> publish_keys = {};
    std::vector<std::string> subscribe_keys = {};
    std::vector<std::string> admin_keys = {};
    std::string publish_key_file = {};
    std::string subscribe_key_file = {};
    std::string admin_key_file = {};

    /// Lets anyone subscribe as long as there is no subscribe key. False where another authorizer decides that.
    bool anonymous_subscribe = true;
  };

  /// Throws InvalidOption if a key is malformed, a file cannot be read, or there is no key.
  explicit KeyAuthorizer(Options options);
  ~KeyAuthorizer() override;

  /// Reads the files again. Requests under way are decided by the keys they began with. Throws as the constructor; the
  /// keys stay as they were then.
  void reload();

  /// The user of a decision about a key is `key:` and the first 8 hexadecimal digits of its SHA-256.
  Decision decide(const httplib::Request& request, Action action,
                  const std::vector<std::string>& topics) const override;

 private:
  struct Keys;

  const Options options_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Keys> keys_;  // guarded by mutex_; what it points to never changes
};

}  // namespace millrace
