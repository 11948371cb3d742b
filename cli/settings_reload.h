// SettingsReload: what SIGHUP does to the options of a running `millrace serve`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "program.h"
#include "settings.h"

namespace millrace::cli {

class SettingsReload {
 public:
  /// Options that a running server can follow. `apply` throws InvalidOption if their values cannot be used, and then
  /// changes nothing.
  struct Live {
    std::vector<std::string> options;
    std::function<void(const Settings&)> apply;
  };

  SettingsReload(const Invocation& invocation, std::vector<Live> live);

  /// Reads the file of options again. Live options follow it; of others that differ, logs that they need a restart. If
  /// the file is invalid, logs why and keeps everything. Returns whether the file is valid.
  bool reload();

 private:
  Settings differing(const Settings& now) const;
  void follow(const Live& live, const Settings& differing, const Settings& now);
  Setting& running(const std::string& option);

  const Invocation& invocation_;
  const std::vector<Live> live_;
  Settings running_;
};

/// The values of an option; none if there is no such option.
std::vector<std::string> values_of(const Settings& settings, const std::string& option);

}  // namespace millrace::cli
