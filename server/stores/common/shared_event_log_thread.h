// The thread of a SharedEventLog, and its work on the writer between the groups of publishers. shared_event_log.h
// includes it.
#pragma once

#include "shared_event_log.h"

namespace millrace {

template <typename Speech>
void SharedEventLog<Speech>::run() {
  auto due = Clock::now();
  bool is_woken = true;
  while (!is_stopping_) {
    const bool has_news = take_news() || is_woken;
    const bool is_due = Clock::now() >= due;
    if (is_due) {
      due = Clock::now() + kStoreRetry;
      tend();
    }
    try {
      if (has_news || is_due) {
        follow_all();
        move_outbox();
      }
    } catch (const std::exception&) {
      // The next turn repeats it. Whether events are accepted depends on the writer, which finds out for itself.
    }
    trouble_.tell();
    is_woken = wake_.wait(listener_ != nullptr ? listener_->socket() : -1, kStoreRetry);
  }
}

// Returns true if there is something new, or may be, as while there was no connection.
template <typename Speech>
bool SharedEventLog<Speech>::take_news() noexcept {
  try {
    if (listener_ != nullptr) return speech_.take_news(*listener_);
    listener_ = speech_.listen(epoch_);
    return true;
  } catch (const std::exception&) {
    listener_.reset();
    return false;
  }
}

// Does work on the writer between the groups of publishers; opens a writer if none is open.
template <typename Speech>
template <typename Work>
void SharedEventLog<Speech>::alone(const Work& work) noexcept {
  try {
    commits_.alone([&] {
      try {
        if (writer_ == nullptr) open_writer();
        work();
        note_log(writer_->log());
        trouble_.set({});
      } catch (const Error& error) {
        fail_writer(error);
      } catch (const std::exception& failure) {
        give_up_writer(failure.what());
      }
    });
  } catch (const std::bad_alloc&) {
    // The next turn repeats it.
  }
}

template <typename Speech>
void SharedEventLog<Speech>::tend() {
  bool more = true;
  for (bool is_first = true; more && !is_stopping_; is_first = false) {
    more = false;
    alone([&] {
      if (is_first) {
        speech_.look_after(*writer_, head_, status().is_accepting());
        note_worth();
      }
      more = writer_->retire(SystemClock::now());
    });
  }
}

template <typename Speech>
void SharedEventLog<Speech>::move_outbox() {
  if constexpr (Speech::kHasOutbox) {
    while (!is_stopping_ && ask(lookups_, [](Queries& queries) { return queries.has_waiting(); })) {
      bool is_moved = false;
      alone([&] {
        hand_over(writer_->move_outbox(SystemClock::now()));
        is_moved = true;
      });
      if (!is_moved) return;
    }
  }
}

}  // namespace millrace
