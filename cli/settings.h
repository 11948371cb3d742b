// Settings: what counts of each option of a command, and where it comes from.
#pragma once

#include <string>
#include <vector>

namespace millrace::cli {

struct Setting {
  std::string option;               ///< --max-connections
  std::string meaning;              ///< for a comment
  std::vector<std::string> values;  ///< as they were typed; may be secret
  std::string shown;                ///< the value in TOML, without what is secret
  std::string source;               ///< "default", "command line", MILLRACE_…, or FILE:LINE

  bool is_default() const { return source == "default"; }
  /// max-connections, as in a file.
  std::string key() const { return option.substr(2); }
};

using Settings = std::vector<Setting>;

/// " (MILLRACE_PORT)": the place of an option that was not typed on the command line; otherwise empty.
std::string place_of(const std::string& option, const Settings& settings);

/// The settings as a section of a TOML file, each with its source as a comment.
std::string settings_as_file(const std::string& section, const Settings& settings);

/// A TOML file with every option commented out, at the value that counts.
std::string settings_as_template(const std::string& section, const Settings& settings);

/// "port=9000, workers=16" of those that are not at their default; "none" if all are.
std::string settings_that_differ(const Settings& settings);

}  // namespace millrace::cli
