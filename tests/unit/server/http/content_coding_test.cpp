#include "http/content_coding.h"

#include <gtest/gtest.h>

namespace millrace::test {
namespace {

TEST(ContentCoding, IsGzipWhereTheClientSaysSo) {
  for (const char* accepted :
       {"gzip", "GZip", "x-gzip", "gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.8, *;q=0.1", "*", "deflate,\t gzip",
        "gzip;q=0.001", "gzip;q=1.000", "gzip;Q=1", "gzip ; q=0.5", "identity;q=0.5, gzip",
        "gzip;q=0.5, identity;q=0.5", "identity;q=0, *", ",,gzip,,", "gzip;level=9;q=1", "br;q=0, gzip"}) {
    EXPECT_TRUE(prefers_gzip(accepted)) << accepted;
  }
}

TEST(ContentCoding, IsNoneElse) {
  for (const char* refused : {"",
                              "identity",
                              "br",
                              "gzip;q=0",
                              "gzip;q=0.000",
                              "*;q=0",
                              "gzip;q=0, *",
                              "gzipped",
                              "gzi",
                              "identity, gzip;q=0.5",
                              "gzip;q=",
                              "gzip;q=2",
                              "gzip;q=0.1234",
                              "gzip;q=1x",
                              "gzip;q=0,5",
                              "gzip;q=-1",
                              "gzip;q=yes",
                              "deflate",
                              "zstd, br",
                              "; q=1",
                              ",",
                              "gzip q=1"}) {
    EXPECT_FALSE(prefers_gzip(refused)) << refused;
  }
}

}  // namespace
}  // namespace millrace::test
