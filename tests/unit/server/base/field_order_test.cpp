#include "base/field_order.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace millrace {
namespace {

template <typename Headers>
class FieldOrder : public ::testing::Test {};

// Like cpp-httplib's, not std::hash: libstdc++ arranges small tables by the kind of hash.
struct Hash {
  std::size_t operator()(const std::string& name) const { return std::hash<std::string>()(name); }
};

// What the versions of cpp-httplib keep headers in.
using Containers =
    ::testing::Types<std::multimap<std::string, std::string>, std::unordered_multimap<std::string, std::string, Hash>>;
TYPED_TEST_SUITE(FieldOrder, Containers);

TYPED_TEST(FieldOrder, IsThatInWhichFieldsOfOneNameWereAdded) {
  TypeParam headers;
  for (int n = 0; n < 3; ++n) {
    for (const char* const name : {"Cookie", "Via", "Forwarded"}) headers.emplace(name, std::to_string(n));
  }
  headers.emplace("Cookie", "3");
  headers.emplace("Host", "a");
  put_in_order(headers);
  const auto values_of = [&headers](const std::string& name) {
    std::vector<std::string> values;
    const auto [begin, end] = headers.equal_range(name);
    for (auto field = begin; field != end; ++field) values.push_back(field->second);
    return values;
  };
  using Values = std::vector<std::string>;
  EXPECT_EQ(values_of("Cookie"), Values({"0", "1", "2", "3"}));
  EXPECT_EQ(values_of("Via"), Values({"0", "1", "2"}));
  EXPECT_EQ(values_of("Forwarded"), Values({"0", "1", "2"}));
  EXPECT_EQ(values_of("Host"), Values({"a"}));
}

}  // namespace
}  // namespace millrace
