// Durability: which failures an acknowledged event survives. docs/stores.md says which store gives which level, and how
// each was tested.
//
//   if (!covers(store->durability(), Durability::kDisk)) complain(std::string(name_of(store->durability())));
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {

/// The failures that an acknowledged event survives. Neither of `disk` and `quorum` covers the other.
enum class Durability : std::uint8_t {
  kMemory,         ///< `memory`: none; the event ends with the program
  kProcess,        ///< `process`: the end of the program, even a crash
  kDisk,           ///< `disk`: also a power cut
  kQuorum,         ///< `quorum`: like `process`, and the loss of one of several machines, but not a power cut of all
  kQuorumAndDisk,  ///< `quorum+disk`: all of this
};

/// All levels, each after those that it covers.
inline constexpr std::array kDurabilities = {Durability::kMemory, Durability::kProcess, Durability::kDisk,
                                             Durability::kQuorum, Durability::kQuorumAndDisk};

/// The names of the levels, for sentences: `memory, process, disk, quorum or quorum+disk`.
inline constexpr std::string_view kDurabilityNames = "memory, process, disk, quorum or quorum+disk";

/// The level's name, as in HTTP answers.
std::string_view name_of(Durability level);

/// The level with this name; nothing for an unknown name.
std::optional<Durability> parse_durability(std::string_view name);

/// Whether `level` survives every failure that `required` survives.
bool covers(Durability level, Durability required);

/// The highest level that both cover, if it is unknown which of them holds.
Durability common_level(Durability one, Durability other);

}  // namespace millrace
