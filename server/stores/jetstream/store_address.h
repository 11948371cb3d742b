// StoreAddress: the parsed address of `--store nats://…`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// `nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT][,HOST[:PORT]…][/STREAM]`, or with `tls://`.
struct StoreAddress {
  std::vector<std::string> servers;  ///< URLs
  std::string stream = "millrace";
  bool tls = false;

  static bool is_one(std::string_view text);
  /// Throws std::invalid_argument, with a sentence that does not repeat any password.
  static StoreAddress parse(std::string_view text);

  /// The address without user, password and token, for display.
  std::string shown() const;
};

}  // namespace millrace
