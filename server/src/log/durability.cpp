#include "millrace/server/durability.h"

#include <algorithm>
#include <utility>

namespace millrace {

namespace {

struct Survives {
  bool program = false;
  bool power_cut = false;
  bool lost_machine = false;
};

Survives survives(Durability level) {
  switch (level) {
    case Durability::kMemory:
      break;
    case Durability::kProcess:
      return {.program = true};
    case Durability::kDisk:
      return {.program = true, .power_cut = true};
    case Durability::kQuorum:
      return {.program = true, .lost_machine = true};
    case Durability::kQuorumAndDisk:
      return {.program = true, .power_cut = true, .lost_machine = true};
  }
  return {};
}

}  // namespace

std::string_view name_of(Durability level) {
  switch (level) {
    case Durability::kMemory:
      break;
    case Durability::kProcess:
      return "process";
    case Durability::kDisk:
      return "disk";
    case Durability::kQuorum:
      return "quorum";
    case Durability::kQuorumAndDisk:
      return "quorum+disk";
  }
  return "memory";
}

std::optional<Durability> parse_durability(std::string_view name) {
  const auto found = std::find_if(kDurabilities.begin(), kDurabilities.end(),
                                  [&](Durability level) { return name_of(level) == name; });
  if (found == kDurabilities.end()) return std::nullopt;
  return *found;
}

bool covers(Durability level, Durability required) {
  const Survives has = survives(level);
  const Survives wanted = survives(required);
  return has.program >= wanted.program && has.power_cut >= wanted.power_cut && has.lost_machine >= wanted.lost_machine;
}

Durability common_level(Durability one, Durability other) {
  Durability common = Durability::kMemory;
  for (const Durability level : kDurabilities) {
    if (covers(one, level) && covers(other, level)) common = level;
  }
  return common;
}

}  // namespace millrace
