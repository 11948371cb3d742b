#include "log/gzip_block.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gunzip.h"
#include "log/frame.h"

namespace millrace::test {
namespace {

std::string repetitive(std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += R"({"symbol":"MIL","price":)" + std::to_string(text.size()) + "},";
  text.resize(bytes);
  return text;
}

std::string random_bytes(std::size_t bytes) {
  std::mt19937 random(1);
  std::string text(bytes, ' ');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

std::string payload_of(const std::string& chunk) {
  const std::size_t begin = chunk.find("\r\n") + 2;
  EXPECT_EQ(std::stoul(chunk, nullptr, 16), chunk.size() - begin - 2);
  EXPECT_TRUE(chunk.ends_with("\r\n"));
  return chunk.substr(begin, chunk.size() - begin - 2);
}

// Of sizes at which something changes.
std::vector<std::string> payloads() {
  std::vector<std::string> all;
  for (const std::size_t size : {std::size_t{1}, kMinGzipBytes - 1, kMinGzipBytes, std::size_t{0xffff},
                                 std::size_t{0x10000}, std::size_t{300'000}}) {
    all.push_back(repetitive(size));
    all.push_back(random_bytes(size));
  }
  return all;
}

TEST(GzipBlock, MakesAStreamWithOthersInAnyOrder) {
  std::vector<std::string> all = payloads();
  std::mt19937 random(2);
  for (int round = 0; round < 20; ++round) {
    Gunzip gunzip;
    GzipSum sum;
    const GzipBlock first = first_block("", "id: 0\n\n");
    first.add_to(sum);
    EXPECT_EQ(gunzip.take(payload_of(first.chunk)), "id: 0\n\n");
    std::shuffle(all.begin(), all.end(), random);
    for (const std::string& payload : all) {
      const GzipBlock block = compressed_block(payload);
      block.add_to(sum);
      EXPECT_EQ(gunzip.take(payload_of(block.chunk)), payload) << "whole as soon as the block is";
    }
    EXPECT_FALSE(gunzip.ended());
    gunzip.take(gzip_end(sum));
    EXPECT_TRUE(gunzip.ended());
  }
}

TEST(GzipBlock, EndsWithASumThatWouldTellOfALostBlock) {
  GzipSum sum;
  Gunzip gunzip;
  const GzipBlock first = first_block("", "a");
  first.add_to(sum);
  compressed_block(repetitive(1'000)).add_to(sum);  // and is not sent
  gunzip.take(payload_of(first.chunk));
  EXPECT_THROW(gunzip.take(gzip_end(sum)), std::runtime_error);
}

TEST(GzipBlock, IsNeverMuchLargerThanWhatIsInIt) {
  for (const std::string& payload : payloads()) {
    const std::string block = payload_of(compressed_block(payload).chunk);
    EXPECT_LE(block.size(), payload.size() + 5 * (payload.size() / 0xffff + 1));
  }
  EXPECT_LT(payload_of(compressed_block(repetitive(2'000)).chunk).size(), 1'000u);
}

TEST(GzipBlock, LeavesWhatIsShortAsItIs) {
  const std::string shorter = repetitive(kMinGzipBytes - 1);
  EXPECT_TRUE(payload_of(compressed_block(shorter).chunk).ends_with(shorter));
  EXPECT_LT(payload_of(compressed_block(repetitive(kMinGzipBytes)).chunk).size(), kMinGzipBytes);
}

TEST(GzipBlock, PutsTheResponsesHeadBeforeTheFirst) {
  const GzipBlock block = first_block("HTTP/1.1 200 OK\r\n\r\n", "a");
  EXPECT_TRUE(block.chunk.starts_with("HTTP/1.1 200 OK\r\n\r\n10\r\n\x1f\x8b"));
}

TEST(GzipBlock, OfAFrameIsMadeOnceForAllThreads) {
  for (int round = 0; round < 50; ++round) {
    Frame frame;
    set_payload(frame, repetitive(20'000));
    std::vector<const GzipBlock*> seen(4);
    std::vector<std::thread> threads;
    for (const GzipBlock*& each : seen) threads.emplace_back([&frame, &each] { each = &frame.gzip(); });
    for (std::thread& thread : threads) thread.join();
    for (const GzipBlock* each : seen) EXPECT_EQ(each, seen.front());
    EXPECT_EQ(frame.wire(WireForm{.coding = WireCoding::kGzipChunk}), seen.front()->chunk);
  }
}

}  // namespace
}  // namespace millrace::test
