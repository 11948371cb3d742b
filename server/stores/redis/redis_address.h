// RedisAddress: where a log in Redis is, from a URL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

struct RedisAddress {
  std::string host;
  std::uint16_t port = 6379;
  std::string user;  ///< empty: Redis's user `default`
  std::string password;
  std::string database;  ///< its number; empty: as the connection has it
  bool tls = false;
  std::string ca_file;  ///< with the authorities to trust; empty: the system's. It is not in a URL

  /// Reads `redis[s]://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, with `%XX` for what user and password cannot have.
  /// Throws InvalidOption, whose sentence does not repeat the URL.
  static RedisAddress parse(std::string_view url);
  /// The URL without user and password.
  std::string shown() const;
};

}  // namespace millrace
