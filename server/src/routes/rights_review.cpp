#include "rights_review.h"

#include <cassert>
#include <utility>

#include "connection/connection.h"
#include "connection/connection_loop.h"
#include "subscribe_plan.h"

namespace millrace {

RightsReview::RightsReview(std::shared_ptr<const Authorizer> authorizer, Ports ports)
    : authorizer_(std::move(authorizer)), ports_(std::move(ports)) {}

void RightsReview::start() {
  if (authorizer_ == nullptr) return;
  {
    const MutexLock lock(mutex_);
    is_on_ = true;
  }
  under_way_ = false;
  watch_ = authorizer_->watch([review = weak_from_this()] {
    if (const auto there = review.lock()) there->ask_again();
  });
}

void RightsReview::stop() {
  watch_.reset();
  const MutexLock lock(mutex_);
  is_on_ = false;
}

// Where a task lacks memory, the program ends: a stream could stay open without its right.
bool RightsReview::enqueue(std::function<void()> task) {
  const MutexLock lock(mutex_);
  return is_on_ && ports_.run_on_worker(std::move(task));
}

void RightsReview::ask_again() {
  ++round_;
  if (under_way_.exchange(true)) return;
  if (!enqueue([self = shared_from_this()] { self->begin_round(); })) under_way_ = false;
}

void RightsReview::begun(const StreamRightPtr& right) {
  const std::uint64_t now = round_;
  if (right->asked_in == now) return;
  enqueue([self = shared_from_this(), right, now] { self->ask(right, now); });
}

void RightsReview::begin_round() {
  const std::uint64_t round = round_;
  Rights rights = ports_.open_rights();
  std::erase_if(rights, [round](const StreamRightPtr& right) { return right->asked_in >= round; });
  go_on(std::move(rights), round);
}

void RightsReview::go_on(Rights rights, std::uint64_t round) {
  for (std::size_t asked = 0; asked < kRightsAskedAtOnce && !rights.empty(); ++asked) {
    ask(rights.back(), round);
    rights.pop_back();
  }
  if (!rights.empty()) {
    enqueue([self = shared_from_this(), rights = std::move(rights), round]() mutable {
      self->go_on(std::move(rights), round);
    });
    return;
  }
  under_way_ = false;
  // Starts another round for changes that came during this one.
  if (round_ != round && !under_way_.exchange(true)) {
    if (!enqueue([self = shared_from_this()] { self->begin_round(); })) under_way_ = false;
  }
}

// On a worker. An authorizer that throws grants nothing.
void RightsReview::ask(const StreamRightPtr& right, std::uint64_t round) const {
  assert(authorizer_ != nullptr);
  Authorizer::Decision decision;
  call_guarded(ports_.on_failure, "authorizer", [&] {
    const httplib::Request request = right->opened_by.request();
    const TopicPatterns topics = right->changed_to != nullptr ? patterns_of(*right->changed_to) : topics_in(request);
    decision = authorizer_->decide(request, Authorizer::Action::kSubscribe, topics);
  });
  right->asked_in = round;
  right->loop.defer([right, decision = std::move(decision)] {
    if (right->stream != nullptr) right->stream->settle_right(decision);
  });
}

}  // namespace millrace
