#include "stores/jetstream/store_address.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "millrace/server/stores/jetstream.h"

namespace millrace::test {
namespace {

using Servers = std::vector<std::string>;

TEST(StoreAddress, NamesServersAndAStream) {
  const StoreAddress one = StoreAddress::parse("nats://a");
  EXPECT_EQ(one.servers, (Servers{"nats://a"}));
  EXPECT_EQ(one.stream, "millrace");
  EXPECT_FALSE(one.tls);
  const StoreAddress three = StoreAddress::parse("tls://a:1,b:2,[::1]:3/jobs-2");
  EXPECT_EQ(three.servers, (Servers{"tls://a:1", "tls://b:2", "tls://[::1]:3"}));
  EXPECT_EQ(three.stream, "jobs-2");
  EXPECT_TRUE(three.tls);
}

TEST(StoreAddress, IsTheSameUserForAllAndShowsNoPassword) {
  const StoreAddress address = StoreAddress::parse("nats://u:s/cret@a:1,b:2/x");
  EXPECT_EQ(address.servers, (Servers{"nats://u:s/cret@a:1", "nats://u:s/cret@b:2"}));
  EXPECT_EQ(address.shown(), "nats://a:1,b:2/x");
  EXPECT_EQ(StoreAddress::parse("nats://token@a").servers, (Servers{"nats://token@a"}));
}

// A mistyped kind of store is said without what follows, in which a password may be.
TEST(StoreAddress, IsNotRepeatedIfItIsInvalid) {
  try {
    open_jetstream("nat://u:secret@a");
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::invalid_argument& failure) {
    const std::string sentence = failure.what();
    EXPECT_NE(sentence.find("\"nat\""), std::string::npos) << sentence;
    EXPECT_EQ(sentence.find("secret"), std::string::npos) << sentence;
  }
}

TEST(StoreAddress, SaysWhatIsWrong) {
  for (const char* text : {"nats://", "nats://,", "nats://a,", "nats:///x", "nats://a/", "nats://a/b/c", "nats://a/b.c",
                           "nats://a/b c", "nats://u:p@", "nats://:4222"}) {
    EXPECT_THROW(StoreAddress::parse(text), std::invalid_argument) << text;
  }
}

}  // namespace
}  // namespace millrace::test
