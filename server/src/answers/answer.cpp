#include "millrace/server/answer.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "answer_state.h"

namespace millrace {

struct Answer::Handle {
  Handle(std::shared_ptr<State> of, bool joins) : state(std::move(of)), is_joined(joins) {}
  ~Handle() {
    if (!is_joined) state->end(AnswerEnd::kFinished);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  const std::shared_ptr<State> state;
  const bool is_joined;
};

Answer::Answer(std::shared_ptr<State> state, bool is_joined)
    : handle_(std::make_shared<Handle>(std::move(state), is_joined)) {}

bool Answer::send(const AnswerEvent& event) const {
  return handle_ != nullptr && !handle_->is_joined && handle_->state->send(event);
}

void Answer::finish() const {
  if (handle_ != nullptr && !handle_->is_joined) handle_->state->end(AnswerEnd::kFinished);
}

void Answer::fail(std::string_view sentence) const {
  if (handle_ != nullptr && !handle_->is_joined) handle_->state->end(AnswerEnd::kFailed, sentence);
}

Answer::Waited Answer::wait_for_room(Duration timeout) const {
  if (handle_ == nullptr || handle_->is_joined) return {Room::kNever};
  return handle_->state->wait_for_room(timeout);
}

std::string_view Answer::Waited::sentence() const {
  switch (room) {
    case Room::kNow:
      return "the answer has room";
    case Room::kNotInTime:
      return "the store has not taken enough of the answer in time";
    case Room::kNever:
      return "the answer is over";
  }
  return {};
}

void Answer::on_stop(std::function<void()> callback) const {
  if (handle_ != nullptr && !handle_->is_joined) handle_->state->on_stop(std::move(callback));
}

AnswerEnd Answer::end() const {
  return handle_ != nullptr ? handle_->state->ended_by() : AnswerEnd::kStopped;
}

bool Answer::is_joined() const {
  return handle_ != nullptr && handle_->is_joined;
}

const std::string& Answer::id() const {
  static const std::string kNone;
  return handle_ != nullptr ? handle_->state->terms().id : kNone;
}

}  // namespace millrace
