// What formats return, as the vendors document it. tests/node/formats.test.mjs has their clients read it.

#include "millrace/server/formats/answer_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "millrace/server/formats/anthropic_messages.h"
#include "millrace/server/formats/chat_completions.h"
#include "millrace/server/formats/error_bodies.h"
#include "millrace/server/formats/last_events.h"
#include "millrace/server/formats/responses.h"
#include "millrace/server/formats/ui_messages.h"

namespace millrace {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

AnswerHead head() {
  return {.id = "a1", .model = "toy", .created = 1'700'000'000};
}

template <typename Format>
std::unique_ptr<AnswerFormat> make() {
  return std::make_unique<Format>(head());
}

struct Named {
  const char* name;
  std::function<std::unique_ptr<AnswerFormat>()> make;
  std::function<std::string(const FormattedEvent&)> delta;  // the text that the event adds
};

std::string delta_at(const FormattedEvent& event, const char* path) {
  const json data = json::parse(event.data, nullptr, false);
  const json::json_pointer pointer(path);
  if (!data.is_object() || !data.contains(pointer) || !data.at(pointer).is_string()) return {};
  return data.at(pointer).get<std::string>();
}

const Named kFormats[] = {
    {"ChatCompletions", make<ChatCompletionsFormat>,
     [](const FormattedEvent& event) { return delta_at(event, "/choices/0/delta/content"); }},
    {"Responses", make<ResponsesFormat>, [](const FormattedEvent& event) { return delta_at(event, "/delta"); }},
    {"AnthropicMessages", make<AnthropicMessagesFormat>,
     [](const FormattedEvent& event) { return delta_at(event, "/delta/text"); }},
    {"UiMessages", make<UiMessagesFormat>, [](const FormattedEvent& event) { return delta_at(event, "/delta"); }},
};

class EveryFormat : public testing::TestWithParam<Named> {
 protected:
  void take(const FormattedEvents& events) { taken_.insert(taken_.end(), events.begin(), events.end()); }
  std::string streamed() const {
    std::string text;
    for (const FormattedEvent& event : taken_) text += GetParam().delta(event);
    return text;
  }

  const std::unique_ptr<AnswerFormat> format_ = GetParam().make();
  FormattedEvents taken_;
};

INSTANTIATE_TEST_SUITE_P(Formats, EveryFormat, testing::ValuesIn(kFormats),
                         [](const auto& tested) { return tested.param.name; });

std::vector<std::string> types_of(const FormattedEvents& events) {
  std::vector<std::string> types;
  for (const FormattedEvent& event : events) types.emplace_back(event.type.view());
  return types;
}

// The `type` of the data; the data itself where it is no JSON.
std::vector<std::string> data_types_of(const FormattedEvents& events) {
  std::vector<std::string> types;
  for (const FormattedEvent& event : events) {
    const json data = json::parse(event.data, nullptr, false);
    types.push_back(data.is_object() ? data.value("type", "") : event.data);
  }
  return types;
}

TEST_P(EveryFormat, StreamsTheTextAndHasItWhole) {
  take(format_->text("Hel"));
  EXPECT_EQ(format_->state(), AnswerFormat::State::kRunning);
  take(format_->text("lo \"you\"\n"));
  take(format_->complete());
  EXPECT_EQ(streamed(), "Hello \"you\"\n");
  EXPECT_EQ(format_->all_text(), "Hello \"you\"\n");
  EXPECT_TRUE(format_->is_over());
  EXPECT_THAT(format_->body(), testing::HasSubstr(R"(Hello \"you\"\n)"));
}

TEST_P(EveryFormat, IsSilentOnceItIsOver) {
  take(format_->stop());
  EXPECT_THAT(taken_, Not(IsEmpty()));
  EXPECT_THAT(format_->text("more"), IsEmpty());
  EXPECT_THAT(format_->complete(), IsEmpty());
  EXPECT_THAT(format_->fail("too late"), IsEmpty());
  EXPECT_THAT(format_->begin(), IsEmpty());
  EXPECT_EQ(format_->state(), AnswerFormat::State::kStopped);
  EXPECT_EQ(format_->all_text(), "");
}

TEST_P(EveryFormat, HoldsBackTheBytesOfAnUnfinishedCharacter) {
  format_->begin();
  EXPECT_THAT(format_->text("\xE2"), IsEmpty());
  EXPECT_THAT(format_->text("\x9C"), IsEmpty());
  take(format_->text("\xA8!"));
  EXPECT_EQ(streamed(), "✨!");
  EXPECT_THAT(format_->text("\xF0\x9F"), IsEmpty());
  take(format_->complete());
  EXPECT_EQ(streamed(), "✨!\uFFFD");
}

TEST_P(EveryFormat, StreamsTheSameTextHoweverItIsCut) {
  const std::string characters[] = {"a", "\n", "\"", "é", "✨", "😀", "\xFF", "\x80", "\xE2\x9C", std::string(1, '\0')};
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    std::string text;
    for (int i = 0; i < 40; ++i) text += characters[random() % std::size(characters)];
    const auto format = GetParam().make();
    std::string in_pieces;
    const auto add = [&](const FormattedEvents& events) {
      for (const FormattedEvent& event : events) in_pieces += GetParam().delta(event);
    };
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t length = 1 + random() % 5;
      add(format->text(std::string_view(text).substr(at, length)));
      at += length;
    }
    add(format->complete());
    EXPECT_EQ(in_pieces,
              json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>())
        << "seed " << seed;
  }
}

TEST_P(EveryFormat, EndsAtTheLongestTextAsOneThatIsCutShort) {
  const std::string most(kMaxFormattedTextBytes, 'x');
  format_->text(most);
  EXPECT_EQ(format_->state(), AnswerFormat::State::kRunning);
  EXPECT_THAT(format_->text("y"), Not(IsEmpty()));
  EXPECT_EQ(format_->state(), AnswerFormat::State::kCutShort);
  EXPECT_EQ(format_->all_text(), most);
}

TEST_P(EveryFormat, SaysWhyItHasFailed) {
  format_->text("Hel");
  take(format_->fail("the model has no memory left"));
  EXPECT_THAT(taken_, testing::Contains(
                          testing::Field(&FormattedEvent::data, testing::HasSubstr("the model has no memory left"))));
  EXPECT_EQ(format_->state(), AnswerFormat::State::kFailed);
}

TEST_P(EveryFormat, GoesOnFromTheEventsThatItReads) {
  take(format_->text("Hel"));
  const auto other = GetParam().make();
  for (const FormattedEvent& event : taken_) EXPECT_TRUE(other->read(event.view())) << event.data;
  EXPECT_EQ(other->all_text(), "Hel");
  EXPECT_EQ(other->state(), AnswerFormat::State::kRunning);
  const FormattedEvents theirs = format_->text("lo");
  const FormattedEvents ours = other->text("lo");
  ASSERT_EQ(ours.size(), theirs.size());
  EXPECT_EQ(ours[0].data, theirs[0].data);
  EXPECT_EQ(other->complete().back().data, format_->complete().back().data);
}

TEST_P(EveryFormat, ReadsHowAnAnswerEnded) {
  using State = AnswerFormat::State;
  const auto ended = [this](const std::function<FormattedEvents(AnswerFormat&)>& end) {
    const auto format = GetParam().make();
    const auto other = GetParam().make();
    for (const FormattedEvent& event : format->begin()) other->read(event.view());
    for (const FormattedEvent& event : end(*format)) EXPECT_TRUE(other->read(event.view())) << event.data;
    return other->state();
  };
  EXPECT_EQ(ended([](AnswerFormat& format) { return format.complete(); }), State::kComplete);
  EXPECT_EQ(ended([](AnswerFormat& format) { return format.cut_short(); }), State::kCutShort);
  EXPECT_EQ(ended([](AnswerFormat& format) { return format.fail("why"); }), State::kFailed);
  const std::string name = GetParam().name;
  const bool has_word = name == "Responses" || name == "UiMessages";
  EXPECT_EQ(ended([](AnswerFormat& format) { return format.stop(); }), has_word ? State::kStopped : State::kComplete);
}

TEST_P(EveryFormat, EndsAnAnswerOfWhichItKnowsTheNoteAlone) {
  using State = AnswerFormat::State;
  const FormattedEvents begun = format_->text("Hel");
  for (const State how : {State::kCutShort, State::kStopped, State::kFailed}) {
    const auto again = format_from_note("a1", format_->note());
    ASSERT_TRUE(again);
    const auto reader = GetParam().make();
    for (const FormattedEvent& event : begun) EXPECT_TRUE(reader->read(event.view()));
    for (const FormattedEvent& event : again->last_events(how, "the server was restarted", begun.size())) {
      EXPECT_TRUE(reader->read(event.view())) << event.data;
    }
    EXPECT_TRUE(reader->is_over());
    EXPECT_EQ(reader->state() == State::kFailed, how == State::kFailed);
    EXPECT_EQ(again->state(), State::kNew);
  }
}

TEST_P(EveryFormat, AnotherTextIsNoNote) {
  for (const char* note : {"", "toy", "{}", "[]", R"({"format":"x"})", R"({"format":7,"model":7,"created":"x"})"}) {
    EXPECT_FALSE(format_from_note("a1", note)) << note;
  }
  EXPECT_FALSE(format_from_note("", format_->note()));
}

TEST_P(EveryFormat, ReadsNothingElse) {
  for (const char* data : {"", "Hello", "[]", "{", "{}", R"({"type":7})", R"({"choices":7})", R"({"delta":"x"})"}) {
    EXPECT_FALSE(format_->read({.data = data})) << data;
    EXPECT_FALSE(format_->read({.type = "response.created", .data = data})) << data;
    EXPECT_FALSE(format_->read({.type = "millrace.gap", .data = data})) << data;
  }
  EXPECT_EQ(format_->state(), AnswerFormat::State::kNew);
}

TEST(AnswerFormat, NeedsAnId) {
  EXPECT_THROW(ChatCompletionsFormat({.model = "toy"}), std::invalid_argument);
}

TEST(ChatCompletions, ChunksHaveARoleAReasonAndAnEnd) {
  ChatCompletionsFormat format(head());
  format.set_usage({.input = 3, .output = 2});
  format.include_usage();
  FormattedEvents events = format.text("Hello");
  for (FormattedEvent& event : format.complete()) events.push_back(std::move(event));
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(json::parse(events[0].data), json::parse(R"({"id": "a1", "object": "chat.completion.chunk",
    "created": 1700000000, "model": "toy",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}]})"));
  EXPECT_EQ(json::parse(events[2].data)["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(json::parse(events[3].data)["usage"]["total_tokens"], 5);
  EXPECT_EQ(events[4].data, "[DONE]");
  EXPECT_THAT(types_of(events), testing::Each(""));
}

TEST(Responses, EventsAreNumberedFromZeroAndNamedTwice) {
  ResponsesFormat format(head(), ResponsesFormat::Background::kYes);
  FormattedEvents events = format.text("Hel");
  for (FormattedEvent& event : format.text("lo")) events.push_back(std::move(event));
  for (FormattedEvent& event : format.complete()) events.push_back(std::move(event));
  EXPECT_THAT(types_of(events),
              ElementsAre("response.created", "response.in_progress", "response.output_item.added",
                          "response.content_part.added", "response.output_text.delta", "response.output_text.delta",
                          "response.output_text.done", "response.content_part.done", "response.output_item.done",
                          "response.completed"));
  EXPECT_EQ(types_of(events), data_types_of(events));
  for (std::size_t number = 0; number < events.size(); ++number) {
    EXPECT_EQ(json::parse(events[number].data)["sequence_number"], number);
  }
  EXPECT_EQ(format.next_sequence_number(), events.size());
  const json response = json::parse(events.back().data)["response"];
  EXPECT_EQ(response["status"], "completed");
  EXPECT_EQ(response["background"], true);
  EXPECT_EQ(response["output"][0]["content"][0]["text"], "Hello");
  EXPECT_EQ(response, json::parse(format.body()));
}

TEST(Responses, BodySaysHowFarTheAnswerIs) {
  const auto status = [](const ResponsesFormat& format) { return json::parse(format.body())["status"]; };
  ResponsesFormat format(head());
  EXPECT_EQ(status(format), "queued");
  format.text("Hel");
  EXPECT_EQ(status(format), "in_progress");
  const json last = json::parse(format.stop().back().data);
  EXPECT_EQ(last["type"], "response.incomplete");
  EXPECT_EQ(last["response"]["status"], "cancelled");
  EXPECT_EQ(status(format), "cancelled");
  ResponsesFormat cut(head());
  EXPECT_EQ(json::parse(cut.cut_short().back().data)["response"]["incomplete_details"]["reason"], "max_output_tokens");
  EXPECT_EQ(status(cut), "incomplete");
}

TEST(Responses, ANumberSaysHowManyEventsAClientHas) {
  EXPECT_EQ(ResponsesFormat::events_before("0"), 1U);
  EXPECT_EQ(ResponsesFormat::events_before("41"), 42U);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "1.5", "x", "18446744073709551615", "18446744073709551616"}) {
    EXPECT_EQ(ResponsesFormat::events_before(text), std::nullopt) << text;
  }
}

TEST(Responses, TheLastEventAloneLeavesTheOutputToTheClient) {
  const auto format = format_from_note("a1", ResponsesFormat(head(), ResponsesFormat::Background::kYes).note());
  const FormattedEvents events = format->last_events(AnswerFormat::State::kStopped, {}, 7);
  const json last = json::parse(events.at(0).data);
  EXPECT_EQ(events.size(), 1U);
  EXPECT_EQ(last["sequence_number"], 7);
  EXPECT_EQ(last["response"]["status"], "cancelled");
  EXPECT_EQ(last["response"]["background"], true);
  EXPECT_FALSE(last["response"].contains("output"));
}

TEST(Responses, AnEventThatIsMissingIsNoticed) {
  ResponsesFormat format(head());
  const FormattedEvents events = format.text("Hello");
  ResponsesFormat other(head());
  EXPECT_TRUE(other.read(events[0].view()));
  EXPECT_FALSE(other.read(events[2].view()));
  EXPECT_TRUE(other.read(events[1].view()));
}

TEST(AnthropicMessages, EventsAreThoseOfAMessageWithOneBlock) {
  AnthropicMessagesFormat format(head());
  format.set_usage({.input = 3, .output = 2});
  FormattedEvents events = format.text("Hello");
  for (FormattedEvent& event : format.complete()) events.push_back(std::move(event));
  EXPECT_THAT(types_of(events), ElementsAre("message_start", "content_block_start", "ping", "content_block_delta",
                                            "content_block_stop", "message_delta", "message_stop"));
  EXPECT_EQ(types_of(events), data_types_of(events));
  EXPECT_EQ(json::parse(events[0].data)["message"]["stop_reason"], nullptr);
  EXPECT_EQ(json::parse(events[5].data)["usage"]["output_tokens"], 2);
  EXPECT_EQ(json::parse(format.body())["stop_reason"], "end_turn");
}

TEST(UiMessages, ChunksAreThoseOfAMessageWithOnePart) {
  UiMessagesFormat format(head());
  FormattedEvents events = format.text("Hello");
  for (FormattedEvent& event : format.complete()) events.push_back(std::move(event));
  EXPECT_THAT(data_types_of(events), ElementsAre("start", "start-step", "text-start", "text-delta", "text-end",
                                                 "finish-step", "finish", "[DONE]"));
  EXPECT_THAT(types_of(events), testing::Each(""));
  UiMessagesFormat stopped(head());
  EXPECT_THAT(data_types_of(stopped.stop()), testing::Contains("abort"));
}

TEST(UiMessages, TheLastEventsEndNoPartThatHasNotBegun) {
  const UiMessagesFormat format(head());
  const auto last = [&](std::uint64_t events) {
    return data_types_of(format.last_events(AnswerFormat::State::kStopped, {}, events));
  };
  EXPECT_THAT(last(2), ElementsAre("abort", "[DONE]"));
  EXPECT_THAT(last(3), ElementsAre("text-end", "finish-step", "abort", "[DONE]"));
}

TEST(LastEvents, AreThoseOfTheFormatThatTheNoteNames) {
  const auto last = [](AnswerEnd end, std::uint64_t number, std::string_view note) {
    std::vector<std::string> types;
    for (const OwnedAnswerEvent& event : last_events_in_format({"a1", end, "why", number, note})) {
      const json data = json::parse(event.data, nullptr, false);
      types.push_back(data.is_object() && data.contains("type") ? data["type"].get<std::string>() : event.type.text());
    }
    return types;
  };
  const std::string responses = ResponsesFormat(head()).note();
  EXPECT_THAT(last(AnswerEnd::kFinished, 9, responses), IsEmpty()) << "the producer has sent its own";
  EXPECT_THAT(last(AnswerEnd::kStopped, 9, responses), ElementsAre("response.incomplete"));
  EXPECT_THAT(last(AnswerEnd::kAlone, 9, responses), ElementsAre("response.incomplete"));
  EXPECT_THAT(last(AnswerEnd::kInterrupted, 9, responses), ElementsAre("response.failed"));
  EXPECT_THAT(last(AnswerEnd::kTooLarge, 9, responses), ElementsAre("response.incomplete"));
  EXPECT_EQ(last(AnswerEnd::kInterrupted, 1, responses).front(), "response.created") << "there is none before";
  EXPECT_THAT(last(AnswerEnd::kStopped, 9, "no note"), ElementsAre("stopped"));
  EXPECT_THAT(last(AnswerEnd::kInterrupted, 9, "no note"), ElementsAre("interrupted"));
  EXPECT_THAT(last(AnswerEnd::kFailed, 9, "no note"), ElementsAre("failed"));
}

TEST(ErrorBodies, AreTheVendors) {
  const json openai = json::parse(openai_error_body("model: must be a string", "model"))["error"];
  EXPECT_EQ(openai["message"], "model: must be a string");
  EXPECT_EQ(openai["param"], "model");
  EXPECT_EQ(openai["type"], "invalid_request_error");
  const json anthropic = json::parse(anthropic_error_body("overloaded", "overloaded_error"));
  EXPECT_EQ(anthropic["type"], "error");
  EXPECT_EQ(anthropic["error"]["type"], "overloaded_error");
}

}  // namespace
}  // namespace millrace
