// SettingsReload: what SIGHUP does to the options of a running `millrace serve`.
#pragma once

#include <string>

#include "program.h"
#include "settings.h"

namespace millrace::cli {

class SettingsReload {
 public:
  explicit SettingsReload(const Invocation& invocation);

  /// Reads the file of options again. The level of the log follows it; of other options that differ, logs that they
  /// need a restart. If the file is invalid, logs why and keeps everything. Returns whether the file is valid.
  bool reload();

 private:
  void follow(const Setting& now);

  const Invocation& invocation_;
  Settings running_;
};

}  // namespace millrace::cli
