// What each level covers, and its name.
#include "millrace/server/durability.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace millrace::test {
namespace {

using enum Durability;

TEST(Durability, HasANameForEachLevelAndNoOther) {
  std::string names;
  for (const Durability level : kDurabilities) {
    EXPECT_EQ(parse_durability(name_of(level)), level);
    names += level == kMemory ? "" : level == kQuorumAndDisk ? " or " : ", ";
    names += name_of(level);
  }
  EXPECT_EQ(names, kDurabilityNames);
  for (const char* other : {"", "Disk", "disk+quorum", "quorum+", "disks"}) {
    EXPECT_EQ(parse_durability(other), std::nullopt) << other;
  }
}

TEST(Durability, OfAQuorumDoesNotCoverADiskNorTheOtherWayRound) {
  EXPECT_FALSE(covers(kQuorum, kDisk)) << "a power cut of all machines";
  EXPECT_FALSE(covers(kDisk, kQuorum)) << "a machine that is lost";
  for (const Durability level : kDurabilities) {
    EXPECT_TRUE(covers(level, level));
    EXPECT_TRUE(covers(kQuorumAndDisk, level));
    EXPECT_TRUE(covers(level, kMemory));
    EXPECT_EQ(covers(kMemory, level), level == kMemory);
    EXPECT_EQ(covers(level, kProcess), level != kMemory);
  }
}

TEST(Durability, OfTwoIsWhatBothCover) {
  EXPECT_EQ(common_level(kQuorum, kDisk), kProcess);
  EXPECT_EQ(common_level(kQuorumAndDisk, kDisk), kDisk);
  EXPECT_EQ(common_level(kQuorumAndDisk, kQuorum), kQuorum);
  EXPECT_EQ(common_level(kMemory, kQuorumAndDisk), kMemory);
  for (const Durability level : kDurabilities) EXPECT_EQ(common_level(level, level), level);
}

}  // namespace
}  // namespace millrace::test
