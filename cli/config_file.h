// The entries of a TOML file of options, each with its place.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::cli {

/// Largest file of options; a larger one is refused.
inline constexpr std::size_t kMaxConfigFileBytes = std::size_t{1} << 20;

/// One `key = value` below a `[section]`. Numbers and booleans are text, as on the command line.
struct ConfigEntry {
  std::string section;
  std::string key;
  std::vector<std::string> values;
  bool is_list = false;
  std::string place;  ///< FILE:LINE
  std::size_t line = 0;
};

/// A section of the file, also one without entries.
struct ConfigSection {
  std::string name;
  std::string place;
};

struct ConfigFile {
  std::vector<ConfigSection> sections;
  std::vector<ConfigEntry> entries;
  std::vector<std::string>
      problems;  ///< entries that are valid TOML, but no option can have; each begins with its place
};

/// Reads the file. Throws UsageError with file, line and column if it cannot be read or is not TOML.
ConfigFile read_config_file(const std::string& path);

}  // namespace millrace::cli
