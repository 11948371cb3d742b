// Durability: which failures an acknowledged event survives. docs/stores.md says which store gives which level, and how
// each was tried.
//
//   if (!covers(store->durability(), Durability::kDisk)) complain(std::string(name_of(store->durability())));
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {

/// What an event survives once its publisher has been answered. `disk` and `quorum` do not contain each other.
enum class Durability : std::uint8_t {
  kMemory,         ///< `memory`: nothing; it ends with the program
  kProcess,        ///< `process`: the end of the program, however it ends
  kDisk,           ///< `disk`: likewise, and a power cut
  kQuorum,         ///< `quorum`: likewise, and the loss of one of several machines; not a power cut of all of them
  kQuorumAndDisk,  ///< `quorum+disk`: all of this
};

/// All levels, each after those that it covers.
inline constexpr std::array kDurabilities = {Durability::kMemory, Durability::kProcess, Durability::kDisk,
                                             Durability::kQuorum, Durability::kQuorumAndDisk};

/// The names of the levels, for sentences: `memory, process, disk, quorum or quorum+disk`.
inline constexpr std::string_view kDurabilityNames = "memory, process, disk, quorum or quorum+disk";

/// The level's name, as in HTTP answers.
std::string_view name_of(Durability level);

/// The level with this name; nothing if there is none.
std::optional<Durability> parse_durability(std::string_view name);

/// Whether an event at `level` survives all that one at `required` survives.
bool covers(Durability level, Durability required);

/// The level that both cover: what is certain where either may hold.
Durability common_level(Durability one, Durability other);

}  // namespace millrace
