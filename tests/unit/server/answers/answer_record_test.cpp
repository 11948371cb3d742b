#include "answers/answer_record.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

std::string record_of(const std::string& id) {
  const AnswerRecord record{.terms = {.topic = Topic("answers"), .id = id}};
  return record.json();
}

TEST(AnswerRecord, IsReadAsItWasWritten) {
  const auto record = AnswerRecord::parse(record_of("seven"), "answers");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->terms.id, "seven");
  EXPECT_EQ(record->terms.topic.view(), "answers/seven");
}

// Others can write to a store. An ID that no answer can have would make invalid topics.
TEST(AnswerRecord, IsNoneIfNoAnswerCanHaveItsId) {
  EXPECT_TRUE(AnswerRecord::parse(record_of(std::string(kMaxAnswerIdBytes, 'x')), "answers"));
  const std::string ids[] = {
      "", "a/b", "*", " a", "a\nb", std::string(kMaxAnswerIdBytes + 1, 'x'), std::string(1010, 'x')};
  for (const std::string& id : ids) EXPECT_FALSE(AnswerRecord::parse(record_of(id), "answers")) << '"' << id << '"';
}

TEST(AnswerRecord, LeavesRoomForTheTopicsAboutAnAnswer) {
  const std::string longest(kMaxTopicBytes - 65 - kMaxAnswerIdBytes, 't');  // as AnswersOptions::topic may be
  const std::string id(kMaxAnswerIdBytes, 'x');
  ASSERT_TRUE(answer_topic(longest, id));
  const OwnedTopic record = topic_about(record_prefix(longest), id);
  const OwnedTopic request = topic_about(request_prefix(longest), id);
  const OwnedTopic node = node_topic(longest);
  EXPECT_EQ(record.view(), "millrace.answers/" + longest + '/' + id);
  EXPECT_EQ(request.view(), "millrace.answer-requests/" + longest + '/' + id);
  EXPECT_EQ(node.view(), "millrace.answer-nodes/" + longest);
}

}  // namespace
}  // namespace millrace
